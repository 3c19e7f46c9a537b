import { describe, expect, it } from 'vitest';
import { keepRenders } from '../../../../../shared/adapters/kept-renders.ts';
import { configSchema } from '../../../../../shared/config/config.ts';
import { parseEnvironmentFile } from '../../../../../shared/environment/environment-file.ts';
import { emptyMemory } from '../../../../../shared/memory/memory.ts';
import { applySetOf } from '../../../../../shared/inventory/applyset.ts';
import type { ClusterApi } from '../../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { Cluster } from '../../../../../shared/ports/kubernetes.ts';
import type { Renderer, RenderRequest } from '../../../../../shared/ports/renderer.ts';
import { renderSources } from '../../../../../shared/pipeline/reconcile/render/render-cache.ts';
import type { Target } from '../../../../../shared/pipeline/reconcile/run/target.ts';
import {
  clockAt,
  commitId,
  noSignatures,
  recordingLog,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
} from '../../ports.ts';

const now = clockAt('2026-11-21T01:00:00Z').now;
const unused = async (): Promise<never> => expect.unreachable('this test needs no more of the cluster');
const api: ClusterApi = {
  version: 'v1.36.3',
  unreadable: [],
  resources: [{ group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true }],
};
const files = {
  'charts/shop/Chart.yaml': 'name: shop',
  'config/acme.yaml': 'a: 1',
  'linked/beside.yaml': 'b: 1',
  'README.md': 'Family Insurance',
};
const tariff = { apiVersion: 'v1', kind: 'ConfigMap', name: 'tariffs' };

/** One instance of the function: what it keeps, and the cluster it reads. */
function instance({ asks, beside = 'linked/beside.yaml' }: { asks: 'nothing' | 'seed' | 'lookup'; beside?: string }) {
  const objects = new Map<string, KubernetesObject>();
  const failing = { reads: false };
  let version = '1';
  let renders = 0;
  const renderer: Renderer = {
    version: async () => version,
    kept: keepRenders({ limit: 1000 }),
    async render({ seed, lookup }: RenderRequest) {
      renders += 1;
      if (asks === 'seed') await seed();
      if (asks === 'lookup') await lookup?.({ ...tariff, namespace: 'acme' });
      return { objects: [], hooks: [], reads: ['charts/shop/Chart.yaml', 'config/acme.yaml', beside], size: 10 };
    },
  };
  const cluster: Cluster = {
    name: 'sandbox',
    async get({ resource, name }) {
      if (failing.reads)
        throw new ConvergeError({
          code: 'ClusterUnavailable',
          subject: name,
          message: 'no answer',
          disposition: 'retry',
        });
      return objects.get(`${resource.kind} ${name}`);
    },
    async apply({ object }) {
      objects.set(`${object.kind} ${object.metadata.name ?? ''}`, object);
      return { outcome: 'applied', object };
    },
    ...{ api: unused, list: unused, warnings: unused, delete: unused, writeManagedFields: unused },
  };

  /** Renders once, and tells whether the renderer was called for it. */
  async function look({
    change = {},
    name = 'acme',
    spec = {},
    of = api,
  }: { change?: Record<string, string>; name?: string; spec?: Record<string, unknown>; of?: ClusterApi } = {}): Promise<
    'rendered' | 'kept'
  > {
    const text = JSON.stringify({
      apiVersion: 'converge.dev/v1',
      kind: 'Environment',
      metadata: { name },
      spec: {
        cluster: 'sandbox',
        namespace: 'acme',
        lookup: asks === 'lookup' ? 'cluster' : 'own',
        sources: [{ helm: { chart: 'charts/shop', release: 'shop', values: ['config/acme.yaml'] } }],
        ...spec,
      },
    });
    const environment = parseEnvironmentFile({ file: `environments/${name}.yaml`, text });
    const repository = {
      ...repositoryWith({ files: { ...files, ...change } }),
      checkout: async () => ({ folder: '/tmp/tree', absent: [] }),
    };
    const target: Target = {
      run: {
        ...{
          repository: 'master',
          environment: name,
          key: `master/${name}`,
          head: undefined,
          startedAt: now(),
          isSuperseded: async () => false,
          learnTime: () => {},
          unsettled: new Set<string>(),
          unansweredCreations: new Set<string>(),
          waitId: 'test',
          cause: 'commit',
          waitUntil: now,
        },
        ports: {
          now,
          sleep: unused,
          log: recordingLog(),
          state: stateInMemory(now),
          repository: repositories(repository),
          cluster: unused,
          renderer,
          topics: recordingTopics(),
          signatures: noSignatures,
        },
        settings: { limits: configSchema.shape.limits.parse({}), event: 'test', writeback: false },
        lease: {
          claim: async () => {},
          assertHeld: async () => {},
          assertUndisturbed: unused,
          recordOnly: unused,
          leaveEvidence: unused,
          isHeld: () => false,
          hasActed: () => false,
        },
        memoryFile: { memory: () => emptyMemory(now()), remember: () => {}, commit: unused, remove: unused },
      },
      commit: { id: commitId('a'), tree: 'tree', parents: [], message: '', committedAt: now() },
      revision: 'main@sha1:a',
      attempted: { commit: commitId('a'), revision: 'main@sha1:a', at: now().toISOString(), inputs: {} },
      environment,
      cluster,
      api: of,
      applySet: applySetOf({ repository: 'master', environment: name, namespace: environment.namespace }),
      others: { answerOf: unused, wishes: unused, assertNewest: unused },
    };
    const before = renders;
    await renderSources(target);
    return renders === before ? 'kept' : 'rendered';
  }
  return { look, objects, failing, upgrade: () => void (version = '2') };
}

