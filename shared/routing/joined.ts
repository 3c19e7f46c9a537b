import { z } from 'zod';

/** Milliseconds for which what comes of a cause after its first alert is gathered before it is told. */
export const gatherFor = 120_000;

/**
 * What a sink knows of one cause: the incidents that came of it, and what was shown of them. It begins with the first,
 * and is over when the last has ended and that was shown.
 */
export const causeGroupSchema = z.object({
  /** The incident that it began with: by its id the sink is told. */
  first: z.string(),
  /** By incident: whether it is open. */
  incidents: z.record(z.string(), z.enum(['open', 'ended'])),
  /** What the sink was shown last, and when (milliseconds since 1970). */
  shown: z.object({ at: z.number(), open: z.int().nonnegative(), ended: z.int().nonnegative() }).optional(),
});
export type CauseGroup = z.infer<typeof causeGroupSchema>;

export function beginGroup(incident: string): CauseGroup {
  return { first: incident, incidents: { [incident]: 'open' } };
}

/** An end of what was never open in it says nothing. */
export function withState(group: CauseGroup, { incident, state }: { incident: string; state: 'open' | 'ended' }) {
  if (state === 'ended' && group.incidents[incident] === undefined) return group;
  return { ...group, incidents: { ...group.incidents, [incident]: state } };
}

export function countsOf({ incidents }: CauseGroup): { readonly open: number; readonly ended: number } {
  const open = Object.values(incidents).filter((state) => state === 'open').length;
  return { open, ended: Object.keys(incidents).length - open };
}

/** Whether nothing of it is to be shown any more: what comes of the cause later begins another. */
export function isOver(group: CauseGroup): boolean {
  const { open } = countsOf(group);
  return open === 0 && (group.shown === undefined || group.shown.open === 0);
}

/**
 * When the group is to be shown, in milliseconds since 1970 (in the past: now); undefined: not before something else
 * happens. The first is shown at once, and so is the end of the last; what comes between waits until `gatherFor` after
 * what was shown before it. A sink that cannot change what it was told hears of more that opened, and of the end, and of
 * nothing between.
 */
export function showAt({ group, canUpdate }: { group: CauseGroup; canUpdate: boolean }): number | undefined {
  const { open, ended } = countsOf(group);
  const { shown } = group;
  if (shown === undefined) return open === 0 ? undefined : 0;
  if (open === 0) return shown.open === 0 ? undefined : 0;
  const hasMore = open + ended > shown.open + shown.ended;
  const isChanged = open !== shown.open || ended !== shown.ended;
  return hasMore || (canUpdate && isChanged) ? shown.at + gatherFor : undefined;
}

export function withShown(group: CauseGroup, at: number): CauseGroup {
  return { ...group, shown: { at, ...countsOf(group) } };
}
