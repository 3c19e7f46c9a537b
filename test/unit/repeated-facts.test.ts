import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { actionNames, actionRights } from '../../shared/access/action-names.ts';
import { guardedFunctions } from '../../shared/access/access.ts';
import { reportsSchema } from '../../shared/config/reports.ts';
import { topics } from '../../shared/events/cloud-event.ts';
import { functionSizes, type FunctionSize } from '../../functions/sizes.ts';
import { ConvergeError, errorCodes } from '../../shared/base/errors.ts';
import { failureLine } from '../../shared/base/failure-line.ts';
import { configSchema, webhookHosts } from '../../shared/config/config.ts';
import { secretHosts } from '../../shared/config/secret-in-url.ts';
import { environmentStates } from '../../shared/pipeline/common/environment-status.ts';
import { archiveNamesOf } from '../../shared/source/artifact.ts';
import { contracts } from '../contracts.ts';

/*
 * Facts that stand once in the source, and that Terraform, Firebase and the contracts must say again, because they
 * cannot import it.
 */
const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const sorted = (names: readonly string[]): string[] => names.toSorted();
const namesIn = (text: string | undefined): string[] => sorted((text ?? '').match(/\w+/g) ?? []);
const mebibytes = (memory: string | undefined): number =>
  Number.parseInt(memory ?? '', 10) * (memory?.endsWith('Gi') === true ? 1024 : 1);

const firebaseSchema = z.object({
  endpoints: z.record(
    z.string(),
    z.object({
      entryPoint: z.string(),
      availableMemoryMb: z.int(),
      cpu: z.int(),
      timeoutSeconds: z.int(),
      concurrency: z.int(),
      maxInstances: z.int(),
    }),
  ),
});

describe('what people may do', () => {
  it.each([
    ['Terraform', 'terraform/variables.tf', /for action in [^]*?contains\(\[([^\]]*)\], action\)/],
    ['the contracts', 'docs/contracts/operations.md', /names what these people may do there \(([^)]*)\)/],
  ])('has the names of %s', (where, file, names) => {
    const said = [...(names.exec(read(file))?.[1] ?? '').matchAll(/[`"]([a-z-]+|\*)[`"]/g)].flatMap(
      ([, name]) => name ?? [],
    );
    expect(sorted(said)).toEqual(sorted([...(where === 'Terraform' ? actionRights : actionNames), '*']));
  });
});

describe('the Git hosts whose webhooks are understood', () => {
  const variable = /^variable "webhooks" \{[^]*?^\}/m.exec(read('terraform/variables.tf'))?.[0] ?? '';

  it.each([
    ['description', /The Git hosts that call receivePush \(([^)]*)\)/],
    ['condition', /contains\(\[([^\]]*)\], host\)/],
    ['error message', /"The hosts are ([^"]*)\."/],
  ])('are those of the %s of Terraform', (_where, names) => {
    const said = names.exec(variable)?.[1]?.replace(' and ', ', ');
    expect(namesIn(said)).toEqual(sorted(webhookHosts));
  });

  it('are those of the contracts', () => {
    const [, section] = contracts.split('\n### Webhooks\n');
    const hosts = [...(section?.split('\n###')[0] ?? '').matchAll(/^\| `(\w+)`/gm)].flatMap(([, host]) => host ?? []);
    expect(sorted(hosts)).toEqual(sorted(webhookHosts));
  });
});

describe('the hosts of webhooks whose URL is a secret', () => {
  it('are those that Terraform refuses', () => {
    const variable = /^variable "sinks" \{[^]*?^\}/m.exec(read('terraform/variables.tf'))?.[0] ?? '';
    const [, hosts] = /\(((?:[a-z-]+(?:\\\\\.[a-z-]+)+\|?)+)\)/.exec(variable) ?? [];
    expect(sorted((hosts ?? '').replaceAll('\\\\.', '.').split('|'))).toEqual(sorted(secretHosts));
  });
});

