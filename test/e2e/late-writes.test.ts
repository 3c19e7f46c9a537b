import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { fenceOff } from '../../shared/pipeline/common/fence-off.ts';
import { startFaultyProxy, type FaultyProxy } from './faulty-proxy.ts';
import { pushUnheard, startInProcess, type Call, type InProcess } from './in-process.ts';
import { runsOf } from './runs.ts';
import { stateOf } from './state.ts';
import { configMap, environmentFile, startWorld, type Clone, type Files, type World } from './world.ts';

let world: World;
let master: Clone;
let proxy: FaultyProxy;
let stage: InProcess;
const { converge, convergedOf, diffsOf, lastConverged } = runsOf(() => stage);
const { forget } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld({ cluster: 'kubeconfig' });
  proxy = await startFaultyProxy(world.pipeline.kubernetes);
  master = await world.clone();
  stage = await startInProcess(world);
});
afterEach(() => {
  proxy.mend();
});
afterAll(async () => {
  await world.stop();
  await proxy.stop();
});

const push = async (files: Files): Promise<string> => pushUnheard(world, master, files);
const configMaps = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const secret = (name: string, password: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { password } });

function simple(name: string, spec: Record<string, unknown> = {}): Files {
  return {
    [`environments/${name}.yaml`]: environmentFile(name, { deletion: 'prune', ...spec }),
    [`manifests/${name}/a.yaml`]: configMap('a', { v: '1' }),
    [`manifests/${name}/s.yaml`]: secret('s', '1'),
  };
}

/** A release with a hook, and a value that its chart draws. */
function release(name: string): Files {
  const hook = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'before', annotations: { 'helm.sh/hook': 'pre-install,pre-upgrade' } },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'work' }] } } },
  };
  return {
    [`environments/${name}.yaml`]: environmentFile(name, {
      sources: [{ helm: { chart: `charts/${name}`, release: name } }],
    }),
    [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
    [`charts/${name}/templates/before.yaml`]: JSON.stringify(hook),
    [`charts/${name}/templates/a.yaml`]: `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { drawn: "{{ randAlphaNum 20 }}" }\n`,
  };
}

/** Loses the first answer to each write whose path ends so. */
function loseAnswers(...paths: readonly string[]): { lost: string[] } {
  const lost: string[] = [];
  proxy.fail(({ method, path }) => {
    const [resource = ''] = path.split('?');
    const isLost = method !== 'GET' && !path.includes('dryRun') && paths.some((end) => resource.endsWith(end));
    if (!isLost || lost.includes(resource)) return { fault: 'none' };
    lost.push(resource);
    return { fault: 'lost' };
  });
  return { lost };
}

describe('a write whose answer is lost', () => {
  it('is done: what was made is counted, a hook runs once, and nothing is told as failed', async () => {
    await push(release('lost-making'));
    const { lost } = loseAnswers(
      ...['/namespaces/lost-making', '/secrets/converge-lost-making-seed', '/configmaps/converge-lost-making'],
      ...['/jobs/before', '/configmaps/a'],
    );
    expect(await stage.run('lost-making')).toMatchObject({ outcome: 'converged' });
    expect(lost).toHaveLength(5);
    expect(lastConverged('lost-making')).toMatchObject({ changes: { created: 1 }, incident: null });
    expect(diffsOf('lost-making')).toEqual([]);
    expect(await world.find('job', 'before', 'lost-making')).toBeDefined();
  });

  it('is done where it released an object', async () => {
    await push(simple('lost-release', { deletion: 'release' }));
    await converge('lost-release');
    await push({ 'environments/lost-release.yaml': undefined });
    const { lost } = loseAnswers('/namespaces/lost-release/configmaps/a', '/namespaces/lost-release/secrets/s');
    expect(await stage.run('lost-release')).toMatchObject({ outcome: 'removed' });
    expect(lost).toHaveLength(2);
    expect(diffsOf('lost-release')).toEqual([]);
    expect((await world.find('configmap', 'a', 'lost-release'))?.metadata.labels ?? {}).toEqual({});
  });

  it('is done where it deleted an object', async () => {
    await push({ ...simple('lost-prune'), 'manifests/lost-prune/b.yaml': configMap('b', { v: '1' }) });
    await converge('lost-prune');
    await push({ 'manifests/lost-prune/b.yaml': undefined });
    const { lost } = loseAnswers('/namespaces/lost-prune/configmaps/b');
    expect(await stage.run('lost-prune')).toMatchObject({ outcome: 'converged' });
    expect(lost).toHaveLength(1);
    expect(lastConverged('lost-prune')).toMatchObject({ changes: { pruned: 1 } });
    expect(await world.find('configmap', 'b', 'lost-prune')).toBeUndefined();
  });
});

const appliedSchema = z.object({
  resource: z.custom<typeof configMaps>(),
  object: z.custom<KubernetesObject>(),
  dryRun: z.literal(false),
});
type Applied = z.infer<typeof appliedSchema>;

/** Runs an environment, and keeps what it applied of Converge's own, to be sent once more. */
async function keepingOwn(name: string): Promise<Applied[]> {
  const applied: Applied[] = [];
  await stage.run(name, {
    async waits({ name: call, parameters: [parameter] }: Call) {
      const { data } = call === 'cluster.apply' ? appliedSchema.safeParse(parameter) : { data: undefined };
      if (data?.object.metadata.name?.startsWith('converge-') === true) applied.push(data);
    },
  });
  return applied;
}

