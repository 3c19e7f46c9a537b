import { describeError } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import { encodeReceivedAlert } from '../../events/received-alert.ts';
import { causeKey, ownCause } from '../../notices/cause-key.ts';
import {
  deliveryPath,
  isOfThePast,
  isOlder,
  judgeDelivery,
  mayShow,
  toldOf,
  withNewest,
  type Told,
} from '../../notices/delivery-record.ts';
import { causeDue, isGathering, type HeldIncident, type HoldRules } from '../../notices/held-alert.ts';
import { noticeOf, selectableOf, type Notice } from '../../notices/notice.ts';
import { abilitiesOf, holdRulesOf } from '../../notices/sink-abilities.ts';
import { isSelected } from '../../routing/selector.ts';
import { deliverToSink, isOfStorage, type AlertForSink, type DeliverPorts } from './deliver-to-sink.ts';
import { keepEnd, readDelivery, unsavedAt, writeDelivery } from './delivery-records.ts';
import { readHeldCause, readHeldIncident, timeAt, writeHeldIncident, type Kept } from './held-alerts.ts';
import { betweenWrites } from './pauses.ts';
import { ageOf } from './read-state.ts';
import { showCause } from './show-cause.ts';

type Delivered = Awaited<ReturnType<typeof deliverToSink>> | 'held';

/** The cause is looked at, of which `isNews` was heard. */
interface Look {
  readonly kind: 'look';
  readonly cause: string;
  readonly isNews: boolean;
  /** Whether it ends what the sink was told of by itself, beside the cause. */
  readonly isShown?: boolean;
  /** Whether this instance told the sink what it could not write down: then what that shows is looked at once more. */
  readonly isDoubtful?: boolean;
}
/** What becomes of an alert: it is told by itself, or its cause is looked at, or that waits. */
type Step = { readonly kind: 'by-itself' } | { readonly kind: 'waits' } | Look;

/**
 * Delivers an alert to a sink: at once, or with others that came of its cause, or when its quiet hours end. What waits
 * stands in the state bucket, and the schedule has it told. Where that can be neither read nor written, the alert is told
 * by itself. Throws as `deliverToSink` does.
 */
export async function deliverOrHold(given: AlertForSink, ports: DeliverPorts): Promise<Delivered> {
  const rules = holdRulesOf(given.sink);
  const notice = noticeOf(given.alert, { isTold: false });
  if (rules === undefined || notice.incident === null) return deliverToSink(given, ports);
  const step = await nextStep({ given, rules, notice, incident: notice.incident.key }, ports);
  if (step.kind === 'by-itself') return deliverToSink(given, ports);
  if (step.kind === 'waits') return 'held';
  if (step.isShown === true) await deliverToSink(given, ports);
  try {
    return await showCause(
      {
        sink: given.sink,
        rules,
        cause: step.cause,
        isDoubtful: step.isDoubtful ?? false,
        isPatient: given.alert.topic === 'converged',
      },
      ports,
    );
  } catch (error) {
    if (step.isNews && !isOfStorage(error)) throw error;
    if (step.isNews) return deliverToSink(given, ports);
    ports.log('WARNING', 'a sink was not told what it is due: the schedule asks it again', {
      ...{ sink: given.sink.name, id: given.id, error: describeError(error) },
    });
    return 'held';
  }
}

interface Asked {
  readonly given: AlertForSink;
  readonly rules: HoldRules;
  readonly notice: Notice;
  /** Its key. */
  readonly incident: string;
}

const mostTries = 10;

async function nextStep(asked: Asked, ports: DeliverPorts): Promise<Step> {
  const { given } = asked;
  try {
    for (let attempt = 1; attempt <= mostTries; attempt++) {
      const step = await hold(asked, ports);
      if (step !== 'busy') return step;
      await ports.sleep(betweenWrites);
    }
  } catch (error) {
    if (!isOfStorage(error)) throw error;
    ports.log('WARNING', 'an alert cannot be held: it is told by itself', {
      ...{ sink: given.sink.name, id: given.id, error: describeError(error) },
    });
  }
  return { kind: 'by-itself' };
}

