import { divergenceOf, wholeObjectDiff, type Divergence } from '../../../drift/divergence.ts';
import type { DiffReason } from '../../../base/diff-reasons.ts';
import { beginRollout, type Rollout } from '../../../memory/rollout.ts';
import { deletionAwaited } from '../../../memory/transitions/roll-out.ts';
import { objectTitle } from '../../../objects/object-id.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import type { GuardedPrune } from '../../../plan/prune-guards.ts';
import type { Target } from '../run/target.ts';

/** What leave is taken of: an environment whose file is gone, in its cluster. */
export type Leave = Pick<Target, 'run' | 'revision' | 'cluster' | 'api' | 'applySet' | 'attempted' | 'commit'>;

/** What became of the objects of a removed environment. */
export type TornDown =
  | { readonly torn: 'down'; readonly pruned: number; readonly released: number }
  /** The next run goes on. */
  | { readonly torn: 'waiting'; readonly waitsFor: string }
  | { readonly torn: 'superseded' }
  /** @param rollout for how long the deletion was waited for */
  | { readonly torn: 'diverged'; readonly divergence: Divergence; readonly rollout?: Rollout };

/** The deletion may take as long as a roll-out may, from the first look at this revision. */
export function deletionOf({ run, revision, environment }: Target): Rollout {
  const { rollout: last } = run.memoryFile.memory();
  return last?.revision === revision
    ? last
    : beginRollout({ revision, now: run.ports.now(), timeout: environment.timeout });
}

/** Leaves what is still being deleted to the next run. */
export async function waitFor(
  { run, revision }: Target,
  { waited: { observed, reason }, rollout }: { waited: GuardedPrune; rollout: Rollout },
): Promise<TornDown> {
  const waitsFor = `waits for ${objectTitle(observed.id)}: ${reason}`;
  run.memoryFile.remember(deletionAwaited, { revision, message: waitsFor, rollout, id: run.waitId });
  return { torn: 'waiting', waitsFor };
}

/** Objects that keep the environment from its end. */
export function leftOver(
  { revision }: Pick<Leave, 'revision'>,
  { reason, objects, ...rollout }: { reason: DiffReason; objects: readonly GuardedPrune[]; rollout?: Rollout },
): Extract<TornDown, { torn: 'diverged' }> {
  const change = reason === 'Failed' ? 'failed' : 'unexpected';
  const diffs = objects.map(({ observed: { id, object }, reason: message }) =>
    wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message }),
  );
  return { torn: 'diverged', divergence: divergenceOf({ reason, revision, objects: diffs }), ...rollout };
}

/** Each object that a change was not made to, with why. */
export function failedObjects(
  failures: readonly { readonly id: ObservedObject['id']; readonly message: string }[],
  objects: readonly ObservedObject[],
): GuardedPrune[] {
  return failures.flatMap(({ id, message }) =>
    objects.filter((object) => object.id === id).map((observed) => ({ observed, reason: message })),
  );
}
