import type { TreeChange, TreeEntry } from '../../pipeline/ports.ts';

const modes = { file: '100644', executable: '100755', symlink: '120000', folder: '040000', submodule: '160000' } as const;

export function kindOfMode(mode: string): TreeEntry['kind'] {
  switch (mode) {
    case modes.folder:
      return 'folder';
    case modes.executable:
      return 'executable';
    case modes.symlink:
      return 'symlink';
    case modes.submodule:
      return 'submodule';
    default:
      return 'file';
  }
}

/** A tree as git hashes it: a folder sorts as if its name ended with a slash, and its mode has no leading zero. */
export function serializeTree(entries: readonly TreeEntry[]): { sorted: readonly TreeEntry[]; content: Buffer } {
  const keyed = entries.map((entry) => ({ entry, key: Buffer.from(entry.kind === 'folder' ? `${entry.path}/` : entry.path) }));
  const sorted = keyed.toSorted((a, b) => a.key.compare(b.key)).map(({ entry }) => entry);
  const parts = sorted.flatMap(({ path, kind, id }) => [Buffer.from(`${modes[kind].replace(/^0/, '')} ${path}\0`), Buffer.from(id, 'hex')]);
  return { sorted, content: Buffer.concat(parts) };
}

/** What happens to one name of a folder: its deletion first, then the file, or the changes below it. */
interface NameChanges {
  deleted: boolean;
  file: { readonly content: Uint8Array | { readonly blob: string }; readonly executable: boolean } | undefined;
  readonly below: TreeChange[];
}

export function groupByFirstPart(changes: readonly TreeChange[]): ReadonlyMap<string, NameChanges> {
  const groups = new Map<string, NameChanges>();
  for (const { path: changed, content, executable } of changes) {
    const [name = '', ...rest] = changed.split('/');
    const group = groups.get(name) ?? { deleted: false, file: undefined, below: [] };
    groups.set(name, group);
    if (rest.length > 0) group.below.push({ path: rest.join('/'), content, executable });
    else if (content === undefined) group.deleted = true;
    else group.file = { content, executable };
  }
  return groups;
}

/** A malicious commit can hold names that no `git add` writes. */
export function isUnsafeName(name: string): boolean {
  return name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git' || /[/\\\0]/.test(name);
}
