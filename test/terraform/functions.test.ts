import { load } from 'js-yaml';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { parseConfig } from '../../shared/config/config.ts';
import { ofType, planOf, project, text, type Resource } from './plan.ts';
import { examples, moduleFolder, root, startTofu, type Example, type Tofu } from './tofu.ts';

/** The names that functions/index.ts registers, by whatever kind of signature. */
const registered = vi.hoisted(() => new Set<string>());
vi.mock('@google-cloud/functions-framework', () => {
  const register = (name: string): void => void registered.add(name);
  return { http: register, cloudEvent: register };
});

const serviceSchema = z.array(
  z.object({
    service_account_email: z.string(),
    timeout_seconds: z.number(),
    secret_volumes: z.array(z.object({ mount_path: z.string(), versions: z.array(z.object({ path: z.string() })) })),
  }),
);
const buildSchema = z.array(z.object({ runtime: z.string(), entry_point: z.string() }));
const triggerSchema = z.array(
  z.object({ retry_policy: z.string(), event_type: z.string(), service_account_email: z.string() }),
);
const pushSchema = z.array(
  z.object({
    push_endpoint: z.string(),
    oidc_token: z.array(z.object({ audience: z.string(), service_account_email: z.string() })).length(1),
    no_wrapper: z.array(z.object({ write_metadata: z.literal(true) })).length(1),
  }),
);
const retrySchema = z
  .array(z.object({ minimum_backoff: z.literal('10s'), maximum_backoff: z.literal('600s') }))
  .length(1);
const deadLetterSchema = z.array(z.object({ max_delivery_attempts: z.number() })).length(1);
const configuredSchema = z.looseObject({
  access: z.object({
    signature: z.literal('platform'),
    functions: z.record(
      z.string(),
      z.object({ audiences: z.array(z.string()), callers: z.array(z.string()).optional() }),
    ),
  }),
  clusters: z.record(z.string(), z.unknown()),
});

/** Which of the files that the configuration names a stage reads; no other is mounted into its function. */
const read: Readonly<Record<string, RegExp>> = {
  copyArtifact: /\/(git|ca|proxy)-|\/signing-key\//,
  receivePush: /\/webhook-/,
  fanOut: /\/(git|ca|proxy)-/,
  reconcile: /\/(git|ca|proxy|signers|openpgp)-|\/signing-key\//,
  checkDrift: /\/(git|ca|proxy)-|\/(signing-key|heartbeat)\//,
  deliverAlert: /\/(sink|ed25519|url)-/,
  status: /\/(git|ca|proxy)-/,
  report: /\/(git|ca|proxy)-/,
  inspect: /\/(git|ca|proxy|signers|openpgp)-/,
  act: /\/(git|ca|proxy|signers|openpgp)-|\/signing-key\//,
  planChange: /\/(git|ca|proxy|signers|openpgp)-/,
};

let tofu: Tofu;
const plans = new Map<Example, readonly Resource[]>();
const planned = (example: Example): readonly Resource[] => plans.get(example) ?? [];

beforeAll(async () => {
  await import('../../functions/index.ts');
  tofu = await startTofu();
  for (const example of examples) plans.set(example, await planOf(tofu, example));
});
afterAll(async () => tofu.stop());

interface Deployed {
  readonly name: string;
  readonly entryPoint: string;
  readonly account: string;
  readonly timeout: number;
  readonly files: readonly string[];
  readonly triggers: z.infer<typeof triggerSchema>;
}

function functionsOf(example: Example): readonly Deployed[] {
  return ofType(planned(example), 'google_cloudfunctions2_function').map((each) => {
    const [service] = serviceSchema.parse(each.values['service_config']);
    const [build] = buildSchema.parse(each.values['build_config']);
    if (service === undefined || build === undefined) throw new Error(`${each.address} has no configuration`);
    expect(build.runtime).toBe('nodejs24');
    const files = service.secret_volumes.flatMap(({ mount_path: folder, versions }) =>
      versions.map(({ path }) => `${folder}/${path}`),
    );
    return {
      name: text(each, 'name'),
      entryPoint: build.entry_point,
      account: service.service_account_email,
      timeout: service.timeout_seconds,
      files,
      triggers: triggerSchema.parse(each.values['event_trigger'] ?? []),
    };
  });
}

function pushesOf(
  example: Example,
): readonly { subscription: Resource; endpoint: string; audience: string; caller: string }[] {
  return ofType(planned(example), 'google_pubsub_subscription').flatMap((subscription) =>
    pushSchema
      .parse(subscription.values['push_config'] ?? [])
      .flatMap(({ push_endpoint: endpoint, oidc_token: tokens }) =>
        tokens.map(({ audience, service_account_email: caller }) => ({ subscription, endpoint, audience, caller })),
      ),
  );
}

/** What only Google calls is reached by the address that Cloud Run gives it before it is there. */
function isAddressOf(name: string, url: string): boolean {
  return url === `https://${name}-${project.number}.europe-west1.run.app`;
}

function configOf(example: Example): string {
  const [version] = ofType(planned(example), 'google_secret_manager_secret_version');
  if (version === undefined) throw new Error('no configuration is rendered');
  return text(version, 'secret_data');
}

