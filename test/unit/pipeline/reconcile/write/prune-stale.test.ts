import { describe, expect, it } from 'vitest';
import { emptyMemory, type Memory } from '../../../../../shared/memory/memory.ts';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { ClusterApi } from '../../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { observedObjects, type ObservedObject } from '../../../../../shared/plan/plan.ts';
import { stillInUse } from '../../../../../shared/pipeline/reconcile/write/prune-last.ts';
import { partByWishes } from '../../../../../shared/pipeline/reconcile/write/prune-stale.ts';
import { readReferences } from '../../../../../shared/pipeline/reconcile/write/read-references.ts';
import type { PendingWish, Wish } from '../../../../../shared/pipeline/reconcile/run/target.ts';

function objects(...named: readonly (readonly [kind: string, name: string])[]): ObservedObject[] {
  return [
    ...observedObjects(
      named.map(([kind, name]): KubernetesObject => ({
        apiVersion: 'v1',
        kind,
        metadata: { name, ...(kind === 'Namespace' ? {} : { namespace: 'shop' }) },
      })),
    ).values(),
  ];
}
const names = (found: readonly { readonly id: { readonly name: string } }[]): string[] =>
  found.map(({ id }) => id.name);

describe('an object that is to be pruned', () => {
  const remembered = { desired: '1', observed: '1', apiVersion: 'v1' };
  async function held(wishes: readonly (Wish | PendingWish)[], memory: Partial<Memory>): Promise<string[]> {
    const others = { wishes: async () => wishes };
    const { unknown } = await partByWishes(
      { run: { memoryFile: { memory: () => ({ ...emptyMemory(new Date(0)), ...memory }) } }, others },
      { objects: objects(['ConfigMap', 'a']), patient: true },
    );
    return unknown.map(({ reason }) => reason);
  }
  const silent = { environment: 'torn', reason: 'it does not parse' };
  const told = ['is not pruned, as environment torn may want it: it does not parse'];

  it('is held back by an environment that cannot be asked where it may have moved there', async () => {
    expect(await held([{ ...silent, mayWantMore: true }], { objects: { '/ConfigMap/shop/a': remembered } })).toEqual(
      told,
    );
    expect(await held([silent], { objects: { '/ConfigMap/shop/a': remembered } })).toEqual(told);
    expect(await held([{ ...silent, mayWantMore: false }], { objects: { '/ConfigMap/shop/a': remembered } })).toEqual(
      [],
    );
  });

  it('is not held back either where it was left over at that revision, and nobody wanted it', async () => {
    expect(
      await held([{ ...silent, mayWantMore: false }], {
        pending: ['/ConfigMap/shop/a'],
        unwanted: ['/ConfigMap/shop/a'],
      }),
    ).toEqual([]);
  });

  it('is held back where the version before left it over, or the memory is lost: who was asked then is not known', async () => {
    expect(await held([{ ...silent, mayWantMore: false }], { pending: ['/ConfigMap/shop/a'] })).toEqual(told);
    expect(await held([{ ...silent, mayWantMore: false }], {})).toEqual(told);
  });
});

describe('what is in use', () => {
  const stale = objects(
    ['ConfigMap', 'a'],
    ['ConfigMap', 'b'],
    ['Service', 'a'],
    ['Namespace', 'shop'],
    ['Namespace', 'other'],
  );
  const api: ClusterApi = {
    version: 'v1.36.3',
    resources: [{ group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true }],
    unreadable: [],
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { volumes: [{ configMap: { name: 'a' } }] },
  };
  const read = async (
    list: () => readonly KubernetesObject[],
    asked = stale,
  ): Promise<{ kept: string[]; told: string[]; lists: number }> => {
    let lists = 0;
    const cluster = {
      list: async () => {
        lists += 1;
        return list();
      },
    };
    const { inUse, unread } = stillInUse({
      objects: asked,
      references: await readReferences(cluster, { objects: asked, api, workloads: [] }),
    });
    return { kept: names(inUse), told: unread.map(({ observed, reason }) => `${observed.id.name} ${reason}`), lists };
  };

  it('stays, and so does the Namespace that it is in', async () => {
    expect(await read(() => [pod])).toEqual({ kept: ['a', 'shop'], told: [], lists: 1 });
    expect(await read(() => [])).toEqual({ kept: [], told: [], lists: 1 });
  });

  it('is not read where nothing is to be pruned that can be referred to', async () => {
    expect(await read(() => [pod], objects(['Service', 'a'], ['Namespace', 'shop']))).toEqual({
      kept: [],
      told: [],
      lists: 0,
    });
  });

  it('is not known where it may not be read, which is told with what to do, and nothing of it goes', async () => {
    const forbidden = (): never => {
      throw new ConvergeError({
        code: 'ClusterRefused',
        subject: 'cluster sandbox',
        message: 'GET answered 403',
        remedy: 'converge rbac',
        disposition: 'refuse',
      });
    };
    const { kept, told } = await read(forbidden);
    expect(kept).toEqual([]);
    expect(told).toEqual(
      ['a', 'b', 'shop'].map(
        (name) =>
          `${name} is not pruned, as what refers to it cannot be read: cluster sandbox: GET answered 403 (converge rbac)`,
      ),
    );
  });

  it('is asked for again where there was no answer', async () => {
    const silent = (): never => {
      throw new ConvergeError({
        code: 'ClusterUnavailable',
        subject: 'cluster sandbox',
        message: 'no answer',
        disposition: 'retry',
      });
    };
    await expect(read(silent)).rejects.toMatchObject({ disposition: 'retry' });
  });
});
