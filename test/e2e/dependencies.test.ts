import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Diff } from '../../shared/events/alert.ts';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorld,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);
const { stateFile, statusOf } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

/** An environment of one ConfigMap that holds a version. */
function environment(name: string, spec: Record<string, unknown> = {}, version = '1'): Files {
  return {
    [`environments/${name}.yaml`]: environmentFile(name, spec),
    [`manifests/${name}/a.yaml`]: configMap('a', { version }),
  };
}

/** A ConfigMap that the API server refuses. */
const refused = JSON.stringify({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a' },
  data: { version: { not: 'a string' } },
});

const told = async (name: string, reason: string, commit: string): Promise<Diff> =>
  diffAt(name, commit, (diff) => diff.reason === reason);

const versionIn = async (name: string): Promise<string | undefined> =>
  (await world.find('configmap', 'a', name))?.data?.['version'];

/** When its ConfigMap was written last, a later write being greater. */
const writtenAt = async (name: string): Promise<number> =>
  Number((await world.find('configmap', 'a', name))?.metadata.resourceVersion);

describe('environments that depend on each other', () => {
  it('converge in their order, each as soon as the last of what it waits for has, and in a diamond once', async () => {
    const commit = await master.push({
      ...environment('base'),
      'manifests/base/web.yaml': deployment('web', 'shop:1'),
      ...environment('left', { dependsOn: ['base'] }),
      ...environment('right', { dependsOn: ['base'] }),
      ...environment('top', { dependsOn: ['left', 'right'] }),
    });
    // No schedule runs here: nothing but the messages of those that converged brings the others on.
    for (const name of ['base', 'left', 'right', 'top']) await convergedAt(name, commit);
    await world.allHeard();
    expect(world.converged.map((alert) => alert.environment).toSorted()).toEqual(['base', 'left', 'right', 'top']);
    // By the API server: an alert may be late, where Storage's answer to the memory before it was lost.
    const [left, right] = [await writtenAt('left'), await writtenAt('right')];
    expect(Math.min(left, right)).toBeGreaterThan(await writtenAt('base'));
    expect(await writtenAt('top')).toBeGreaterThan(Math.max(left, right));
    const available = '{.status.conditions[?(@.type=="Available")].lastTransitionTime}';
    const ready = await world.kubectl('get', 'deployment/web', '-n', 'base', '-o', `jsonpath=${available}`);
    const begun = await world.kubectl('get', 'cm/a', '-n', 'left', '-o', 'jsonpath={.metadata.creationTimestamp}');
    expect(Date.parse(begun)).toBeGreaterThanOrEqual(Date.parse(ready));
    expect(world.diffs).toEqual([]);
  });

  it('are left alone where only what they depend on changed', async () => {
    const before = (await world.find('configmap', 'converge-left', 'left'))?.metadata.resourceVersion;
    const commit = await master.push({ 'manifests/base/a.yaml': configMap('a', { version: '2' }) });
    await convergedAt('base', commit);
    // What the one commit sets off is over by the time that the next one has been through all of it.
    await convergedAt('base', await master.push({ 'manifests/base/a.yaml': configMap('a', { version: '3' }) }));
    await world.allHeard();
    expect(await statusOf('left')).toMatchObject({ state: 'Converged' });
    expect((await world.find('configmap', 'converge-left', 'left'))?.metadata.resourceVersion).toBe(before);
    expect(world.converged.some((alert) => alert.environment === 'left' && alert.revision.endsWith(commit))).toBe(
      false,
    );
  });

  it('wait without a write while that has failed, say so once, heal what they had, and go on when it has mended', async () => {
    const first = await master.push({
      ...environment('platform'),
      ...environment('shop', { dependsOn: ['platform'] }),
      ...environment('resting', { dependsOn: ['platform'] }),
    });
    await convergedAt('shop', first);
    await convergedAt('resting', first);
    const failing = await master.push({
      'manifests/platform/a.yaml': refused,
      'manifests/shop/a.yaml': configMap('a', { version: '2' }),
    });
    await told('platform', 'Failed', failing);
    const blocked = await told('shop', 'Blocked', failing);
    expect(blocked.summary).toMatch(/^waits for platform, which failed: ConfigMap platform\/a: /);
    expect(await statusOf('shop')).toMatchObject({ state: 'Failed', message: blocked.summary });
    expect(await versionIn('shop')).toBe('1');

    await world.kubectl('patch', 'configmap', 'a', '--namespace', 'resting', '--patch', '{"data":{"version":"rogue"}}');
    await world.checkDrift();
    await world.checkDrift();
    await eventually('what did not change is healed all the same', async () => (await versionIn('resting')) === '1');
    expect(world.diffs.filter((alert) => alert.environment === 'shop')).toHaveLength(1);
    expect(await versionIn('shop')).toBe('1');

    const mended = await master.push({ 'manifests/platform/a.yaml': configMap('a', { version: '3' }) });
    const alert = await convergedAt('shop', mended);
    expect(alert).toMatchObject({ incident: blocked.incident, changes: { configured: 1 } });
    expect(await versionIn('shop')).toBe('2');
  });

  it('wait for one that is suspended and never converged, say so in the status, and go on when it runs', async () => {
    await master.push({
      ...environment('later', { suspend: true, selfHeal: false }),
      ...environment('early', { dependsOn: ['later'] }),
    });
    const message = 'waits for later, which is suspended';
    await eventually('it waits', async () => (await statusOf('early'))?.message === message);
    expect(await statusOf('early')).toMatchObject({
      state: 'Converging',
      message,
      policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 },
    });
    expect(await statusOf('later')).toMatchObject({ state: 'Suspended', policy: { suspend: true, selfHeal: false } });
    expect(await world.find('namespace', 'early')).toBeUndefined();
    const commit = await master.push({ 'environments/later.yaml': environmentFile('later', { selfHeal: false }) });
    expect((await convergedAt('later', commit)).policy).toEqual({
      suspend: false,
      selfHeal: false,
      prune: true,
      ignored: 0,
    });
    await convergedAt('early', commit);
  });

  it('are finished by the schedule where a run died between its convergence and its message', async () => {
    await master.push({ ...environment('died', { suspend: true }), ...environment('heir', { dependsOn: ['died'] }) });
    await eventually('it waits', async () => (await statusOf('heir'))?.state === 'Converging');
    const commit = await master.push({ 'environments/died.yaml': environmentFile('died') });
    await convergedAt('died', commit);
    await convergedAt('heir', commit);
    // As the state is when the message was never sent: the one has converged, the other still waits.
    await master.push({
      ...environment('heir', { dependsOn: ['died'] }, '2'),
      ...environment('died', { suspend: true }, '2'),
    });
    await eventually('it waits again', async () => (await statusOf('heir'))?.state === 'Converging');
    const died = stateFile('died', 'memory');
    const memory = JSON.parse((await died.download())[0].toString('utf8')) as {
      converged: { inputs: Record<string, string> };
    };
    const tree = await master.git('rev-parse', 'HEAD:manifests/died');
    await died.save(
      JSON.stringify({
        ...memory,
        converged: { ...memory.converged, inputs: { ...memory.converged.inputs, 'manifests/died': tree } },
      }),
      { resumable: false },
    );
    expect(await versionIn('heir')).toBe('1');
    await world.checkDrift();
    await eventually('the schedule goes on with it', async () => (await versionIn('heir')) === '2');
  });
});

