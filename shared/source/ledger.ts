import { createHash } from 'node:crypto';
import { z } from 'zod';

/**
 * What the ledger says of one object name: the newest generation that is in Git, and the commit it is in. It can be lost:
 * the `Artifact:` trailers say the same.
 */
export const ledgerSchema = z.object({
  generation: z.string().regex(/^\d+$/),
  commit: z.string().regex(/^[0-9a-f]{40}$/),
  previous: z.string().regex(/^[0-9a-f]{40}$/).nullable(),
});
export type LedgerEntry = z.infer<typeof ledgerSchema>;

/** Names of objects have 1,024 bytes at most (https://cloud.google.com/storage/docs/objects#naming). */
const longestEncodedName = 900;

/** The path of an object's entry in the state bucket. */
export function ledgerPath({ repositoryClass, name }: { repositoryClass: string; name: string }): string {
  const encoded = encodeURIComponent(name);
  const file = encoded.length <= longestEncodedName ? encoded : `sha256-${createHash('sha256').update(name).digest('hex')}`;
  return `ledger/${repositoryClass}/${file}.json`;
}
