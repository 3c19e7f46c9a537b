import { z } from 'zod';
import type { ObjectDiff } from './object-diff.ts';
import { formatTime, parseTime } from '../base/time.ts';
import { isLookedUpKey } from './looked-up.ts';

/** How often an object is healed within `window` before that counts as a fight. */
const healsBeforeFight = 3;
/** Milliseconds in which heals count, and for which an object has to stay for its fight to be over. */
const window = 10 * 60_000;
/** Milliseconds for which an object may be left alone in its fight. */
export const longestFightPause = 2 * 60 * 60_000;
/** Who undid a heal where the cluster does not say: a deletion and a removed field leave no manager. */
const unknownManager = 'somebody';

/** The last heals of one object. Times are ISO 8601, by our own clock. */
const healsSchema = z.object({
  at: z.array(z.string()).readonly(),
  /** When a run set out to heal it that has not said that it did: killed before, it healed nothing. */
  trying: z.string().optional(),
  /** Those that undid every one of these. */
  managers: z.array(z.string()).readonly(),
  /** In a fight: when the object is healed next, and how many seconds it was left alone for. */
  pausedUntil: z.string().optional(),
  pause: z.number().optional(),
});
/** By object key; no more than what drifted within `window`, and what is in a fight. */
export const rememberedHealsSchema = z.record(z.string(), healsSchema);
type Heals = z.infer<typeof healsSchema>;
export type RememberedHeals = Readonly<Record<string, Heals>>;

export interface HealVerdict {
  readonly heals: RememberedHeals;
  /** What is left as it is for now, by key: with whom the fight is, and until when. */
  readonly paused: ReadonlyMap<string, string>;
  /** What is healed once more in its fight: that it agrees is believed when it stays. */
  readonly tried: ReadonlySet<string>;
  /** Whether a fight is recognised for the first time. */
  readonly begins: boolean;
}

type Step = { readonly does: 'heal' | 'try' | 'begin' | 'pause'; readonly heals: Heals };

/**
 * Which drifted objects to heal now. One that was healed three times within ten minutes, and undone each time by the
 * same manager, is left alone for ten minutes and then tried once; undone again, it is left alone twice as long, up to
 * two hours. A fight is over when the object stays as Git has it for ten minutes.
 *
 * @param asked keys of what a person asks to be healed now: it is tried once more, whatever pause is on
 */
export function judgeHeals({
  heals,
  drift,
  now,
  asked = new Set(),
}: {
  heals: RememberedHeals | undefined;
  drift: readonly { key: string; diff: ObjectDiff }[];
  now: Date;
  asked?: ReadonlySet<string>;
}): HealVerdict {
  const paused = new Map<string, string>();
  const tried = new Set<string>();
  let begins = false;
  const judged = drift.map(({ key, diff }) => {
    const found = nextStep({ before: withoutTrial(heals?.[key]), managers: managersOf(diff), now: now.getTime() });
    const step = asked.has(key) ? onceMore(found, now) : found;
    if (step.does === 'begin') begins = true;
    if (step.does === 'try') tried.add(key);
    if (step.does === 'begin' || step.does === 'pause') paused.set(key, pauseMessage({ key, heals: step.heals }));
    return [key, step.heals] as const;
  });
  return { heals: { ...livingHeals({ heals, now }), ...Object.fromEntries(judged) }, paused, tried, begins };
}

function nextStep({
  before,
  managers,
  now,
}: {
  before: Heals | undefined;
  managers: readonly string[];
  now: number;
}): Step {
  const at = formatTime(now);
  const afresh: Step = { does: 'heal', heals: { at: [], managers, trying: at } };
  if (before === undefined || !isAlive({ heals: before, now })) {
    if (before?.pausedUntil === undefined || lastHeal(before) >= parseTime(before.pausedUntil)) return afresh;
  }
  if (before.pausedUntil !== undefined) {
    const until = parseTime(before.pausedUntil);
    if (now < until) return { does: 'pause', heals: before };
    if (lastHeal(before) < until) return { does: 'try', heals: { ...before, trying: at } };
    return {
      does: 'pause',
      heals: pausedAt({ before, now, pause: Math.min((before.pause ?? 0) * 2000, longestFightPause) }),
    };
  }
  const common = before.managers.filter((manager) => managers.includes(manager));
  if (common.length === 0) return afresh;
  const recent = before.at.filter((time) => now - parseTime(time) < window);
  if (recent.length >= healsBeforeFight)
    return { does: 'begin', heals: pausedAt({ before: { at: recent, managers: common }, now, pause: window }) };
  return { does: 'heal', heals: { at: recent, managers: common, trying: at } };
}

