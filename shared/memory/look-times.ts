import { z } from 'zod';
import { formatTime, parseTime } from '../base/time.ts';

const timeSchema = z.string().refine((text) => !Number.isNaN(parseTime(text)), 'is no time');

const hindranceSchema = z.object({ generation: z.string(), reason: z.string() });
/** The lease that nobody can read, which keeps looks from an environment until it is over, and why: `is empty`. */
export type Hindrance = z.infer<typeof hindranceSchema>;

/** Characters of a problem that are kept: one object holds those of all environments. */
const longestProblem = 300;

export const failingSchema = z.object({
  /** When the first of the looks began that have failed since one came to its end. */
  since: timeSchema,
  /** Of the error that the last of them met. */
  code: z.string(),
  subject: z.string(),
  problem: z.string(),
});
/** Why the last looks at an environment came to no end, and since when. */
export type Failing = z.infer<typeof failingSchema>;

/**
 * When environments of a repository were looked at by one instance, as it writes it down for all of them at once. Times
 * are by the instance's clock, `at` the one of the write: what they are by Storage's follows.
 */
export const lookTimesSchema = z.object({
  version: z.literal(1),
  at: timeSchema,
  environments: z.record(
    z.string(),
    z.object({
      checkedAt: timeSchema.optional(),
      attemptedAt: timeSchema,
      hindered: hindranceSchema.optional(),
      failing: failingSchema.optional(),
    }),
  ),
});
type WrittenLooks = z.infer<typeof lookTimesSchema>;

/** When an environment was last looked at, ISO 8601; null where nobody knows. */
export interface LookTimes {
  /** When the last look began that came to an end: what is said of the environment is no older. */
  readonly checkedAt: string | null;
  /** When the last look began, whatever became of it. */
  readonly attemptedAt: string | null;
  /** What kept that one from looking. */
  readonly hindered?: Hindrance | undefined;
  /** Why the looks failed that began since the last that came to an end. */
  readonly failing?: Failing | undefined;
}

/** Milliseconds after which nobody is told any more when an environment was looked at last. */
export const looksAreToldFor = 24 * 3_600_000;

export function looksFolder(repository: string): string {
  return `looks/${repository}/`;
}

export function looksPath({ repository, instance }: { repository: string; instance: string }): string {
  return `${looksFolder(repository)}${instance}.json`;
}

/** Undefined for another version, a half of one, or anything else at its place. */
export function decodeLookTimes(value: unknown): WrittenLooks | undefined {
  return lookTimesSchema.safeParse(value).data;
}

/** What an instance knows of one environment after a look of its own. */
export function afterLook({
  known,
  at,
  ended,
  hindered,
  failed,
}: {
  known: LookTimes | undefined;
  /** When it began. */
  at: Date;
  /** Whether it came to an end. */
  ended: boolean;
  hindered?: Hindrance | undefined;
  /** What it failed by, where that is known. */
  failed?: Omit<Failing, 'since'> | undefined;
}): LookTimes {
  const time = at.toISOString();
  const failing = ended ? undefined : failingAfter({ known, time, failed });
  return {
    checkedAt: latest(known?.checkedAt, ended ? time : null),
    attemptedAt: latest(known?.attemptedAt, time),
    ...(hindered === undefined ? {} : { hindered }),
    ...(failing === undefined ? {} : { failing }),
  };
}

/** One that began before the last that came to its end says nothing, however late it failed. */
function failingAfter({
  known,
  time,
  failed,
}: {
  known: LookTimes | undefined;
  time: string;
  failed: Omit<Failing, 'since'> | undefined;
}): Failing | undefined {
  const { checkedAt = null, failing } = known ?? {};
  if (failed === undefined || latest(checkedAt, time) !== time) return failing;
  const problem =
    failed.problem.length > longestProblem ? `${failed.problem.slice(0, longestProblem)}…` : failed.problem;
  return { since: failing?.since ?? time, code: failed.code, subject: failed.subject, problem };
}