describe('a write that comes late', () => {
  it('takes nothing away of what a newer run declared or drew', async () => {
    await push(release('late'));
    const late = await keepingOwn('late');
    expect(late.map(({ object }) => object.kind).sort()).toEqual(expect.arrayContaining(['ConfigMap', 'Secret']));
    await push({ 'charts/late/templates/s.yaml': secret('s', '1') });
    await converge('late');
    const before = await ownObjects('late');
    for (const one of late) expect(await stage.cluster.apply(one)).toMatchObject({ outcome: 'rejected', status: 409 });
    expect(await ownObjects('late')).toEqual(before);
  });

  it('makes no parent of a removed environment anew, where it was an update', async () => {
    await push(simple('late-removed'));
    await converge('late-removed');
    await push({ 'manifests/late-removed/a.yaml': configMap('a', { v: '2' }) });
    const late = await keepingOwn('late-removed');
    expect(late.length).toBeGreaterThan(0);
    await push({ 'environments/late-removed.yaml': undefined });
    expect(await stage.run('late-removed')).toMatchObject({ outcome: 'removed' });
    for (const one of late) expect(await stage.cluster.apply(one)).toMatchObject({ outcome: 'rejected' });
    expect(await world.find('configmap', 'converge-late-removed', 'late-removed')).toBeUndefined();
  });

  it.each(['release', 'prune'])(
    'that makes a parent anew after its end (%s) is undone by a later look',
    async (deletion) => {
      const name = `late-made-${deletion}`;
      await push(simple(name, { deletion }));
      const { lost } = loseAnswers(`/configmaps/converge-${name}`);
      const late = (await keepingOwn(name)).filter(({ object }) => object.metadata.uid === undefined);
      expect(lost).toHaveLength(1);
      proxy.mend();
      await push({ [`environments/${name}.yaml`]: undefined });
      expect(await stage.run(name)).toMatchObject({ outcome: 'removed' });
      expect(await stage.run(name)).toMatchObject({ outcome: 'absent' });
      for (const one of late) await stage.cluster.apply(one);
      expect(await world.find('configmap', `converge-${name}`, name)).toBeDefined();
      expect(await stage.run(name)).toMatchObject({ outcome: 'absent' });
      expect(await world.find('configmap', `converge-${name}`, name)).toBeUndefined();
      expect(convergedOf(name).filter(({ policy }) => policy === null)).toHaveLength(1);
      await push(simple(name, { deletion }));
      expect(await stage.run(name)).toMatchObject({ outcome: 'converged' });
    },
  );

  it('is refused once its object is fenced off, which is no drift, and drops nothing', async () => {
    await push(simple('fenced'));
    await converge('fenced');
    const place = { resource: configMaps, namespace: 'fenced', name: 'a' };
    const live = await stage.cluster.get(place);
    if (live === undefined) throw new Error('nothing is there');
    expect(await fenceOff(stage, { resource: configMaps, live, by: 'one' })).toMatchObject({ outcome: 'fenced' });
    const fenced = await stage.cluster.get(place);
    expect(fenced).toMatchObject({ data: live['data'], metadata: { labels: live.metadata.labels } });
    expect(fenced?.metadata.annotations).toEqual({ ...live.metadata.annotations, 'converge.dev/fence': 'one' });
    const { uid = '', resourceVersion = '' } = live.metadata;
    expect(await stage.cluster.delete({ ...place, uid, resourceVersion })).toEqual({ outcome: 'changed' });
    expect(await stage.run('fenced')).toMatchObject({ outcome: 'unchanged' });
    await forget('fenced');
    await converge('fenced');
    expect(diffsOf('fenced')).toEqual([]);
    expect((await stage.cluster.get(place))?.metadata.resourceVersion).toBe(fenced?.metadata.resourceVersion);
    await push({ 'manifests/fenced/a.yaml': configMap('a', { v: '2' }) });
    await converge('fenced');
    expect(await stage.cluster.get(place)).toMatchObject({ data: { v: '2' } });
  });
});

async function ownObjects(name: string): Promise<unknown[]> {
  const parent = await world.find('configmap', `converge-${name}`, name);
  const seed = await world.find('secret', `converge-${name}-seed`, name);
  return [parent?.metadata.annotations, seed];
}

describe('the inventory that somebody writes over', () => {
  it('is put right by the next look, and told: where the memory is lost later, nothing is an orphan', async () => {
    await push(simple('edited'));
    await converge('edited');
    const [before] = await ownObjects('edited');
    await world.kubectl(
      ...['annotate', 'configmap', 'converge-edited', '-n', 'edited', '--overwrite'],
      ...['applyset.kubernetes.io/contains-group-kinds=ConfigMap', 'converge.dev/revision-'],
    );
    expect(await stage.run('edited')).toMatchObject({ outcome: 'unchanged' });
    expect((await ownObjects('edited'))[0]).toEqual(before);
    expect(diffsOf('edited')).toMatchObject([
      { reason: 'Drifted', objects: [{ name: 'converge-edited', fields: [{ manager: 'kubectl-annotate' }, {}] }] },
    ]);
    expect(lastConverged('edited').incident).toBe(diffsOf('edited')[0]?.incident);
    await forget('edited');
    await push({ 'manifests/edited/s.yaml': undefined });
    await converge('edited');
    expect(await world.find('secret', 's', 'edited')).toBeUndefined();
  });
});
