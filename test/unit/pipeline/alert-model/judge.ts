import { isAnnounced } from '../../../../shared/memory/incident.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import type { DiffReason } from '../../../../shared/base/diff-reasons.ts';
import { noticeOf } from '../../../../shared/notices/notice.ts';
import type { AlertInOutbox } from '../../../../shared/memory/outbox.ts';
import { diffAfter, type Environment, type Finding } from './environment.ts';
import type { Service, Shown } from './services.ts';
import type { Trouble } from './world.ts';

/*
 * What has to be true, each as the sentences that say where it is not.
 */

export interface Look {
  readonly before: Environment;
  readonly after: Environment;
  readonly finding: Finding;
  readonly alerts: readonly AlertInOutbox[];
  /** Since when each look found drift, milliseconds since 1970; undefined where this one did not. */
  readonly driftedSince: number | undefined;
  readonly now: number;
}

const reasons: Readonly<Record<Finding, DiffReason | undefined>> = {
  ...{ ok: undefined, drifted: 'Drifted', 'drifted more': 'Drifted', healed: 'Drifted' },
  ...{ failed: 'Failed', unhealthy: 'Unhealthy', 'rolled back': 'Failed' },
};

/** After each look. */
export function problemsOfLook(look: Look): readonly string[] {
  return [...openTwice(look), ...toldWithoutDifference(look), ...untoldDifference(look), ...unended(look)];
}

/** At most one open incident of a cause. */
function openTwice({ after: { memory } }: Look): readonly string[] {
  const open = openIncidents(memory);
  const twice = open.filter(({ id }, index) => open.findIndex((other) => other.id === id) < index);
  const current = open.filter(({ passed }) => passed !== true);
  const ofOne = current.filter(
    ({ reason, cause }, index) =>
      current.findIndex((other) => other.reason === reason && other.cause === cause) < index,
  );
  return [...twice, ...ofOne].map(({ id, reason }) => `two incidents are open for one cause: ${reason} ${id}`);
}

function toldWithoutDifference({ finding, alerts, before }: Look): readonly string[] {
  return alerts.flatMap(({ topic, data }) => {
    if (topic !== 'diff') return [];
    const said = `${data.reason} ${data.incident}`;
    const isNamed = Number(data.cause?.commit) === before.changes;
    if (data.reason !== reasons[finding]) return [`told ${said}, and found ${finding}`];
    return isNamed ? [] : [`told ${said} of a commit that changed nothing`];
  });
}

function untoldDifference({ finding, after: { memory }, driftedSince, now }: Look): readonly string[] {
  const reason = reasons[finding];
  if (reason === undefined || finding === 'healed') return [];
  const isDue = reason !== 'Drifted' || (driftedSince !== undefined && now - driftedSince >= diffAfter);
  const isTold = openIncidents(memory).some((incident) => incident.reason === reason && incident.told);
  return isDue && !isTold ? [`found ${finding} and told nobody`] : [];
}

function unended({ finding, before, after, alerts }: Look): readonly string[] {
  if (finding !== 'ok') return [];
  const ended = new Set(alerts.flatMap(({ topic, data }) => (topic === 'converged' ? [data.incident] : [])));
  const owed = openIncidents(before.memory).filter(isAnnounced);
  return [
    ...openIncidents(after.memory).map(({ id }) => `${id} is open, and nothing differs`),
    ...owed.flatMap(({ id }) => (ended.has(id) ? [] : [`the end of ${id} was not told`])),
  ];
}

/** A failure at unchanged inputs is told once for each of its occurrences, whatever else is committed. */
export function failuresToldTwice(alerts: readonly AlertInOutbox[]): readonly string[] {
  const told = alerts.flatMap(({ topic, data }) =>
    topic === 'diff' && data.reason === 'Failed'
      ? [`${data.incident} ${data.since} ${data.cause?.commit}${data.rollback === null ? '' : ' rolled back'}`]
      : [],
  );
  return told.filter((one, index) => told.indexOf(one) < index).map((one) => `told twice: ${one}`);
}

