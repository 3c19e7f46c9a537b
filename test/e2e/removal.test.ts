import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Killed, pushUnheard, startInProcess, type Call, type InProcess } from './in-process.ts';
import { stateOf } from './state.ts';
import { objectsOf } from './objects.ts';
import { runsOf } from './runs.ts';
import {
  configMap,
  deployment,
  environment,
  environmentFile,
  eventually,
  lookUntil,
  manifest,
  startWorld,
  type Clone,
  type Files,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
let stage: InProcess;
const { converge, convergedOf, lastConverged, lastDiff } = runsOf(() => stage);
const { operationsOf } = objectsOf(() => world);
const { expireLease, outliveLateCreations } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  stage = await startInProcess(world);
  await push({ 'README.md': 'Family Insurance' });
});
afterAll(async () => {
  await world.stop();
});

const push = async (files: Files): Promise<string> => pushUnheard(world, master, files);
const withoutFile = (name: string): Files => ({ [`environments/${name}.yaml`]: undefined });

async function stateFiles(name: string): Promise<string[]> {
  const [files] = await world.pipeline.clients.storage
    .bucket(world.pipeline.stateBucket)
    .getFiles({ prefix: `environments/master/${name}/` });
  return files.map((file) => file.name);
}

/** Refs of environments, as git lists them at the host. */
const refsOf = async (name: string): Promise<string> => master.git('ls-remote', 'origin', `refs/converge/${name}`);

const hook = (name: string, events: string, annotations: Record<string, string> = {}, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations: { 'helm.sh/hook': events, ...annotations } },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'work' }] } }, ...spec },
  });