describe('what cannot be', () => {
  it('a loop fails those that are in it, a misspelt name the one that names it, a broken file itself, and no other', async () => {
    const before = world.diffs.length;
    const commit = await master.push({
      ...environment('loop-a', { dependsOn: ['loop-b'] }),
      ...environment('loop-b', { dependsOn: ['loop-c'] }),
      ...environment('loop-c', { dependsOn: ['loop-a'] }),
      ...environment('misspelt', { dependsOn: ['bse'] }),
      'environments/broken.yaml': 'apiVersion: converge.dev/v1\nkind: [',
      ...environment('behind-broken', { dependsOn: ['broken'] }),
      ...environment('bystander', { dependsOn: ['base'] }),
    });
    await convergedAt('bystander', commit);
    for (const name of ['loop-a', 'loop-b', 'loop-c'])
      expect((await told(name, 'Failed', commit)).summary).toContain('loop-a → loop-b → loop-c → loop-a');
    expect((await told('misspelt', 'Failed', commit)).summary).toContain(
      'environments/misspelt.yaml:1: spec.dependsOn.0: there is no environment bse in this repository; did you mean base?',
    );
    expect(await told('broken', 'Failed', commit)).toMatchObject({
      policy: null,
      summary: expect.stringContaining('environments/broken.yaml'),
    });
    expect((await told('behind-broken', 'Blocked', commit)).summary).toContain(
      'broken cannot be read: environments/broken.yaml',
    );
    expect(await statusOf('broken')).toMatchObject({ policy: null, state: 'Failed' });
    const concerned = ['behind-broken', 'broken', 'loop-a', 'loop-b', 'loop-c', 'misspelt'];
    expect([...new Set(world.diffs.slice(before).map((alert) => alert.environment))].toSorted()).toEqual(concerned);

    const mended = await master.push({
      'environments/loop-c.yaml': environmentFile('loop-c'),
      'environments/misspelt.yaml': environmentFile('misspelt', { dependsOn: ['base'] }),
      ...environment('broken'),
    });
    for (const name of concerned) await convergedAt(name, mended);
  });
});