describe('the functions on Google Cloud', () => {
  it.each(examples)('are the registered ones, and all of them: %s', (example) => {
    expect(registered.size).toBeGreaterThan(0);
    expect(new Set(functionsOf(example).map(({ entryPoint }) => entryPoint))).toEqual(registered);
  });

  it.each(examples)('each run as an account of their own: %s', (example) => {
    const accounts = functionsOf(example).map(({ account }) => account);
    expect(new Set(accounts).size).toBe(accounts.length);
    expect(
      accounts.every((account) => /^converge-[a-z-]+@family-insurance\.iam\.gserviceaccount\.com$/.test(account)),
    ).toBe(true);
  });

  it.each(examples)('are called again where they fail, by every trigger: %s', (example) => {
    const deployed = functionsOf(example);
    for (const { triggers, entryPoint } of deployed) {
      expect(triggers.map(({ retry_policy: policy }) => policy)).toEqual(
        entryPoint === 'copyArtifact' ? ['RETRY_POLICY_RETRY'] : [],
      );
    }
    const pushes = pushesOf(example);
    const isRedriven = ({ subscription }: (typeof pushes)[number]): boolean =>
      text(subscription, 'name').includes('redrive');
    expect(pushes.filter((push) => !isRedriven(push)).length).toBe(6);
    // What each of them did not take comes to the same place by a topic of its own.
    const placesOf = (some: typeof pushes): readonly string[] => some.map(({ endpoint }) => endpoint).toSorted();
    expect(placesOf(pushes.filter(isRedriven))).toEqual(placesOf(pushes.filter((push) => !isRedriven(push))));
    for (const { subscription, endpoint } of pushes) {
      retrySchema.parse(subscription.values['retry_policy']);
      deadLetterSchema.parse(subscription.values['dead_letter_policy']);
      expect(subscription.values['ack_deadline_seconds']).toBe(600);
      const called = deployed.find(({ name }) => isAddressOf(name, endpoint));
      expect(called?.timeout).toBeLessThan(600);
    }
    const [job] = ofType(planned(example), 'google_cloud_scheduler_job');
    expect(
      z
        .array(z.object({ retry_count: z.number().positive() }))
        .length(1)
        .safeParse(job?.values['retry_config']).success,
    ).toBe(true);
  });

  it.each(examples)('are told by the configuration who calls them, and for which address: %s', (example) => {
    const { access } = configuredSchema.parse(load(configOf(example)));
    const deployed = functionsOf(example);
    const entryPointOf = (url: string): string =>
      deployed.find(({ name }) => isAddressOf(name, url))?.entryPoint ?? url;
    for (const { endpoint, audience, caller } of pushesOf(example)) {
      expect(access.functions[entryPointOf(endpoint)]).toEqual({ audiences: [audience], callers: [caller] });
    }
    for (const { name, triggers } of deployed.filter(({ entryPoint }) => entryPoint === 'copyArtifact')) {
      expect(access.functions['copyArtifact']?.callers).toEqual(
        triggers.map(({ service_account_email: caller }) => caller),
      );
      expect(access.functions['copyArtifact']?.audiences).toContain(`https://${name}-*.a.run.app`);
    }
    expect(access.functions).not.toHaveProperty('receivePush');
  });

  it.each(examples)(
    'find the files that the configuration names in the functions that read them, and in no others: %s',
    (example) => {
      const named = new Set(configOf(example).match(/\/secrets\/[a-z0-9-]+\/value/g));
      const deployed = functionsOf(example);
      expect(new Set(deployed.flatMap(({ files }) => files).filter((file) => file.startsWith('/secrets/')))).toEqual(
        named,
      );
      for (const { files } of deployed) {
        expect(files).toContain('/etc/converge/config.yaml');
        expect(new Set(files).size).toBe(files.length);
      }
      for (const [entryPoint, pattern] of Object.entries(read)) {
        const mounted = deployed
          .filter((each) => each.entryPoint === entryPoint)
          .flatMap(({ files }) => files.filter((file) => file.startsWith('/secrets/')));
        expect(new Set(mounted), entryPoint).toEqual(new Set([...named].filter((file) => pattern.test(file))));
      }
    },
  );

  it.each(examples)('accept the configuration: %s', (example) => {
    const config = parseConfig({ file: 'config.yaml', text: configOf(example) });
    expect(Object.keys(config.repositories)).toEqual(
      example === 'minimal' ? ['master'] : ['develop', 'master', 'staging'],
    );
  });
});

describe('the schemas of topics', () => {
  const messages = ['change-committed', 'converged', 'reconcile'] as const;
  /** What else is published on that topic. */
  const besides: Partial<Record<(typeof messages)[number], readonly string[]>> = {
    converged: ['upload-accepted', 'dependency-reachable'],
  };

  it.each(messages)('name the keys of the messages of the topic, and no others: %s', async (message) => {
    const keys = await Promise.all([message, ...(besides[message] ?? [])].map(keysOf));
    expect([...(await topLevelFields(message))].sort()).toEqual([...new Set(keys.flat())].sort());
  });

  async function keysOf(message: string): Promise<readonly string[]> {
    const { properties } = z
      .object({ properties: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(await readFile(join(root, 'docs', 'schemas', `${message}.json`), 'utf8')));
    return Object.keys(properties);
  }

  async function topLevelFields(message: (typeof messages)[number]): Promise<readonly string[]> {
    if (message === 'reconcile') {
      const avro = z.object({ fields: z.array(z.object({ name: z.string() })) });
      return avro
        .parse(JSON.parse(await readFile(join(moduleFolder, 'schemas', 'reconcile.avsc'), 'utf8')))
        .fields.map(({ name }) => name);
    }
    const proto = await readFile(join(moduleFolder, 'schemas', `${message}.proto`), 'utf8');
    return [...proto.matchAll(/^ {2}(?:optional |repeated )?(?:\w+|map<\w+, \w+>) (\w+) = \d+;$/gm)].map(
      ([, name = '']) => name,
    );
  }
});
