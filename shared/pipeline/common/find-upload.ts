import type { UploadRefused } from '../../events/upload-alert.ts';
import type { ArtifactId } from '../../source/artifact.ts';
import { copyOf, decodeLedger, ledgerPath } from '../../source/ledger.ts';
import { readState, valueOrNone, type StateAccess } from './read-state.ts';

/** What became of an upload: the commit that holds this generation of the object or a newer one, or a refusal. */
export type UploadOutcome =
  | { readonly landing: 'committed'; readonly commit: string }
  /** `alert`: why; undefined where the version before refused it. */
  | { readonly landing: 'refused'; readonly alert: UploadRefused | undefined };

/** Undefined where the ledger does not say yet. */
export async function findUpload(
  artifact: ArtifactId & { readonly repositoryClass: string },
  ports: StateAccess,
): Promise<UploadOutcome | undefined> {
  const ledger = valueOrNone(await readState({ path: ledgerPath(artifact), decode: decodeLedger }, ports));
  if (ledger === undefined) return undefined;
  const copy = copyOf({ ledger, artifact });
  if (copy !== undefined) return { landing: 'committed', commit: copy.commit };
  if (ledger.refused.get(artifact.name) !== artifact.generation) return undefined;
  return { landing: 'refused', alert: ledger.told?.get(artifact.name) };
}
