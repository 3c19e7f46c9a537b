import type { Lease } from '../reconcile/run/lease.ts';
import type { Ports } from '../../ports/ports.ts';

/** What an onlooker must never come to: a mistake of ours, and no answer of anybody's. */
function writes(what: string): TypeError {
  return new TypeError(`whoever inspects an environment ${what}`);
}

/**
 * Clusters of which nothing can be asked but reads, and dry runs of an apply and of a deletion, which the API server
 * does not keep.
 */
export function readOnlyClusters(cluster: Ports['cluster']): Ports['cluster'] {
  return async (asked) => {
    const open = await cluster(asked);
    return {
      ...open,
      apply: async (target) => {
        if (!target.dryRun) throw writes('applies nothing');
        return await open.apply(target);
      },
      writeManagedFields: async () => {
        throw writes('writes no managed fields');
      },
      delete: async (target) => {
        if (target.dryRun !== true) throw writes('deletes nothing');
        return await open.delete(target);
      },
    };
  };
}

export const silentTopics: Ports['topics'] = {
  publish: async () => {
    throw writes('publishes nothing');
  },
};

const never = async (): Promise<never> => {
  throw writes('takes no lease');
};

export const noLeaseTaken: Lease = {
  claim: never,
  leaveEvidence: never,
  assertHeld: never,
  assertUndisturbed: never,
  recordOnly: never,
  isHeld: () => false,
  hasActed: () => false,
};
