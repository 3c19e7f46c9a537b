import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { parseTime } from '../../base/time.ts';
import type { Ports } from '../../ports/ports.ts';
import { readState, valueOrNone } from '../common/read-state.ts';
import { actionConflict } from './refusals.ts';

/** Milliseconds after which whoever began is dead: longer than the function may take. */
const longestWork = 10 * 60_000;

/** What is remembered of a key: `acted/<key>.json`, for two days. */
const recordSchema = z.object({
  version: z.literal(1),
  by: z.string(),
  /** Of the action. */
  digest: z.string(),
  /** When it was begun, ISO 8601. */
  at: z.iso.datetime(),
  /** The call that began it. */
  call: z.string(),
  /** Null: it is not done yet. */
  answer: z.unknown().nullable(),
});
type ActedRecord = z.infer<typeof recordSchema>;

export function actedPath(key: string): string {
  return `acted/${key}.json`;
}

/**
 * Does something once for a key, however often it is asked for: a second call is answered what the first one was. Of a
 * call that died before its end nobody knows how far it came: a later one does it, and the effects know themselves again.
 *
 * Throws `BadRequest` (refuse) for a key that was given to something else, `ActionConflict` (refuse) while it is being
 * done, `StorageUnavailable` (retry), and what `work` throws; then the key is free again.
 */
export async function onlyOnce<T>(
  {
    key,
    by,
    digest,
    schema,
    work,
  }: { key: string; by: string; digest: string; schema: z.ZodType<T>; work: () => Promise<T> },
  ports: Pick<Ports, 'now' | 'state' | 'log'>,
): Promise<{ answer: T; isNew: boolean }> {
  const path = actedPath(key);
  const call = randomUUID();
  const begun: ActedRecord = { version: 1, by, digest, at: ports.now().toISOString(), call, answer: null };
  const found = await readRecord(path, ports);
  const record = valueOrNone(found);
  if (record !== undefined) {
    if (record.by !== by || record.digest !== digest)
      throw new ConvergeError({
        ...{ code: 'BadRequest', subject: 'idempotency-key', message: 'was given to another action before' },
        ...{ remedy: 'make a new one for each action', disposition: 'refuse' },
      });
    const answer = schema.safeParse(record.answer);
    if (answer.success) return { answer: answer.data, isNew: false };
    if (ports.now().getTime() - parseTime(record.at) < longestWork) throw busy(key);
  }
  const ifGeneration = found === undefined ? ('absent' as const) : { generation: found.generation };
  const written = await ports.state.write({ path, value: begun, ifGeneration });
  const taken = written === 'conflict' ? await ownOf({ path, call }, ports) : written;
  if (taken === undefined) throw busy(key);
  try {
    const answer = await work();
    await ports.state.write({ path, value: { ...begun, answer }, ifGeneration: taken }).catch(() => 'conflict');
    return { answer, isNew: true };
  } catch (error) {
    await ports.state.delete({ path, generation: taken.generation }).catch(() => 'conflict');
    throw error;
  }
}

async function readRecord(path: string, ports: Pick<Ports, 'state' | 'log'>) {
  return await readState({ path, decode: (value) => recordSchema.safeParse(value).data }, ports);
}

/** The answer to a write may be lost, and its next try finds it there: it is this call's own then. */
async function ownOf(
  { path, call }: { path: string; call: string },
  ports: Pick<Ports, 'state' | 'log'>,
): Promise<{ generation: string } | undefined> {
  const found = await readRecord(path, ports);
  return found !== undefined && valueOrNone(found)?.call === call ? { generation: found.generation } : undefined;
}

function busy(key: string): ConvergeError {
  return actionConflict({
    subject: key,
    message: 'is the key of what is being done at this moment',
    remedy: 'ask once more with the same key: it says what became of it',
  });
}
