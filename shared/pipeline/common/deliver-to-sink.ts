import { randomUUID } from 'node:crypto';
import type { AlertSink } from '../../config/sinks.ts';
import { ConvergeError, describeError } from '../../base/errors.ts';
import type { Alert } from '../../events/alert.ts';
import {
  decodeDelivery,
  deliveryPath,
  judgeDelivery,
  toldOf,
  withAttempt,
  withNewest,
  withOutcome,
  type DeliveryOutcome,
  type DeliveryRecord,
  type DeliveryVerdict,
} from '../../notices/delivery-record.ts';
import { noticeOf } from '../../notices/notice.ts';
import { abilitiesOf } from '../../notices/sink-abilities.ts';
import type { Ports } from '../../ports/ports.ts';
import { clearDeliveries, writeDelivery, type RecordPlace } from './delivery-records.ts';
import { readState, valueOrNone, type ReadState } from './read-state.ts';

export type DeliverPorts = Pick<Ports, 'sinks' | 'state' | 'log' | 'now' | 'sleep'>;

export interface AlertForSink {
  readonly sink: AlertSink;
  readonly alert: Alert;
  /** Of its event. */
  readonly id: string;
  /** When its event was made, ISO 8601; undefined where nobody said. */
  readonly time: string | undefined;
}

/** Storage takes one write a second of one name. Milliseconds. */
const betweenWrites = 1_000;
/** How long the delivery of another alert of the incident is waited for, and when it has died. Milliseconds. */
const waitsFor = 15;
const diesAfter = 60_000;

/**
 * Delivers an alert to one sink, where that has not had it, and nothing newer of its incident is known. What it has is
 * remembered in the state bucket; an alert whose record can be neither read nor written is delivered all the same, as one
 * that may have been told. Throws what the sink throws, and `SinkUnavailable` (retry) where another alert of the incident
 * is on its way to it for too long.
 */
export async function deliverToSink(
  given: AlertForSink,
  ports: DeliverPorts,
): Promise<'delivered' | 'had' | 'older' | 'unneeded'> {
  const writer = randomUUID();
  for (let look = 1; look <= waitsFor; look++) {
    const claim = await claimDelivery({ given, writer }, ports).catch((error: unknown): 'unrecorded' => {
      if (!isOfStorage(error)) throw error;
      tellUnrecorded({ given, error }, ports);
      return 'unrecorded';
    });
    if (claim === 'unrecorded') return deliverUnrecorded(given, ports);
    if (claim === 'busy') await ports.sleep(betweenWrites);
    else if (claim.kind !== 'claimed') return claim.kind;
    else return deliverClaimed(given, claim, ports);
  }
  throw new ConvergeError({
    code: 'SinkUnavailable',
    subject: `alert sink ${given.sink.name}`,
    message: 'another alert of the incident is on its way to it',
    disposition: 'retry',
  });
}