describe('the contracts', () => {
  it.each(archiveNamesOf('<path>'))('say what becomes of an object %s', (name) => {
    expect(contracts).toContain(`\`${name}\``);
  });

  it('have each error code in their table, and nothing else', () => {
    const [, table = ''] = contracts.split('\n| code | disposition | meaning |\n');
    const rows = table.split('\n\n')[0]?.matchAll(/^\| ([^|]+) \|/gm) ?? [];
    const codes = [...rows].flatMap(([, cell = '']) => cell.match(/[A-Z]\w+/g) ?? []);
    expect(sorted(codes)).toEqual(sorted(errorCodes));
  });

  it.each(environmentStates.options)('say when an environment is %s', (state) => {
    const [, paragraph] = contracts.split('\n`state`: ');
    expect(paragraph?.split('\n\n')[0]).toContain(`\`${state}\``);
  });
});

describe('the interval of the checks', () => {
  const { interval } = configSchema.shape.checks.parse(undefined);

  it('is by default that of the schedule of Firebase', () => {
    const minutes = /scheduleTrigger: \{ schedule: every (\d+) minutes,/.exec(read('functions/functions.yaml'))?.[1];
    expect(interval).toBe(`${minutes}m`);
  });

  it('is by default that of Terraform, which makes its schedule of it', () => {
    const variable = /^variable "check_interval" \{[^]*?^\}/m.exec(read('terraform/variables.tf'))?.[0];
    expect(/default +?= "(\w+)"/.exec(variable ?? '')?.[1]).toBe(interval);
  });
});

describe('the line of a call that was turned away', () => {
  it('is what the metric of Terraform counts', () => {
    const said = /jsonPayload\.message=~\\" ([a-z ]+)\$\\"/.exec(read('terraform/monitoring.tf'))?.[1];
    expect(read('functions/delivery.ts')).toContain(`\`\${stage} ${said}\``);
  });
});

describe('how often a message is delivered before it is given up', () => {
  const documents = [
    'README.md',
    'terraform/README.md',
    ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
  ];

  it.each(documents.filter((file) => file.endsWith('.md')))('is a fact of Terraform, to which %s refers', (file) => {
    expect(read('terraform/topics.tf').match(/max_delivery_attempts/g)).toHaveLength(1);
    const lines = read(file)
      .split('\n')
      .filter((line) => line.includes('given-up'));
    const said = lines.flatMap((line) => line.match(/\b(?:\d+|twenty) (?:times|tries|deliveries|attempts)\b/gi) ?? []);
    expect(said).toEqual([]);
  });
});

describe('the line of a check that did all', () => {
  it('is what the metric of Terraform counts', () => {
    const said = /jsonPayload\.message=\\"(checkDrift [a-z]+)\\"/.exec(read('terraform/monitoring.tf'))?.[1];
    expect(read('functions/check-drift.ts')).toContain(`ports.log('INFO', '${said}'`);
  });
});

describe('the line of work that is tried again', () => {
  it('is what the metric of Terraform counts', () => {
    expect(read('terraform/monitoring.tf')).toContain(
      String.raw`severity=WARNING AND jsonPayload.message=~\" failed$\"`,
    );
    const error = new ConvergeError({ code: 'GitUnavailable', subject: 'a', message: 'b', disposition: 'retry' });
    const { severity, message } = failureLine(error, { stage: 'fanOut', subject: 'a' });
    expect([severity, message]).toEqual(['WARNING', 'fanOut failed']);
    expect(read('functions/delivery.ts')).toContain("'WARNING' : 'ERROR', `${stage} failed`");
  });
});

describe('the topics', () => {
  it('are those that Terraform makes', () => {
    const [, made] = /^ {2}topics = toset\(\[([^\]]*)\]\)/m.exec(read('terraform/topics.tf')) ?? [];
    expect(sorted((made ?? '').match(/[a-z-]+/g) ?? [])).toEqual(sorted(topics));
  });

  it('are those of the contracts', () => {
    const [, row] = /^\| topics \| (.*), each behind/m.exec(contracts) ?? [];
    expect(sorted((row ?? '').match(/[a-z-]+/g) ?? [])).toEqual(sorted(topics));
  });
});