/** What would be left alone is tried, and its pause goes on. */
function onceMore(step: Step, now: Date): Step {
  if (step.does === 'heal' || step.does === 'try') return step;
  return { does: 'try', heals: { ...step.heals, trying: now.toISOString() } };
}

function withoutTrial(heals: Heals | undefined): Heals | undefined {
  if (heals === undefined) return undefined;
  const { trying: _unfinished, ...done } = heals;
  return done.at.length === 0 && done.pausedUntil === undefined ? undefined : done;
}

/** What a run set out to heal and did heal: from now on it counts. */
export function confirmHeals(heals: RememberedHeals | undefined): RememberedHeals | undefined {
  if (heals === undefined) return undefined;
  const confirmed = Object.entries(heals).map(
    ([key, { trying, ...done }]) =>
      [key, trying === undefined ? done : { ...done, at: [...done.at, trying].slice(-healsBeforeFight) }] as const,
  );
  return Object.fromEntries(confirmed);
}

/** Without what Git has otherwise from now on: no fight about what it said before goes on. */
export function withoutHeals({
  heals,
  keys,
}: {
  heals: RememberedHeals | undefined;
  keys: readonly string[];
}): RememberedHeals | undefined {
  return heals === undefined
    ? undefined
    : Object.fromEntries(Object.entries(heals).filter(([key]) => !keys.includes(key)));
}

function pausedAt({ before, now, pause }: { before: Heals; now: number; pause: number }): Heals {
  return { ...before, pausedUntil: formatTime(now + pause), pause: pause / 1000 };
}

function lastHeal({ at }: Heals): number {
  return Math.max(0, ...at.map(parseTime));
}

/** Whether it counts still: it is paused, or was healed within `window`. */
function isAlive({ heals, now }: { heals: Heals; now: number }): boolean {
  return now - lastHeal(heals) < window || (heals.pausedUntil !== undefined && now < parseTime(heals.pausedUntil));
}

/** Without what is over; undefined where nothing is left. */
export function livingHeals({
  heals,
  now,
}: {
  heals: RememberedHeals | undefined;
  now: Date;
}): RememberedHeals | undefined {
  const living = Object.entries(heals ?? {}).filter(([, of]) => isAlive({ heals: of, now: now.getTime() }));
  return living.length === 0 ? undefined : Object.fromEntries(living);
}

/** Whether a fight is on: what agrees at the moment may be undone again. */
export function isFighting({ heals, now }: { heals: RememberedHeals | undefined; now: Date }): boolean {
  return Object.values(livingHeals({ heals, now }) ?? {}).some(({ pausedUntil }) => pausedUntil !== undefined);
}

/** Of each object that is left alone for now in a fight, by key: with whom, and until when. */
export function fightsOn({
  heals,
  now,
}: {
  heals: RememberedHeals | undefined;
  now: Date;
}): ReadonlyMap<string, string> {
  const paused = Object.entries(livingHeals({ heals, now }) ?? {}).filter(
    ([, { pausedUntil }]) => pausedUntil !== undefined && now.getTime() < parseTime(pausedUntil),
  );
  return new Map(paused.map(([key, of]) => [key, pauseMessage({ key, heals: of })]));
}

function pauseMessage({ key, heals }: { key: string; heals: Heals }): string {
  return isLookedUpKey(key) ? chaseMessage(heals) : fightMessage(heals);
}

function managersOf({ fields }: ObjectDiff): readonly string[] {
  const known = [...new Set(fields.flatMap(({ manager }) => manager ?? []))].sort();
  return known.length === 0 ? [unknownManager] : known;
}

/** Nobody undoes what follows a looked-up object: it changes again. */
function chaseMessage({ managers, pausedUntil }: Heals): string {
  return `it is changed by ${managers.join(', ')} again and again (followed ${healsBeforeFight} times in ${window / 60_000} minutes); following it pauses until ${pausedUntil ?? ''}`;
}

function fightMessage({ managers, pausedUntil }: Heals): string {
  return `healing is undone by ${managers.join(', ')} each time (healed ${healsBeforeFight} times in ${window / 60_000} minutes); healing pauses until ${pausedUntil ?? ''}`;
}
