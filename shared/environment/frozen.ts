import { z } from 'zod';
import { formatTime, parseTime } from '../base/time.ts';
import { shortRevision } from '../base/revision.ts';
import type { OpenFreeze } from '../config/freeze.ts';

/** That an environment is frozen, and what of it waits. */
export const frozenSchema = z.object({
  /** ISO 8601: from then on the next look goes on. */
  until: z.string(),
  /** Name of the window. */
  window: z.string(),
  /** Why, as the window says. */
  reason: z.string().optional(),
  /** The revision that is not applied; null: none waits, but what drifts is not healed either. */
  waits: z.string().nullable(),
  /** Windows follow on each other for as far as anybody looked, and `until` is that far. */
  endless: z.literal(true).optional(),
});
export type Frozen = Readonly<z.infer<typeof frozenSchema>>;

export function frozenBy({ window, until, endless }: OpenFreeze, { waits }: Pick<Frozen, 'waits'>): Frozen {
  const { name, reason } = window;
  return {
    ...{ until: formatTime(until), window: name, ...(reason === undefined ? {} : { reason }), waits },
    ...(endless ? { endless } : {}),
  };
}

/** What is remembered of a freeze, unless it is over. @param now milliseconds since 1970 */
export function stillFrozen(frozen: Frozen | undefined, now: number): Frozen | undefined {
  return frozen !== undefined && now < parseTime(frozen.until) ? frozen : undefined;
}

/** `frozen until 2026-12-27T00:00:00.000Z by year-end (inventory); main@08f983fc711e waits` */
export function frozenWords({ until, window, reason, waits, endless }: Frozen): string {
  const end = endless === true ? 'without an end in sight' : `until ${until}`;
  const why = reason === undefined ? '' : ` (${reason})`;
  return `frozen ${end} by ${window}${why}${waits === null ? '' : `; ${shortRevision(waits)} waits`}`;
}
