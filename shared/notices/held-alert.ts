import { z } from 'zod';
import { gatherFor, showAt } from '../routing/joined.ts';
import { isQuietAt, type QuietHours } from '../routing/quiet-hours.ts';
import { repeatAt } from '../routing/repeats.ts';
import { severities } from '../routing/selector.ts';
import { deliveryFolder, toldSchema } from './delivery-record.ts';

/** Below it stands what sinks are told later, or again, until it is over: whoever lists it knows what is due. */
export const heldFolder = 'held/';

const severity = z.enum(severities);

/** One incident of a cause, in one sink: `held/sinks/<sink>/incidents/<incident key>.json`. */
export const heldIncidentSchema = z.object({
  version: z.literal(1),
  cause: z.string(),
  /** The newest alert of it, and its event. */
  told: toldSchema,
  /** What it is of, for people. */
  about: z.string(),
  severity,
  event: z.object({
    id: z.string(),
    type: z.string(),
    source: z.string(),
    subject: z.string(),
    time: z.iso.datetime(),
    data: z.unknown(),
  }),
});
export type HeldIncident = z.infer<typeof heldIncidentSchema>;

/** What one sink knows of one cause: `held/sinks/<sink>/causes/<cause>.json`. */
export const heldCauseSchema = z.object({
  version: z.literal(1),
  /** By this incident the sink knows the cause. */
  first: z.object({ key: z.string(), occurrence: z.int(), since: z.string().nullable() }),
  severity,
  /** What it was shown last: the newest alert of the incident that stood for all, when (milliseconds since 1970), and of how many. */
  shown: z.object({ newest: z.string(), at: z.number(), open: z.int(), ended: z.int() }).nullable(),
  /** The acknowledgement that it was told last, by its generation; absent: none. */
  acknowledged: z.string().optional(),
  /** How often it was told again. */
  repeats: z.int().nonnegative(),
  /** By whom it is being shown, and since when; or that this failed, the last of so many times. Null where it is shown. */
  claim: z
    .object({ writer: z.string(), at: z.number(), tries: z.int(), state: z.enum(['under-way', 'failed']) })
    .nullable(),
});
export type HeldCause = z.infer<typeof heldCauseSchema>;

/** Undefined for another version, or anything else at its place. */
export function decodeHeldIncident(value: unknown): HeldIncident | undefined {
  return heldIncidentSchema.safeParse(value).data;
}

/**
 * Its times are of the clocks of instances, which may be wrong: by Storage's, who is at it began when it was written, and
 * what was shown, where nobody is, was shown then; nothing was later.
 */
export function decodeHeldCause(value: unknown, { writtenAt }: { readonly writtenAt: Date }): HeldCause | undefined {
  const cause = heldCauseSchema.safeParse(value).data;
  if (cause === undefined) return undefined;
  const { shown, claim } = cause;
  const written = writtenAt.getTime();
  return {
    ...cause,
    shown: shown === null ? null : { ...shown, at: claim === null ? written : Math.min(shown.at, written) },
    claim:
      claim === null ? null : { ...claim, at: claim.state === 'under-way' ? written : Math.min(claim.at, written) },
  };
}

export function heldIncidents(sink: string): string {
  return `${heldFolder}${deliveryFolder(sink)}incidents/`;
}

export function heldIncidentPath(sink: string, incident: string): string {
  return `${heldIncidents(sink)}${incident}.json`;
}

export function heldCausePath(sink: string, cause: string): string {
  return `${heldCauses(sink)}${cause}.json`;
}

export function heldCauses(sink: string): string {
  return `${heldFolder}${deliveryFolder(sink)}causes/`;
}

/** What a list tells of an incident. */
export interface ListedIncident {
  readonly key: string;
  readonly path: string;
  readonly generation: string;
  readonly cause: string;
  readonly state: 'open' | 'closed';
  /** Whether its newest alert reminds of what was told: that is told to whoever cannot be shown a change, too. */
  readonly reminds?: true;
  readonly id: string;
  readonly since: string | null;
  readonly about: string;
  readonly severity: z.infer<typeof severity>;
}

export function incidentMetadata({ cause, told, about, severity, event }: HeldIncident): Record<string, string> {
  const name = encodeURIComponent(about.toWellFormed());
  return {
    cause,
    state: told.state,
    id: told.id,
    since: told.since ?? '',
    about: name,
    severity,
    ...(reminds(event) ? { reminds: 'true' } : {}),
  };
}

