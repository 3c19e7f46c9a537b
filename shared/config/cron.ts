/** A schedule as crontab writes it, and Cloud Scheduler takes it: the numbers that each field allows. */
export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly daysOfWeek: ReadonlySet<number>;
  /** Where both kinds of days are restricted, a day of either is meant. */
  readonly either: boolean;
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
}

/** https://docs.cloud.google.com/scheduler/docs/configuring/cron-job-schedules */
const fields: readonly Field[] = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: monthNames },
  { name: 'day of the week', from: 0, to: 7, names: dayNames },
];

/** The schedule, or in words what is wrong with it. */
export function parseCron(text: string): Cron | string {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== fields.length)
    return `expected five fields like "0 6 * * 1" (${fields.map(({ name }) => name).join(', ')})`;
  const read = fields.map((field, index) => readField(parts[index] ?? '', field));
  const wrong = read.find((found) => typeof found === 'string');
  if (wrong !== undefined) return wrong;
  const [minutes, hours, daysOfMonth, months, daysOfWeek] = read.map((found) =>
    typeof found === 'string' ? new Set<number>() : found,
  );
  if (!minutes || !hours || !daysOfMonth || !months || !daysOfWeek) return 'expected five fields';
  if (daysOfWeek.has(7)) daysOfWeek.add(0);
  const isAny = (index: number): boolean => parts[index]?.startsWith('*') === true;
  return { minutes, hours, daysOfMonth, months, daysOfWeek, either: !isAny(2) && !isAny(4) };
}

function readField(text: string, field: Field): Set<number> | string {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const [, range = '', step] = /^(\*|[a-z0-9]+(?:-[a-z0-9]+)?)(?:\/(\d{1,2}))?$/i.exec(part) ?? [];
    const bounds = boundsOf(range, { field, isStepped: step !== undefined });
    if (bounds === undefined || step === '0' || step === '00')
      return `${part === '' ? 'nothing' : part} is no ${field.name} (${field.from} to ${field.to})`;
    for (let number = bounds.from; number <= bounds.to; number += Number(step ?? 1)) numbers.add(number);
  }
  return numbers;
}

function boundsOf(
  range: string,
  { field, isStepped }: { field: Field; isStepped: boolean },
): { from: number; to: number } | undefined {
  if (range === '*') return { from: field.from, to: field.to };
  const [first = '', last] = range.split('-');
  const from = numberOf(first, field);
  const to = last === undefined ? (isStepped ? field.to : from) : numberOf(last, field);
  return from === undefined || to === undefined || from > to ? undefined : { from, to };
}

function numberOf(text: string, { from, to, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const number = named >= 0 ? named + from : /^\d{1,2}$/.test(text) ? Number(text) : undefined;
  return number !== undefined && number >= from && number <= to ? number : undefined;
}

/** Whether a name is one of the IANA's database, as this Node knows it. */
export function isZone(name: string): boolean {
  try {
    return name !== '' && new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const minute = 60_000;
/** Minutes that are looked back for. */
const longest = 24 * 60;

/**
 * The last minute of the day before `now` at which a schedule is due on the clocks of a zone, in milliseconds since
 * 1970; undefined: there is none. What the clocks leave out when they are put on is not due on that day, and what they
 * show twice when they are put back is due once, unless it is due each hour.
 *
 * @param now milliseconds since 1970
 */
export function lastDue({ cron, zone, now }: { cron: Cron; zone: string; now: number }): number | undefined {
  const clock = clockOf(zone);
  const begun = Math.floor(now / minute) * minute;
  for (let passed = 0; passed < longest; passed++) {
    const time = begun - passed * minute;
    if (isDue(cron, clock(time)) && (cron.hours.size === 24 || !isShownAgain(time, clock))) return time;
  }
  return undefined;
}

/** By how much clocks are put back: half an hour on Lord Howe Island, an hour anywhere else. */
const putBack = [30 * minute, 60 * minute];

/** Whether the clocks showed the same before, as they were put back. */
function isShownAgain(time: number, clock: (time: number) => Clock): boolean {
  const { minute: minutes, hour, day } = clock(time);
  return putBack.some((by) => {
    const before = clock(time - by);
    return before.minute === minutes && before.hour === hour && before.day === day;
  });
}

interface Clock {
  readonly minute: number;
  readonly hour: number;
  readonly day: number;
  readonly month: number;
  readonly weekday: number;
}

function isDue(cron: Cron, { minute, hour, day, month, weekday }: Clock): boolean {
  if (!cron.minutes.has(minute) || !cron.hours.has(hour) || !cron.months.has(month)) return false;
  const ofMonth = cron.daysOfMonth.has(day);
  const ofWeek = cron.daysOfWeek.has(weekday);
  return cron.either ? ofMonth || ofWeek : ofMonth && ofWeek;
}

function clockOf(zone: string): (time: number) => Clock {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone: zone, hourCycle: 'h23', weekday: 'short', hour: '2-digit', minute: '2-digit' },
    ...{ day: 'numeric', month: 'numeric' },
  });
  return (time) => {
    const said = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
    const numberFor = (type: Intl.DateTimeFormatPartTypes): number => Number(said.get(type));
    return {
      ...{ minute: numberFor('minute'), hour: numberFor('hour'), day: numberFor('day'), month: numberFor('month') },
      weekday: dayNames.indexOf(said.get('weekday')?.toLowerCase() ?? ''),
    };
  };
}
