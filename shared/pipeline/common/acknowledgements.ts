import { z } from 'zod';
import { parseTime } from '../../base/time.ts';
import { heldFolder } from '../../notices/held-alert.ts';
import type { ListedState } from '../../ports/storage.ts';
import { readState, valueOrNone, type StateAccess } from './read-state.ts';

/** Who takes care of an incident: `held/acknowledged/<incident key>.json`. */
export const acknowledgementSchema = z.object({
  version: z.literal(1),
  /** Who said so. */
  by: z.string(),
  at: z.iso.datetime(),
  /** Until when; null: until it ends. */
  until: z.iso.datetime().nullable(),
  comment: z.string().nullable(),
});
export type Acknowledgement = z.infer<typeof acknowledgementSchema>;

export function acknowledgementPath(incident: string): string {
  return `${heldFolder}acknowledged/${incident}.json`;
}

/** Milliseconds since 1970; infinite: until it ends; undefined: nobody said that they take care of it. */
export async function acknowledgedUntil(incident: string, ports: StateAccess): Promise<number | undefined> {
  const path = acknowledgementPath(incident);
  const decode = (value: unknown): Acknowledgement | undefined => acknowledgementSchema.safeParse(value).data;
  const said = valueOrNone(await readState({ path, decode }, ports));
  if (said === undefined) return undefined;
  return said.until === null ? Infinity : parseTime(said.until);
}

/** The same, by a list of all that is held. */
export function acknowledgedAt(incident: string, listed: readonly ListedState[]): number | undefined {
  const path = acknowledgementPath(incident);
  const found = listed.find((object) => object.path === path);
  if (found === undefined) return undefined;
  const { until = '' } = found.metadata;
  return until === '' ? Infinity : parseTime(until);
}
