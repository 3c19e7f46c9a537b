import { isSameOrNewer, type ArtifactId } from '../source/artifact.ts';
import { ledgerPath, ledgerSchema } from '../source/ledger.ts';
import type { Ports } from './ports.ts';

/** What became of an upload: the commit that holds this generation of the object or a newer one, or a refusal. */
export type Landing = { readonly landing: 'committed'; readonly commit: string } | { readonly landing: 'refused' };

/** Undefined where the ledger does not say yet. */
export async function findLanding(artifact: ArtifactId & { readonly repositoryClass: string }, ports: Pick<Ports, 'state'>): Promise<Landing | undefined> {
  const found = ledgerSchema.safeParse((await ports.state.read(ledgerPath(artifact)))?.value).data;
  const isLanded = found !== undefined && isSameOrNewer({ generation: found.generation, than: artifact.generation });
  return isLanded ? { landing: 'committed', commit: found.commit } : undefined;
}