interface Claimed {
  readonly kind: 'claimed';
  readonly send: Extract<DeliveryVerdict, { kind: 'send' }>;
  readonly place: RecordPlace;
  readonly generation: string;
  readonly record: DeliveryRecord;
  readonly before: DeliveryRecord | undefined;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/** `busy`: somebody else is at it, or has been since it was read. Throws as `readState` and `write` do. */
async function claimDelivery(
  { given, writer }: { given: AlertForSink; writer: string },
  ports: DeliverPorts,
): Promise<Claimed | 'busy' | Exclude<DeliveryVerdict, { kind: 'send' }>> {
  const notice = noticeOf(given.alert, { isTold: false });
  const isNews = notice.incident === null;
  const place = { path: deliveryPath({ sink: given.sink.name, id: given.id, notice }), isNews };
  const told = toldOf({ ...given, notice });
  const asked = { told, isNews, abilities: abilitiesOf(given.sink) };
  const unread = judgeDelivery(asked, undefined);
  if (unread.kind !== 'send') return unread;
  const found = await readState({ path: place.path, decode: decodeDelivery }, ports);
  const before = valueOrNone(found);
  const verdict = judgeDelivery(asked, before);
  if (verdict.kind !== 'send' && verdict.kind !== 'unneeded') return verdict;
  if (verdict.kind === 'send' && before?.attempt?.writer === writer) {
    // The answer of our own write was lost.
    return claimed(
      { send: verdict, place, record: before, generation: found?.generation ?? '', before: undefined },
      ports,
    );
  }
  if (isUnderWay(found) || isJustWritten(found)) return 'busy';
  const record = verdict.kind === 'send' ? withAttempt({ told, writer }, before) : withNewest(told, before);
  const ifGeneration = found === undefined ? 'absent' : { generation: found.generation };
  const written = await writeDelivery({ place, record, ifGeneration }, ports);
  if (written === 'conflict') return 'busy';
  if (verdict.kind === 'unneeded') return verdict;
  // Nobody can read what the sink had.
  const perhaps = verdict.perhaps || (found !== undefined && before === undefined);
  return claimed({ send: { ...verdict, perhaps }, place, record, generation: written.generation, before }, ports);
}

function claimed(facts: Omit<Claimed, 'kind' | 'writtenAt'>, { now }: DeliverPorts): Claimed {
  return { kind: 'claimed', ...facts, writtenAt: now().getTime() };
}

function isUnderWay(found: ReadState<DeliveryRecord> | undefined): boolean {
  if (found === undefined || 'unreadable' in found || found.value.attempt?.state !== 'under-way') return false;
  return ageOf(found) < diesAfter;
}

function isJustWritten(found: ReadState<DeliveryRecord> | undefined): boolean {
  return found !== undefined && ageOf(found) < betweenWrites;
}

function ageOf({ readAt, writtenAt }: ReadState<DeliveryRecord>): number {
  return readAt.getTime() - writtenAt.getTime();
}

async function deliverClaimed(given: AlertForSink, claim: Claimed, ports: DeliverPorts): Promise<'delivered'> {
  const { isTold, perhaps, message } = claim.send;
  const { alert } = given;
  try {
    const sent = await ports.sinks.deliver({ ...given, notice: noticeOf(alert, { isTold }), message, perhaps });
    await settle({ kind: 'delivered', at: ports.now().toISOString(), message: sent }, { given, claim }, ports);
  } catch (error) {
    const isLost = !(error instanceof ConvergeError) || error.unanswered;
    await settle({ kind: isLost ? 'unanswered' : 'failed' }, { given, claim }, ports);
    throw error;
  }
  await clearDeliveries(given.sink.name, ports);
  return 'delivered';
}

/** Writes down what became of an attempt. Never fails: who comes next takes it for one that got no answer. */
async function settle(
  outcome: DeliveryOutcome,
  { given, claim }: { given: AlertForSink; claim: Claimed },
  ports: DeliverPorts,
): Promise<void> {
  const { place, generation, record, before, writtenAt } = claim;
  const pause = betweenWrites - (ports.now().getTime() - writtenAt);
  if (pause > 0) await ports.sleep(Math.min(pause, betweenWrites));
  const settled = withOutcome(outcome, { record, before });
  const write = writeDelivery({ place, record: settled, ifGeneration: { generation } }, ports);
  const written = await write.catch((error: unknown) => ({ error }));
  if (written === 'conflict' || 'error' in written) {
    const error = written === 'conflict' ? 'somebody else has written it' : describeError(written.error);
    ports.log('WARNING', 'what became of an alert could not be written down', {
      ...{ sink: given.sink.name, id: given.id, outcome: outcome.kind, error },
    });
  }
}

/** Alerts that this instance delivered without a record: of those that come again, the sink has had each. */
const deliveredUnrecorded = new Set<string>();
const mostRemembered = 1_000;

async function deliverUnrecorded(given: AlertForSink, ports: DeliverPorts): Promise<'delivered' | 'had'> {
  const key = `${given.sink.name} ${given.id}`;
  if (deliveredUnrecorded.has(key)) return 'had';
  const notice = noticeOf(given.alert, { isTold: false });
  await ports.sinks.deliver({ ...given, notice, message: undefined, perhaps: true });
  if (deliveredUnrecorded.size >= mostRemembered) deliveredUnrecorded.clear();
  deliveredUnrecorded.add(key);
  return 'delivered';
}

function tellUnrecorded({ given, error }: { given: AlertForSink; error: ConvergeError }, { log }: DeliverPorts): void {
  const severity = error.code === 'StorageRefused' ? 'ERROR' : 'WARNING';
  log(severity, 'a delivery cannot be recorded: the alert may be told twice', {
    ...{ sink: given.sink.name, id: given.id, code: error.code, error: describeError(error), remedy: error.remedy },
  });
}

function isOfStorage(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && (error.code === 'StorageUnavailable' || error.code === 'StorageRefused');
}
