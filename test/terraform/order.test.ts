import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { changesOf, flagsFor, ofType, planOf } from './plan.ts';
import { examples, root, startTofu, type Example, type Tofu } from './tofu.ts';

let tofu: Tofu;
beforeAll(async () => {
  tofu = await startTofu();
});
afterAll(async () => tofu.stop());

/** What each node of a plan waits for, and which of them are Google's. */
async function graphOf(example: Example): Promise<{
  readonly waitsFor: ReadonlyMap<string, readonly string[]>;
  readonly resources: readonly string[];
}> {
  const folder = join(root, 'examples', 'terraform', example);
  await tofu.run(folder, 'get');
  const { code, output } = await tofu.run(folder, 'graph', '-type=plan', ...flagsFor(example));
  if (code !== 0) throw new Error(output);
  const waitsFor = new Map<string, string[]>();
  const resources: string[] = [];
  for (const line of output.split('\n')) {
    const [, from, to] = /^\t*"\[root\] (.*?)" -> "\[root\] (.*)"$/.exec(line) ?? [];
    if (from !== undefined && to !== undefined) waitsFor.set(from, [...(waitsFor.get(from) ?? []), to]);
    const [, node] = /^\t*"\[root\] (.*?)" \[label = .*shape = "box"\]$/.exec(line) ?? [];
    if (node !== undefined && /(^|\.)google_\w+\.\w+/.test(node)) resources.push(node);
  }
  return { waitsFor, resources };
}

function reaches(
  waitsFor: ReadonlyMap<string, readonly string[]>,
  from: string,
  to: (node: string) => boolean,
): boolean {
  const seen = new Set([from]);
  const due = [from];
  for (let node = due.pop(); node !== undefined; node = due.pop()) {
    if (to(node)) return true;
    for (const next of waitsFor.get(node) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      due.push(next);
    }
  }
  return false;
}

const isService = (node: string): boolean => node.includes('.google_project_service.this');

describe('the order of an apply', () => {
  it.each(examples)('has every API before what needs it, in an empty project: %s', async (example) => {
    const { waitsFor, resources } = await graphOf(example);
    expect(resources.length).toBeGreaterThan(40);
    // `data.google_project` is read while it is planned, and needs an API that was there before.
    const ordered = resources.filter((node) => !isService(node) && !node.includes('data.google_project.this'));
    expect(ordered.filter((node) => !reaches(waitsFor, node, isService))).toEqual([]);
  });

  it.each(examples)('enables the API that knows projects, and what is asked of them: %s', async (example) => {
    const apis = ofType(await planOf(tofu, example), 'google_project_service').map(({ values }) => values['service']);
    expect(apis).toContain('cloudresourcemanager.googleapis.com');
  });

  it('makes as many things as docs/deploy.md prints', async () => {
    const printed = await readFile(join(root, 'docs', 'deploy.md'), 'utf8');
    const figures = [...printed.matchAll(/^(?:Plan|Apply complete! Resources): (\d+) (?:to add|added)/gm)];
    const { length } = await planOf(tofu, 'minimal');
    expect(figures.map(([, figure]) => Number(figure))).toEqual([length, length]);
  });

  it('has a new version of the configuration before any function mounts it, and keeps the old one', async () => {
    await writeFile(join(tofu.folder, 'minimal.tfstate'), JSON.stringify(stateWithConfiguration));
    const changes = await changesOf(tofu, 'minimal', ['-refresh=false']);
    const version = changes.find(({ address }) => address.endsWith('google_secret_manager_secret_version.config'));
    expect(version?.change.actions).toEqual(['create', 'delete']);
    expect(z.looseObject({ deletion_policy: z.string() }).parse(version?.change.after).deletion_policy).toBe('ABANDON');
    const { waitsFor, resources } = await graphOf('minimal');
    const functions = resources.filter((node) => node.includes('google_cloudfunctions2_function'));
    expect(functions.length).toBeGreaterThan(0);
    for (const each of functions)
      expect(reaches(waitsFor, each, (node) => node.includes('google_secret_manager_secret_version.config'))).toBe(
        true,
      );
  });
});

/** As an apply of another configuration left it. */
const stateWithConfiguration = {
  version: 4,
  terraform_version: '1.9.0',
  serial: 1,
  lineage: 'a-project-that-runs',
  outputs: {},
  resources: [
    {
      module: 'module.converge',
      mode: 'managed',
      type: 'google_secret_manager_secret_version',
      name: 'config',
      provider: 'provider["registry.opentofu.org/hashicorp/google"]',
      instances: [
        {
          schema_version: 0,
          attributes: {
            id: 'projects/123456789012/secrets/converge-config/versions/1',
            name: 'projects/123456789012/secrets/converge-config/versions/1',
            secret: 'projects/family-insurance/secrets/converge-config',
            secret_data: 'project: family-insurance',
            deletion_policy: 'ABANDON',
            enabled: true,
            version: '1',
          },
        },
      ],
    },
  ],
};
