import { z } from 'zod';
import { formatTime, noLaterThan, parseTime } from '../base/time.ts';
import { eventId } from '../events/cloud-event.ts';

const timeSchema = z.string().refine((text) => !Number.isNaN(parseTime(text)), 'is no time');

/** Something that could not be read, whoever tried: one object for all instances, and for all functions but those that
 * copy uploads, which have one for each class. */
export const unreadableSchema = z.object({
  version: z.literal(1),
  /** The code of the error that readers met. */
  code: z.string(),
  /** A file, a version of a secret, a bucket, a cluster. */
  subject: z.string(),
  /** When it was met first, ISO 8601. */
  since: timeSchema,
  /** When it was met last, to five minutes. */
  seenAt: timeSchema,
  /** When it was told; absent: it was not. */
  toldAt: timeSchema.optional(),
  /** New for each write: by it, whose answer was lost knows its own. */
  writer: z.string(),
});
export type Unreadable = z.infer<typeof unreadableSchema>;

/** What is met in this time after it was met last is the same trouble. A message comes again in ten minutes at most. */
const sameTroubleFor = 30 * 60_000;
/** How old `seenAt` gets before it is written anew. */
const seenApart = 5 * 60_000;

/**
 * Where it is in the state bucket that something cannot be read.
 *
 * @param repositoryClass of those who meet it while they copy uploads: their account writes below its own class only
 */
export function unreadablePath({
  code,
  subject,
  repositoryClass = '_',
}: Pick<Unreadable, 'code' | 'subject'> & { repositoryClass?: string | undefined }): string {
  return `unreadable/${repositoryClass}/${eventId(code, subject)}.json`;
}

/**
 * Undefined for another version, a half of one, or anything else at its place. What is later than its write was met then:
 * the clock of who wrote it may be ahead.
 */
export function decodeUnreadable(value: unknown, { writtenAt }: { readonly writtenAt: Date }): Unreadable | undefined {
  const known = unreadableSchema.safeParse(value).data;
  if (known === undefined) return undefined;
  return { ...known, since: noLaterThan(writtenAt, known.since), seenAt: noLaterThan(writtenAt, known.seenAt) };
}

/**
 * What is to be remembered of something that was met now, or undefined where that is known; `tells` where it is due to
 * be told.
 *
 * @param after milliseconds that it must have lasted to be told
 */
export function meetUnreadable({
  known,
  met,
  now,
  after,
}: {
  known: Unreadable | undefined;
  met: Pick<Unreadable, 'code' | 'subject' | 'writer'>;
  now: Date;
  after: number;
}): { readonly next: Unreadable; readonly tells: boolean } | undefined {
  const at = now.getTime();
  const seenAt = formatTime(at);
  if (known === undefined || at - parseTime(known.seenAt) > sameTroubleFor) {
    const first = { version: 1 as const, ...met, since: seenAt, seenAt };
    return after > 0 ? { next: first, tells: false } : { next: { ...first, toldAt: seenAt }, tells: true };
  }
  if (known.toldAt === undefined && at - parseTime(known.since) >= after)
    return { next: { ...known, ...met, seenAt, toldAt: seenAt }, tells: true };
  return at - parseTime(known.seenAt) >= seenApart ? { next: { ...known, ...met, seenAt }, tells: false } : undefined;
}
