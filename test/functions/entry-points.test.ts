import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getFunction } from '@google-cloud/functions-framework/testing';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startChild } from '../../local/child.ts';
import { partEnvironment } from '../../local/environment.ts';
import { freePort } from '../../local/free-port.ts';
import { guardedFunctions, guardOf } from '../../shared/access/access.ts';
import { judgeClaims } from '../../shared/access/judge-claims.ts';
import { parseConfig } from '../../shared/config/config.ts';
import { topics } from '../../shared/events/cloud-event.ts';
import { eventually } from '../eventually.ts';

/*
 * What is deployed, by whichever way, is what is registered. The keys are those that firebase-tools 15 reads of a
 * `functions.yaml` (src/deploy/functions/runtimes/discovery/v1alpha1.ts there): it refuses any other.
 */
const root = join(import.meta.dirname, '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

const triggerSchemas = {
  httpsTrigger: z.strictObject({ invoker: z.array(z.string()).optional() }),
  eventTrigger: z.strictObject({
    eventType: z.string(),
    eventFilters: z.record(z.string(), z.string()),
    retry: z.boolean(),
    serviceAccount: z.string().optional(),
    region: z.string().optional(),
  }),
  scheduleTrigger: z.strictObject({
    schedule: z.string(),
    timeZone: z.string().optional(),
    retryConfig: z
      .strictObject({
        retryCount: z.int(),
        maxBackoffSeconds: z.int().optional(),
        minBackoffSeconds: z.int().optional(),
      })
      .optional(),
  }),
};
const endpointSchema = z.strictObject({
  platform: z.literal('gcfv2'),
  entryPoint: z.string(),
  region: z.array(z.string()),
  serviceAccount: z.string(),
  availableMemoryMb: z.literal([128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]),
  cpu: z.number(),
  concurrency: z.int(),
  maxInstances: z.int(),
  timeoutSeconds: z.int(),
  environmentVariables: z.record(z.string(), z.string()),
  secretEnvironmentVariables: z.array(z.strictObject({ key: z.string(), secret: z.string().optional() })),
  httpsTrigger: triggerSchemas.httpsTrigger.optional(),
  eventTrigger: triggerSchemas.eventTrigger.optional(),
  scheduleTrigger: triggerSchemas.scheduleTrigger.optional(),
});
const manifest = z
  .strictObject({
    specVersion: z.literal('v1alpha1'),
    requiredAPIs: z.array(z.strictObject({ api: z.string(), reason: z.string() })),
    params: z.array(
      z.strictObject({
        name: z.string(),
        type: z.enum(['string', 'secret']),
        label: z.string(),
        default: z.string().optional(),
      }),
    ),
    endpoints: z.record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_-]{0,62}$/), endpointSchema),
  })
  .parse(load(read('functions/functions.yaml')));
const endpoints = Object.entries(manifest.endpoints);

