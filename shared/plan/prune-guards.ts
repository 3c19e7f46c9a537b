import type { ObservedObject } from './plan.ts';
import { partOfLabel } from '../inventory/applyset.ts';
import { groupKind } from '../objects/object-id.ts';
import { isPrecious } from '../objects/replacement.ts';

const pruneAnnotation = 'converge.dev/prune';
const keepAnnotation = 'helm.sh/resource-policy';

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
  /** Being deleted already, by an earlier run or by somebody else. */
  readonly going: readonly ObservedObject[];
}

/**
 * Which stale objects may be deleted, one by one: none that opted out, none that is precious without opting in, none of
 * another set.
 *
 * @param applySetIds the environment's own set, and those of its previous names
 */
export function guardPrunes({ stale, applySetIds }: { stale: readonly ObservedObject[]; applySetIds: readonly string[] }): GuardedPrunes {
  const allowed: ObservedObject[] = [];
  const guarded: GuardedPrune[] = [];
  const kept: ObservedObject[] = [];
  const going: ObservedObject[] = [];
  for (const observed of stale) {
    const { labels, annotations, deletionTimestamp } = observed.object.metadata;
    if (!applySetIds.includes(labels?.[partOfLabel] ?? '')) continue;
    if (deletionTimestamp !== undefined) going.push(observed);
    else if (annotations?.[pruneAnnotation] === 'false' || annotations?.[keepAnnotation] === 'keep') kept.push(observed);
    else if (isPrecious(observed.id) && !optedIn(observed)) {
      guarded.push({ observed, reason: `${groupKind(observed.id)} is pruned only with the annotation ${pruneAnnotation}: "true"` });
    } else allowed.push(observed);
  }
  return { allowed, guarded, kept, going };
}

/**
 * Not more than half of an inventory of ten or more goes in one run: then none of them does. Objects that carry the
 * annotation to be pruned are not counted, and go.
 */
export function guardMassPrune({ allowed, inventorySize }: { allowed: readonly ObservedObject[]; inventorySize: number }): Pick<GuardedPrunes, 'allowed' | 'guarded'> {
  const counted = allowed.filter((observed) => !optedIn(observed));
  if (inventorySize < massInventory || counted.length <= inventorySize / 2) return { allowed, guarded: [] };
  const reason = `${counted.length} of ${inventorySize} objects would be pruned at once, more than half; remove them in two commits, or annotate them with ${pruneAnnotation}: "true" first`;
  return { allowed: allowed.filter(optedIn), guarded: counted.map((observed) => ({ observed, reason })) };
}

function optedIn({ object }: ObservedObject): boolean {
  return object.metadata.annotations?.[pruneAnnotation] === 'true';
}
