import type { ObservedObject } from './plan.ts';
import { partOfLabel } from '../inventory/applyset.ts';
import { groupKind } from '../objects/object-id.ts';
import { isPrecious } from '../objects/replacement.ts';

const pruneAnnotation = 'converge.dev/prune';
const keepAnnotation = 'helm.sh/resource-policy';

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
}

/**
 * Which stale objects may be deleted: none that opted out, none that is precious without opting in, none of another set,
 * and not more than half of an inventory of ten or more in one run.
 */
export function guardPrunes({ stale, inventorySize, applySetId }: { stale: readonly ObservedObject[]; inventorySize: number; applySetId: string }): GuardedPrunes {
  const allowed: ObservedObject[] = [];
  const guarded: GuardedPrune[] = [];
  const kept: ObservedObject[] = [];
  for (const observed of stale) {
    const { labels, annotations, deletionTimestamp } = observed.object.metadata;
    const kind = groupKind(observed.id);
    if (deletionTimestamp !== undefined || labels?.[partOfLabel] !== applySetId) continue;
    if (annotations?.[pruneAnnotation] === 'false' || annotations?.[keepAnnotation] === 'keep') kept.push(observed);
    else if (isPrecious(observed.id) && annotations?.[pruneAnnotation] !== 'true') {
      guarded.push({ observed, reason: `${kind} is pruned only with the annotation ${pruneAnnotation}: "true"` });
    } else allowed.push(observed);
  }
  if (inventorySize >= 10 && allowed.length > inventorySize / 2) {
    const reason = `${allowed.length} of ${inventorySize} objects would be pruned at once, more than half`;
    return { allowed: [], guarded: [...guarded, ...allowed.map((observed) => ({ observed, reason }))], kept };
  }
  return { allowed, guarded, kept };
}
