import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import { applySetOf } from '../../../../../shared/inventory/applyset.ts';
import type { ApiResource, ClusterApi } from '../../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject, ObjectMetadata } from '../../../../../shared/objects/kubernetes-object.ts';
import type { DeleteResult } from '../../../../../shared/ports/kubernetes.ts';
import {
  deleteObject,
  deleteState,
  type Deleter,
  type Deletion,
} from '../../../../../shared/pipeline/reconcile/write/delete-object.ts';

const applySet = applySetOf({ repository: 'master', environment: 'shop', namespace: 'shop' });
const resource = (kind: string, plural: string, more: Partial<ApiResource> = {}): ApiResource => ({
  group: '',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
  ...more,
});
const configMaps = resource('ConfigMap', 'configmaps');
const secrets = resource('Secret', 'secrets');
const namespaces = resource('Namespace', 'namespaces', { namespaced: false });
const api: ClusterApi = {
  version: 'v1.36.3',
  resources: [configMaps, secrets, namespaces, resource('Binding', 'bindings', { listable: false })],
  unreadable: [],
};

const member: ObjectMetadata = {
  name: 'a',
  namespace: 'shop',
  uid: 'one',
  resourceVersion: '1',
  labels: { 'applyset.kubernetes.io/part-of': applySet.id },
  annotations: { 'converge.dev/environment': 'master/shop' },
  managedFields: [
    {
      manager: 'converge',
      operation: 'Apply',
      fieldsV1: {
        'f:metadata': {
          'f:annotations': { 'f:converge.dev/environment': {} },
          'f:labels': { 'f:applyset.kubernetes.io/part-of': {} },
        },
      },
    },
  ],
};
const configMap = (more: ObjectMetadata = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { ...member, ...more },
});
const namespace = (more: ObjectMetadata = {}): KubernetesObject => {
  const { namespace: _none, ...metadata } = member;
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { ...metadata, annotations: { ...member.annotations, 'converge.dev/prune': 'true' }, ...more },
  };
};

type Event = string;

/** A cluster that reads these one after another, answers deletions so, and holds what it is told to list. */
function clusterWith({
  reads = [],
  answers = [],
  holds = () => [],
}: {
  reads?: readonly (KubernetesObject | undefined)[];
  answers?: readonly DeleteResult[];
  holds?: (kind: string, selector: string | undefined) => readonly KubernetesObject[];
}): Deleter & { readonly events: Event[] } {
  const events: Event[] = [];
  const [left, answered] = [[...reads], [...answers]];
  return {
    events,
    api,
    run: {
      lease: {
        assertHeld: async (look) => void events.push(look === 'now' ? 'lease, now' : 'lease'),
        claim: async () => {},
        assertUndisturbed: async () => {},
        recordOnly: async () => {},
        leaveEvidence: async () => {},
        isHeld: () => true,
        hasActed: () => true,
      },
      ports: { now: () => new Date(0), sleep: async () => {} },
    },
    cluster: {
      name: 'sandbox',
      api: async () => api,
      get: async () => {
        events.push('get');
        return left.shift();
      },
      list: async ({ resource: { kind }, labelSelector }) => holds(kind, labelSelector),
      delete: async ({ uid, resourceVersion }) => {
        events.push(`delete ${uid} ${resourceVersion ?? ''}`);
        return answered.shift() ?? { outcome: 'deleted', gone: true };
      },
    },
  };
}
const changed: DeleteResult = { outcome: 'changed' };
const asked = {
  resource: configMaps,
  id: { namespace: 'shop', name: 'a' },
  applySets: [applySet],
  purpose: 'prune' as const,
};
const pruned = async (deleter: Deleter, live = configMap()): Promise<Deletion> =>
  deleteObject(deleter, { ...asked, live });

