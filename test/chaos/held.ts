import { ApiError } from '@google-cloud/storage';
import { z } from 'zod';
import { leaseSeconds } from '../../shared/memory/lease.ts';
import type { Stage } from './stage.ts';

const leaseSchema = z.looseObject({
  holder: z.unknown().optional(),
  nonce: z.unknown().optional(),
  seconds: z.number().optional(),
});
const endSchema = z.looseObject({ ended: z.string().optional() });

/** Whether the content of a lease object says that somebody acts. A lease that nobody can read is held by nobody known. */
export function isHeld(content: string): boolean {
  const lease = leaseSchema.safeParse(jsonOf(content)).data;
  if (lease === undefined) return true;
  const who = 'holder' in lease && lease.holder !== undefined ? lease.holder : lease.nonce;
  return who !== null && who !== undefined;
}

/**
 * The leases below these folders of the state bucket that are held. One whose end stands in the object that says so, or
 * whose time is over, is not.
 */
export async function heldLeases({ pipeline, clock }: Stage, folders: readonly string[]): Promise<readonly string[]> {
  const bucket = pipeline.clients.storage.bucket(pipeline.stateBucket);
  const contentOf = async (path: string): Promise<string | undefined> =>
    (await unlessGone(bucket.file(path).download()))?.[0].toString();
  const found = folders.map(async (folder) => {
    const path = `${folder}/lease.json`;
    const content = await contentOf(path);
    if (content === undefined || !isHeld(content)) return [];
    if (isEnded(content, await contentOf(endOf(folder)))) return [];
    const [{ updated } = {}] = (await unlessGone(bucket.file(path).getMetadata())) ?? [];
    if (updated === undefined) return [];
    const age = (clock.now().getTime() - clock.at(Date.parse(updated))) / 1000;
    if (age > secondsOf(content)) return [];
    return [`the lease ${path} is held: ${content.slice(0, 200)}`];
  });
  return (await Promise.all(found)).flat();
}

/** Undefined where the object is not there (any more). */
async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return undefined;
    throw error;
  }
}

/** Where the end of a lease is said: in what its holder wrote last. */
function endOf(folder: string): string {
  return folder.startsWith('intake/') ? `ledger/${folder.slice('intake/'.length)}.json` : `${folder}/memory.json`;
}

/** Whether a ledger, or a memory, says that this lease is over. */
export function isEnded(lease: string, endedBy: string | undefined): boolean {
  const { holder } = leaseSchema.safeParse(jsonOf(lease)).data ?? {};
  const { ended } = endSchema.safeParse(jsonOf(endedBy ?? '')).data ?? {};
  return holder !== undefined && holder === ended;
}

/** How long it lasts: one that nobody can read as long as any. */
function secondsOf(lease: string): number {
  return leaseSchema.safeParse(jsonOf(lease)).data?.seconds ?? leaseSeconds;
}

function jsonOf(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
