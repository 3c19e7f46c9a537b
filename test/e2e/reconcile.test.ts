import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePersonsRequest, type PersonsRequest } from '../../shared/events/reconcile-requested.ts';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import {
  configMap,
  countWrites,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  type Clone,
  type World,
} from './world.ts';

let world: World;
let master: Clone;
const { convergedAt, diffAt } = alertsOf(() => world);
const { checked, statusOf } = stateOf(() => world);

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
});
afterAll(async () => {
  await world.stop();
});

/** As a person does, by whatever way they ask. */
async function ask(environment: string, request: PersonsRequest): Promise<void> {
  const of = { repository: 'master', environment, request, nonce: randomUUID(), time: new Date() };
  const { id, type, source, subject, data } = encodePersonsRequest(of);
  await world.pipeline.clients.pubsub.topic('reconcile').publishMessage({
    json: data,
    attributes: {
      ...{ 'ce-specversion': '1.0', 'ce-id': id, 'ce-type': type, 'ce-source': source },
      ...{ 'ce-subject': subject, 'content-type': 'application/json' },
    },
  });
}

describe('a commit', () => {
  it('deploys a Helm chart, a Kustomize overlay and plain YAML together, definitions first', async () => {
    const commit = await master.push({
      'environments/mixed.yaml': environmentFile('mixed', {
        sources: [
          { manifests: 'manifests/mixed' },
          { helm: { chart: 'charts/web', release: 'web', values: ['config/mixed.yaml'] } },
          { kustomize: 'overlays/mixed' },
        ],
      }),
      'charts/web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.0.0\n',
      'charts/web/templates/web.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: {{ .Release.Name }} }\nspec:\n  replicas: {{ .Values.replicas }}\n  selector: { matchLabels: { app: web } }\n  template:\n    metadata: { labels: { app: web } }\n    spec: { containers: [{ name: web, image: "shop:1.0" }] }\n',
      'charts/web/templates/test.yaml':
        'apiVersion: v1\nkind: Pod\nmetadata: { name: web-test, annotations: { helm.sh/hook: test } }\nspec: { containers: [{ name: t, image: t }] }\n',
      'charts/web/crds/tariffs.yaml':
        'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: tariffs.family.example }\nspec:\n  group: family.example\n  scope: Namespaced\n  names: { kind: Tariff, plural: tariffs }\n  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }]\n',
      'config/mixed.yaml': 'replicas: 3\n',
      'bases/claims/kustomization.yaml': 'resources: [claims.yaml]\n',
      'bases/claims/claims.yaml': configMap('claims', { limit: '10' }),
      'overlays/mixed/kustomization.yaml': 'resources: [../../bases/claims]\nnameSuffix: -mixed\n',
      'manifests/mixed/tariff.yaml':
        'apiVersion: family.example/v1\nkind: Tariff\nmetadata: { name: basic }\nspec: { premium: 9007199254740993 }\n',
      'manifests/mixed/job.yaml':
        'apiVersion: batch/v1\nkind: Job\nmetadata: { name: import }\nspec: { template: { spec: { restartPolicy: Never, containers: [{ name: import, image: import }] } } }\n',
    });
    const { changes } = await convergedAt('mixed', commit);
    expect(changes).toEqual({ created: 5, configured: 0, unchanged: 0, pruned: 0 });
    expect((await world.find('deployment', 'web', 'mixed'))?.spec['replicas']).toBe(3);
    expect((await world.find('configmap', 'claims-mixed', 'mixed'))?.data).toEqual({ limit: '10' });
    expect(await world.kubectl('get', 'tariff', 'basic', '--namespace', 'mixed', '--output', 'json')).toContain(
      '"premium": 9007199254740993',
    );
    expect(await world.find('pod', 'web-test', 'mixed')).toBeUndefined();
    const parent = await world.find('configmap', 'converge-mixed', 'mixed');
    expect(parent?.metadata.annotations).toMatchObject({
      'applyset.kubernetes.io/tooling': 'converge/v1',
      'applyset.kubernetes.io/contains-group-kinds':
        'ConfigMap,CustomResourceDefinition.apiextensions.k8s.io,Deployment.apps,Job.batch,Tariff.family.example',
      'converge.dev/revision': `main@sha1:${commit}`,
    });
  });

  it('moves only the environments it affects, and a base of an overlay is one of its inputs', async () => {
    await convergedAt(
      'other',
      await master.push({
        'environments/other.yaml': environmentFile('other'),
        'manifests/other/a.yaml': configMap('a', { v: '1' }),
      }),
    );
    const before = world.converged.length;
    const commit = await master.push({ 'bases/claims/claims.yaml': configMap('claims', { limit: '20' }) });
    expect((await convergedAt('mixed', commit)).changes).toEqual({
      created: 0,
      configured: 1,
      unchanged: 4,
      pruned: 0,
    });
    expect(world.converged.slice(before).map((alert) => alert.environment)).toEqual(['mixed']);
  });

  it('prunes what it no longer specifies, and leaves alone what opted out', async () => {
    const files = {
      'environments/pruned.yaml': environmentFile('pruned'),
      'manifests/pruned/stays.yaml': configMap('stays', {}),
    };
    const keep = configMap('kept', {}, { annotations: { 'converge.dev/prune': 'false' } });
    await convergedAt(
      'pruned',
      await master.push({
        ...files,
        'manifests/pruned/goes.yaml': configMap('goes', {}),
        'manifests/pruned/kept.yaml': keep,
      }),
    );
    const commit = await master.push({
      'manifests/pruned/goes.yaml': undefined,
      'manifests/pruned/kept.yaml': undefined,
    });
    expect((await convergedAt('pruned', commit)).changes).toEqual({
      created: 0,
      configured: 0,
      unchanged: 1,
      pruned: 1,
    });
    expect(await world.find('configmap', 'goes', 'pruned')).toBeUndefined();
    expect(await world.find('configmap', 'kept', 'pruned')).toBeDefined();
    const writes = await countWrites(world, ['configmaps']);
    await checked();
    expect(await countWrites(world, ['configmaps'])).toBe(writes);
  });

  it("whose chart does not render prunes nothing, and its diff says Failed with Helm's own words", async () => {
    const chart = {
      'charts/broken/Chart.yaml': 'apiVersion: v2\nname: broken\nversion: 1.0.0\n',
      'charts/broken/templates/a.yaml': configMap('a', {}),
    };
    const environment = environmentFile('broken', {
      sources: [{ helm: { chart: 'charts/broken', release: 'broken' } }],
    });
    await convergedAt('broken', await master.push({ ...chart, 'environments/broken.yaml': environment }));
    const commit = await master.push({ 'charts/broken/templates/a.yaml': '{{ fail "no tariff for this customer" }}' });
    const diff = await diffAt('broken', commit);
    expect(diff).toMatchObject({ reason: 'Failed', action: 'none', occurrence: 1 });
    expect(diff.summary).toContain('no tariff for this customer');
    expect(await world.find('configmap', 'a', 'broken')).toBeDefined();
    const mended = await master.push({ 'charts/broken/templates/a.yaml': configMap('a', { mended: 'yes' }) });
    expect((await convergedAt('broken', mended)).incident).toBe(diff.incident);
  });

  it('that renders to nothing is refused, and nothing is pruned', async () => {
    await convergedAt(
      'empty',
      await master.push({
        'environments/empty.yaml': environmentFile('empty'),
        'manifests/empty/a.yaml': configMap('a', {}),
      }),
    );
    const commit = await master.push({ 'manifests/empty/a.yaml': '# nothing left\n' });
    expect(await diffAt('empty', commit)).toMatchObject({ reason: 'Guarded' });
    expect(await world.find('configmap', 'a', 'empty')).toBeDefined();
    // Nothing in the repository is pruned that it may want.
    await master.push({ 'environments/empty.yaml': undefined });
  });

  it('with a broken environment file stops only that environment, and the diff names file, line and key', async () => {
    const commit = await master.push({
      'environments/fine.yaml': environmentFile('fine'),
      'manifests/fine/a.yaml': configMap('a', {}),
      'environments/wrong.yaml':
        'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: wrong }\nspec:\n  cluster: sandbox\n  namespace: wrong\n  sorces: []\n',
    });
    expect((await diffAt('wrong', commit)).summary).toContain('environments/wrong.yaml:7: spec.sorces: unknown key');
    await convergedAt('fine', commit);
    await master.push({ 'environments/wrong.yaml': undefined });
  });

  it('reports every object that fails, and applies the others', async () => {
    const commit = await master.push({
      'environments/partly.yaml': environmentFile('partly'),
      'manifests/partly/fine.yaml': configMap('fine', {}),
      'manifests/partly/invalid.yaml':
        'apiVersion: v1\nkind: Service\nmetadata: { name: invalid }\nspec: { ports: [{ port: 99999 }] }\n',
      'manifests/partly/unknown.yaml': 'apiVersion: nowhere.example/v1\nkind: Thing\nmetadata: { name: unknown }\n',
    });
    const diff = await diffAt('partly', commit);
    expect(diff.objects.map(({ kind, name, change }) => ({ kind, name, change }))).toEqual([
      { kind: 'Service', name: 'invalid', change: 'failed' },
      { kind: 'Thing', name: 'unknown', change: 'failed' },
    ]);
    expect(diff.objects[0]?.message).toContain('must be between 1 and 65535');
    expect(diff.objects[1]?.message).toContain('does not serve Thing');
    expect(await world.find('configmap', 'fine', 'partly')).toBeDefined();
  });

  it('does not steal an object of another environment, and names the owner', async () => {
    await convergedAt(
      'owner',
      await master.push({
        'environments/owner.yaml': environmentFile('owner'),
        'manifests/owner/a.yaml': configMap('a', { of: 'owner' }, { namespace: 'shared' }),
        'manifests/owner/namespace.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shared }\n',
      }),
    );
    const commit = await master.push({
      'environments/thief.yaml': environmentFile('thief'),
      'manifests/thief/a.yaml': configMap('a', { of: 'thief' }, { namespace: 'shared' }),
    });
    expect((await diffAt('thief', commit)).objects[0]?.message).toContain('environment master/owner');
    expect((await world.find('configmap', 'a', 'shared'))?.data).toEqual({ of: 'owner' });
  });

  it('whose roll-out does not become healthy in time is Unhealthy, and a newer commit supersedes the wait', async () => {
    const stuck = deployment('web', 'shop:1', { nodeSelector: { no: 'such-node' } });
    const environment = environmentFile('stuck', { timeout: '3s' });
    const commit = await master.push({ 'environments/stuck.yaml': environment, 'manifests/stuck/web.yaml': stuck });
    const diff = await diffAt('stuck', commit);
    expect(diff).toMatchObject({
      reason: 'Unhealthy',
      objects: [{ kind: 'Deployment', name: 'web', change: 'unhealthy' }],
    });
    const patient = await master.push({ 'environments/stuck.yaml': environmentFile('stuck', { timeout: '10m' }) });
    await eventually('the run waits', async () => (await statusOf('stuck'))?.health === 'Progressing');
    const mended = await master.push({ 'manifests/stuck/web.yaml': deployment('web', 'shop:2') });
    await convergedAt('stuck', mended);
    expect(world.converged.some((alert) => alert.revision.endsWith(patient))).toBe(false);
  });

  it('that adds one file under environments deploys a new customer and touches nothing else', async () => {
    await convergedAt(
      'first',
      await master.push({
        'environments/first.yaml': environmentFile('first', { sources: [{ manifests: 'manifests/shop' }] }),
        'manifests/shop/a.yaml': configMap('a', {}),
      }),
    );
    const before = world.converged.length;
    const writes = (await world.find('configmap', 'a', 'first'))?.metadata.resourceVersion;
    const commit = await master.push({
      'environments/second.yaml': environmentFile('second', { sources: [{ manifests: 'manifests/shop' }] }),
    });
    await convergedAt('second', commit);
    expect(await world.find('configmap', 'a', 'second')).toBeDefined();
    expect(world.converged.slice(before).map((alert) => alert.environment)).toEqual(['second']);
    expect((await world.find('configmap', 'a', 'first'))?.metadata.resourceVersion).toBe(writes);
  });

  it('that reverts an earlier one brings the cluster back', async () => {
    const environment = environmentFile('reverted');
    await convergedAt(
      'reverted',
      await master.push({
        'environments/reverted.yaml': environment,
        'manifests/reverted/web.yaml': deployment('web', 'shop:1'),
      }),
    );
    await convergedAt(
      'reverted',
      await master.push({
        'manifests/reverted/web.yaml': deployment('web', 'shop:2'),
        'manifests/reverted/more.yaml': configMap('more', {}),
      }),
    );
    await master.git('revert', '--no-edit', 'HEAD');
    await master.git('push', '--quiet', 'origin', 'main');
    const { changes } = await convergedAt('reverted', await master.head());
    expect(changes).toEqual({ created: 0, configured: 1, unchanged: 0, pruned: 1 });
    expect(JSON.stringify((await world.find('deployment', 'web', 'reverted'))?.spec)).toContain('shop:1');
  });

  it('to a suspended environment changes nothing, and the status says so', async () => {
    await master.push({
      'environments/asleep.yaml': environmentFile('asleep', { suspend: true }),
      'manifests/asleep/a.yaml': configMap('a', {}),
    });
    await eventually('the status says Suspended', async () => (await statusOf('asleep'))?.state === 'Suspended');
    expect(await world.find('configmap', 'a', 'asleep')).toBeUndefined();
  });

  it('to a frozen environment waits, drift is told and stays, and both end with the freeze', async () => {
    const converged = await master.push({
      'environments/closing.yaml': environmentFile('closing'),
      'manifests/closing/a.yaml': configMap('a', { price: '1' }),
      'manifests/closing/b.yaml': configMap('b', { price: '1' }),
    });
    await convergedAt('closing', converged);
    // It begins with each minute: it is open, and stays so.
    const freeze = [{ name: 'books', cron: '* * * * *', length: '1h', reason: 'the books are closed' }];
    const commit = await master.push({
      'environments/closing.yaml': environmentFile('closing', { freeze }),
      'manifests/closing/a.yaml': configMap('a', { price: '2' }),
    });
    await eventually('the status says Frozen', async () => (await statusOf('closing'))?.state === 'Frozen');
    const frozen = { window: 'books', reason: 'the books are closed', waits: `main@sha1:${commit}` };
    expect(await statusOf('closing')).toMatchObject({ health: 'Healthy', policy: { frozen } });
    await world.kubectl('patch', 'configmap', 'b', '--namespace', 'closing', '--patch', '{"data":{"price":"3"}}');
    await checked('closing');
    expect(await diffAt('closing', commit)).toMatchObject({ reason: 'Drifted', action: 'none', policy: { frozen } });
    const priceOf = async (name: string) => (await world.find('configmap', name, 'closing'))?.data?.['price'];
    expect([await priceOf('a'), await priceOf('b')]).toEqual(['1', '3']);

    const who = { by: 'Anna <anna@example.com>', reason: 'a price is wrong' };
    const override = (await statusOf('closing'))?.policy?.frozen?.until ?? '';
    await ask('closing', { ...who, action: 'reconcile' });
    await eventually('an ordinary look is done', async () => (await statusOf('closing'))?.requests.length === 1);
    expect([await priceOf('a'), await priceOf('b')]).toEqual(['1', '3']);
    await ask('closing', { ...who, action: 'reconcile', override });
    await eventually('one past the freeze is done', async () => (await statusOf('closing'))?.requests.length === 2);
    const { requests = [] } = (await statusOf('closing')) ?? {};
    expect(requests.at(-1)).toMatchObject({ ...who, override: 'books', outcome: 'converged' });
    expect(requests.filter((asked) => asked.override === undefined)).toHaveLength(1);
    expect([await priceOf('a'), await priceOf('b')]).toEqual(['2', '1']);
    await master.push({ 'manifests/closing/a.yaml': configMap('a', { price: '4' }) });
    await eventually('it is frozen again', async () => (await statusOf('closing'))?.state === 'Frozen');
    expect(await priceOf('a')).toBe('2');

    await convergedAt('closing', await master.push({ 'environments/closing.yaml': environmentFile('closing') }));
    expect([await priceOf('a'), await priceOf('b')]).toEqual(['4', '1']);
    expect((await statusOf('closing'))?.policy).not.toHaveProperty('frozen');
  });

  it('that moves an environment to another namespace is refused, so that nothing is left behind', async () => {
    await convergedAt(
      'moved',
      await master.push({
        'environments/moved.yaml': environmentFile('moved'),
        'manifests/moved/a.yaml': configMap('a', {}),
      }),
    );
    const commit = await master.push({
      'environments/moved.yaml': environmentFile('moved', { namespace: 'elsewhere' }),
    });
    expect((await diffAt('moved', commit)).summary).toContain(
      'spec.namespace from moved to elsewhere is not implemented yet',
    );
    expect(await world.find('configmap', 'a', 'moved')).toBeDefined();
  });
});