describe('an environment whose file is removed', () => {
  it("releases its objects: they stay as they are, and are nobody's; a file that comes back adopts them", async () => {
    const files = {
      ...manifest('left', 'web', deployment('web', 'shop:1')),
      ...manifest('left', 'a', configMap('a', { v: '1', w: '2' }, { labels: { team: 'claims' } })),
    };
    await push({ ...environment('left'), ...files });
    await converge('left');
    const before = {
      web: await world.find('deployment', 'web', 'left'),
      a: await world.find('configmap', 'a', 'left'),
    };
    expect(await refsOf('left')).toContain(await master.head());
    await push(withoutFile('left'));
    expect(await stage.run('left')).toMatchObject({ outcome: 'removed' });
    const after = { web: await world.find('deployment', 'web', 'left'), a: await world.find('configmap', 'a', 'left') };
    expect(after.web?.spec).toEqual(before.web?.spec);
    expect(after.a?.data).toEqual({ v: '1', w: '2' });
    expect(after.a?.metadata.uid).toBe(before.a?.metadata.uid);
    expect(after.a?.metadata.labels).toEqual({ team: 'claims' });
    expect(after.a?.metadata.annotations).toBeUndefined();
    expect(await operationsOf('configmap', 'a', 'left')).toEqual(['converge-released Update']);
    expect(await world.find('configmap', 'converge-left', 'left')).toBeUndefined();
    expect(lastConverged('left')).toMatchObject({
      cluster: 'sandbox',
      changes: { created: 0, configured: 0, unchanged: 0, pruned: 0, released: 2 },
    });
    expect(await stateFiles('left')).toEqual([]);
    expect(await refsOf('left')).toBe('');
    // Whoever asks again finds nothing to do, and leaves nothing behind.
    expect(await stage.run('left')).toEqual({ outcome: 'absent' });
    expect(await stateFiles('left')).toEqual([]);

    await push({
      ...environment('left'),
      ...manifest('left', 'a', configMap('a', { v: '1' }, { labels: { team: 'claims' } })),
    });
    await converge('left');
    const back = await world.find('configmap', 'a', 'left');
    expect(back?.metadata.uid).toBe(before.a?.metadata.uid);
    expect(back?.data).toEqual({ v: '1' });
    expect(await operationsOf('configmap', 'a', 'left')).toEqual(['converge Apply']);
    expect((await world.find('deployment', 'web', 'left'))?.metadata.uid).toBe(before.web?.metadata.uid);
    expect(await stage.run('left')).toMatchObject({ outcome: 'unchanged' });
  });

  it('with spec.deletion: prune deletes them between its hooks, all but what is precious or kept, and its state', async () => {
    const chart = (file: string, content: string): Files => ({ [`charts/doomed/templates/${file}.yaml`]: content });
    await push({
      ...environment('doomed', {
        deletion: 'prune',
        sources: [{ helm: { chart: 'charts/doomed', release: 'doomed' } }],
      }),
      'charts/doomed/Chart.yaml': 'apiVersion: v2\nname: doomed\nversion: 1.0.0\n',
      ...chart('a', configMap('settings', {})),
      ...chart('web', deployment('web', 'shop:1')),
      ...chart('kept', configMap('kept', {}, { annotations: { 'helm.sh/resource-policy': 'keep' } })),
      ...chart(
        'secret',
        'apiVersion: v1\nkind: Secret\nmetadata: { name: drawn }\nstringData: { password: "{{ randAlphaNum 8 }}" }\n',
      ),
      ...chart('ns', JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'doomed-extra' } })),
      ...chart('before', hook('say-goodbye', 'pre-delete')),
      ...chart('after', hook('sweep', 'post-delete', { 'helm.sh/hook-delete-policy': 'hook-succeeded' })),
      ...chart('first', hook('install', 'pre-install')),
    });
    await converge('doomed');
    expect(await world.find('job', 'say-goodbye', 'doomed')).toBeUndefined();
    expect((await world.find('configmap', 'converge-doomed', 'doomed'))?.metadata.annotations).toMatchObject({
      'converge.dev/deletion': 'prune',
    });
    await push({ ...withoutFile('doomed'), 'charts/doomed': undefined });
    const calls: string[] = [];
    const seen = async ({ name, parameters }: Call): Promise<void> => {
      const { object, name: deleted } = (parameters[0] ?? {}) as {
        object?: { metadata: { name: string } };
        name?: string;
      };
      if (name === 'cluster.apply') calls.push(`apply ${object?.metadata.name ?? ''}`);
      if (name === 'cluster.delete') calls.push(`delete ${deleted ?? ''}`);
    };
    expect(await stage.run('doomed', { waits: seen })).toMatchObject({ outcome: 'removed' });
    const order = calls.filter((call) => !call.includes('converge-doomed'));
    expect(order.slice(0, 2)).toEqual(['apply say-goodbye', 'delete web']);
    expect(order.slice(2, 4).toSorted()).toEqual(['delete drawn', 'delete settings']);
    expect(order.slice(4)).toEqual(['apply sweep', 'delete sweep', 'delete say-goodbye', 'delete install']);
    expect(calls.slice(-2)).toEqual(['delete converge-doomed-seed', 'delete converge-doomed']);
    expect(lastConverged('doomed').changes).toEqual({
      created: 0,
      configured: 0,
      unchanged: 0,
      pruned: 3,
      released: 2,
    });
    expect(lastDiff('doomed')).toMatchObject({
      reason: 'Guarded',
      action: 'none',
      objects: [
        { kind: 'Namespace', name: 'doomed-extra', message: expect.stringContaining('is released, not deleted') },
      ],
    });
    expect(lastConverged('doomed').incident).toBe(lastDiff('doomed').incident);
    expect((await world.find('configmap', 'kept', 'doomed'))?.metadata.labels).toBeUndefined();
    expect(await world.find('secret', 'converge-doomed-seed', 'doomed')).toBeUndefined();
    expect(await world.find('namespace', 'doomed')).toBeDefined();
    expect(await stateFiles('doomed')).toEqual([]);
  });

  it('follows the last version of its file, also where no run has seen that', async () => {
    await push({ ...environment('changed', { deletion: 'prune' }), ...manifest('changed', 'a', configMap('a', {})) });
    await converge('changed');
    await push(environment('changed', { deletion: 'release' }));
    await push(withoutFile('changed'));
    expect(await stage.run('changed')).toMatchObject({ outcome: 'removed' });
    expect(await world.find('configmap', 'a', 'changed')).toBeDefined();
  });

  it('whose pre-delete hook fails deletes nothing, is told, and goes on once it runs', async () => {
    const failing = {
      activeDeadlineSeconds: 1,
      template: {
        spec: {
          restartPolicy: 'Never',
          nodeSelector: { no: 'such-node' },
          containers: [{ name: 'work', image: 'work' }],
        },
      },
    };
    await push({
      ...environment('stuck', { deletion: 'prune' }),
      ...manifest('stuck', 'a', configMap('a', {})),
      ...manifest('stuck', 'hook', hook('goodbye', 'pre-delete', {}, failing)),
    });
    await converge('stuck');
    await push(withoutFile('stuck'));
    expect(await stage.run('stuck')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('the Helm hook pre-delete of release (manifests) failed'),
    });
    expect(await world.find('configmap', 'a', 'stuck')).toBeDefined();
    await push({
      ...environment('stuck', { deletion: 'prune' }),
      ...manifest('stuck', 'hook', hook('goodbye', 'pre-delete')),
    });
    await converge('stuck');
    await push(withoutFile('stuck'));
    expect(await stage.run('stuck')).toMatchObject({ outcome: 'removed' });
    expect(await world.find('configmap', 'a', 'stuck')).toBeUndefined();
  });

  it('leaves what another environment wants to that', async () => {
    await push({
      ...environment('giver', { namespace: 'given', deletion: 'prune' }),
      ...manifest('giver', 'a', configMap('a', {})),
      ...manifest('giver', 'b', configMap('b', {})),
    });
    await push({ ...environment('taker', { namespace: 'given' }), ...manifest('taker', 'c', configMap('c', {})) });
    await converge('giver', 'taker');
    const uid = (await world.find('configmap', 'a', 'given'))?.metadata.uid;
    await push({ ...withoutFile('giver'), ...manifest('taker', 'a', configMap('a', { of: 'taker' })) });
    expect(await stage.run('giver')).toMatchObject({ outcome: 'removed' });
    expect(await world.find('configmap', 'b', 'given')).toBeUndefined();
    await converge('taker');
    const taken = await world.find('configmap', 'a', 'given');
    expect(taken).toMatchObject({ metadata: { uid }, data: { of: 'taker' } });
    expect(taken?.metadata.annotations).toMatchObject({ 'converge.dev/environment': 'master/taker' });
  });

  it.each(['release', 'prune'])('by %s, and killed at any call, is finished by the next run', async (deletion) => {
    const name = `cut-${deletion}`;
    const own = Object.assign(
      {},
      ...[0, 1, 2].map((index) => manifest(name, `m${index}`, configMap(`m${index}`, {}))),
    ) as Files;
    await push({
      ...environment(name, { deletion }),
      ...own,
      ...manifest(name, 'hook', hook('goodbye', 'pre-delete')),
    });
    await converge(name);
    await push(withoutFile(name));
    for (let at = 3; ; at += 3) {
      const ended = await stage.run(name, { dies: ({ count }) => count === at }).catch((error: unknown) => error);
      await expireLease(name);
      if (ended instanceof Killed) continue;
      expect(ended).toMatchObject({ outcome: expect.stringMatching(/^(removed|absent)$/) });
      break;
    }
    await outliveLateCreations(name);
    expect(await stage.run(name)).toEqual({ outcome: 'absent' });
    expect(await stateFiles(name)).toEqual([]);
    expect(await world.find('configmap', `converge-${name}`, name)).toBeUndefined();
    for (const object of ['m0', 'm1', 'm2']) {
      const left = await world.find('configmap', object, name);
      expect(deletion === 'prune' ? left : left?.metadata.labels).toBeUndefined();
      expect(left === undefined).toBe(deletion === 'prune');
    }
    expect(convergedOf(name)).toHaveLength(2);
  });

  it('is left alone where the folder vanished with all of them, and where a link took its place', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `fleet-${index}`);
    const fleet = Object.assign(
      {},
      ...names.map((name) => ({
        ...environment(name, { namespace: 'fleet', deletion: 'prune' }),
        ...manifest(name, 'a', configMap(name, {})),
      })),
    ) as Files;
    await push(fleet);
    await converge(...names);
    const files = (await master.git('ls-files', 'environments')).split('\n').filter((path) => path !== '');
    await push(Object.fromEntries(files.map((path) => [path, undefined])));
    expect(await stage.run('fleet-0')).toMatchObject({
      outcome: 'diverged',
      reason: 'Guarded',
      summary: expect.stringContaining('environments are gone at once, more than half'),
    });
    expect(await world.find('configmap', 'fleet-0', 'fleet')).toBeDefined();
    await push(
      Object.fromEntries(
        Object.entries(fleet).filter(([path]) => path.startsWith('environments/') && !path.includes('fleet-0')),
      ),
    );
    await master.git('fetch', '--quiet', 'origin');
    expect(await stage.run('fleet-0')).toMatchObject({ outcome: 'removed' });
    await push(withoutFile('fleet-1'));
    await master.git('rm', '--quiet', '--cached', '--ignore-unmatch', 'environments/fleet-1.yaml');
    const blob = await master.git('rev-parse', 'HEAD:README.md');
    await master.git('update-index', '--add', '--cacheinfo', `120000,${blob},environments/fleet-1.yaml`);
    await master.git('commit', '--quiet', '--message', 'A link');
    await master.git('push', '--quiet', 'origin', 'main');
    expect(await stage.run('fleet-1')).toMatchObject({
      outcome: 'diverged',
      reason: 'Guarded',
      summary: expect.stringContaining('is a symlink, and no file'),
    });
  });

  it('whose first render failed takes its seed with it', async () => {
    const broken = {
      'charts/seedy/Chart.yaml': 'apiVersion: v2\nname: seedy\nversion: 1.0.0\n',
      'charts/seedy/templates/a.yaml': '{{ randAlphaNum 8 }}{{ fail "there is no such office" }}',
    };
    await push({
      ...environment('seedy', { sources: [{ helm: { chart: 'charts/seedy', release: 'seedy' } }] }),
      ...broken,
    });
    expect(await stage.run('seedy')).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    const seeds = async () =>
      JSON.parse(await world.kubectl('get', 'secrets', '--namespace', 'seedy', '--output', 'json')) as {
        items: unknown[];
      };
    expect((await seeds()).items).toHaveLength(1);
    await push(withoutFile('seedy'));
    expect(await stage.run('seedy')).toMatchObject({ outcome: expect.stringMatching(/^(removed|absent)$/) });
    expect((await seeds()).items).toEqual([]);
  });

  it('is left alone where the folder of all files became something else', async () => {
    const name = 'folder';
    await push({ ...environment(name, { deletion: 'prune' }), ...manifest(name, 'a', configMap('kept', {})) });
    await converge(name);
    const [blob, commit] = [await master.git('rev-parse', 'HEAD:README.md'), await master.git('rev-parse', 'HEAD')];
    for (const [kind, entry] of [
      ['submodule', `160000,${commit}`],
      ['symlink', `120000,${blob}`],
      ['file', `100644,${blob}`],
    ]) {
      await master.git('rm', '--quiet', '-r', '--cached', 'environments');
      await master.git('update-index', '--add', '--cacheinfo', `${entry},environments`);
      await master.git('commit', '--quiet', '--message', `A ${kind}`);
      await master.git('push', '--quiet', 'origin', 'main');
      expect(await stage.run(name)).toMatchObject({
        outcome: 'diverged',
        reason: 'Guarded',
        summary: expect.stringContaining(`environments: is a ${kind}, and no folder`),
      });
    }
    await master.git('rm', '--quiet', '--cached', 'environments');
    await master.git('checkout', '--quiet', commit, '--', 'environments');
    await master.git('commit', '--quiet', '--message', 'The folder');
    await master.git('push', '--quiet', 'origin', 'main');
    expect(await world.find('configmap', 'kept', name)).toBeDefined();
  });

  it('is found by a commit and by the schedule, though no job names it', async () => {
    const announced = await world.clone();
    await announced.push({ ...environment('heard'), ...manifest('heard', 'a', configMap('a', {})) });
    await eventually('it converged', () => world.converged.find((alert) => alert.environment === 'heard'));
    await announced.push(withoutFile('heard'));
    const end = await eventually('its end is told', () =>
      world.converged.find((alert) => alert.environment === 'heard' && alert.changes.released !== undefined),
    );
    expect(end.changes.released).toBe(1);
    await announced.push(environment('heard'));
    await eventually('it is back', () => world.converged.filter((alert) => alert.environment === 'heard').length === 3);
    await push(withoutFile('heard'));
    await lookUntil(world, 'the schedule finds it gone', async () => (await stateFiles('heard')).length === 0);
  });
});

