import { randomUUID } from 'node:crypto';
import type { AlertSink } from '../../config/sinks.ts';
import { eventId } from '../../events/cloud-event.ts';
import { parseReceivedAlert } from '../../events/received-alert.ts';
import { ConvergeError, describeError } from '../../base/errors.ts';
import {
  causeDue,
  claimedCause,
  failedCause,
  isUnderWay,
  shownCause,
  type CauseDue,
  type HeldCause,
  type HoldRules,
  type ListedIncident,
} from '../../notices/held-alert.ts';
import { joinedNotice } from '../../notices/joined-notice.ts';
import { acknowledgedNotice } from '../../notices/acknowledged-notice.ts';
import { noticeOf } from '../../notices/notice.ts';
import {
  acknowledgementOf,
  forgetAcknowledgements,
  listAcknowledgements,
  type ListedAcknowledgement,
} from './acknowledgements.ts';
import { deliverToSink, isOfStorage, type AlertForSink, type DeliverPorts } from './deliver-to-sink.ts';
import {
  findShown,
  forgetCause,
  leadOf,
  listIncidents,
  readHeldCause,
  timeAt,
  writeHeldCause,
  type Lead,
} from './held-alerts.ts';
import { betweenWrites } from './pauses.ts';
import { ageOf } from './read-state.ts';

export interface LookedCause {
  readonly sink: AlertSink;
  readonly rules: HoldRules;
  readonly cause: string;
  /** Whether it is told what it was shown last, where that is not what it shows. */
  readonly isDoubtful: boolean;
  /** Whether it waits for whoever is at it: an end does, and what joins is told by the schedule. */
  readonly isPatient: boolean;
}

/** How often a cause is looked at while somebody else is at it. */
const mostLooks = 15;
/** How often what Storage does not take is tried again. */
const mostFailures = 2;

/**
 * Tells a sink what is due of a cause, where nobody else is at it. `held`: nothing is due, or not by this call. Throws
 * what the sink throws, and what Storage does, where nothing was told.
 */
export async function showCause(looked: LookedCause, ports: DeliverPorts): Promise<'delivered' | 'held'> {
  const writer = randomUUID();
  for (let look = 1; look <= mostLooks; look++) {
    if (look > 1) await ports.sleep(betweenWrites);
    const claim = await claimCause({ ...looked, writer, isTriedAgain: look <= mostFailures }, ports);
    if (claim === 'busy' && !looked.isPatient) return 'held';
    if (claim === 'busy' || claim === 'again') continue;
    return claim === 'held' ? 'held' : tellCause({ ...looked, ...claim }, ports);
  }
  throw new ConvergeError({
    code: 'SinkUnavailable',
    subject: `alert sink ${looked.sink.name}`,
    message: 'another alert of the cause is on its way to it',
    disposition: 'retry',
  });
}

/** @param looked.isTriedAgain whether what Storage does not take is tried again */
async function claimCause(
  looked: LookedCause & { writer: string; isTriedAgain: boolean },
  ports: DeliverPorts,
): Promise<Claim | 'busy' | 'again' | 'held'> {
  const { cause, writer } = looked;
  const sink = looked.sink.name;
  const found = await readHeldCause({ sink, cause }, ports);
  const read = found?.value;
  const isOurs = read?.claim?.writer === writer;
  const now = timeAt(found, ports);
  if (read !== undefined && !isOurs && isUnderWay(read, now)) return 'busy';
  const incidents = await listIncidents({ sink, cause }, ports);
  // The answer of our own write was lost, where the claim is ours.
  const head =
    read === undefined
      ? await findShown({ sink, incidents }, ports)
      : { ...read, claim: isOurs ? failedCause(read).claim : read.claim };
  const acknowledged = await acknowledgementNow({ head, incidents }, ports);
  const due = dueNow(looked, { head, incidents, acknowledged, now });
  if (due === 'busy') return due;
  if (due === 'clear') await forget({ sink, cause, head: found, incidents }, ports);
  const lead = due === undefined || due === 'clear' ? undefined : await leadOf({ sink, incidents, head }, ports);
  if (due === undefined || due === 'clear' || lead === undefined) return 'held';
  if (isOurs && found !== undefined && read !== undefined)
    return { due, head: read, generation: found.generation, incidents, lead, acknowledged, now };
  if (found !== undefined && ageOf(found) < betweenWrites) return 'again';
  const value = claimedCause(head ?? beginCause(lead), { writer, at: now });
  try {
    const written = await writeHeldCause({ sink, cause, value, before: found }, ports);
    // Somebody else has written it, or we have, and the answer was lost: the next look tells.
    if (written === 'conflict') return 'again';
    return { due, head: value, generation: written.generation, incidents, lead, acknowledged, now };
  } catch (error) {
    if (looked.isTriedAgain && isOfStorage(error)) return 'again';
    throw error;
  }
}

type AcknowledgedNow = ReturnType<typeof acknowledgementOf>;

/** Nobody is asked where it cannot matter: the sink was told of nothing yet, or all has ended. */
async function acknowledgementNow(
  { head, incidents }: { head: HeldCause | undefined; incidents: readonly ListedIncident[] },
  { state }: DeliverPorts,
): Promise<AcknowledgedNow> {
  if (head === undefined || head.shown === null || !incidents.some((one) => one.state === 'open')) return undefined;
  return acknowledgementOf(incidents, await listAcknowledgements({ state }));
}

function dueNow(
  { rules, isDoubtful }: LookedCause,
  {
    head,
    incidents,
    acknowledged,
    now,
  }: { head: HeldCause | undefined; incidents: readonly ListedIncident[]; acknowledged: AcknowledgedNow; now: number },
): CauseDue {
  const due = causeDue({ head, incidents }, { rules, now, acknowledged });
  if (due !== undefined || !isDoubtful || head?.shown === null) return due;
  // By its alert alone it would be taken for older than what was told of its acknowledgement.
  return head?.acknowledged === undefined ? 'show' : 'acknowledge';
}