const registered = readdirSync(join(root, 'functions')).flatMap((file) =>
  file.endsWith('.ts')
    ? [...read(`functions/${file}`).matchAll(/^http\(\s*'(\w+)'/gm)].flatMap(([, name]) => name ?? [])
    : [],
);
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

beforeAll(async () => {
  await import('../../functions/index.ts');
});

describe('the registered functions', () => {
  test('are HTTP functions, all of them: handlers of events see no headers, and therefore no token', () => {
    expect(sorted(registered)).toEqual(sorted([...guardedFunctions, 'receivePush']));
    for (const name of registered) expect(getFunction(name), name).toBeTypeOf('function');
  });

  test('are what Firebase deploys', () => {
    expect(sorted(endpoints.map(([, { entryPoint }]) => entryPoint))).toEqual(sorted(registered));
  });

  const terraform = join(root, 'terraform');
  const configuration = existsSync(terraform)
    ? readdirSync(terraform, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.tf'))
    : [];
  const entryPoints = configuration.flatMap((file) =>
    [...readFileSync(join(terraform, file), 'utf8').matchAll(/\bentry_point\s*=\s*"(\w+)"/g)].flatMap(
      ([, name]) => name ?? [],
    ),
  );
  test.skipIf(entryPoints.length === 0)('are what Terraform deploys', () => {
    expect(sorted(entryPoints)).toEqual(sorted(registered));
  });
});

describe('functions.yaml', () => {
  test.each(endpoints)('%s has one trigger', (_id, endpoint) => {
    expect(
      [endpoint.httpsTrigger, endpoint.eventTrigger, endpoint.scheduleTrigger].filter(
        (trigger) => trigger !== undefined,
      ),
    ).toHaveLength(1);
  });

  test('retries every event, which Eventarc does not by itself', () => {
    for (const [id, { eventTrigger }] of endpoints) expect(eventTrigger?.retry ?? true, id).toBe(true);
  });

  test('subscribes to each topic that a function reads', () => {
    const readByOthers: readonly string[] = ['dead-letter'];
    const subscribed = endpoints.flatMap(([, { eventTrigger }]) => eventTrigger?.eventFilters['topic'] ?? []);
    expect(sorted(subscribed)).toEqual(sorted(topics.filter((topic) => !readByOthers.includes(topic))));
  });

  test('lets everybody reach only what verifies a signature or a token itself', () => {
    expect(
      sorted(
        endpoints.flatMap(([, { entryPoint, httpsTrigger }]) =>
          httpsTrigger?.invoker?.includes('public') === true ? [entryPoint] : [],
        ),
      ),
    ).toEqual(['act', 'inspect', 'receivePush', 'status']);
  });

  test('uses no parameter that it does not declare, and declares none that it does not use', () => {
    const text = JSON.stringify(manifest.endpoints);
    const used = [...text.matchAll(/\{\{ params\.(\w+) \}\}/g), ...text.matchAll(/"key":"(\w+)"/g)].flatMap(
      ([, name]) => name ?? [],
    );
    expect(sorted(used)).toEqual(sorted(manifest.params.map(({ name }) => name)));
  });
});

describe('a function that Firebase starts', () => {
  test('is an HTTP function whatever FUNCTION_SIGNATURE_TYPE says of its trigger, and finds its configuration in the environment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'converge-firebase-'));
    const port = await freePort();
    const framework = join(root, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
    const files = `config.yaml: |\n  project: local\n  state: { bucket: s }\n  repositories: { master: { url: "http://127.0.0.1:9/m.git", bucket: m } }\n  clusters: {}\n  access: open\ngit: secret\n`;
    const child = startChild({
      name: 'status',
      program: process.execPath,
      arguments: [framework, `--source=${join(root, 'functions/index.ts')}`, '--target=status', `--port=${port}`],
      environment: partEnvironment({
        home: folder,
        variables: {
          FUNCTION_SIGNATURE_TYPE: 'cloudevent',
          CONVERGE_CONFIG: join(folder, 'below', 'config.yaml'),
          CONVERGE_FILES: files,
        },
      }),
      logFile: join(folder, 'status.log'),
    });
    try {
      const answer = await eventually('the function listens', async () =>
        fetch(`http://127.0.0.1:${port}/healthz`).catch(() => undefined),
      );
      expect({ status: answer.status, body: await answer.json() }).toEqual({
        status: 200,
        body: { status: 'ok', repositories: ['master'] },
      });
      expect(readFileSync(join(folder, 'below', 'git'), 'utf8')).toBe('secret');
    } finally {
      await child.kill();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('the configuration of docs/firebase.md', () => {
  const example = /```yaml\n([^]*?)```/.exec(read('docs/firebase.md'))?.[1] ?? '';
  const files = z.record(z.string(), z.string()).parse(load(example.replace(/^ {3}/gm, '')));
  const { access, ...config } = parseConfig({ file: 'config.yaml', text: files['config.yaml'] ?? '' });

  test('names the files that stand beside it', () => {
    const named = [...JSON.stringify(config).matchAll(/\/tmp\/converge\/(\w+)/g)].flatMap(([, name]) => name ?? []);
    expect(sorted(['config.yaml', ...named])).toEqual(sorted(Object.keys(files)));
  });

  test('lets the triggers in, and trusts no removed signature where everybody may call', () => {
    const rules = access === undefined || access === 'open' ? {} : access.functions;
    expect(sorted(Object.keys(rules))).toEqual(sorted(guardedFunctions));
    expect(rules.status).toMatchObject({ signature: 'required' });
    expect(rules.inspect).toMatchObject({ signature: 'required' });
    expect(rules.act).toMatchObject({ signature: 'required' });
    const claims = {
      iss: 'https://accounts.google.com',
      iat: 0,
      exp: 3600,
      email: 'converge@family-insurance.iam.gserviceaccount.com',
      email_verified: true,
    };
    for (const [id, { entryPoint }] of endpoints.filter(([, { httpsTrigger }]) => httpsTrigger === undefined)) {
      const guard = guardOf({
        access,
        name: guardedFunctions.find((name) => name === entryPoint) ?? 'status',
        onCloudRun: true,
      });
      const judge = (aud: string) =>
        guard.kind === 'token' && judgeClaims({ claims: { ...claims, aud }, ...guard, now: new Date(60_000) }).verdict;
      expect(judge(`https://${id}-x7k2m3n4o5-ew.a.run.app`), id).toBe('admitted');
    }
  });
});

describe('firebase.json', () => {
  const firebase = z
    .object({
      functions: z.tuple([z.object({ source: z.string(), runtime: z.literal('nodejs24') })]),
      hosting: z.object({
        public: z.string(),
        rewrites: z.tuple([
          z.strictObject({
            source: z.string(),
            function: z.strictObject({ functionId: z.string(), region: z.string() }),
          }),
        ]),
      }),
    })
    .parse(JSON.parse(read('firebase.json')));

  test('routes Hosting to the status function, in its region', () => {
    const [{ function: target }] = firebase.hosting.rewrites;
    expect(manifest.endpoints[target.functionId]).toMatchObject({ entryPoint: 'status', region: [target.region] });
    expect(sorted(endpoints.flatMap(([, { region }]) => region))).toEqual([target.region]);
  });

  test('has a folder of static files, without a page in the place of the status', () => {
    expect(readdirSync(join(root, firebase.hosting.public))).toEqual(['robots.txt']);
  });
});
