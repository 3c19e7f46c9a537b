import type { TreeChange, TreeEntry } from '../../ports/git.ts';
import { pathBytes, pathFromBytes } from '../../source/path-bytes.ts';

/** An entry as its tree has it: with git's mode as it is spelled there. Its name's bytes are those of its path. */
export interface TreeItem extends TreeEntry {
  readonly mode: string;
}

const modes = {
  file: '100644',
  executable: '100755',
  symlink: '120000',
  folder: '40000',
  submodule: '160000',
} as const;
const idBytes = 20;

/**
 * What git takes a mode for (`canon_mode`): of a file only whether its owner may run it counts, and what is nothing
 * else is a commit.
 */
function kindOfMode(mode: string): TreeEntry['kind'] {
  const bits = Number.parseInt(mode, 8);
  switch (bits & 0o170_000) {
    case 0o040_000:
      return 'folder';
    case 0o100_000:
      return (bits & 0o100) === 0 ? 'file' : 'executable';
    case 0o120_000:
      return 'symlink';
    default:
      return 'submodule';
  }
}

/** The entries of a tree, in its order. Undefined for bytes that are no tree. */
export function parseTree(content: Uint8Array): readonly TreeItem[] | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.length);
  const items: TreeItem[] = [];
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(' ', at);
    const end = bytes.indexOf(0, at);
    const mode = bytes.toString('latin1', at, space);
    // Git refuses a name without a letter, and a mode that begins with none of its digits.
    if (space === -1 || end <= space + 1 || !/^[0-7]{1,11}$/.test(mode) || end + idBytes >= bytes.length)
      return undefined;
    const id = bytes.toString('hex', end + 1, end + 1 + idBytes);
    items.push({ path: pathFromBytes(bytes.subarray(space + 1, end)), kind: kindOfMode(mode), id, mode });
    at = end + 1 + idBytes;
  }
  return items;
}

export function serializeTree(items: readonly TreeItem[]): Buffer {
  return Buffer.concat(
    items.flatMap(({ path, mode, id }) => [
      Buffer.from(`${mode} `),
      pathBytes(path),
      Buffer.of(0),
      Buffer.from(id, 'hex'),
    ]),
  );
}

/** What becomes of a name: an entry, or undefined where nothing is left of it. */
export type Outcome = Pick<TreeEntry, 'kind' | 'id'> | undefined;

/**
 * A tree with other entries at some names. All the others keep their bytes, modes and places, also where no `git add`
 * would have written them so; a name that is new comes where git sorts it, and one that stays what it was keeps its
 * mode.
 */
export function replaceEntries(
  items: readonly TreeItem[],
  outcomes: ReadonlyMap<string, Outcome>,
): readonly TreeItem[] {
  const open = new Map(
    [...outcomes].flatMap(([path, outcome]) => (outcome === undefined ? [] : [[path, outcome] as const])),
  );
  const kept = items.flatMap((item) => {
    if (!outcomes.has(item.path)) return [item];
    const outcome = open.get(item.path);
    if (outcome?.kind !== item.kind) return [];
    // Of a name that stands twice, git sees the first.
    open.delete(item.path);
    return [{ ...item, id: outcome.id }];
  });
  const added = [...open].map(([path, { kind, id }]) => ({ path, kind, id, mode: modes[kind] }));
  if (added.length === 0) return kept;
  const [rest, fresh] = [kept.map(keyed), added.map(keyed).sort((a, b) => a.key.compare(b.key))];
  const merged: TreeItem[] = [];
  let next = 0;
  for (const { item, key } of rest) {
    for (let one = fresh[next]; one !== undefined && one.key.compare(key) < 0; one = fresh[++next])
      merged.push(one.item);
    merged.push(item);
  }
  return [...merged, ...fresh.slice(next).map(({ item }) => item)];
}

/** Git sorts by bytes, and a folder as if its name ended with a slash. */
function keyed(item: TreeItem): { item: TreeItem; key: Buffer } {
  return { item, key: pathBytes(item.kind === 'folder' ? `${item.path}/` : item.path) };
}

/** What happens to one name of a folder: its deletion first, then the file, or the changes below it. */
export interface NameChanges {
  deleted: boolean;
  file: (Omit<TreeChange, 'path' | 'content'> & { readonly content: NonNullable<TreeChange['content']> }) | undefined;
  readonly below: TreeChange[];
}

export function groupByFirstPart(changes: readonly TreeChange[]): ReadonlyMap<string, NameChanges> {
  const groups = new Map<string, NameChanges>();
  for (const { path: changed, content, ...mode } of changes) {
    const [name = '', ...rest] = changed.split('/');
    const group = groups.get(name) ?? { deleted: false, file: undefined, below: [] };
    groups.set(name, group);
    if (rest.length > 0) group.below.push({ path: rest.join('/'), content, ...mode });
    else if (content === undefined) group.deleted = true;
    else group.file = { content, ...mode };
  }
  return groups;
}

/** A malicious commit can hold names that no `git add` writes. */
export function isUnsafeName(name: string): boolean {
  return name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git' || /[/\\\0]/.test(name);
}
