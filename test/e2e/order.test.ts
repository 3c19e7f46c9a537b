import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changeCommittedType } from '../../shared/events/change-committed.ts';
import { reconcileRequestedType } from '../../shared/events/reconcile-requested.ts';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  lookUntil,
  startWorld,
  type Clone,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { convergedAt } = alertsOf(() => world);
const { stateFile } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

async function deploy(
  name: string,
  files: Record<string, string>,
  spec: Record<string, unknown> = {},
): Promise<string> {
  const manifests = Object.fromEntries(
    Object.entries(files).map(([file, content]) => [`manifests/${name}/${file}`, content]),
  );
  const commit = await master.push({ [`environments/${name}.yaml`]: environmentFile(name, spec), ...manifests });
  await convergedAt(name, commit);
  return commit;
}

/** Delivers a message to a function, as its push subscription may at any time. */
async function deliver(name: 'fanOut' | 'reconcile', type: string, data: object): Promise<number> {
  const response = await fetch(world.pipeline.functions.url(name), {
    method: 'POST',
    headers: {
      ...(await world.pipeline.authorize(name)),
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': `late-${Math.random()}`,
      'ce-type': type,
      'ce-source': '//converge.dev/pipeline',
    },
    body: JSON.stringify(data),
  });
  await response.text();
  return response.status;
}

describe('messages', () => {
  it('that come late and out of order never take an environment back to an older commit', async () => {
    const first = await deploy('steady', { 'a.yaml': configMap('a', { v: '1' }) });
    const second = await master.push({ 'manifests/steady/a.yaml': configMap('a', { v: '2' }) });
    await convergedAt('steady', second);
    const before = (await world.find('configmap', 'a', 'steady'))?.metadata.resourceVersion;
    const url = world.pipeline.facts.repositories.master;
    expect(
      await deliver('fanOut', changeCommittedType, {
        repository: 'master',
        url,
        branch: 'main',
        commit: first,
        previous: null,
        artifacts: [],
      }),
    ).toBe(204);
    const job = { repository: 'master', environment: 'steady', cause: 'commit' };
    expect(await Promise.all([1, 2, 3, 4].map(async () => deliver('reconcile', reconcileRequestedType, job)))).toEqual([
      204, 204, 204, 204,
    ]);
    expect((await world.find('configmap', 'a', 'steady'))?.metadata.resourceVersion).toBe(before);
    expect(
      world.converged.filter((alert) => alert.environment === 'steady').map((alert) => alert.revision.slice(-40)),
    ).toEqual([first, second]);
  });

  it('that ask for one environment at once share one lease, and no look that was asked for is lost', async () => {
    await deploy('busy', { 'a.yaml': configMap('a', { v: '0' }) });
    const commits: string[] = [];
    for (let version = 1; version <= 4; version++)
      commits.push(await master.push({ 'manifests/busy/a.yaml': configMap('a', { v: String(version) }) }));
    await convergedAt('busy', commits.at(-1) ?? '');
    expect((await world.find('configmap', 'a', 'busy'))?.data).toEqual({ v: '4' });
  });
});

describe('a function that is killed', () => {
  it('half-way through an apply leaves no orphan, and the next run finishes the work', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 150 }, (_, index) => [`m${index}.yaml`, configMap(`m${index}`, { text: 'x'.repeat(2000) })]),
    );
    const manifests = Object.fromEntries(
      Object.entries(many).map(([file, content]) => [`manifests/killed/${file}`, content]),
    );
    const commit = await master.push({
      'environments/killed.yaml': environmentFile('killed', { timeout: '2s' }),
      ...manifests,
    });
    await eventually('the apply is under way', async () => (await countMaps('killed')) > 5);
    await world.pipeline.killFunctions();
    // Whatever is there by now is in the inventory: the parent that names its kinds was written before it.
    expect((await world.find('configmap', 'converge-killed', 'killed'))?.metadata.annotations).toMatchObject({
      'applyset.kubernetes.io/contains-group-kinds': 'ConfigMap',
    });
    // As time does: the lease of a killed run ends by Storage's clock.
    const lease = JSON.stringify({ holder: 'killed', seconds: 0 });
    await stateFile('killed', 'lease').save(lease, { resumable: false });
    await lookUntil(world, 'the run was finished', () =>
      world.converged.find((alert) => alert.environment === 'killed' && alert.revision.endsWith(commit)),
    );
    expect(await countMaps('killed')).toBe(150);
    const fewer = await master.push({
      ...Object.fromEntries(
        Object.keys(manifests)
          .slice(0, 40)
          .map((path) => [path, undefined]),
      ),
    });
    expect((await convergedAt('killed', fewer)).changes).toMatchObject({ pruned: 40, unchanged: 110 });
  });
});

describe('a branch that was rewritten by force', () => {
  it('is followed, and told', async () => {
    await deploy('rewritten', { 'a.yaml': configMap('a', { v: '1' }) });
    const doomed = await master.push({ 'manifests/rewritten/a.yaml': configMap('a', { v: '2' }) });
    await convergedAt('rewritten', doomed);
    const disk = world.pipeline.git.path('master');
    await master.git('reset', '--quiet', '--hard', 'HEAD~1');
    await master.git('commit', '--quiet', '--allow-empty', '--message', 'Another history');
    await master.git('-C', disk, 'config', 'receive.denyNonFastForwards', 'false');
    await master.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
    await world.checkDrift();
    const diff = await eventually('the rewriting is told', () =>
      world.diffs.find((alert) => alert.environment === 'rewritten'),
    );
    expect(diff).toMatchObject({ reason: 'Guarded', action: 'healing' });
    expect(diff.summary).toContain(`main@sha1:${doomed} is no ancestor of main@sha1:${await master.head()}`);
    await eventually(
      'the earlier state is back',
      async () => (await world.find('configmap', 'a', 'rewritten'))?.data?.['v'] === '1',
    );
    await eventually('the incident is closed', () => world.converged.find((alert) => alert.incident === diff.incident));
  });
});

describe('a roll-out', () => {
  it('is awaited: converged is told only when the pods are there', async () => {
    const commit = await deploy('rolled', { 'web.yaml': deployment('web', 'shop:1') });
    const status = JSON.parse(
      await world.kubectl('get', 'deployment', 'web', '--namespace', 'rolled', '--output', 'json'),
    ) as { status: { readyReplicas?: number } };
    expect(status.status.readyReplicas).toBe(2);
    expect((await convergedAt('rolled', commit)).changes.created).toBe(1);
  });
});

async function countMaps(namespace: string): Promise<number> {
  const names = await world.kubectl(
    'get',
    'configmaps',
    '--namespace',
    namespace,
    '--selector',
    'applyset.kubernetes.io/part-of',
    '--output',
    'name',
    '--ignore-not-found',
  );
  return names.split('\n').filter((name) => name !== '').length;
}
