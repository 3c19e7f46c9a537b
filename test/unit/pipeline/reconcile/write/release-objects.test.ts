import { describe, expect, it } from 'vitest';
import type { ApiResource, ClusterApi } from '../../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { objectIdOf, objectKey } from '../../../../../shared/objects/object-id.ts';
import type { Change } from '../../../../../shared/plan/change-set.ts';
import type { ApplyResult } from '../../../../../shared/ports/kubernetes.ts';
import { releaseObjects } from '../../../../../shared/pipeline/reconcile/write/release-objects.ts';

const moves = (version: string): ApiResource => ({
  group: 'bugs.example',
  version,
  kind: 'Move',
  plural: 'moves',
  namespaced: true,
});
const serving = (...resources: readonly ApiResource[]): ClusterApi => ({
  version: 'v1.36.3',
  resources,
  unreadable: [],
});
const move = (version: string): KubernetesObject => ({
  apiVersion: `bugs.example/${version}`,
  kind: 'Move',
  metadata: {
    name: 'one',
    namespace: 'shop',
    uid: 'one',
    resourceVersion: '1',
    labels: { 'applyset.kubernetes.io/part-of': 'set' },
  },
});
const notFound: ApplyResult = {
  outcome: 'rejected',
  status: 404,
  reason: '',
  message: '404 page not found',
  causes: [],
};

/** Releases an object read in v1alpha1, in a cluster that serves these kinds by the time of the write. */
async function release({
  known = serving(moves('v1alpha1')),
  now,
  live,
}: {
  known?: ClusterApi;
  now: ClusterApi;
  live: (version: string) => KubernetesObject | undefined;
}): Promise<{ changes: Change[]; writes: string[] }> {
  const writes: string[] = [];
  const object = move('v1alpha1');
  const id = objectIdOf(object);
  const changes = await releaseObjects(
    {
      api: known,
      run: {
        lease: {
          claim: async () => {},
          assertHeld: async () => {},
          assertUndisturbed: async () => {},
          recordOnly: async () => {},
          leaveEvidence: async () => {},
          isHeld: () => true,
          hasActed: () => true,
        },
        ports: { sleep: async () => {} },
      },
      cluster: {
        api: async () => now,
        get: async ({ resource: { version } }) => live(version),
        writeManagedFields: async ({ resource: { version } }) => {
          writes.push(version);
          const found = live(version);
          return found === undefined ? notFound : { outcome: 'applied', object: found };
        },
      },
    },
    [{ key: objectKey(id), id, object }],
  );
  return { changes, writes };
}

describe('a release', () => {
  it('reaches what is there in another version than the one it was read in', async () => {
    const now = serving(moves('v1'));
    const live = (version: string) => (version === 'v1' ? move('v1') : undefined);
    expect(await release({ now, live })).toEqual({ changes: [], writes: ['v1alpha1', 'v1'] });
  });

  it('takes for gone what is not found though its version is served', async () => {
    expect(await release({ now: serving(moves('v1alpha1')), live: () => undefined })).toEqual({
      changes: [],
      writes: ['v1alpha1'],
    });
  });

  it('of what cannot be reached now is left to the next run', async () => {
    const failed = { did: 'failed', message: expect.stringContaining('does not serve now') };
    expect(await release({ now: serving(), live: () => undefined })).toMatchObject({ changes: [failed] });
    expect(await release({ known: serving(), now: serving(), live: () => undefined })).toMatchObject({
      changes: [failed],
      writes: [],
    });
  });
});