function beginCause({ key, value: { told, severity } }: Lead): HeldCause {
  const { occurrence, since } = told;
  return {
    ...{ version: 1, first: { key, occurrence, since }, severity, shown: null, repeats: 0, claim: null },
  };
}

interface Claim {
  readonly due: Exclude<CauseDue, undefined | 'clear' | 'busy'>;
  readonly head: HeldCause;
  readonly generation: string;
  readonly incidents: readonly ListedIncident[];
  readonly lead: Lead;
  readonly acknowledged: ListedAcknowledgement | undefined;
  /** When it was claimed, by Storage's clock as far as that is known: milliseconds since 1970. */
  readonly now: number;
}

type Told = LookedCause & Claim;

async function tellCause(tell: Told, ports: DeliverPorts): Promise<'delivered' | 'held'> {
  const { sink, cause, due, generation, incidents } = tell;
  const head = startedBy(tell);
  const told = { ...tell, head, claimedAt: ports.now().getTime() };
  let outcome;
  try {
    outcome = await deliverToSink(toldAs(told, ports), ports);
  } catch (error) {
    await remember(told, failedCause(head), ports);
    throw error;
  }
  // What is shown to be older has ended: the sink was told that first.
  const isOver = due === 'close' || (outcome === 'older' && isAlone(incidents));
  if (isOver) await forget({ sink: sink.name, cause, head: { generation }, incidents }, ports);
  else await remember(told, shownCause(head, shownBy(told)), ports);
  return outcome === 'delivered' ? 'delivered' : 'held';
}

async function forget(over: Parameters<typeof forgetCause>[0], ports: DeliverPorts): Promise<void> {
  await forgetCause(over, ports);
  await forgetAcknowledgements(over.incidents, ports);
}

function toldAs({ sink, due, head, incidents, lead, acknowledged }: Told, { now }: DeliverPorts): AlertForSink {
  const { event } = lead.value;
  const alert = parseReceivedAlert(event);
  const id = idOf({ due, head, incidents, lead, acknowledged });
  const said = due === 'acknowledge' || head.acknowledged !== undefined ? acknowledged?.said : undefined;
  const time = isAlone(incidents) ? event.time : now().toISOString();
  const { occurrence, since } = lead.key === head.first.key ? lead.value.told : head.first;
  const still = due === 'repeat' ? head.repeats + 1 : undefined;
  return {
    ...{ sink, alert, id, time },
    as: {
      told: { id, occurrence, since, state: due === 'close' ? 'closed' : 'open', time },
      isInOrder: !isAlone(incidents),
      noticeOf: ({ isTold }) => {
        const notice = joinedNotice(noticeOf(alert, { isTold }), { head, incidents, still });
        return acknowledgedNotice(notice, { said, isRepeat: due === 'repeat' });
      },
    },
  };
}

/** The sink knows of nothing yet, or of what has no company and came back: by the incident that stands for all. */
function startedBy({ head, lead, due, incidents }: Told): HeldCause {
  if (due === 'close' || (head.shown !== null && !isAlone(incidents))) return head;
  const { first } = beginCause(lead);
  const isSame = first.key === head.first.key && first.since === head.first.since;
  return { ...head, first, acknowledged: isSame ? head.acknowledged : undefined };
}

function isAlone(incidents: readonly ListedIncident[]): boolean {
  return incidents.length === 1;
}

/** The same for as long as the same is to be told, whoever tells it. */
function idOf({
  due,
  head,
  incidents,
  lead,
  acknowledged,
}: Pick<Told, 'due' | 'head' | 'incidents' | 'lead' | 'acknowledged'>): string {
  if (due === 'acknowledge') {
    const shownAt = String(head.shown?.at ?? 0);
    return eventId('acknowledged', head.first.key, head.first.since ?? '', acknowledged?.generation ?? '', shownAt);
  }
  if (isAlone(incidents) && due !== 'repeat') return lead.value.told.id;
  const { key, since } = head.first;
  const open = incidents.filter(({ state }) => state === 'open').length;
  const counts = [open, incidents.length, head.shown?.at ?? 0, head.repeats, due === 'repeat' ? 1 : 0].map(String);
  return eventId('cause', key, since ?? '', due === 'close' ? 'closed' : 'open', ...counts);
}

function shownBy({ due, head, incidents, lead, acknowledged, now }: Told) {
  const open = incidents.filter(({ state }) => state === 'open').length;
  const shown = { newest: lead.value.told.id, at: now, open, ended: incidents.length - open };
  const known = due === 'acknowledge' ? acknowledged?.generation : head.acknowledged;
  return { shown, isRepeat: due === 'repeat', acknowledged: known };
}

/** Never fails: what is not written down is told by nobody twice, and looked at again by the schedule. */
async function remember(
  { sink, cause, generation, claimedAt }: Told & { claimedAt: number },
  value: HeldCause,
  ports: DeliverPorts,
): Promise<void> {
  const pause = betweenWrites - (ports.now().getTime() - claimedAt);
  try {
    if (pause > 0) await ports.sleep(Math.min(pause, betweenWrites));
    const written = await writeHeldCause({ sink: sink.name, cause, value, before: { generation } }, ports);
    if (written === 'conflict') throw new Error('somebody else has written it');
  } catch (error) {
    ports.log('WARNING', 'what a sink was shown of a cause could not be written down', {
      ...{ sink: sink.name, cause, error: describeError(error) },
    });
  }
}
