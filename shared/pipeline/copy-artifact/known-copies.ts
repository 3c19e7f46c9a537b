import { archiveNamesOf, isSameOrNewer, destinationOf, type ArtifactId } from '../../source/artifact.ts';
import { parseProvenance } from '../../source/commit-message.ts';
import type { LedgerEntry } from '../../source/ledger.ts';
import { foldersOf } from '../../source/archive.ts';
import type { Commit } from '../../ports/git.ts';

/** A generation of an object that is in Git, and where. */
export interface Copy {
  readonly generation: string;
  readonly commit: Commit;
  /** The artifacts that the commit's trailers name. */
  readonly artifacts: readonly ArtifactId[];
}

/**
 * The copies that the commits of a history name, by the names of the objects; of several the newest generation. Git is
 * the authority, the ledger a shortcut: a copy whose ledger entry was lost is found here, also after its revert, and an
 * older generation never overwrites a newer.
 */
export function copiesIn({
  history,
  bucket,
}: {
  history: readonly Commit[];
  bucket: string;
}): ReadonlyMap<string, Copy> {
  const copies = new Map<string, Copy>();
  for (const commit of history) {
    const { artifacts } = parseProvenance(commit.message);
    for (const artifact of artifacts) {
      const known = copies.get(artifact.name);
      if (
        artifact.bucket !== bucket ||
        (known !== undefined && isSameOrNewer({ generation: known.generation, than: artifact.generation }))
      )
        continue;
      copies.set(artifact.name, { generation: artifact.generation, commit, artifacts });
    }
  }
  return copies;
}

/** Generations by the names of objects: what the ledger and the history know together. */
export function generationsOf({
  ledger,
  copies,
}: {
  ledger: ReadonlyMap<string, LedgerEntry>;
  copies: ReadonlyMap<string, Copy>;
}): ReadonlyMap<string, string> {
  const generations = new Map([...ledger].map(([name, { generation }]) => [name, generation]));
  for (const [name, { generation }] of copies) {
    if (!isSameOrNewer({ generation: generations.get(name) ?? '0', than: generation }))
      generations.set(name, generation);
  }
  return generations;
}

/** The name of a newer group whose folder holds that path: it has replaced what an older upload would put there. */
export function newerGroupAbove({
  path,
  generation,
  generations,
}: {
  path: string;
  generation: string;
  generations: ReadonlyMap<string, string>;
}): string | undefined {
  const names = foldersOf(path).flatMap(archiveNamesOf);
  return names.find((name) => BigInt(generations.get(name) ?? '0') > BigInt(generation));
}

/** The paths below a group's folder where newer uploads have been: the group, older than they are, leaves them. */
export function newerPathsBelow({
  folder,
  bucket,
  generation,
  generations,
}: {
  folder: string;
  bucket: string;
  generation: string;
  generations: ReadonlyMap<string, string>;
}): readonly string[] {
  return [...generations]
    .filter(([name, other]) => name.startsWith(`${folder}/`) && BigInt(other) > BigInt(generation))
    .map(([name, other]) => destinationOf({ bucket, name, generation: other }).path);
}