describe('a deletion', () => {
  it('names the incarnation and version that the guards saw, with the lease held', async () => {
    const deleter = clusterWith({});
    expect(await pruned(deleter)).toEqual({ outcome: 'gone' });
    expect(deleter.events).toEqual(['lease', 'delete one 1']);
  });

  it('of what changed meanwhile looks at lease and object again', async () => {
    const deleter = clusterWith({ reads: [configMap({ resourceVersion: '2' })], answers: [changed] });
    expect(await pruned(deleter)).toEqual({ outcome: 'gone' });
    expect(deleter.events).toEqual(['lease', 'delete one 1', 'get', 'lease, now', 'delete one 2']);
  });

  it('is given up where it never stands still, and left to the next run', async () => {
    const restless = Array.from({ length: 10 }, (_, index) => configMap({ resourceVersion: String(index + 2) }));
    const deleter = clusterWith({ reads: restless, answers: restless.map(() => changed) });
    expect(await pruned(deleter)).toMatchObject({
      outcome: 'changed',
      message: expect.stringContaining('the next run looks again'),
    });
    expect(deleter.events.filter((event) => event.startsWith('delete'))).toHaveLength(6);
  });

  it.each<[string, ObjectMetadata, object]>([
    ['was made anew', { uid: 'two' }, { outcome: 'changed', message: expect.stringContaining('made anew') }],
    [
      'was taken by another environment',
      {
        labels: { 'applyset.kubernetes.io/part-of': 'other' },
        annotations: { 'converge.dev/environment': 'master/globex' },
      },
      { outcome: 'changed', message: expect.stringContaining('is owned by environment master/globex') },
    ],
    [
      'was let go',
      { labels: {} },
      { outcome: 'changed', message: expect.stringContaining('was not made by this environment') },
    ],
    [
      'is to be kept now',
      { annotations: { ...member.annotations, 'converge.dev/prune': 'false' } },
      { outcome: 'refused', refusal: { why: 'kept' } },
    ],
    ['is being deleted by somebody', { deletionTimestamp: '2026-11-21T01:02:03Z' }, { outcome: 'leaving', uid: 'one' }],
  ])('of what changed meanwhile does not go on where it %s', async (_what, metadata, outcome) => {
    const deleter = clusterWith({ reads: [configMap({ resourceVersion: '2', ...metadata })], answers: [changed] });
    expect(await pruned(deleter)).toMatchObject(outcome);
    expect(deleter.events.filter((event) => event.startsWith('delete'))).toEqual(['delete one 1']);
  });

  describe('of a kind that is not served in the version it was read in', () => {
    const unserved: DeleteResult = { outcome: 'unserved' };
    const old = (): KubernetesObject => ({ apiVersion: 'example.com/v1alpha1', kind: 'Jewel', metadata: member });
    const jewels = (version: string): ApiResource => resource('Jewel', 'jewels', { group: 'example.com', version });
    const remove = async (resources: readonly ApiResource[]): Promise<{ deletion: Deletion; versions: string[] }> => {
      const versions: string[] = [];
      const deleter = clusterWith({});
      const cluster: Deleter['cluster'] = {
        ...deleter.cluster,
        api: async () => ({ ...api, resources }),
        delete: async (place) => {
          versions.push(place.resource.version);
          return place.resource.version === 'v1' ? { outcome: 'deleted', gone: true } : unserved;
        },
      };
      const deletion = await deleteObject(
        { ...deleter, cluster },
        { ...asked, resource: jewels('v1alpha1'), live: old() },
      );
      return { deletion, versions };
    };

    it('goes in another that is', async () => {
      expect(await remove([jewels('v1')])).toEqual({ deletion: { outcome: 'gone' }, versions: ['v1alpha1', 'v1'] });
    });

    it('is read in another that is, where it changed just before its version went', async () => {
      const changedFirst: DeleteResult[] = [changed, { outcome: 'deleted', gone: true }];
      const rereadAs = async (
        resources: readonly ApiResource[],
      ): Promise<{ deletion: Deletion; versions: string[] }> => {
        const versions: string[] = [];
        const answers = [...changedFirst];
        const deleter = clusterWith({});
        const cluster: Deleter['cluster'] = {
          ...deleter.cluster,
          api: async () => ({ ...api, resources }),
          get: async (place) =>
            place.resource.version === 'v1'
              ? { ...old(), apiVersion: 'example.com/v1', metadata: { ...member, resourceVersion: '2' } }
              : undefined,
          delete: async (place) => {
            versions.push(place.resource.version);
            return answers.shift() ?? unserved;
          },
        };
        return {
          deletion: await deleteObject(
            { ...deleter, cluster },
            { ...asked, resource: jewels('v1alpha1'), live: old() },
          ),
          versions,
        };
      };
      expect(await rereadAs([jewels('v1')])).toEqual({ deletion: { outcome: 'gone' }, versions: ['v1alpha1', 'v1'] });
      expect(await rereadAs([])).toMatchObject({
        deletion: { outcome: 'changed', message: expect.stringContaining('does not serve') },
      });
      expect(await rereadAs([jewels('v1alpha1')])).toEqual({ deletion: { outcome: 'gone' }, versions: ['v1alpha1'] });
    });

    it('is left to the next run where none is, and never taken for gone', async () => {
      expect(await remove([])).toMatchObject({
        deletion: { outcome: 'changed', message: expect.stringContaining('does not serve') },
      });
      expect(await remove([jewels('v1alpha1')])).toMatchObject({
        deletion: { outcome: 'changed' },
        versions: { length: 6 },
      });
    });
  });

  it('that a guard refuses is not tried', async () => {
    const deleter = clusterWith({});
    expect(await pruned(deleter, configMap({ managedFields: [] }))).toMatchObject({
      outcome: 'refused',
      refusal: { why: 'not-made' },
    });
    expect(deleter.events).toEqual([]);
  });

  it('that the API server refuses is said in its words, without the values of a Secret', async () => {
    const rejected: DeleteResult = {
      outcome: 'rejected',
      status: 403,
      reason: 'Forbidden',
      message: 'denied: hunter2hunter2',
    };
    const secret: KubernetesObject = {
      ...configMap(),
      kind: 'Secret',
      data: { password: Buffer.from('hunter2hunter2').toString('base64') },
    };
    expect(await pruned(clusterWith({ answers: [rejected] }), secret)).toEqual({
      outcome: 'rejected',
      message: 'denied: ***',
    });
  });

  it('takes what is there now where nothing was read', async () => {
    expect(await deleteObject(clusterWith({}), asked)).toEqual({ outcome: 'gone' });
    expect(await deleteObject(clusterWith({ reads: [configMap()] }), asked)).toEqual({ outcome: 'gone' });
  });
});