const tariffs: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'tariffs', namespace: 'acme' },
};

describe('a render', () => {
  it('is kept while nothing changes that it is made of, whatever else the commit changes', async () => {
    const { look } = instance({ asks: 'nothing' });
    expect(await look()).toBe('rendered');
    expect(await look()).toBe('kept');
    expect(await look({ change: { 'README.md': 'Changed' } })).toBe('kept');
  });

  it('is shared by environments that render the same', async () => {
    const { look } = instance({ asks: 'nothing' });
    await look();
    expect(await look({ name: 'other', spec: { prune: false } })).toBe('kept');
  });

  it.each([
    ['its chart', { change: { 'charts/shop/Chart.yaml': 'name: shop # changed' } }],
    ['its values', { change: { 'config/acme.yaml': 'a: 2' } }],
    ['a file that only the render knows of', { change: { 'linked/beside.yaml': 'b: 2' } }],
    ['its namespace', { spec: { namespace: 'elsewhere' } }],
    [
      'its release',
      { spec: { sources: [{ helm: { chart: 'charts/shop', release: 'other', values: ['config/acme.yaml'] } }] } },
    ],
    ['the version of the cluster', { of: { ...api, version: 'v1.37.0' } }],
    ['the API list of the cluster', { of: { ...api, resources: [] } }],
    ['whether it may look up', { spec: { lookup: 'empty' } }],
  ])('is made anew where %s changes, and both are kept', async (_what, changed) => {
    const { look } = instance({ asks: 'nothing' });
    await look();
    expect(await look(changed)).toBe('rendered');
    expect([await look(changed), await look()]).toEqual(['kept', 'kept']);
  });

  it('is made anew by another renderer', async () => {
    const { look, upgrade } = instance({ asks: 'nothing' });
    await look();
    upgrade();
    expect(await look()).toBe('rendered');
  });

  it('that read what Git has under another name is refused: nobody would see it change', async () => {
    const { look } = instance({ asks: 'nothing', beside: 'linked/gr\uFFFDn.yaml' });
    await expect(look()).rejects.toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      subject: 'linked/gr\uFFFDn.yaml',
    });
  });

  it('that drew from a seed is made anew where the seed is another, and for another environment', async () => {
    const { look, objects } = instance({ asks: 'seed' });
    expect([await look(), await look()]).toEqual(['rendered', 'kept']);
    expect(await look({ name: 'other' })).toBe('rendered');
    expect([await look(), await look({ name: 'other' })]).toEqual(['kept', 'kept']);
    objects.delete('Secret converge-acme-seed');
    expect(await look()).toBe('rendered');
  });

  it.each(['own', 'cluster'])(
    'that looked something up goes on with the first answer, whatever becomes of the object (%s)',
    async (lookup) => {
      const { look, objects } = instance({ asks: 'lookup' });
      expect([await look({ spec: { lookup } }), await look({ spec: { lookup } })]).toEqual(['rendered', 'kept']);
      objects.set('ConfigMap tariffs', tariffs);
      expect(await look({ spec: { lookup } })).toBe('kept');
    },
  );

  it('that looked something of somebody else up asks anew once it may see its own only', async () => {
    const { look, objects } = instance({ asks: 'lookup' });
    objects.set('ConfigMap tariffs', tariffs);
    await look({ spec: { lookup: 'cluster' } });
    objects.delete('ConfigMap tariffs');
    expect(await look({ spec: { lookup: 'own' } })).toBe('rendered');
    objects.set('ConfigMap tariffs', tariffs);
    expect(await look({ spec: { lookup: 'own' } })).toBe('kept');
  });

  it('that looked something up asks anew where its answers are gone', async () => {
    const { look, objects } = instance({ asks: 'lookup' });
    await look();
    objects.set('ConfigMap tariffs', tariffs);
    objects.delete('Secret converge-acme-seed');
    expect([await look(), await look()]).toEqual(['rendered', 'kept']);
  });

  it('that looked something up keeps the answer beside the seed that is there', async () => {
    const { look, objects } = instance({ asks: 'lookup' });
    const seed = {
      seed: Buffer.alloc(32, 7).toString('base64'),
      time: Buffer.from('2026-11-21T00:00:00.000Z').toString('base64'),
    };
    objects.set('Secret converge-acme-seed', {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'converge-acme-seed', namespace: 'acme', uid: 'u1', resourceVersion: '5' },
      data: seed,
    });
    await look();
    expect(objects.get('Secret converge-acme-seed')).toMatchObject({
      metadata: { uid: 'u1', resourceVersion: '5' },
      data: { ...seed, lookups: expect.any(String) },
    });
  });

  it('is answered nothing, and keeps nothing, where look-ups are to be empty', async () => {
    const { look, objects } = instance({ asks: 'lookup' });
    objects.set('ConfigMap tariffs', tariffs);
    expect([await look({ spec: { lookup: 'empty' } }), await look({ spec: { lookup: 'empty' } })]).toEqual([
      'rendered',
      'kept',
    ]);
    expect(objects.size).toBe(1);
  });

  it('refuses answers that it cannot read, and leaves them', async () => {
    const { look, objects } = instance({ asks: 'lookup' });
    const data = {
      seed: Buffer.alloc(32).toString('base64'),
      time: Buffer.from('2026-11-21T00:00:00.000Z').toString('base64'),
      lookups: 'bm90IGpzb24=',
    };
    const strange = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'converge-acme-seed', namespace: 'acme' },
      data,
    };
    objects.set('Secret converge-acme-seed', strange);
    await expect(look()).rejects.toMatchObject({ code: 'ClusterRefused', disposition: 'refuse' });
    expect(objects.get('Secret converge-acme-seed')).toBe(strange);
  });

  it.each(['seed', 'lookup'] as const)('fails where its %s cannot be read, and makes none', async (asks) => {
    const { look, objects, failing } = instance({ asks });
    failing.reads = true;
    await expect(look()).rejects.toMatchObject({ code: 'ClusterUnavailable', disposition: 'retry' });
    expect(objects.size).toBe(0);
  });

  it('refuses a seed that is none of ours, and leaves it', async () => {
    const { look, objects } = instance({ asks: 'seed' });
    const strange = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'converge-acme-seed', namespace: 'acme' },
      data: { seed: 'c2hvcnQ=' },
    };
    objects.set('Secret converge-acme-seed', strange);
    await expect(look()).rejects.toMatchObject({ code: 'ClusterRefused', disposition: 'refuse' });
    expect(objects.get('Secret converge-acme-seed')).toBe(strange);
  });
});
