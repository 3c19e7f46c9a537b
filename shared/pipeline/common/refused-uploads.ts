import { uploadRefusedSchema } from '../../events/upload-alert.ts';
import { decodeLedger, ledgerPath } from '../../source/ledger.ts';
import { readState, valueOrNone, type StateAccess } from './read-state.ts';
import type { z } from 'zod';

/** An upload that is refused and was told, as `status` shows it. */
export const refusedUploadSchema = uploadRefusedSchema.omit({ incident: true });
export type RefusedUpload = Readonly<z.infer<typeof refusedUploadSchema>>;

/** The uploads of a class that are refused, by their names; none where the ledger is lost. */
export async function listRefusedUploads(
  of: { repositoryClass: string },
  ports: StateAccess,
): Promise<readonly RefusedUpload[]> {
  const ledger = valueOrNone(await readState({ path: ledgerPath(of), decode: decodeLedger }, ports));
  return [...(ledger?.told?.values() ?? [])]
    .map((alert) => refusedUploadSchema.parse(alert))
    .sort((a, b) => (a.artifact < b.artifact ? -1 : 1));
}
