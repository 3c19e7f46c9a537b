import { randomUUID } from 'node:crypto';
import type { AlertSink } from '../../config/sinks.ts';
import { ConvergeError, describeError } from '../../base/errors.ts';
import type { ReceivedAlert } from '../../events/received-alert.ts';
import {
  deliveryPath,
  isOfThePast,
  judgeDelivery,
  toldOf,
  withAttempt,
  withNewest,
  withOutcome,
  type DeliveryOutcome,
  type DeliveryRecord,
  type DeliveryVerdict,
  type SinkAbilities,
  type Told,
} from '../../notices/delivery-record.ts';
import { noticeOf, selectableOf, type Notice } from '../../notices/notice.ts';
import { abilitiesOf } from '../../notices/sink-abilities.ts';
import { isSelected } from '../../routing/selector.ts';
import type { Ports } from '../../ports/ports.ts';
import {
  clearDeliveries,
  keepEnd,
  keepUnsaved,
  readDelivery,
  unsavedAt,
  writeDelivery,
  type RecordPlace,
} from './delivery-records.ts';
import { betweenWrites } from './pauses.ts';
import { ageOf, type ReadState } from './read-state.ts';

export type DeliverPorts = Pick<Ports, 'sinks' | 'state' | 'log' | 'now' | 'sleep'>;

export interface AlertForSink {
  readonly sink: AlertSink;
  readonly alert: ReceivedAlert;
  /** Of its event. */
  readonly id: string;
  /** When its event was made, ISO 8601; undefined where nobody said. */
  readonly time: string | undefined;
  /** As what it is told, where that is not the alert by itself. */
  readonly as?: ToldAs;
}

/** What is told of a cause, under the incident by which the sink knows it. */
export interface ToldAs {
  readonly told: Told;
  /** Whether it is the newest, whatever it says of itself: one call after the other tells of a cause. */
  readonly isInOrder: boolean;
  noticeOf(shown: { isTold: boolean }): Notice;
}

/** How long the beginning of an incident is waited for, where its end comes first. In pauses between writes. */
const waitsForBeginning = 3;
/** How long the delivery of another alert of the incident is waited for, and when it has died. Milliseconds. */
const waitsFor = 15;
const diesAfter = 60_000;
/** How often what Storage does not take is tried again. */
const mostFailures = 3;

/**
 * Delivers an alert to one sink, where that has not had it, and nothing newer of its incident is known. What it has is
 * remembered in the state bucket; an alert whose record can be neither read nor written is delivered all the same, as one
 * that may have been told. Throws what the sink throws, and `SinkUnavailable` (retry) where another alert of the incident
 * is on its way to it for too long.
 */
export async function deliverToSink(
  given: AlertForSink,
  ports: DeliverPorts,
): Promise<'delivered' | 'had' | 'older' | 'unmeant' | 'unneeded'> {
  const incident = incidentOf(given);
  const unread = judgeDelivery(incident, undefined);
  // Of what is not meant for the sink, the end is, where it was told the beginning.
  if (unread.kind !== 'send' && (incident.isNews || unread.kind !== 'unmeant')) return unread.kind;
  const writer = randomUUID();
  let before: DeliveryRecord | undefined;
  let failures = 0;
  for (let look = 1; look <= waitsFor; look++) {
    const isEarly = look <= waitsForBeginning;
    const claim = await claimDelivery({ incident, writer, before, isEarly }, ports);
    if (claim === 'busy') await ports.sleep(betweenWrites);
    else if (claim.kind === 'claimed') return deliverClaimed(given, claim, ports);
    // Somebody else may have written in the same second, and somebody else again in the next.
    else if (claim.kind === 'unrecorded' && failures < mostFailures) {
      failures += 1;
      ({ before } = claim);
      await ports.sleep(betweenWrites);
    } else if (claim.kind === 'unrecorded') return deliverUnrecorded({ given, incident, ...claim }, ports);
    else return claim.kind;
  }
  throw new ConvergeError({
    code: 'SinkUnavailable',
    subject: `alert sink ${given.sink.name}`,
    message: 'another alert of the incident is on its way to it',
    disposition: 'retry',
  });
}

