import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configMap, countWrites, deployment, environmentFile, eventually, startWorld, type Clone, type World } from './world.ts';

let world: World;
let master: Clone;

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
  await deploy('healed', {});
  await deploy('watched', { selfHeal: false });
});
afterAll(async () => {
  await world.stop();
});

async function deploy(name: string, spec: Record<string, unknown>): Promise<void> {
  const secret = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'card' }, stringData: { number: '4111' } });
  const commit = await master.push({
    [`environments/${name}.yaml`]: environmentFile(name, spec),
    [`manifests/${name}/web.yaml`]: deployment('web', 'shop:1.4.2'),
    [`manifests/${name}/settings.yaml`]: configMap('settings', { currency: 'EUR', language: 'de' }),
    [`manifests/${name}/card.yaml`]: secret,
  });
  await eventually(`${name} converged`, () => world.converged.find((alert) => alert.environment === name && alert.revision.endsWith(commit)));
}

/** What the check after a change tells of an environment: its next diff, and the converged that closes it. */
async function nextDiff(environment: string, change: () => Promise<unknown>): Promise<{ diff: World['diffs'][number]; closed: () => Promise<World['converged'][number]> }> {
  const before = world.diffs.length;
  await change();
  await world.checkDrift();
  const diff = await eventually(`${environment} has a diff`, () => world.diffs.slice(before).find((alert) => alert.environment === environment));
  return {
    diff,
    closed: async () => eventually('the incident is closed', () => world.converged.find((alert) => alert.incident === diff.incident)),
  };
}