async function hold(asked: Asked, ports: DeliverPorts): Promise<Step | 'busy'> {
  const { given, notice, incident } = asked;
  const sink = given.sink.name;
  const told = toldOf({ ...given, notice });
  const found = await readHeldIncident({ sink, incident }, ports);
  const known = found?.value;
  if (known === undefined) return begin({ ...asked, told, found }, ports);
  const isSame = known.told.id === told.id;
  const isBehind = !isSame && isOlder(told, known.told);
  const isEnd = told.state === 'closed' && !isBehind;
  const buried = isEnd ? await bury({ ...asked, told, cause: known.cause }, ports) : undefined;
  if (buried === 'busy') return 'busy';
  const look = { kind: 'look', cause: known.cause, isShown: buried === 'shown' } as const;
  if (isSame || isBehind)
    return { ...look, isNews: false, isDoubtful: unsavedAt(recordPath(asked), ports) !== undefined };
  if (found !== undefined && ageOf(found) < betweenWrites) return 'busy';
  const value = { ...heldOf({ ...asked, told }, ports), cause: known.cause, severity: known.severity };
  const written = await writeHeldIncident({ sink, incident, value, before: found }, ports);
  return written === 'conflict' ? 'busy' : { ...look, isNews: true };
}

/** Of an incident of which nothing is held: it is, unless the sink was told of it before, or is not to be. */
async function begin(
  { found, ...asked }: Asked & { told: Told; found: Kept<HeldIncident> | undefined },
  ports: DeliverPorts,
): Promise<Step | 'busy'> {
  const { given, rules, notice, incident, told } = asked;
  const isMeant = isSelected(selectableOf(given.alert), given.sink.only);
  if (told.state === 'closed' || !isMeant) return { kind: 'by-itself' };
  const path = recordPath(asked);
  const { record, ended } = await readDelivery(path, ports);
  const verdict = judgeDelivery({ told, isNews: false, isMeant, abilities: abilitiesOf(given.sink) }, record);
  const isShown = record !== undefined && mayShow(record);
  if (verdict.kind !== 'send' || isShown || isOfThePast(told, ended)) return { kind: 'by-itself' };
  const sink = given.sink.name;
  const cause = rules.joins ? causeKey(given.alert, incident) : ownCause(incident);
  const value = { ...heldOf(asked, ports), cause, severity: notice.severity };
  if ((await writeHeldIncident({ sink, incident, value, before: found }, ports)) === 'conflict') return 'busy';
  const kept = await readHeldCause({ sink, cause }, ports);
  const now = timeAt(kept, ports);
  if (kept?.value !== undefined && isGathering(kept.value, now)) return { kind: 'waits' };
  return isQuiet({ ...asked, cause }, now) ? { kind: 'waits' } : { kind: 'look', cause, isNews: true };
}

/** Nothing is to be listed where the answer is known. */
function isQuiet(
  { rules, notice, incident, told, cause }: Asked & { told: Told; cause: string },
  now: number,
): boolean {
  const { severity, about } = notice;
  const alone = {
    key: incident,
    path: '',
    generation: '',
    cause,
    state: told.state,
    id: told.id,
    since: told.since,
    about,
    severity,
  };
  return causeDue({ head: undefined, incidents: [alone] }, { rules, now }) === undefined;
}

function heldOf({ given, notice, told }: Asked & { told: Told }, ports: DeliverPorts): Omit<HeldIncident, 'cause'> {
  const { alert, id } = given;
  const event = { ...encodeReceivedAlert(alert, parsedTime(given.time) ?? ports.now()), id };
  const { about, severity } = notice;
  return { version: 1, told, about, severity, event: { ...event, time: event.time.toISOString() } };
}

function recordPath({ given, notice }: Asked): string {
  return deliveryPath({ sink: given.sink.name, id: given.id, notice });
}

/**
 * That it has ended is remembered longer than its cause is: its beginning may come again, and is not told then. `shown`:
 * the sink was told of it by itself, where nothing could be held, or nobody can read whether it was.
 */
async function bury(
  asked: Asked & { told: Told; cause: string },
  ports: DeliverPorts,
): Promise<'buried' | 'shown' | 'busy'> {
  const path = recordPath(asked);
  const { found, record, isLost, ended } = await readDelivery(path, ports);
  if (isOfThePast(asked.told, ended)) return 'buried';
  if (isLost || (record !== undefined && mayShow(record))) {
    const head = await readHeldCause({ sink: asked.given.sink.name, cause: asked.cause }, ports);
    return head?.value?.first.key === asked.incident ? 'buried' : 'shown';
  }
  if (isOfThePast(asked.told, record)) return 'buried';
  if (found !== undefined && ageOf(found) < betweenWrites) return 'busy';
  const dead = { ...withNewest(asked.told, record), shows: 'closed' as const };
  const ifGeneration = found === undefined ? 'absent' : { generation: found.generation };
  const place = { path, isNews: false };
  if ((await writeDelivery({ place, record: dead, ifGeneration }, ports)) === 'conflict') return 'busy';
  await keepEnd(place, dead, ports);
  return 'buried';
}

function parsedTime(time: string | undefined): Date | undefined {
  const said = time === undefined ? Number.NaN : parseTime(time);
  return Number.isNaN(said) ? undefined : new Date(said);
}