/** In the end, of one sink; alerts are all that were published. */
export function problemsOfSink(
  service: Service,
  { alerts, trouble }: { alerts: readonly AlertInOutbox[]; trouble: Trouble },
): readonly string[] {
  const { name } = service.sink;
  return [
    ...wronglyOpen(service, { alerts, trouble }),
    ...outdated(service, { alerts, trouble }),
    ...shownTooOften(service, { alerts, trouble }),
    ...cameTooOften(service, trouble),
    ...unknownShown(service, alerts),
  ].map((problem) => `${name} ${problem}`);
}

function wronglyOpen(
  service: Service,
  { alerts, trouble: { disordered } }: { alerts: readonly AlertInOutbox[]; trouble: Trouble },
): readonly string[] {
  const open = new Set<string>();
  for (const { topic, data } of alerts) {
    if (topic === 'diff') open.add(data.incident);
    else if (data.incident !== null) open.delete(data.incident);
  }
  const shows = service.open();
  const isExcused = (key: string): boolean => disordered.has(`${service.sink.name} ${key}`);
  return [
    ...[...open]
      .filter((key) => !shows.has(key) && !isExcused(key))
      .map((key) => `does not show ${key}, which is open`),
    ...[...shows].filter((key) => !open.has(key) && !isExcused(key)).map((key) => `shows ${key}, which has ended`),
  ];
}

/** What is shown of an incident is what was told of it last. */
function outdated(
  { sink: { name }, titles }: Service,
  { alerts, trouble: { disordered } }: { alerts: readonly AlertInOutbox[]; trouble: Trouble },
): readonly string[] {
  return [...(titles ?? [])].flatMap(([key, title]) => {
    const last = alerts.findLast(({ data }) => data.incident === key);
    if (last === undefined || disordered.has(`${name} ${key}`)) return [];
    const newest = noticeOf(last, { isTold: true }).title;
    return title === newest ? [] : [`shows "${title}" of ${key}, and not "${newest}"`];
  });
}

/** Those that ask first, or know what they had, show nothing twice though answers are lost. */
const knowing: ReadonlySet<string> = new Set(['slack', 'app', 'pager', 'mail']);

function shownTooOften(
  { sink: { name }, shown }: Service,
  { alerts, trouble }: { alerts: readonly AlertInOutbox[]; trouble: Trouble },
): readonly string[] {
  const labels = new Set(shown.map(labelOf));
  return [...labels].flatMap((label) => {
    const those = shown.filter((one) => labelOf(one) === label);
    const [first] = those;
    if (first === undefined) return [];
    const key = `${name} ${first.incident}`;
    const [answers, records] = [trouble.answers.get(key) ?? 0, trouble.records.get(key) ?? 0];
    // Where the answer to an end was lost, the next occurrence goes on, and ends, under the same message of an app.
    const isSure = knowing.has(name) && !(name === 'app' && first.state === 'closed');
    const excused = (isSure ? 0 : answers) + records;
    const most = first.since === '' ? occurrencesOf(alerts, first.incident) : 1;
    const isMarked = those.some((one) => one.marked);
    return [
      ...(those.length > most + excused ? [`shows ${label} ${those.length} times, ${excused} excused`] : []),
      ...(isMarked && answers + records === 0 ? [`marks ${label} without a cause`] : []),
    ];
  });
}

/** A message comes once, and once more for each answer or record that was lost. */
function cameTooOften({ sink: { name }, came }: Service, { answers, records }: Trouble): readonly string[] {
  return [...came].flatMap(([id, { incident, count }]) => {
    const excused = (answers.get(`${name} ${incident}`) ?? 0) + (records.get(`${name} ${incident}`) ?? 0);
    return count > 1 + excused ? [`was sent ${id} ${count} times, ${excused} excused`] : [];
  });
}

const labelOf = ({ incident, since, state }: Shown): string => `${incident} ${since} ${state}`;

function occurrencesOf(alerts: readonly AlertInOutbox[], incident: string): number {
  return new Set(alerts.flatMap(({ data }) => (data.incident === incident ? [data.since] : []))).size;
}

function unknownShown({ shown }: Service, alerts: readonly AlertInOutbox[]): readonly string[] {
  const known = new Set(alerts.map(({ data }) => data.incident));
  return shown.flatMap(({ incident }) => (known.has(incident) ? [] : [`shows ${incident}, which nobody told`]));
}