function reminds({ data }: HeldIncident['event']): boolean {
  return reminderSchema.safeParse(data).success;
}
const reminderSchema = z.object({ reminder: z.int().positive() });

/** Undefined where nobody can say. There may be thousands: a schema would take seconds. */
function listedIncident({
  path,
  generation,
  metadata: { cause, state, id, since, about = '', severity: said, reminds: again },
}: Listed): ListedIncident | undefined {
  const grave = severities.find((known) => known === said);
  if (cause === undefined || id === undefined || grave === undefined) return undefined;
  if (state !== 'open' && state !== 'closed') return undefined;
  const [key, known] = [keyAt(path), since === '' ? null : (since ?? null)];
  return {
    key,
    path,
    generation,
    cause,
    state,
    id,
    since: known,
    about: decoded(about),
    severity: grave,
    ...(again === 'true' ? { reminds: true as const } : {}),
  };
}

function keyAt(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/\.json$/, '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function causeMetadata({ version: _version, ...facts }: HeldCause): Record<string, string> {
  return { facts: JSON.stringify(facts) };
}

/** What a list tells of a cause; undefined where nobody can say. */
function listedCause({ metadata: { facts = '' }, updatedAt }: Listed): HeldCause | undefined {
  try {
    const said: unknown = JSON.parse(facts);
    return typeof said === 'object' ? decodeHeldCause({ ...said, version: 1 }, { writtenAt: updatedAt }) : undefined;
  } catch {
    return undefined;
  }
}

/** A cause in one sink, with all its incidents. */
export interface CauseInSink {
  readonly key: string;
  readonly head: HeldCause | undefined;
  readonly incidents: readonly ListedIncident[];
}

