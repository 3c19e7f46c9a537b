import { z } from 'zod';
import { objectKey } from '../objects/object-id.ts';
import type { Change, ChangeCounts } from './change-set.ts';
import type { PlannedAction } from './plan.ts';

const keys = z.array(z.string()).readonly();

/**
 * What the runs of one roll-out have done or set out to do, by object key; no object is in two of the lists. `released`
 * is what was given up instead of being pruned. `how`, by key of what was configured, is there where a plan is held against it:
 * `replaced`, the digest of the fields that changed, or `changed` where those are not known.
 */
export const rolledOutSchema = z.object({
  ...{ created: keys, configured: keys, pruned: keys, released: keys.optional() },
  how: z.record(z.string(), z.string()).readonly().optional(),
});
export type RolledOut = z.infer<typeof rolledOutSchema>;

/** What a run sets out to do: remembered before the first write, it counts also where the run is killed half-way. */
export function setOutFor(actions: readonly PlannedAction[]): RolledOut {
  const of = (...which: readonly PlannedAction['action'][]) =>
    actions
      .filter(({ action }) => which.includes(action))
      .map((planned) => (planned.action === 'prune' ? planned.observed.key : planned.desired.key));
  return { created: of('create', 'recreate'), configured: of('configure'), pruned: of('prune') };
}

/** What a run has done, and `how`, where somebody asks. */
export function doneBy(changes: readonly Change[], how: RolledOut['how'] = {}): RolledOut {
  const of = (did: Change['did']) => changes.filter((change) => change.did === did).map(({ id }) => objectKey(id));
  const released = of('released');
  return {
    created: of('created'),
    configured: of('configured'),
    pruned: of('pruned'),
    ...(released.length === 0 ? {} : { released }),
    ...howOf(how),
  };
}

function howOf(how: NonNullable<RolledOut['how']>): Pick<RolledOut, 'how'> {
  return Object.keys(how).length === 0 ? {} : { how };
}

/** Keys of all that is in any of the lists. */
export function keysRolledOut({ created, configured, pruned, released = [] }: RolledOut): readonly string[] {
  return [...created, ...configured, ...pruned, ...released];
}

/** What an object was first made to be stays: created and then configured is created. How it changed is how it did first. */
export function joinRolledOut({ earlier, later }: { earlier: RolledOut | undefined; later: RolledOut }): RolledOut {
  if (earlier === undefined) return later;
  const created = new Set([...earlier.created, ...later.created]);
  const configured = new Set([...earlier.configured, ...later.configured].filter((key) => !created.has(key)));
  const released = new Set(
    [...(earlier.released ?? []), ...(later.released ?? [])].filter((key) => !created.has(key) && !configured.has(key)),
  );
  const pruned = new Set(
    [...earlier.pruned, ...later.pruned].filter(
      (key) => !created.has(key) && !configured.has(key) && !released.has(key),
    ),
  );
  return {
    created: [...created],
    configured: [...configured],
    pruned: [...pruned],
    ...(released.size === 0 ? {} : { released: [...released] }),
    ...howOf({ ...later.how, ...earlier.how }),
  };
}

/**
 * The counts of a roll-out that is through.
 *
 * @param facts.desired keys of all that is desired: what is neither created nor configured of it is unchanged
 * @param facts.left keys of what was not pruned after all
 */
export function countRolledOut({
  rolledOut,
  desired,
  left,
}: {
  rolledOut: RolledOut;
  desired: readonly string[];
  left: readonly string[];
}): ChangeCounts {
  const wanted = new Set(desired);
  const created = rolledOut.created.filter((key) => wanted.has(key)).length;
  const configured = rolledOut.configured.filter((key) => wanted.has(key)).length;
  const pruned = rolledOut.pruned.filter((key) => !wanted.has(key) && !left.includes(key)).length;
  const released = rolledOut.released?.filter((key) => !wanted.has(key)).length ?? 0;
  return {
    created,
    configured,
    unchanged: wanted.size - created - configured,
    pruned,
    ...(released === 0 ? {} : { released }),
  };
}
