import { z } from 'zod';
import type { Stage } from './stage.ts';

const leaseSchema = z.looseObject({ holder: z.unknown().optional(), nonce: z.unknown().optional() });

/** Whether the content of a lease object says that somebody acts. A lease that nobody can read is held by nobody known. */
export function isHeld(content: string): boolean {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return true;
  }
  const lease = leaseSchema.safeParse(value).data;
  if (lease === undefined) return true;
  const who = 'holder' in lease && lease.holder !== undefined ? lease.holder : lease.nonce;
  return who !== null && who !== undefined;
}

/** The leases below these folders of the state bucket that are held. */
export async function heldLeases({ pipeline }: Stage, folders: readonly string[]): Promise<readonly string[]> {
  const bucket = pipeline.clients.storage.bucket(pipeline.stateBucket);
  const found = folders.map(async (folder) => {
    const file = bucket.file(`${folder}/lease.json`);
    const [exists] = await file.exists();
    if (!exists) return [];
    const [content] = await file.download();
    return isHeld(content.toString()) ? [`the lease ${file.name} is held: ${content.toString().slice(0, 200)}`] : [];
  });
  return (await Promise.all(found)).flat();
}
