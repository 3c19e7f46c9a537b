import { z } from 'zod';
import { formatTime, parseTime } from '../base/time.ts';

const timeSchema = z.string().refine((text) => !Number.isNaN(parseTime(text)), 'is no time');

const hindranceSchema = z.object({ generation: z.string(), reason: z.string() });
/** The lease that nobody can read, which keeps looks from an environment until it is over, and why: `is empty`. */
export type Hindrance = z.infer<typeof hindranceSchema>;

/**
 * When environments of a repository were looked at by one instance, as it writes it down for all of them at once. Times
 * are by the instance's clock, `at` the one of the write: what they are by Storage's follows.
 */
export const lookTimesSchema = z.object({
  version: z.literal(1),
  at: timeSchema,
  environments: z.record(
    z.string(),
    z.object({ checkedAt: timeSchema.optional(), attemptedAt: timeSchema, hindered: hindranceSchema.optional() }),
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
}: {
  known: LookTimes | undefined;
  /** When it began. */
  at: Date;
  /** Whether it came to an end. */
  ended: boolean;
  hindered?: Hindrance | undefined;
}): LookTimes {
  const time = at.toISOString();
  return {
    checkedAt: latest(known?.checkedAt, ended ? time : null),
    attemptedAt: latest(known?.attemptedAt, time),
    ...(hindered === undefined ? {} : { hindered }),
  };
}

export function encodeLookTimes({
  looks,
  at,
}: {
  looks: ReadonlyMap<string, LookTimes>;
  at: Date;
}): Readonly<WrittenLooks> {
  const environments = Object.fromEntries(
    [...looks].flatMap(([name, { checkedAt, attemptedAt, hindered }]) => {
      if (attemptedAt === null) return [];
      const checked = checkedAt === null ? {} : { checkedAt };
      return [[name, { ...checked, attemptedAt, ...(hindered === undefined ? {} : { hindered }) }] as const];
    }),
  );
  return { version: 1, at: at.toISOString(), environments };
}

/** Milliseconds from 1970 to the last date that there is. https://tc39.es/ecma262/#sec-time-values-and-time-range */
const farthestTime = 8.64e15;

/**
 * The newest of what several instances wrote, by environment and by Storage's clock, in whole seconds. No look began after
 * it was written down: one that says so is none.
 */
export function newestLooks(
  written: readonly { readonly looks: WrittenLooks; readonly writtenAt: Date }[],
): Map<string, LookTimes> {
  const newest = new Map<string, LookTimes>();
  for (const { looks, writtenAt } of written) {
    const ahead = parseTime(looks.at) - writtenAt.getTime();
    const byStorage = (time: string): string | null => {
      if (parseTime(time) > parseTime(looks.at)) return null;
      const at = Math.floor((parseTime(time) - ahead) / 1000) * 1000;
      return Math.abs(at) <= farthestTime ? formatTime(at) : null;
    };
    for (const [name, { checkedAt, attemptedAt, hindered }] of Object.entries(looks.environments)) {
      const known = newest.get(name);
      const own = byStorage(attemptedAt);
      const attempted = latest(known?.attemptedAt, own);
      const by = own === null || attempted === known?.attemptedAt ? known?.hindered : hindered;
      newest.set(name, {
        checkedAt: latest(known?.checkedAt, checkedAt === undefined ? null : byStorage(checkedAt)),
        attemptedAt: attempted,
        ...(by === undefined ? {} : { hindered: by }),
      });
    }
  }
  return newest;
}

function latest(one: string | null | undefined, other: string | null): string | null {
  if (one === null || one === undefined) return other;
  if (other === null) return one;
  return parseTime(one) >= parseTime(other) ? one : other;
}
