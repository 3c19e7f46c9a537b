import { z } from 'zod';
import { parseTime } from '../../base/time.ts';
import { heldFolder, type ListedIncident } from '../../notices/held-alert.ts';
import { incidentKey } from '../../notices/notice.ts';
import type { ListedState, StateStore } from '../../ports/storage.ts';

/** Who takes care of an incident: `held/acknowledged/<incident key>.json`, and the same in its metadata. */
export const acknowledgementSchema = z.object({
  version: z.literal(1),
  /** Who said so, as git names them: nobody has proved it but Cloud Storage, in its audit log. */
  by: z.string(),
  at: z.iso.datetime(),
  /** Until when; null: until it ends. */
  until: z.iso.datetime().nullable(),
  comment: z.string().nullable(),
  /** When the occurrence began that it is of: another one of the same incident is not acknowledged by it. */
  since: z.string().nullable(),
});
export type Acknowledgement = z.infer<typeof acknowledgementSchema>;

const folder = `${heldFolder}acknowledged/`;

export function acknowledgementPath(incident: string): string {
  return `${folder}${incident}.json`;
}

/** One of a list, by its metadata: whoever lists knows all, and nobody has to read a thousand of them. */
export interface ListedAcknowledgement {
  readonly said: Acknowledgement;
  readonly path: string;
  readonly generation: string;
}

/** By keys of incidents. What nobody can read is none: whoever acknowledges once more overwrites it. */
export function acknowledgementsIn(listed: readonly ListedState[]): ReadonlyMap<string, ListedAcknowledgement> {
  const found = new Map<string, ListedAcknowledgement>();
  for (const { path, generation, metadata } of listed) {
    if (!path.startsWith(folder)) continue;
    const said = readFacts(metadata['facts']);
    if (said !== undefined) found.set(path.slice(folder.length).replace(/\.json$/, ''), { said, path, generation });
  }
  return found;
}

function readFacts(facts = ''): Acknowledgement | undefined {
  try {
    return acknowledgementSchema.safeParse(JSON.parse(decodeURIComponent(facts))).data;
  } catch {
    return undefined;
  }
}

export async function listAcknowledgements({
  state,
}: {
  state: Pick<StateStore, 'list'>;
}): Promise<ReadonlyMap<string, ListedAcknowledgement>> {
  return acknowledgementsIn(await state.list(folder));
}

/** That of a cause which lasts longest: who takes care of one of its incidents takes care of what they come of. */
export function acknowledgementOf(
  incidents: readonly Pick<ListedIncident, 'key' | 'since' | 'state'>[],
  known: ReadonlyMap<string, ListedAcknowledgement>,
): (ListedAcknowledgement & { readonly until: number }) | undefined {
  return incidents
    .flatMap(({ key, since, state }) => {
      const found = known.get(key);
      return state === 'open' && found?.said.since === since ? [{ ...found, until: untilOf(found.said) }] : [];
    })
    .reduce<(ListedAcknowledgement & { until: number }) | undefined>(
      (longest, one) => (longest === undefined || one.until > longest.until ? one : longest),
      undefined,
    );
}

/** Who takes care of an occurrence of an incident now; undefined: nobody, or the time is over. */
export function acknowledgedNow(
  { id, since }: { id: string; since: string },
  { known, now }: { known: ReadonlyMap<string, ListedAcknowledgement>; now: number },
): Pick<Acknowledgement, 'by' | 'at' | 'until' | 'comment'> | undefined {
  const said = known.get(incidentKey(id))?.said;
  if (said === undefined || said.since !== since || untilOf(said) <= now) return undefined;
  const { by, at, until, comment } = said;
  return { by, at, until, comment };
}

/** Forgets those of incidents that have ended. */
export async function forgetAcknowledgements(
  incidents: readonly Pick<ListedIncident, 'key' | 'since' | 'state'>[],
  { state }: { state: Pick<StateStore, 'list' | 'delete'> },
): Promise<void> {
  const known = await listAcknowledgements({ state });
  for (const { key, since, state: became } of incidents) {
    const found = known.get(key);
    if (found === undefined || became === 'open' || found.said.since !== since) continue;
    await state.delete({ path: found.path, generation: found.generation });
  }
}

/** Milliseconds since 1970; infinite: until it ends. */
export function untilOf({ until }: Pick<Acknowledgement, 'until'>): number {
  return until === null ? Infinity : parseTime(until);
}

/** Whatever is there: the last who acknowledges is who takes care. */
export async function writeAcknowledgement(
  { incident, said }: { incident: string; said: Acknowledgement },
  { state }: { state: Pick<StateStore, 'write'> },
): Promise<void> {
  const metadata = { facts: encodeURIComponent(JSON.stringify(said)) };
  await state.write({ path: acknowledgementPath(incident), value: said, ifGeneration: 'any', metadata });
}
