import { describeError } from '../../base/errors.ts';
import {
  decodeDelivery,
  deliveryFolder,
  deliveryMetadata,
  endedPath,
  isSpent,
  mergedRecords,
  type DeliveryRecord,
} from '../../notices/delivery-record.ts';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';
import { keepPace } from './pace.ts';
import { inParallel } from './parallel.ts';
import { readState, valueOrNone, type ReadState } from './read-state.ts';

/** Where the record of an incident is in one sink, or that of an alert that is of none (`isNews`). */
export interface RecordPlace {
  readonly path: string;
  readonly isNews: boolean;
}

/** What is known of an incident in one sink. */
export interface KnownDelivery {
  readonly found: ReadState<DeliveryRecord> | undefined;
  /** What the record says, where anybody can read it. */
  readonly stored: DeliveryRecord | undefined;
  /** That, and what this instance could not write down. */
  readonly record: DeliveryRecord | undefined;
  /** There is a record, and nobody knows what it says. */
  readonly isLost: boolean;
  /** Of one that is lost: what is known of the last end. */
  readonly ended: DeliveryRecord | undefined;
}

/** Throws as `StateStore.read` does. */
export async function readDelivery(path: string, ports: Pick<Ports, 'state' | 'log'>): Promise<KnownDelivery> {
  const found = await readState({ path, decode: decodeDelivery }, ports);
  const stored = valueOrNone(found);
  const record = mergedRecords(stored, unsavedAt(path, ports));
  const isLost = found !== undefined && record === undefined;
  const ended = isLost
    ? valueOrNone(await readState({ path: endedPath(path), decode: decodeDelivery }, ports))
    : undefined;
  return { found, stored, record, isLost, ended };
}

/** Writes a record with the metadata by which it is cleared one day. Throws as `StateStore.write` does. */
export async function writeDelivery(
  {
    place: { path, isNews },
    record,
    ifGeneration,
  }: { place: RecordPlace; record: DeliveryRecord; ifGeneration: GenerationPrecondition },
  { state }: Pick<Ports, 'state'>,
): Promise<{ generation: string } | 'conflict'> {
  return state.write({ path, value: record, ifGeneration, metadata: deliveryMetadata(record, { isNews }) });
}

/**
 * Writes the end of an incident once more, where that is what its record says. Never fails: nobody misses it where the
 * record can be read.
 */
export async function keepEnd(
  { path, isNews }: RecordPlace,
  record: DeliveryRecord,
  { state }: Pick<Ports, 'state'>,
): Promise<void> {
  if (isNews || record.newest.state !== 'closed' || record.attempt !== null) return;
  const metadata = deliveryMetadata(record, { isNews });
  await state.write({ path: endedPath(path), value: record, ifGeneration: 'any', metadata }).catch(() => {});
}

/** Of the records of one sink an instance looks for spent ones at most every ten minutes, and clears so many at a time. */
const clearing = keepPace({ milliseconds: 10 * 60_000 });
const mostCleared = 200;

/** Clears the records of a sink that nobody needs any more, where this is due. Never fails. */
export async function clearDeliveries(
  sink: string,
  { state, now, log }: Pick<Ports, 'state' | 'now' | 'log'>,
): Promise<void> {
  const time = now().getTime();
  const asked = { repository: sink, state, time };
  if (!clearing.isDue(asked)) return;
  clearing.note(asked);
  try {
    const listed = await state.list(deliveryFolder(sink));
    const spent = listed.filter(({ metadata, updatedAt }) => isSpent({ metadata, age: time - updatedAt.getTime() }));
    await inParallel(spent.slice(0, mostCleared), async ({ path, generation }) => state.delete({ path, generation }));
  } catch (error) {
    log('WARNING', 'old delivery records could not be cleared', { sink, error: describeError(error) });
  }
}

/** Of so many incidents at most is kept what could not be written. */
const mostUnsaved = 1_000;
/** The records that this instance could not write, for as long as it lives: what it told stands in them alone. */
const unsavedOf = new WeakMap<Ports['state'], Map<string, DeliveryRecord>>();

export function unsavedAt(path: string, { state }: Pick<Ports, 'state'>): DeliveryRecord | undefined {
  return unsavedOf.get(state)?.get(path);
}

/** @param record undefined: it is written */
export function keepUnsaved(path: string, record: DeliveryRecord | undefined, { state }: Pick<Ports, 'state'>): void {
  const unsaved = unsavedOf.get(state) ?? new Map<string, DeliveryRecord>();
  unsavedOf.set(state, unsaved);
  unsaved.delete(path);
  if (record === undefined) return;
  if (unsaved.size >= mostUnsaved) unsaved.clear();
  unsaved.set(path, record);
}