/** What is asked of the record of an incident in one sink, and where that is. */
interface Incident {
  readonly place: RecordPlace;
  readonly told: Told;
  readonly isNews: boolean;
  readonly isMeant: boolean;
  readonly isInOrder?: boolean;
  readonly abilities: SinkAbilities;
}

function incidentOf(given: AlertForSink): Incident {
  if (given.as !== undefined) return incidentAs(given, given.as);
  const notice = noticeOf(given.alert, { isTold: false });
  const isNews = notice.incident === null;
  const path = deliveryPath({ sink: given.sink.name, id: given.id, notice });
  return {
    ...{ place: { path, isNews }, isNews, isMeant: isSelected(selectableOf(given.alert), given.sink.only) },
    ...{ told: toldOf({ ...given, notice }), abilities: abilitiesOf(given.sink, given.alert.kind) },
  };
}

/** What is told of a cause is told once more, also where the sink cannot change what it shows. */
function incidentAs({ sink, id }: AlertForSink, { told, isInOrder, noticeOf: show }: ToldAs): Incident {
  const notice = show({ isTold: false });
  const abilities = { ...abilitiesOf(sink), updates: true };
  return {
    place: { path: deliveryPath({ sink: sink.name, id, notice }), isNews: false },
    isNews: false,
    isMeant: true,
    isInOrder,
    told,
    abilities,
  };
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

/** What is known where the record can be neither read nor written. */
interface Unrecorded {
  readonly kind: 'unrecorded';
  readonly before: DeliveryRecord | undefined;
  readonly error: ConvergeError;
}

/**
 * `busy`: somebody else is at it, or has been since it was read.
 *
 * @param before what was known before a write of ours whose answer was lost
 */
async function claimDelivery(
  {
    incident,
    writer,
    before: read,
    isEarly,
  }: { incident: Incident; writer: string; before: DeliveryRecord | undefined; isEarly: boolean },
  ports: DeliverPorts,
): Promise<Claimed | Unrecorded | 'busy' | Exclude<DeliveryVerdict, { kind: 'send' }>> {
  const { place, told } = incident;
  const kept = unsavedAt(place.path, ports);
  const knows = await orUnrecorded(readDelivery(place.path, ports));
  if ('error' in knows) return { ...knows, before: kept };
  const { found, stored, record: before, isLost, ended } = knows;
  const verdict = judgeDelivery(incident, before);
  if (verdict.kind !== 'send' && verdict.kind !== 'unneeded') return verdict;
  // What it would open, nothing would end.
  if (told.state === 'open' && !(incident.isInOrder ?? false) && isOfThePast(told, ended)) return { kind: 'older' };
  // An end may overtake what it ends, as what is healed is told with its end: people would never hear what it was.
  if (isEarly && found === undefined && kept === undefined && told.state === 'closed' && !incident.isNews)
    return 'busy';
  if (verdict.kind === 'send' && stored?.attempt?.writer === writer) {
    // The answer of our own write was lost.
    const ours = { send: verdict, place, record: stored, generation: found?.generation ?? '', before: read };
    return claimed(ours, ports);
  }
  if (isUnderWay(found) || isJustWritten(found)) return 'busy';
  const record = verdict.kind === 'send' ? withAttempt({ told, writer }, before) : withNewest(told, before);
  const ifGeneration = found === undefined ? 'absent' : { generation: found.generation };
  const written = await orUnrecorded(writeDelivery({ place, record, ifGeneration }, ports));
  if (written === 'conflict') return 'busy';
  if ('error' in written) return { ...written, before };
  keepUnsaved(place.path, undefined, ports);
  await keepEnd(place, record, ports);
  if (verdict.kind === 'unneeded') return verdict;
  // Nobody can read what the sink had.
  const perhaps = verdict.perhaps || isLost;
  return claimed({ send: { ...verdict, perhaps }, place, record, generation: written.generation, before }, ports);
}

async function orUnrecorded<T>(asked: Promise<T>): Promise<T | Pick<Unrecorded, 'kind' | 'error'>> {
  try {
    return await asked;
  } catch (error) {
    if (!isOfStorage(error)) throw error;
    return { kind: 'unrecorded', error };
  }
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

async function deliverClaimed(given: AlertForSink, claim: Claimed, ports: DeliverPorts): Promise<'delivered'> {
  const { outcome, failure } = await send(given, claim.send, ports);
  await settle(outcome, { given, claim }, ports);
  if (failure !== undefined) throw failure.error;
  await clearDeliveries(given.sink.name, ports);
  return 'delivered';
}

/** Never fails: `failure` holds what the sink threw. */
async function send(
  given: AlertForSink,
  { isTold, perhaps, message }: Claimed['send'],
  ports: DeliverPorts,
): Promise<{ outcome: DeliveryOutcome; failure?: { error: unknown } }> {
  try {
    const { sink, alert, id, time, as } = given;
    const notice = as === undefined ? noticeOf(alert, { isTold }) : as.noticeOf({ isTold });
    const missed: string[] = [];
    const delivery = { sink, alert, id, time, notice, message, perhaps };
    const sent = await ports.sinks.deliver(delivery, (whom) => void missed.push(whom));
    // Nobody sends it to them alone: those who have it would wait, or be told once more.
    if (missed.length > 0)
      ports.log('ERROR', 'a sink took an alert, and not for all who were to have it', { sink: sink.name, id, missed });
    return { outcome: { kind: 'delivered', at: ports.now().toISOString(), message: sent } };
  } catch (error) {
    const isLost = !(error instanceof ConvergeError) || error.unanswered;
    return { outcome: { kind: isLost ? 'unanswered' : 'failed' }, failure: { error } };
  }
}

/** Writes down what became of an attempt. Never fails: who comes next takes it for one that got no answer. */
async function settle(
  outcome: DeliveryOutcome,
  { given, claim }: { given: AlertForSink; claim: Claimed },
  ports: DeliverPorts,
): Promise<void> {
  const { place, generation, record, before, writtenAt } = claim;
  const settled = withOutcome(outcome, { record, before });
  await keepEnd(place, settled, ports);
  const pause = betweenWrites - (ports.now().getTime() - writtenAt);
  if (pause > 0) await ports.sleep(Math.min(pause, betweenWrites));
  const write = writeDelivery({ place, record: settled, ifGeneration: { generation } }, ports);
  const written = await write.catch((error: unknown) => ({ error }));
  if (written === 'conflict' || 'error' in written) {
    keepUnsaved(place.path, settled, ports);
    const error = written === 'conflict' ? 'somebody else has written it' : describeError(written.error);
    ports.log('WARNING', 'what became of an alert could not be written down', {
      ...{ sink: given.sink.name, id: given.id, outcome: outcome.kind, error },
    });
  }
}

/** By what this instance remembers of the incident: another one may tell the sink the same once more, marked. */
async function deliverUnrecorded(
  { given, incident, before, error }: { given: AlertForSink; incident: Incident } & Omit<Unrecorded, 'kind'>,
  ports: DeliverPorts,
): Promise<'delivered' | 'had' | 'older' | 'unmeant' | 'unneeded'> {
  const { path } = incident.place;
  const verdict = judgeDelivery(incident, before);
  if (verdict.kind === 'unneeded') keepUnsaved(path, withNewest(incident.told, before), ports);
  // Whether the sink shows what this ends, nobody can say now.
  if (verdict.kind === 'unmeant') throw error;
  if (verdict.kind !== 'send') return verdict.kind;
  tellUnrecorded({ given, error }, ports);
  const { outcome, failure } = await send(given, { ...verdict, perhaps: true }, ports);
  // What the sink shows stands where nobody can read it.
  const record = {
    ...withAttempt({ told: incident.told, writer: randomUUID() }, before),
    shows: before?.shows ?? 'unknown',
  };
  keepUnsaved(path, withOutcome(outcome, { record, before }), ports);
  if (failure !== undefined) throw failure.error;
  return 'delivered';
}

function tellUnrecorded({ given, error }: { given: AlertForSink; error: ConvergeError }, { log }: DeliverPorts): void {
  const severity = error.code === 'StorageRefused' ? 'ERROR' : 'WARNING';
  log(severity, 'a delivery cannot be recorded: the alert may be told twice', {
    ...{ sink: given.sink.name, id: given.id, code: error.code, error: describeError(error), remedy: error.remedy },
  });
}

export function isOfStorage(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && (error.code === 'StorageUnavailable' || error.code === 'StorageRefused');
}