describe('a check', () => {
  it('of an untouched cluster writes nothing and tells nothing', async () => {
    const kinds = ['configmaps', 'deployments', 'secrets', 'namespaces'];
    const before = { writes: await countWrites(world, kinds), diffs: world.diffs.length, converged: world.converged.length };
    await world.checkDrift();
    await world.checkDrift();
    await sleep(3_000);
    expect({ writes: await countWrites(world, kinds), diffs: world.diffs.length, converged: world.converged.length }).toEqual(before);
  });

  it('names the field, the manager that changed it and since when, heals it, and tells when it is gone', async () => {
    const { diff, closed } = await nextDiff('healed', () => world.kubectl('set', 'image', 'deployment/web', 'web=shop:debug', '--namespace', 'healed'));
    expect(diff).toMatchObject({ reason: 'Drifted', action: 'healing', occurrence: 1, omitted: 0, summary: 'Deployment healed/web: image differs' });
    expect(diff.objects).toMatchObject([{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'healed', name: 'web', change: 'modified' }]);
    const [field] = diff.objects[0]?.fields ?? [];
    expect(field).toMatchObject({ path: '/spec/template/spec/containers[name=web]/image', desired: 'shop:1.4.2', observed: 'shop:debug', manager: 'kubectl-set' });
    expect(Date.parse(field?.changedBefore ?? '')).toBeLessThanOrEqual(Date.parse(diff.since) + 1000);
    expect(diff.objects[0]?.fields).toHaveLength(1);
    await closed();
    expect(JSON.stringify((await world.find('deployment', 'web', 'healed'))?.spec)).toContain('shop:1.4.2');
  });

  it('does not run a Job again that ended and was cleaned up', async () => {
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'import' }, spec: { ttlSecondsAfterFinished: 0, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'import', image: 'import' }] } } } };
    const commit = await master.push({ 'environments/brief.yaml': environmentFile('brief'), 'manifests/brief/job.yaml': JSON.stringify(job), 'manifests/brief/a.yaml': configMap('a', {}) });
    await eventually('brief converged', () => world.converged.find((alert) => alert.environment === 'brief' && alert.revision.endsWith(commit)));
    await eventually('the Job is gone', async () => (await world.find('job', 'import', 'brief')) === undefined);
    const before = { writes: await countWrites(world, ['jobs']), diffs: world.diffs.length };
    await world.checkDrift();
    await sleep(2_500);
    expect(await world.find('job', 'import', 'brief')).toBeUndefined();
    expect({ writes: await countWrites(world, ['jobs']), diffs: world.diffs.length }).toEqual(before);
  });

  it('recreates a deleted object, and does not claim to know who deleted it', async () => {
    const { diff, closed } = await nextDiff('healed', () => world.kubectl('delete', 'configmap', 'settings', '--namespace', 'healed'));
    expect(diff.objects).toEqual([{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'healed', name: 'settings', change: 'missing', message: 'is missing', fields: [] }]);
    await closed();
    expect((await world.find('configmap', 'settings', 'healed'))?.data).toEqual({ currency: 'EUR', language: 'de' });
  });

  it('never shows the value of a Secret', async () => {
    const { diff, closed } = await nextDiff('healed', () => world.kubectl('patch', 'secret', 'card', '--namespace', 'healed', '--patch', '{"stringData":{"number":"6666"}}'));
    expect(diff.objects[0]?.fields).toMatchObject([{ path: '/data/number', desired: '***', observed: '***', manager: 'kubectl-patch' }]);
    expect(JSON.stringify(diff)).not.toContain(Buffer.from('6666').toString('base64'));
    await closed();
  });

  it('finds a field taken over by another manager with another value, and one that was removed', async () => {
    const { diff, closed } = await nextDiff('healed', async () => {
      await world.kubectl('patch', 'configmap', 'settings', '--namespace', 'healed', '--type', 'json', '--patch', '[{"op":"remove","path":"/data/language"},{"op":"replace","path":"/data/currency","value":"USD"}]');
    });
    expect(diff.objects[0]?.fields).toMatchObject([
      { path: '/data/currency', desired: 'EUR', observed: 'USD', manager: 'kubectl-patch' },
      { path: '/data/language', desired: 'de' },
    ]);
    expect(diff.objects[0]?.fields[1]?.manager).toBeUndefined();
    await closed();
  });

  it('leaves alone what Git does not specify: foreign annotations, scaling by status, a restart', async () => {
    const before = world.diffs.length;
    await world.kubectl('annotate', 'deployment', 'web', 'team=claims', '--namespace', 'healed');
    await world.kubectl('label', 'configmap', 'settings', 'team=claims', '--namespace', 'healed');
    await world.checkDrift();
    await sleep(2_500);
    expect(world.diffs.slice(before)).toEqual([]);
    expect((await world.find('deployment', 'web', 'healed'))?.metadata.annotations).toMatchObject({ team: 'claims' });
  });

  it('of an environment that does not heal tells once, changes nothing, and tells when it is gone', async () => {
    const { diff, closed } = await nextDiff('watched', () => world.kubectl('patch', 'configmap', 'settings', '--namespace', 'watched', '--patch', '{"data":{"currency":"USD"}}'));
    expect(diff).toMatchObject({ reason: 'Drifted', action: 'none' });
    const told = world.diffs.length;
    await world.checkDrift();
    await sleep(2_500);
    expect(world.diffs.length).toBe(told);
    expect((await world.find('configmap', 'settings', 'watched'))?.data).toMatchObject({ currency: 'USD' });
    expect(await statusOf('watched')).toMatchObject({ state: 'Diverged', incident: diff.incident });
    await world.kubectl('patch', 'configmap', 'settings', '--namespace', 'watched', '--patch', '{"data":{"currency":"EUR"}}');
    await world.checkDrift();
    await closed();
    expect(await statusOf('watched')).toMatchObject({ state: 'Converged', incident: null });
  });

  it('of an environment that does not heal still applies what is committed, and does not call it converged', async () => {
    const closedBefore = world.converged.filter((alert) => alert.environment === 'watched' && alert.incident !== null);
    const { diff } = await nextDiff('watched', () => world.kubectl('patch', 'configmap', 'settings', '--namespace', 'watched', '--patch', '{"data":{"language":"fr"}}'));
    await master.push({ 'manifests/watched/web.yaml': deployment('web', 'shop:1.5.0') });
    await eventually('the image is the new one', async () => JSON.stringify(await world.find('deployment', 'web', 'watched')).includes('shop:1.5.0'));
    expect((await world.find('configmap', 'settings', 'watched'))?.data).toMatchObject({ language: 'fr' });
    expect(world.converged.filter((alert) => alert.incident === diff.incident)).toEqual(closedBefore);
    await world.kubectl('patch', 'configmap', 'settings', '--namespace', 'watched', '--patch', '{"data":{"language":"de"}}');
    await world.checkDrift();
    await eventually('the incident is closed again', () => world.converged.filter((alert) => alert.incident === diff.incident).length > closedBefore.length);
    expect(diff.occurrence).toBe(2);
  });

  it('finds a push that nobody announced', async () => {
    await deploy('quiet', {});
    const { pipeline } = world;
    await master.git('pull', '--quiet');
    await master.git('remote', 'add', 'disk', pipeline.git.path('master'));
    await master.git('rm', '--quiet', 'manifests/quiet/settings.yaml');
    await master.git('commit', '--quiet', '--message', 'Unannounced');
    await master.git('push', '--quiet', 'disk', 'HEAD:main');
    await world.checkDrift();
    const commit = await master.head();
    const found = await eventually('quiet converged', () => world.converged.find((alert) => alert.environment === 'quiet' && alert.revision.endsWith(commit)));
    expect(found.changes).toEqual({ created: 0, configured: 0, unchanged: 2, pruned: 1 });
  });

  it('whose memory is lost rebuilds it from Git and the cluster without a write, and still finds drift', async () => {
    const { pipeline } = world;
    const memory = pipeline.clients.storage.bucket(pipeline.stateBucket).file('environments/master/healed/memory.json');
    await memory.delete();
    const writes = await countWrites(world, ['configmaps', 'deployments', 'secrets']);
    await world.checkDrift();
    await eventually('the memory is back', async () => (await memory.exists())[0] && (await statusOf('healed'))?.state === 'Converged');
    // The dry runs are counted as applies by the API server: three objects, and nothing else.
    expect((await countWrites(world, ['configmaps', 'deployments', 'secrets'])) - writes).toBeLessThanOrEqual(6);
    await memory.delete();
    const { diff } = await nextDiff('healed', () => world.kubectl('patch', 'configmap', 'settings', '--namespace', 'healed', '--patch', '{"data":{"currency":"CHF"}}'));
    expect(diff.objects[0]?.fields).toMatchObject([{ path: '/data/currency', desired: 'EUR', observed: 'CHF' }]);
  });
});

async function statusOf(environment: string): Promise<{ state: string; incident: string | null } | undefined> {
  const status = (await (await fetch(world.pipeline.facts.status)).json()) as { environments: { name: string; state: string; incident: string | null }[] };
  return status.environments.find(({ name }) => name === environment);
}