export function encodeLookTimes({
  looks,
  at,
}: {
  looks: ReadonlyMap<string, LookTimes>;
  at: Date;
}): Readonly<WrittenLooks> {
  const environments = Object.fromEntries(
    [...looks].flatMap(([name, { checkedAt, attemptedAt, hindered, failing }]) => {
      if (attemptedAt === null) return [];
      const checked = checkedAt === null ? {} : { checkedAt };
      const why = { ...(hindered === undefined ? {} : { hindered }), ...(failing === undefined ? {} : { failing }) };
      return [[name, { ...checked, attemptedAt, ...why }] as const];
    }),
  );
  return { version: 1, at: at.toISOString(), environments };
}

/** Milliseconds from 1970 to the last date that there is. https://tc39.es/ecma262/#sec-time-values-and-time-range */
const farthestTime = 8.64e15;

type WrittenLook = WrittenLooks['environments'][string];
type LookByStorage = LookTimes & { readonly attemptedAt: string };

/**
 * The newest of what several instances wrote, by environment and by Storage's clock, in whole seconds. No look began after
 * it was written down: one that says so is none.
 */
export function newestLooks(
  written: readonly { readonly looks: WrittenLooks; readonly writtenAt: Date }[],
): Map<string, LookTimes> {
  const ofEach = new Map<string, LookByStorage[]>();
  for (const { looks, writtenAt } of written) {
    const ahead = parseTime(looks.at) - writtenAt.getTime();
    for (const [name, look] of Object.entries(looks.environments)) {
      const known = ofEach.get(name);
      const found = byStorage(look, { ahead, writtenAt: parseTime(looks.at) });
      if (found === undefined) continue;
      if (known === undefined) ofEach.set(name, [found]);
      else known.push(found);
    }
  }
  return new Map([...ofEach].map(([name, looks]) => [name, newestOf(looks)]));
}

/** Undefined where its time is none by Storage's clock. */
function byStorage(
  { checkedAt, attemptedAt, hindered, failing }: WrittenLook,
  { ahead, writtenAt }: { ahead: number; writtenAt: number },
): LookByStorage | undefined {
  const moved = (time: string): string | null => {
    if (parseTime(time) > writtenAt) return null;
    const at = Math.floor((parseTime(time) - ahead) / 1000) * 1000;
    return Math.abs(at) <= farthestTime ? formatTime(at) : null;
  };
  const attempted = moved(attemptedAt);
  if (attempted === null) return undefined;
  const since = failing === undefined ? null : moved(failing.since);
  return {
    checkedAt: checkedAt === undefined ? null : moved(checkedAt),
    attemptedAt: attempted,
    ...(hindered === undefined ? {} : { hindered }),
    ...(failing === undefined || since === null ? {} : { failing: { ...failing, since } }),
  };
}

/** Each time by itself, and what the last look says of why it came to no end. */
function newestOf(looks: readonly LookByStorage[]): LookTimes {
  const checkedAt = looks.reduce<string | null>((newest, look) => latest(newest, look.checkedAt), null);
  const last = looks.reduce((one, other) =>
    latest(one.attemptedAt, other.attemptedAt) === one.attemptedAt ? one : other,
  );
  const failing = failingOf(looks, { checkedAt, last });
  return {
    checkedAt,
    attemptedAt: last.attemptedAt,
    ...(last.hindered === undefined ? {} : { hindered: last.hindered }),
    ...(failing === undefined ? {} : { failing }),
  };
}

/** An instance does not know of the looks of others: its count begins again with the last that came to an end at all. */
function failingOf(
  looks: readonly LookByStorage[],
  { checkedAt, last }: { checkedAt: string | null; last: LookByStorage },
): Failing | undefined {
  if (last.failing === undefined) return undefined;
  const isSince = (time: string): boolean => checkedAt === null || parseTime(time) > parseTime(checkedAt);
  const begun = looks.flatMap(({ attemptedAt, failing }) => {
    if (failing === undefined || !isSince(attemptedAt)) return [];
    return [parseTime(isSince(failing.since) ? failing.since : attemptedAt)];
  });
  return begun.length === 0 ? undefined : { ...last.failing, since: formatTime(Math.min(...begun)) };
}

function latest(one: string | null | undefined, other: string | null): string | null {
  if (one === null || one === undefined) return other;
  if (other === null) return one;
  return parseTime(one) >= parseTime(other) ? one : other;
}
