import { isSameOrNewer, type ArtifactId } from '../source/artifact.ts';
import { ledgerPath, ledgerSchema } from '../source/ledger.ts';
import type { Ports } from './ports.ts';

/** The commit that holds a generation of an object, or a newer one of that name; undefined where the ledger does not say so yet. */
export async function landedCommit(artifact: ArtifactId & { readonly repositoryClass: string }, ports: Pick<Ports, 'state'>): Promise<string | undefined> {
  const found = ledgerSchema.safeParse((await ports.state.read(ledgerPath(artifact)))?.value).data;
  return found !== undefined && isSameOrNewer({ generation: found.generation, than: artifact.generation }) ? found.commit : undefined;
}