describe('the deletion of a Namespace', () => {
  const remove = async (deleter: Deleter): Promise<Deletion> =>
    deleteObject(deleter, {
      ...asked,
      resource: namespaces,
      id: { namespace: undefined, name: 'a' },
      live: namespace(),
    });
  const theirs = applySetOf({ repository: 'staging', environment: 'globex', namespace: 'globex' });

  it('goes on where nobody lives in it', async () => {
    expect(
      await remove(
        clusterWith({
          holds: (kind, selector) =>
            kind === 'Secret' && selector === undefined
              ? [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login' } }]
              : [],
        }),
      ),
    ).toEqual({ outcome: 'gone' });
  });

  it.each<[string, KubernetesObject, string | undefined]>([
    [
      'a member',
      {
        ...configMap(),
        metadata: {
          ...member,
          labels: { 'applyset.kubernetes.io/part-of': theirs.id },
          annotations: { 'converge.dev/environment': 'staging/globex' },
        },
      },
      'applyset.kubernetes.io/part-of',
    ],
    [
      "a hook's object",
      {
        ...configMap(),
        metadata: {
          ...member,
          labels: { 'converge.dev/hook-of': theirs.id },
          annotations: { 'converge.dev/environment': 'staging/globex' },
        },
      },
      'converge.dev/hook-of',
    ],
    [
      'an inventory',
      {
        ...configMap(),
        metadata: {
          name: 'converge-globex',
          labels: { 'applyset.kubernetes.io/id': theirs.id },
          annotations: { 'converge.dev/environment': 'staging/globex' },
        },
      },
      'applyset.kubernetes.io/id',
    ],
    [
      'a seed',
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'converge-globex-seed', annotations: { 'converge.dev/environment': 'staging/globex' } },
      },
      undefined,
    ],
  ])('is refused where %s of another environment is in it', async (_what, found, by) => {
    const deleter = clusterWith({ holds: (kind, selector) => (kind === found.kind && selector === by ? [found] : []) });
    expect(await remove(deleter)).toMatchObject({
      outcome: 'refused',
      refusal: { why: 'occupied', message: expect.stringContaining('environment staging/globex lives in it') },
    });
    expect(deleter.events).toEqual([]);
  });

  it('is refused where what is in it cannot be listed or discovered, but for a kind that is served no longer', async () => {
    const forbidden = clusterWith({
      holds: () => {
        throw new ConvergeError({
          code: 'ClusterRefused',
          subject: 'cluster sandbox',
          message: 'GET answered 403',
          disposition: 'refuse',
        });
      },
    });
    expect(await remove(forbidden)).toMatchObject({
      outcome: 'refused',
      refusal: { why: 'unknown', message: expect.stringContaining('GET answered 403') },
    });
    const defined = resource('Jewel', 'jewels', { group: 'example.com' });
    const gone = clusterWith({
      holds: (kind) => {
        if (kind !== 'Jewel') return [];
        throw new ConvergeError({
          code: 'ClusterRefused',
          subject: 'cluster sandbox',
          message: 'GET answered 404',
          disposition: 'refuse',
        });
      },
    });
    expect(await remove({ ...gone, api: { ...api, resources: [...api.resources, defined] } })).toEqual({
      outcome: 'gone',
    });
    const blind = { ...clusterWith({}), api: { ...api, unreadable: ['metrics.k8s.io/v1beta1'] } };
    expect(await remove(blind)).toMatchObject({
      outcome: 'refused',
      refusal: { why: 'unknown', message: expect.stringContaining('metrics.k8s.io/v1beta1') },
    });
  });
});

