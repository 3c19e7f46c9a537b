import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { divergenceOf } from '../../shared/drift/divergence.ts';
import { fingerprint } from '../../shared/drift/fingerprint.ts';
import { emptyMemory } from '../../shared/memory/memory.ts';
import { fieldsOf } from '../../shared/environment/ignore-rule.ts';
import { desiredObjects, scopeTable, type DesiredObject } from '../../shared/desired/desired.ts';
import type { ObjectDiff } from '../../shared/drift/object-diff.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { observedObjects, planChanges, type RememberedObject } from '../../shared/plan/plan.ts';
import { verifyPlan, type Verified } from '../../shared/pipeline/reconcile/judge/verify-plan.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';

/*
 * Each folder of `drift/` is named by its expected result. `desired.yaml` is what Git declares and what was applied;
 * `observed.yaml`, how others came to make of it what is observed, write by write, on a real API server;
 * `expected.json`, what a check then plans, finds to have drifted and tells as a notice; `ignored.json`, the paths that
 * the environment ignores. `vitest -u` rewrites what is expected: read the difference.
 */
const folder = join(import.meta.dirname, 'drift');
const cases = readdirSync(folder, { withFileTypes: true })
  .flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
  .sort();

const writeSchema = z.union([
  z.strictObject({
    by: z.string(),
    target: z.string(),
    patch: z.unknown(),
    type: z.enum(['strategic', 'merge', 'json']).default('strategic'),
    subresource: z.string().optional(),
  }),
  z.strictObject({ kubectl: z.array(z.string()) }),
  z.strictObject({
    adds: z.custom<KubernetesObject>((value) => z.looseObject({ kind: z.string() }).safeParse(value).success),
  }),
  z.strictObject({ rollsOut: z.string() }),
]);

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox();
  await sandbox.kubernetes.kubectl(['create', '--filename', join(folder, 'widgets.yaml')]);
  await sandbox.kubernetes.kubectl([
    'wait',
    '--for=condition=Established',
    'customresourcedefinition/widgets.example.com',
  ]);
});
afterAll(async () => {
  await sandbox.stop();
});

function readYaml(file: string): unknown[] {
  return existsSync(file)
    ? loadAll(readFileSync(file, 'utf8')).filter((value) => value !== undefined && value !== null)
    : [];
}

async function applied(object: KubernetesObject): Promise<KubernetesObject> {
  const result = await sandbox.cluster.apply({ resource: await sandbox.resource(object), object, dryRun: false });
  if (result.outcome === 'rejected') throw new Error(result.message);
  return result.object;
}

async function desiredOf(name: string): Promise<DesiredObject[]> {
  const rendered = readYaml(join(folder, name, 'desired.yaml')).map((object) => ({
    object: object as KubernetesObject,
    source: `${name}/desired.yaml`,
  }));
  const file = join(folder, name, 'ignored.json');
  const ignored = existsSync(file) ? fieldsOf(z.array(z.string()).parse(JSON.parse(readFileSync(file, 'utf8')))) : [];
  const scopes = scopeTable({ api: await sandbox.cluster.api({ refresh: true }), rendered });
  return desiredObjects({
    rendered,
    namespace: name,
    scopes,
    marks: {
      labels: { 'applyset.kubernetes.io/part-of': 'golden' },
      annotations: { 'converge.dev/environment': 'master/golden' },
    },
    ignoredOf: () => ignored,
  });
}

async function check(name: string): Promise<{ plan: string[]; verified: Verified }> {
  const { kubernetes, cluster, read } = sandbox;
  await kubernetes.kubectl(['create', 'namespace', name]);
  const desired = await desiredOf(name);
  const remembered: Record<string, RememberedObject> = {};
  const members: KubernetesObject[] = [];
  for (const { key, hash, object } of desired) {
    const made = await applied(object);
    members.push(made);
    remembered[key] = { desired: hash, observed: fingerprint(made) ?? '', apiVersion: object.apiVersion };
  }
  // Times in managedFields have seconds: what others write is to be later than the apply.
  await sleep(1_100);
  for (const write of z.array(writeSchema).parse(readYaml(join(folder, name, 'observed.yaml')))) {
    if ('adds' in write)
      members.push(await applied({ ...write.adds, metadata: { ...write.adds.metadata, namespace: name } }));
    else if ('kubectl' in write) await kubernetes.kubectl([...write.kubectl, '--namespace', name]);
    else if ('rollsOut' in write) await kubernetes.kubectl(['rollout', 'status', write.rollsOut, '--namespace', name]);
    else {
      const subresource = write.subresource === undefined ? [] : ['--subresource', write.subresource];
      await kubernetes.kubectl([
        'patch',
        write.target,
        '--namespace',
        name,
        '--field-manager',
        write.by,
        '--type',
        write.type,
        '--patch',
        JSON.stringify(write.patch),
        ...subresource,
      ]);
    }
  }
  const observed = observedObjects((await Promise.all(members.map(read))).flatMap((object) => object ?? []));
  const plan = planChanges({ desired, observed, remembered });
  const memory = { ...emptyMemory(new Date()), objects: remembered };
  const settled = () => Promise.resolve();
  const run = { memoryFile: { memory: () => memory, remember: () => {}, commit: settled, remove: settled } };
  const state = {
    parent: undefined,
    extent: { groupKinds: [], additionalNamespaces: [] },
    unproven: new Map(),
    objects: observed,
  };
  const verified = await verifyPlan(
    { run, cluster, api: await cluster.api() },
    { plan, observed: state, renderKey: '', suspensions: new Map() },
  );
  return { plan: plan.map(({ action }) => action), verified };
}

/** Objects are asked about side by side. */
function sorted(objects: readonly ObjectDiff[]): readonly ObjectDiff[] {
  return divergenceOf({ reason: 'Drifted', revision: '', objects }).objects;
}

/** When a manager wrote is another time in each run, and after the apply in all. */
function withoutTimes(_key: string, value: unknown): unknown {
  return typeof value === 'string' && /^20\d\d-\d\d-\d\dT[\d:]+Z$/.test(value) ? '(a time)' : value;
}

describe('a check, against a real API server', () => {
  it.each(cases)('finds %s', async (name) => {
    const { plan, verified } = await check(name);
    const found = {
      plan,
      becomes: verified.actions.map(({ action }) => action),
      drift: sorted(verified.drift.map(({ diff }) => diff)),
      notices: sorted(verified.notices),
    };
    await expect(`${JSON.stringify(found, withoutTimes, 2)}\n`).toMatchFileSnapshot(
      join(folder, name, 'expected.json'),
    );
    if (name.startsWith('no-')) expect(found.drift).toEqual([]);
    else expect(found.drift).not.toEqual([]);
  });
});
