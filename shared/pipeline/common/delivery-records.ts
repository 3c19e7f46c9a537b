import { describeError } from '../../base/errors.ts';
import { deliveryFolder, deliveryMetadata, isSpent, type DeliveryRecord } from '../../notices/delivery-record.ts';
import type { Ports } from '../../ports/ports.ts';
import type { GenerationPrecondition } from '../../ports/storage.ts';
import { keepPace } from './pace.ts';
import { inParallel } from './parallel.ts';

/** Where the record of an incident is in one sink, or that of an alert that is of none (`isNews`). */
export interface RecordPlace {
  readonly path: string;
  readonly isNews: boolean;
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
