import { divergenceOf, wholeObjectDiff } from '../../../drift/divergence.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import type { GuardedPrune } from '../../../plan/prune-guards.ts';
import type { Target } from '../run/target.ts';
import { tellDivergence } from './tell.ts';

/**
 * Tells what is released although Git no longer wants it, since its deletion would take more with it.
 *
 * @param environment absent where the environment's file is gone
 */
export function tellReleased({
  run,
  revision,
  cluster,
  attempted,
  environment,
  guarded,
}: Pick<Target, 'run' | 'revision' | 'cluster' | 'attempted'> & {
  environment: Environment | undefined;
  guarded: readonly GuardedPrune[];
}): void {
  if (guarded.length === 0) return;
  tellDivergence(run, {
    divergence: divergenceOf({ reason: 'Guarded', revision, objects: releasedDiffs(guarded) }),
    environment,
    attempted,
    cluster: cluster.name,
    action: 'none',
  });
}

export function releasedDiffs(guarded: readonly GuardedPrune[]): ObjectDiff[] {
  return guarded.map(({ observed: { id, object }, reason }) =>
    wholeObjectDiff({
      id,
      apiVersion: object.apiVersion,
      change: 'unexpected',
      message: `is released, not deleted: ${reason}`,
    }),
  );
}
