import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { fenceWrites } from '../../../../../shared/pipeline/reconcile/run/fence-writes.ts';
import type { Cluster, WriteFence } from '../../../../../shared/ports/kubernetes.ts';
import { recordingCluster } from '../world/cluster.ts';

const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
const place = { resource, namespace: 'acme', name: 'settings', uid: 'a', resourceVersion: '2' };
const object: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: 'acme' },
};
const key = '/ConfigMap/acme/settings';
const rejected = (status: number) => ({ outcome: 'rejected', status, reason: '', message: 'no', causes: [] }) as const;
const applied = { outcome: 'applied', object } as const;

/** A cluster whose writes get their answers at the second try. */
async function open(answers: Partial<Pick<Cluster, 'apply' | 'writeManagedFields' | 'delete'>>) {
  let looks = 0;
  const { cluster, unsettled } = fenceWrites(
    { cluster: async () => ({ ...recordingCluster({ name: 'sandbox', now: () => new Date(0) }), ...answers }) },
    { assertHeld: async () => void (looks += 1) },
  );
  const opened = await cluster({ name: 'sandbox', repository: 'master', environment: 'shop' });
  return { cluster: opened, unsettled, looks: () => looks };
}
const second =
  <Result>(result: Result) =>
  async ({ fence }: { fence?: WriteFence }): Promise<Result> => {
    await fence?.assertHeld();
    fence?.unanswered();
    await fence?.assertHeld();
    return result;
  };

describe('writes behind a lease', () => {
  it.each([
    ['applied', applied, []],
    ['another version', rejected(409), []],
    ['refused', rejected(422), [key]],
  ])('whose first answer was lost: the second says %s', async (_says, result, left) => {
    const { cluster, unsettled, looks } = await open({ apply: second(result), writeManagedFields: second(result) });
    await cluster.apply({ resource, object, dryRun: false });
    expect([...unsettled]).toEqual(left);
    await cluster.writeManagedFields({ ...place, managedFields: [] });
    expect([...unsettled]).toEqual(left);
    expect(looks()).toBe(4);
  });

  it.each([
    [{ outcome: 'deleted', gone: true } as const, []],
    [{ outcome: 'absent' } as const, []],
    [{ outcome: 'changed' } as const, []],
    [rejected(422), [key]],
  ])('of which a deletion whose first answer was lost comes to %j', async (result, left) => {
    const { cluster, unsettled } = await open({ delete: second(result) });
    await cluster.delete(place);
    expect([...unsettled]).toEqual(left);
  });

  it('that fail leave their object unsettled, until a later one is decided', async () => {
    let tries = 0;
    const { cluster, unsettled } = await open({
      async apply(target) {
        tries += 1;
        if (tries > 1) return applied;
        await second(applied)(target);
        throw new Error('no answer');
      },
    });
    await Promise.allSettled([cluster.apply({ resource, object, dryRun: false })]);
    expect([...unsettled]).toEqual([key]);
    await cluster.apply({ resource, object, dryRun: false });
    expect([...unsettled]).toEqual([]);
  });

  it('are not dry runs', async () => {
    const { cluster, looks } = await open({ apply: second(applied) });
    await cluster.apply({ resource, object, dryRun: true });
    expect(looks()).toBe(0);
  });
});