describe('the deletion of what Converge keeps of an environment', () => {
  const seed = (environment?: string): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'converge-shop-seed',
      namespace: 'shop',
      uid: 'one',
      resourceVersion: '1',
      ...(environment === undefined ? {} : { annotations: { 'converge.dev/environment': environment } }),
    },
  });
  const remove = async (deleter: Deleter): Promise<void> =>
    deleteState(deleter, {
      resource: secrets,
      id: { namespace: 'shop', name: 'converge-shop-seed' },
      applySets: [applySet],
      title: 'Secret shop/converge-shop-seed',
    });

  it('ends where it is gone, or was never there', async () => {
    await expect(remove(clusterWith({ reads: [seed('master/shop')] }))).resolves.toBeUndefined();
    await expect(remove(clusterWith({}))).resolves.toBeUndefined();
  });

  it("fails where it is another environment's, where the API server refuses it, and where it never stands still: it is not gone", async () => {
    await expect(remove(clusterWith({ reads: [seed('staging/shop')] }))).rejects.toMatchObject({
      code: 'OwnedByAnother',
      message: expect.stringContaining('environment staging/shop'),
    });
    const rejected: DeleteResult = { outcome: 'rejected', status: 403, reason: 'Forbidden', message: 'may not' };
    await expect(remove(clusterWith({ reads: [seed('master/shop')], answers: [rejected] }))).rejects.toMatchObject({
      code: 'ClusterRefused',
      disposition: 'refuse',
      message: expect.stringContaining('may not'),
    });
    const restless = Array.from({ length: 10 }, () => seed('master/shop'));
    await expect(remove(clusterWith({ reads: restless, answers: restless.map(() => changed) }))).rejects.toMatchObject({
      code: 'ClusterUnavailable',
      disposition: 'retry',
    });
  });
});
