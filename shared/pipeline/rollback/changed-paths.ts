import type { ChangedPath } from '../../source/revert.ts';
import type { Repository, TreeEntry } from '../../ports/git.ts';

/**
 * The files that differ between two fetched commits, at or below some paths (`''`: everywhere), with what is there at
 * the branch's head. Folders that are the same are not read.
 */
export async function changedPaths({
  repository,
  paths,
  to,
  from,
  head,
}: {
  repository: Repository;
  paths: readonly string[];
  to: string;
  from: string;
  head: string;
}): Promise<readonly ChangedPath[]> {
  const found = new Map<string, ChangedPath>();
  for (const path of paths) await compare(path, await entryAt(to, path), await entryAt(from, path));
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));

  async function entryAt(commit: string, path: string): Promise<TreeEntry | undefined> {
    return repository.entry({ commit, path });
  }

  async function compare(path: string, before: TreeEntry | undefined, after: TreeEntry | undefined): Promise<void> {
    if (before?.kind === after?.kind && before?.id === after?.id) return;
    if ((before !== undefined && before.kind !== 'folder') || (after !== undefined && after.kind !== 'folder')) {
      found.set(path, { path, to: before, from: after, head: await entryAt(head, path) });
    }
    const children = async (commit: string, entry: TreeEntry | undefined): Promise<Map<string, TreeEntry>> =>
      new Map(
        entry?.kind === 'folder'
          ? (await repository.list({ commit, folder: path })).map((child) => [child.path, child])
          : [],
      );
    const [earlier, later] = [await children(to, before), await children(from, after)];
    for (const child of new Set([...earlier.keys(), ...later.keys()]))
      await compare(child, earlier.get(child), later.get(child));
  }
}