describe('a roll-out of several runs', () => {
  it('is told with the changes of all of them, wherever it was killed', async () => {
    const files = Object.assign(
      {},
      ...['a', 'b', 'c'].map((name) => manifest('counted', name, configMap(name, {}))),
    ) as Files;
    await push({ ...environment('counted'), ...files });
    for (let at = 3; ; at += 3) {
      const ended = await stage.run('counted', { dies: ({ count }) => count === at }).catch((error: unknown) => error);
      await expireLease('counted');
      if (ended instanceof Killed) continue;
      expect(ended).toMatchObject({ outcome: expect.stringMatching(/^(converged|unchanged)$/) });
      break;
    }
    for (const told of convergedOf('counted'))
      expect(told.changes).toMatchObject({ created: 3, configured: 0, unchanged: 0, pruned: 0 });
    expect(convergedOf('counted').length).toBeGreaterThan(0);
  });
});

describe('an environment that is renamed', () => {
  const chart = (name: string): Files => ({
    [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    [`charts/${name}/templates/a.yaml`]: configMap('settings', {}),
    [`charts/${name}/templates/gone.yaml`]: configMap('stale', {}),
    [`charts/${name}/templates/secret.yaml`]:
      'apiVersion: v1\nkind: Secret\nmetadata: { name: drawn }\nstringData: { password: "{{ randAlphaNum 8 }}" }\n',
    [`charts/${name}/templates/hook.yaml`]: hook('migrate', 'pre-install,pre-upgrade'),
  });
  const spec = { namespace: 'renamed', sources: [{ helm: { chart: 'charts/renamed', release: 'shop' } }] };
  const named = (name: string, previousNames: string[] = [], more: Record<string, unknown> = {}): Files => {
    const file = JSON.parse(environmentFile(name, { ...spec, ...more })) as { metadata: Record<string, unknown> };
    return { [`environments/${name}.yaml`]: JSON.stringify({ ...file, metadata: { name, previousNames } }) };
  };
  const uidOf = async (kind: string, name: string): Promise<string | undefined> =>
    (await world.find(kind, name, 'renamed'))?.metadata.uid;

  it('takes everything over: its objects, its hooks that have run, its random values; and the old parent goes', async () => {
    await push({ ...named('old-name'), ...chart('renamed') });
    await converge('old-name');
    const before = {
      settings: await uidOf('configmap', 'settings'),
      migrate: await uidOf('job', 'migrate'),
      password: (await world.find('secret', 'drawn', 'renamed'))?.data,
    };
    await push({ ...withoutFile('old-name'), ...named('new-name', ['old-name']) });
    // The old one's job leaves everything to the new one, whichever comes first.
    expect(await stage.run('old-name')).toEqual({ outcome: 'absent' });
    expect(await uidOf('configmap', 'converge-old-name')).toBeDefined();
    await converge('new-name');
    expect({
      settings: await uidOf('configmap', 'settings'),
      migrate: await uidOf('job', 'migrate'),
      password: (await world.find('secret', 'drawn', 'renamed'))?.data,
    }).toEqual(before);
    expect((await world.find('configmap', 'settings', 'renamed'))?.metadata.annotations).toMatchObject({
      'converge.dev/environment': 'master/new-name',
    });
    expect(await uidOf('configmap', 'converge-old-name')).toBeUndefined();
    expect(await uidOf('secret', 'converge-old-name-seed')).toBeUndefined();
    expect(await uidOf('secret', 'converge-new-name-seed')).toBeDefined();
    expect(await stateFiles('old-name')).toEqual([]);
    expect(await stage.run('new-name')).toMatchObject({ outcome: 'unchanged' });
    // A later change upgrades the release, over the hook that ran under the old name.
    await push({ 'charts/renamed/templates/a.yaml': configMap('settings', { v: '2' }) });
    await converge('new-name');
    expect(await uidOf('job', 'migrate')).not.toBe(before.migrate);
  });

  it('prunes what it no longer renders of what it had under its old name, and is finished when it was killed anywhere', async () => {
    const own = (of: string): Files => ({
      ...manifest('moved', 'a', configMap('moved-a', { of })),
      ...manifest('moved', 'b', configMap('moved-b', {})),
    });
    const more = { sources: [{ manifests: 'manifests/moved' }] };
    await push({ ...named('first', [], more), ...own('first'), ...manifest('moved', 'c', configMap('moved-c', {})) });
    await converge('first');
    const uid = await uidOf('configmap', 'moved-a');
    await push({
      ...withoutFile('first'),
      ...named('second', ['first'], more),
      ...own('second'),
      'manifests/moved/c.yaml': undefined,
    });
    for (let at = 3; ; at += 5) {
      const ended = await stage.run('second', { dies: ({ count }) => count === at }).catch((error: unknown) => error);
      await expireLease('second');
      await expireLease('first');
      if (ended instanceof Killed) continue;
      expect(ended, JSON.stringify({ at, ended })).toMatchObject({
        outcome: expect.stringMatching(/^(converged|unchanged)$/),
      });
      break;
    }
    expect(await uidOf('configmap', 'moved-a')).toBe(uid);
    expect(await uidOf('configmap', 'moved-c')).toBeUndefined();
    expect(await uidOf('configmap', 'converge-first')).toBeUndefined();
    await outliveLateCreations('first');
    expect(await stage.run('first')).toEqual({ outcome: 'absent' });
    expect(await stateFiles('first')).toEqual([]);
    expect(await stage.run('second')).toMatchObject({ outcome: 'unchanged' });
  });

  it('is refused while the old file is there, or another one claims that name, and names it', async () => {
    await push({
      ...named('still-there', [], { sources: [{ manifests: 'manifests/claimed' }] }),
      ...manifest('claimed', 'a', configMap('claimed', {})),
    });
    await converge('still-there');
    await push(named('claims-one', ['still-there'], { sources: [{ manifests: 'manifests/claimed' }] }));
    expect(await stage.run('claims-one')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('environment still-there is still there, in environments/still-there.yaml'),
    });
    await push({
      ...withoutFile('still-there'),
      ...named('claims-two', ['still-there'], { sources: [{ manifests: 'manifests/claimed' }] }),
    });
    expect(await stage.run('claims-one')).toMatchObject({
      outcome: 'diverged',
      reason: 'Failed',
      summary: expect.stringContaining('still-there is a previous name of claims-two, too'),
    });
    expect(await stage.run('still-there')).toEqual({ outcome: 'absent' });
    expect((await world.find('configmap', 'claimed', 'renamed'))?.metadata.annotations).toMatchObject({
      'converge.dev/environment': 'master/still-there',
    });
    await push(withoutFile('claims-two'));
    await converge('claims-one');
  });
});
