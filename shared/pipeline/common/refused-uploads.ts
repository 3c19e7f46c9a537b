import { uploadRefusedSchema, type UploadRefused } from '../../events/upload-alert.ts';
import { decodeLedger, ledgerPath } from '../../source/ledger.ts';
import { readState, type StateAccess } from './read-state.ts';

/** An upload that is refused and was told: what of it every version of `status` shows. */
export const refusedUploadSchema = uploadRefusedSchema.omit({ incident: true });

/** An upload that is refused. */
export interface Refusal {
  /** `<name>#<generation>` in the bucket of its class. */
  readonly upload: string;
  /** What was told of it; undefined where the version before refused it. */
  readonly told: UploadRefused | undefined;
}

/**
 * The uploads of a class that are refused, by their names.
 *
 * @returns `unreadable`: why nobody can say, in words that follow the path; undefined: these are all
 */
export async function readRefusals(
  of: { repositoryClass: string },
  ports: StateAccess,
): Promise<{ refusals: readonly Refusal[]; unreadable: string | undefined }> {
  const found = await readState({ path: ledgerPath(of), decode: decodeLedger }, ports);
  if (found === undefined) return { refusals: [], unreadable: undefined };
  if ('unreadable' in found) return { refusals: [], unreadable: found.unreadable };
  const { refused, told } = found.value;
  const refusals = [...refused]
    .map(([name, generation]) => ({ upload: `${name}#${generation}`, told: told?.get(name) }))
    .sort((a, b) => (a.upload < b.upload ? -1 : 1));
  return { refusals, unreadable: undefined };
}

/** The uploads of a class that are refused and were told, by their names; none where the ledger is lost, which is logged. */
export async function listRefusedUploads(
  of: { repositoryClass: string },
  ports: StateAccess,
): Promise<readonly UploadRefused[]> {
  const { refusals } = await readRefusals(of, ports);
  return refusals.flatMap(({ told }) => told ?? []);
}
