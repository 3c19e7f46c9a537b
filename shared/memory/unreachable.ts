import { z } from 'zod';
import { formatTime, isTime, parseTime } from '../base/time.ts';
import {
  dependencyIncident,
  dependencyKinds,
  dependencyReachableSchema,
  dependencySubject,
  dependencyUnreachableSchema,
  type Behind,
  type Dependency,
  type DependencyReachable,
} from '../events/dependency-alert.ts';

const timeSchema = z.string().refine(isTime, 'is no time');

const toTellSchema = z.discriminatedUnion('topic', [
  z.object({ topic: z.literal('diff'), time: timeSchema, data: dependencyUnreachableSchema }),
  z.object({ topic: z.literal('converged'), time: timeSchema, data: dependencyReachableSchema }),
]);

/**
 * Something that environments stand on and that does not answer, whoever asks: one object for all instances of all
 * functions. It goes once it has answered, and that is told.
 */
export const unreachableSchema = z.object({
  version: z.literal(1),
  kind: z.enum(dependencyKinds),
  name: z.string(),
  /** When it was met first, with no answer since. */
  since: timeSchema,
  /** When it was met last, to five minutes. */
  seenAt: timeSchema,
  code: z.string(),
  problem: z.string(),
  remedy: z.string().optional(),
  /** Of the incident; absent: it has not lasted long enough for one. */
  incident: z.string().optional(),
  /** Who stood on it when that was opened. */
  environments: z.array(z.string()).default([]),
  count: z.number().int().nonnegative().default(0),
  /** When it answered; absent: it has not. */
  endedAt: timeSchema.optional(),
  /** What is to be published, in order. */
  outbox: z.array(toTellSchema).default([]),
  /** New for each write: by it, whose answer was lost knows its own. */
  writer: z.string(),
});
export type Unreachable = z.infer<typeof unreachableSchema>;

/** What was met: the error, and who notes it. */
export type MetUnreachable = Pick<Unreachable, 'code' | 'problem' | 'writer'> & {
  readonly remedy?: string | undefined;
};

/** What is met in this time after it was met last is the same trouble. A message comes again in ten minutes at most. */
const sameTroubleFor = 30 * 60_000;
/** How old `seenAt` gets before it is written anew. */
const seenApart = 5 * 60_000;

export const unreachableFolder = 'unreachable/';

/** @param repositoryClass of a repository and a bucket: who copies uploads may write below its own class only */
export function unreachablePath({
  kind,
  name,
  repositoryClass,
}: Dependency & { readonly repositoryClass: string | undefined }): string {
  return `${unreachableFolder}${repositoryClass ?? '_'}/${kind}-${encodeURIComponent(name)}.json`;
}

/** Undefined for another version, a half of one, or anything else at its place. */
export function decodeUnreachable(value: unknown): Unreachable | undefined {
  return unreachableSchema.safeParse(value).data;
}

/** Whether it has an incident that is open. */
export function isOpenIncident(known: Unreachable): known is Unreachable & { readonly incident: string } {
  return known.incident !== undefined && known.endedAt === undefined;
}

/** Whether nobody has met it for so long that nobody may ask any more. */
export function isMetNoMore({ seenAt }: Unreachable, now: Date): boolean {
  return now.getTime() - parseTime(seenAt) > sameTroubleFor;
}

/** What follows from meeting it: nothing, a note, or an incident, which takes to know who stands on it. */
export type Meeting =
  | { readonly does: 'nothing' }
  | { readonly does: 'note'; readonly next: Unreachable }
  | { readonly does: 'open'; open(behind: Behind): Unreachable };

/** @param after milliseconds that it must have lasted */
export function meetUnreachable({
  known,
  of,
  met,
  begunAt,
  now,
  after,
}: {
  known: Unreachable | undefined;
  of: Dependency;
  met: MetUnreachable;
  /** When the request was sent that got no answer: it may have been waited for. */
  begunAt: Date;
  now: Date;
  after: number;
}): Meeting {
  const at = now.getTime();
  const seenAt = formatTime(at);
  const lasting = known !== undefined && lasts(known, at) ? known : undefined;
  const next: Unreachable =
    lasting === undefined
      ? { version: 1, kind: of.kind, name: of.name, since: formatTime(begunAt.getTime()), seenAt, ...nobody, ...met }
      : { ...lasting, ...met, seenAt };
  if (next.incident === undefined && at - parseTime(next.since) >= after)
    return { does: 'open', open: (behind) => opened(next, behind) };
  if (lasting !== undefined && at - parseTime(lasting.seenAt) < seenApart) return { does: 'nothing' };
  return { does: 'note', next };
}

const nobody = { environments: [], count: 0, outbox: [] };

function lasts({ incident, endedAt, seenAt }: Unreachable, at: number): boolean {
  return endedAt === undefined && (incident !== undefined || at - parseTime(seenAt) <= sameTroubleFor);
}

function opened(next: Unreachable, behind: Behind): Unreachable {
  const { code, problem: message, remedy = null, seenAt: time } = next;
  const incident = dependencyIncident({ of: next, since: next.since });
  const data = { ...saidOf(next, incident), code, message, remedy, ...behind };
  return { ...next, incident, ...behind, outbox: [...next.outbox, { topic: 'diff', time, data }] };
}

function saidOf({ kind, name, since }: Unreachable, incident: string) {
  return { subject: dependencySubject({ kind, name }), kind, name, incident, since };
}

/** What follows from an answer: it is forgotten, its incident ends, or that was found before. */
export type Answer =
  | { readonly does: 'nothing' }
  | { readonly does: 'forget' }
  | { readonly does: 'end'; readonly next: Unreachable };

export function answeredAgain({
  known,
  outcome,
  now,
  writer,
}: {
  known: Unreachable;
  outcome: DependencyReachable['outcome'];
  now: Date;
  writer: string;
}): Answer {
  if (known.endedAt !== undefined) return { does: 'nothing' };
  if (!isOpenIncident(known)) return { does: 'forget' };
  const { since, incident, environments, count } = known;
  const time = formatTime(now.getTime());
  const seconds = Math.max(0, (now.getTime() - parseTime(since)) / 1000);
  const data = { ...saidOf(known, incident), outcome, seconds, environments, count };
  return {
    does: 'end',
    next: { ...known, writer, endedAt: time, outbox: [...known.outbox, { topic: 'converged', time, data }] },
  };
}