describe('the functions', () => {
  it('are those of the contracts, and of their doors', () => {
    const [, row] = /^\| functions \| (.*) \|$/m.exec(contracts) ?? [];
    expect(namesIn(row)).toEqual(sorted(Object.keys(functionSizes)));
    const [, doors] = /^A call of (.*) carries an OpenID Connect ID token/m.exec(contracts) ?? [];
    expect(sorted((doors ?? '').match(/(?<=`)\w+/g) ?? [])).toEqual(sorted(guardedFunctions));
  });
});

describe('a report', () => {
  const variable = /^variable "reports" \{[^]*?^\}/m.exec(read('terraform/variables.tf'))?.[0] ?? '';

  it('has the names that Terraform takes', () => {
    const [, pattern = ''] = /regex\("([^"]+)", name\)/.exec(variable) ?? [];
    const named = (name: string) => reportsSchema.safeParse([{ name, schedule: '0 6 * * 1' }]).success;
    for (const name of ['a', 'weekly-2', 'Weekly', '2nd', '', 'a_b', 'a'.repeat(30), 'a'.repeat(31)])
      expect(new RegExp(pattern).test(name), name).toBe(named(name));
  });

  it('says in Terraform what it says in the configuration', () => {
    const keys = [...variable.matchAll(/^ {4}(\w+) += (?:optional|string)/gm)].flatMap(([, key]) => key ?? []);
    const [, said = ''] =
      /for name, report in var\.reports : \{ for key, value in \{([^}]*)\}/.exec(read('terraform/config.tf')) ?? [];
    const written = [...said.matchAll(/^ +(\w+) +=/gm)].flatMap(([, key]) => key ?? []);
    const known = Object.keys(reportsSchema.element.shape);
    expect(sorted(written)).toEqual(sorted(known));
    expect(sorted(['name', ...keys])).toEqual(sorted(known));
  });
});

describe('the size of each function', () => {
  const terraform = readdirSync(join(root, 'terraform'))
    .filter((file) => file.endsWith('.tf'))
    .map((file) => read(`terraform/${file}`));

  it.each(Object.entries(functionSizes))('is what Terraform gives %s', (name, size) => {
    const deployed = terraform.find((text) => text.includes(`entry_point    = "${name}"`)) ?? '';
    const said =
      /^ {2}size +=[^]*?memory = "(\w+)", cpu = "(\d+)", timeout = (\d+), concurrency = (\d+), max_instances = (\d+)/m;
    const [, memory, ...numbers] = said.exec(deployed) ?? [];
    const [cpu, timeoutSeconds, concurrency, maxInstances] = numbers.map(Number);
    expect({ memoryMiB: mebibytes(memory), cpu, timeoutSeconds, concurrency, maxInstances }).toEqual(size);
  });

  it('can be another for each stage of Terraform', () => {
    const stages = /for stage in keys\(var\.functions\) : contains\(\[([^\]]*)\]/.exec(
      read('terraform/variables.tf'),
    )?.[1];
    const names = Object.keys(functionSizes).map((name) =>
      name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`),
    );
    expect(namesIn(stages)).toEqual(sorted(names));
  });

  const { endpoints } = firebaseSchema.parse(load(read('functions/functions.yaml')));

  it.each(Object.entries(endpoints))('is what Firebase gives %s', (_id, { entryPoint, availableMemoryMb, ...size }) => {
    const sizes: Readonly<Record<string, FunctionSize>> = functionSizes;
    expect({ memoryMiB: availableMemoryMb, ...size }).toEqual(sizes[entryPoint]);
  });

  it('is given to every function by Firebase', () => {
    const given = new Set(Object.values(endpoints).map(({ entryPoint }) => entryPoint));
    expect(sorted([...given])).toEqual(sorted(Object.keys(functionSizes)));
  });

  it('leaves each job of reconcile the memory of a renderer beside its own', () => {
    /** docs/benchmarks.md, drift-found-of-5000. */
    const peakMiB = 607;
    const { renderMiB } = configSchema.shape.limits.parse(undefined);
    const { memoryMiB, concurrency } = functionSizes.reconcile;
    expect(memoryMiB).toBeGreaterThan(concurrency * (renderMiB + peakMiB));
  });
});