interface Listed {
  readonly path: string;
  readonly generation: string;
  /** By Storage's clock. */
  readonly updatedAt: Date;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The causes of one sink, of a list of all that is held. Those that have no incident are there, too. */
export function causesOf(sink: string, listed: readonly Listed[]): readonly CauseInSink[] {
  const [incidentsAt, causesAt] = [heldIncidents(sink), heldCauses(sink)];
  const heads = new Map<string, HeldCause | undefined>();
  const incidents = new Map<string, ListedIncident[]>();
  for (const object of listed) {
    const { path } = object;
    if (path.startsWith(causesAt)) heads.set(keyAt(path), listedCause(object));
    const found = path.startsWith(incidentsAt) ? listedIncident(object) : undefined;
    if (found === undefined) continue;
    const others = incidents.get(found.cause) ?? [];
    others.push(found);
    incidents.set(found.cause, others);
  }
  const keys = new Set([...heads.keys(), ...incidents.keys()]);
  return [...keys].map((key) => ({ key, head: heads.get(key), incidents: incidents.get(key) ?? [] }));
}

/** How a sink wants to be told. */
export interface HoldRules {
  /** Whether it is told of one cause as one. */
  readonly joins: boolean;
  readonly canUpdate: boolean;
  readonly quietHours: readonly QuietHours[];
  /** Milliseconds until it is told again for the first time; undefined: never. */
  readonly repeat: number | undefined;
}

/**
 * What a sink is to be told of a cause now; undefined: nothing. `acknowledge`: that somebody takes care of it, or does so
 * no more. `clear`: nothing any more, and what is remembered of the
 * cause may go. `busy`: somebody is at it.
 */
export type CauseDue = 'show' | 'repeat' | 'acknowledge' | 'close' | 'clear' | 'busy' | undefined;

/**
 * @param now milliseconds since 1970
 * @param acknowledged who takes care of it: `until` in milliseconds since 1970, infinite: until it ends; undefined: nobody
 */
export function causeDue(
  cause: Pick<CauseInSink, 'head' | 'incidents'>,
  { rules, now, acknowledged }: { rules: HoldRules; now: number; acknowledged?: AcknowledgedCause | undefined },
): CauseDue {
  const { head, incidents } = cause;
  const open = incidents.filter(({ state }) => state === 'open');
  const severity = head?.severity ?? open[0]?.severity ?? 'info';
  const claim = head?.claim ?? null;
  if (head !== undefined && isUnderWay(head, now)) return 'busy';
  if (open.length === 0 && (head === undefined || (head.shown === null && claim === null))) return 'clear';
  if (isQuietAt({ quietHours: rules.quietHours, severity, now })) return undefined;
  if (open.length === 0) return 'close';
  // What was begun and not done is begun again: the sink has it, or has not.
  if (head === undefined || head.shown === null || isBackAlone(cause)) return 'show';
  if (rules.canUpdate && isOtherwiseAcknowledged({ head, acknowledged, now })) return 'acknowledge';
  const isSilenced = acknowledged !== undefined && now < acknowledged.until;
  if (claim !== null || isOtherAlone(cause, { ...rules, isSilenced })) return 'show';
  const due = showAt({ group: groupOf({ head, incidents }), canUpdate: rules.canUpdate });
  if (due !== undefined && due <= now && !isSilenced) return 'show';
  const { at: toldAt } = head.shown;
  const again = repeatAt({
    toldAt,
    repeats: head.repeats,
    first: rules.repeat,
    acknowledgedUntil: acknowledged?.until,
  });
  return again !== undefined && again <= now ? 'repeat' : undefined;
}

export interface AcknowledgedCause {
  readonly generation: string;
  readonly until: number;
}

/** Whether the sink is to be told of it: that its time is over, a repeat says. */
function isOtherwiseAcknowledged({
  head,
  acknowledged,
  now,
}: {
  head: HeldCause;
  acknowledged: AcknowledgedCause | undefined;
  now: number;
}): boolean {
  return acknowledged === undefined
    ? head.acknowledged !== undefined
    : now < acknowledged.until && head.acknowledged !== acknowledged.generation;
}

/** Whether somebody is at it. */
export function isUnderWay({ claim }: HeldCause, now: number): boolean {
  return claim?.state === 'under-way' && now < claim.at + diesAfter;
}

/** Whether the schedule leaves the sink alone, which failed to take it. It is asked less and less often. */
export function isPausing({ head }: Pick<CauseInSink, 'head'>, now: number): boolean {
  const claim = head?.claim ?? null;
  return claim?.state === 'failed' && now < claim.at + pauseAfter(claim.tries);
}

function isBackAlone({ head, incidents }: Pick<CauseInSink, 'head' | 'incidents'>): boolean {
  const [only] = incidents;
  return only !== undefined && incidents.length === 1 && only.since !== head?.first.since;
}

/** Whether what has no company came back, reminds, or, where the sink can change what it shows, has changed. */
function isOtherAlone(
  { head, incidents }: Pick<CauseInSink, 'head' | 'incidents'>,
  { canUpdate, isSilenced }: Pick<HoldRules, 'canUpdate'> & { readonly isSilenced: boolean },
): boolean {
  const [only] = incidents;
  if (only === undefined || incidents.length > 1) return false;
  if (only.since !== head?.first.since) return true;
  // Who takes care of it needs no reminder.
  const isTold = only.reminds === true ? !isSilenced : canUpdate;
  return isTold && only.id !== head.shown?.newest;
}

function groupOf({ head, incidents }: { head: HeldCause; incidents: readonly ListedIncident[] }) {
  const states = incidents.map(({ key, state }) => [key, state === 'open' ? 'open' : 'ended'] as const);
  return { first: head.first.key, incidents: Object.fromEntries(states), shown: head.shown ?? undefined };
}

/** Who shows a cause has so long for it. Milliseconds. */
const diesAfter = 60_000;
const firstPause = 60_000;
const longestPause = 3_600_000;

function pauseAfter(tries: number): number {
  return Math.min(firstPause * 2 ** Math.min(Math.max(tries - 1, 0), 20), longestPause);
}

/** Whether an incident that joins a cause waits for others, without a look at them. */
export function isGathering(head: HeldCause, now: number): boolean {
  const since = head.shown?.at ?? head.claim?.at;
  return since !== undefined && now < since + gatherFor;
}

export function claimedCause(head: HeldCause, { writer, at }: { writer: string; at: number }): HeldCause {
  return { ...head, claim: { writer, at, tries: (head.claim?.tries ?? 0) + 1, state: 'under-way' } };
}

/** The sink did not take it. */
export function failedCause(head: HeldCause): HeldCause {
  return { ...head, claim: head.claim === null ? null : { ...head.claim, state: 'failed' } };
}

export function shownCause(
  head: HeldCause,
  {
    shown,
    isRepeat,
    acknowledged,
  }: { shown: NonNullable<HeldCause['shown']>; isRepeat: boolean; acknowledged: string | undefined },
): HeldCause {
  return { ...head, shown, acknowledged, claim: null, repeats: head.repeats + (isRepeat ? 1 : 0) };
}
