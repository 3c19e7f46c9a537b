import type { ObservedObject } from './plan.ts';
import type { ApplySet } from '../inventory/applyset.ts';
import { deletionRefusal, pruneAnnotation } from '../ownership/deletion-guard.ts';

/** An inventory smaller than this is no mass. */
const massInventory = 10;

export interface GuardedPrune {
  readonly observed: ObservedObject;
  readonly reason: string;
}

export interface GuardedPrunes {
  readonly allowed: readonly ObservedObject[];
  /** Not deleted, and told as `unexpected` objects. */
  readonly guarded: readonly GuardedPrune[];
  /** Not deleted because Git or the object says so: nothing to tell. */
  readonly kept: readonly ObservedObject[];
  /** Not deleted for now because the object says so: nothing to tell, and to be asked again. */
  readonly suspended: readonly GuardedPrune[];
  /** Being deleted already, by an earlier run or by somebody else. */
  readonly going: readonly ObservedObject[];
}

/**
 * Which stale objects may be deleted, one by one: none that opted out, none that is precious without opting in, none of
 * another set. The same guards are asked once more of what is then deleted, and of the Namespaces among it what lives
 * in them.
 *
 * @param applySets the environment's own set, and those of its previous names
 */
export function guardPrunes({
  stale,
  applySets,
  now,
}: {
  stale: readonly ObservedObject[];
  applySets: readonly ApplySet[];
  now: Date;
}): GuardedPrunes {
  const allowed: ObservedObject[] = [];
  const guarded: GuardedPrune[] = [];
  const kept: ObservedObject[] = [];
  const suspended: GuardedPrune[] = [];
  const going: ObservedObject[] = [];
  for (const observed of stale) {
    const refusal = deletionRefusal({ object: observed.object, applySets, purpose: 'prune', now });
    // What is no member any more is nobody's here to judge.
    if (refusal?.why === 'not-made' || refusal?.why === 'foreign') continue;
    if (observed.object.metadata.deletionTimestamp !== undefined) going.push(observed);
    else if (refusal === undefined) allowed.push(observed);
    else if (refusal.why === 'kept') kept.push(observed);
    else if (refusal.why === 'suspended') suspended.push({ observed, reason: refusal.message });
    else guarded.push({ observed, reason: refusal.message });
  }
  return { allowed, guarded, kept, suspended, going };
}

/**
 * Not more than half of an inventory of ten or more goes in one run: then none of them does. Objects that carry the
 * annotation to be pruned are not counted, and go.
 */
export function guardMassPrune({
  allowed,
  inventorySize,
}: {
  allowed: readonly ObservedObject[];
  inventorySize: number;
}): Pick<GuardedPrunes, 'allowed' | 'guarded'> {
  const counted = allowed.filter((observed) => !optedIn(observed));
  if (inventorySize < massInventory || counted.length <= inventorySize / 2) return { allowed, guarded: [] };
  const reason = `${counted.length} of ${inventorySize} objects would be pruned at once, more than half; remove them in two commits, or annotate them with ${pruneAnnotation}: "true" first`;
  return { allowed: allowed.filter(optedIn), guarded: counted.map((observed) => ({ observed, reason })) };
}

function optedIn({ object }: ObservedObject): boolean {
  return object.metadata.annotations?.[pruneAnnotation] === 'true';
}
