import { randomUUID } from 'node:crypto';
import { ConvergeError, describeError, type ErrorCode } from '../../base/errors.ts';
import { decodeUnreadable, meetUnreadable, unreadablePath, type Unreadable } from '../../memory/unreadable.ts';
import type { Ports } from '../../ports/ports.ts';
import { betweenWrites } from './pauses.ts';
import { ageOf, readState, valueOrNone } from './read-state.ts';

/** What an operator makes readable, and what no message says anything about. */
const ofTheOperator: readonly ErrorCode[] = [
  'ClusterRefused',
  'CredentialsUnavailable',
  'IssuerUnavailable',
  'SecretUnavailable',
  'StorageRefused',
];

export type TellUnreadablePorts = Pick<Ports, 'now' | 'log' | 'state'>;

/** Whether an error says that something cannot be read, or may not be, at the moment. */
export function isUnreadable(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && error.disposition === 'retry' && ofTheOperator.includes(error.code);
}

/**
 * Tells, once, as an ERROR of the log, what has not been readable for so long, whichever messages and instances met it.
 * Nothing comes of it for the message that met it, which is retried. Never fails: false where it could not be noted.
 *
 * @param after milliseconds
 * @param repositoryClass where it is met while uploads are copied
 */
export async function tellUnreadable(
  { error, after, repositoryClass }: { error: ConvergeError; after: number; repositoryClass?: string | undefined },
  ports: TellUnreadablePorts,
): Promise<boolean> {
  // Of a bucket each object that may not be read would be another trouble.
  const subject = /^gs:\/\/[^/]+/.exec(error.subject)?.[0] ?? error.subject;
  const met = { code: error.code, subject, writer: randomUUID() };
  try {
    const since = await noteUnreadable({ met, after, path: unreadablePath({ ...met, repositoryClass }) }, ports);
    if (since === undefined) return true;
    const { message, remedy } = { message: error.problem, remedy: error.remedy };
    ports.log('ERROR', 'something cannot be read, and messages wait for it', {
      ...{ code: error.code, subject, problem: message, remedy, since },
      error: describeError(error),
    });
    return true;
  } catch (failure) {
    const facts = { code: error.code, subject, error: describeError(failure) };
    ports.log('WARNING', 'what cannot be read could not be noted', facts);
    return false;
  }
}

/** Since when it could not be read, where this call is the one that tells it. */
async function noteUnreadable(
  { met, after, path }: { met: Pick<Unreadable, 'code' | 'subject' | 'writer'>; after: number; path: string },
  ports: TellUnreadablePorts,
): Promise<string | undefined> {
  const found = await readState({ path, decode: decodeUnreadable }, ports);
  // Who met it in this second writes it down; this one is not due for another five minutes.
  if (found !== undefined && ageOf(found) < betweenWrites) return undefined;
  const noted = meetUnreadable({ known: valueOrNone(found), met, now: ports.now(), after });
  if (noted === undefined) return undefined;
  const ifGeneration = found === undefined ? 'absent' : { generation: found.generation };
  const written = await ports.state.write({ path, value: noted.next, ifGeneration });
  if (!noted.tells) return undefined;
  if (written !== 'conflict') return noted.next.since;
  // By another, or by this one, whose answer was lost.
  const now = valueOrNone(await readState({ path, decode: decodeUnreadable }, ports));
  return now?.writer === met.writer ? now.since : undefined;
}
