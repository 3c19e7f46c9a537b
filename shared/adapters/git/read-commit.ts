import type { Repository, TreeEntry } from '../../ports/git.ts';
import type { History } from './history.ts';
import type { Reading } from './reading.ts';

/** What reads of a fetched commit take. */
export interface CommitReader {
  readonly history: Pick<History, 'fetched' | 'walk'>;
  readonly reading: Reading;
}

export async function entryAt(
  { history, reading }: CommitReader,
  { commit, path }: { commit: string; path: string },
): Promise<TreeEntry | undefined> {
  return await reading.entryAt({ tree: (await history.fetched(commit)).tree, path });
}

/** See `Repository.list`. */
export async function childrenOf(
  reader: CommitReader,
  { commit, folder }: Parameters<Repository['list']>[0],
): Promise<readonly TreeEntry[]> {
  const entry = await entryAt(reader, { commit, path: folder });
  if (entry?.kind !== 'folder') return [];
  return (await reader.reading.children(entry.id)).map(({ path, kind, id }) => ({
    path: folder === '' ? path : `${folder}/${path}`,
    kind,
    id,
  }));
}

/** See `Repository.files`. */
export async function filesBelow(
  reader: CommitReader,
  { commit, folder }: Parameters<Repository['files']>[0],
): Promise<readonly TreeEntry[]> {
  const entry = await entryAt(reader, { commit, path: folder });
  return entry?.kind === 'folder' ? await reader.reading.filesBelow({ tree: entry.id, folder }) : [];
}

/** See `Repository.readFile`. */
export async function fileAt(
  { history, reading }: CommitReader,
  { commit, path }: Parameters<Repository['readFile']>[0],
): Promise<Uint8Array | undefined> {
  return await reading.fileAt({ tree: (await history.fetched(commit)).tree, path });
}

/** See `Repository.readLink`. */
export async function linkAt(
  reader: CommitReader,
  at: Parameters<Repository['readLink']>[0],
): Promise<string | undefined> {
  const entry = await entryAt(reader, at);
  return entry?.kind === 'symlink' ? Buffer.from(await reader.reading.blob(entry.id)).toString('utf8') : undefined;
}

/** See `Repository.isAncestor`. */
export async function isAncestor(
  { history }: CommitReader,
  { ancestor, descendant }: Parameters<Repository['isAncestor']>[0],
): Promise<boolean> {
  const walked = await history.walk({ from: descendant, until: ({ id }) => id === ancestor });
  return walked.at(-1)?.id === ancestor;
}
