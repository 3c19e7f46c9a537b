import { objectIdOf, objectKey, type ObjectId } from '../../../objects/object-id.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { Cluster, WriteFence } from '../../../ports/kubernetes.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { Lease } from './lease.ts';

/** Clusters whose writes are sent only while a lease is held. */
export interface FencedWrites {
  readonly cluster: Ports['cluster'];
  /**
   * Keys of the objects of which nobody knows what became of a write to them: it may be done yet. A later write that the
   * API server answered for or against the version it was about takes its object out again.
   */
  readonly unsettled: ReadonlySet<string>;
  /**
   * Keys of the objects that a request without an answer was to make. It may make them yet, also where they were made
   * since, and deleted.
   */
  readonly unansweredCreations: ReadonlySet<string>;
}

/** Looks at the lease before each try of each write, so that none is sent on the strength of a look before a pause. */
export function fenceWrites({ cluster }: Pick<Ports, 'cluster'>, lease: Pick<Lease, 'assertHeld'>): FencedWrites {
  const [unsettled, unansweredCreations] = [new Set<string>(), new Set<string>()];
  return {
    cluster: async (asked) => behindFence(await cluster(asked), { lease, unsettled, unansweredCreations }),
    unsettled,
    unansweredCreations,
  };
}

function behindFence(
  unfenced: Cluster,
  {
    lease,
    unsettled,
    unansweredCreations,
  }: { lease: Pick<Lease, 'assertHeld'>; unsettled: Set<string>; unansweredCreations: Set<string> },
): Cluster {
  async function fenced<Result>(
    { id, isCreation = false }: { id: ObjectId; isCreation?: boolean },
    write: (fence: WriteFence) => Promise<Result>,
    isSettled: (result: Result) => boolean,
  ): Promise<Result> {
    const key = objectKey(id);
    const result = await write({
      assertHeld: async () => lease.assertHeld(),
      unanswered: () => {
        unsettled.add(key);
        if (isCreation) unansweredCreations.add(key);
      },
    });
    if (isSettled(result)) unsettled.delete(key);
    return result;
  }

  return {
    ...unfenced,
    apply: async (target) =>
      target.dryRun
        ? unfenced.apply(target)
        : fenced(
            { id: objectIdOf(target.object), isCreation: target.object.metadata.uid === undefined },
            async (fence) => unfenced.apply({ ...target, fence }),
            isDecided,
          ),
    writeManagedFields: async (target) =>
      fenced({ id: idIn(target) }, async (fence) => unfenced.writeManagedFields({ ...target, fence }), isDecided),
    delete: async (target) =>
      fenced(
        { id: idIn(target) },
        async (fence) => unfenced.delete({ ...target, fence }),
        ({ outcome }) => outcome === 'deleted' || outcome === 'absent' || outcome === 'changed',
      ),
  };
}

/** Another version is there by now: what was to be written over this one comes too late. */
function isDecided(result: Awaited<ReturnType<Cluster['apply']>>): boolean {
  return result.outcome === 'applied' || result.status === 409;
}

function idIn({
  resource: { group, kind },
  namespace,
  name,
}: {
  resource: ApiResource;
  namespace: string | undefined;
  name: string;
}): ObjectId {
  return { group, kind, namespace, name };
}
