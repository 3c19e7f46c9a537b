import type { Commit, TreeChange, TreeEntry } from '../../ports/git.ts';
import { gitUnavailable } from './errors.ts';
import type { Objects } from './objects.ts';
import type { WrittenPack } from './pack-drafts.ts';
import { objectId } from './pack.ts';
import type { Reading } from './reading.ts';
import {
  groupByFirstPart,
  replaceEntries,
  serializeTree,
  type NameChanges,
  type Outcome,
  type TreeItem,
} from './tree-entries.ts';

/** Blobs of one folder that are deflated side by side. */
const blobsAtOnce = 16;

/** A commit that is in the clone, and the pack that brings it to a host that holds its parent. */
export interface WrittenCommit {
  readonly commit: Commit;
  readonly pack: WrittenPack;
}

export interface NewCommit {
  /** The tree that the changes are made to; undefined: the empty one. */
  readonly base: string | undefined;
  readonly changes: readonly TreeChange[];
  readonly parent: Commit | undefined;
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
  readonly at: Date;
  /** The value of the commit's `gpgsig` header, for the bytes of the commit without it. */
  readonly sign: ((content: Uint8Array) => Promise<string>) | undefined;
}

/** Writes a commit and all that is new in it as one pack of the clone. `unchanged` where its tree is its parent's. */
export function createWriting(clone: {
  objects: Objects;
  reading: Reading;
  url: string;
}): (wanted: NewCommit) => Promise<WrittenCommit | 'unchanged'> {
  return async (wanted) => {
    const work: Work = { ...clone, added: new Set() };
    const { base, changes, parent } = wanted;
    const tree =
      (await rewriteTree(work, { from: base, changes })) ?? (await writeTree(work, { items: [], from: undefined }));
    if (tree === parent?.tree) return 'unchanged';
    const { content, ...said } = await commitContent(wanted, tree);
    const id = await work.objects.write({ type: 'commit', content });
    const commit = { id, tree, parents: parent === undefined ? [] : [parent.id], ...said };
    return { commit, pack: await work.objects.pack([id, ...work.added]) };
  };
}

/** What one commit is written with. */
interface Work {
  readonly objects: Objects;
  readonly reading: Reading;
  readonly url: string;
  /** The ids of what is new, blobs and trees. */
  readonly added: Set<string>;
}

/**
 * The id of the tree with the changes in it, or undefined where nothing is left of it. Only touched trees are
 * rewritten.
 */
async function rewriteTree(
  work: Work,
  { from, changes }: { from: string | undefined; changes: readonly TreeChange[] },
): Promise<string | undefined> {
  const items = from === undefined ? [] : await work.reading.children(from);
  // Of a name that stands twice, git sees the first.
  const entries = new Map(items.toReversed().map((item) => [item.path, item]));
  const outcomes = new Map<string, Outcome>();
  const groups = [...groupByFirstPart(changes)];
  for (let next = 0; next < groups.length; next += blobsAtOnce)
    await Promise.all(
      groups.slice(next, next + blobsAtOnce).map(async ([name, own]) => {
        outcomes.set(name, await rewriteEntry(work, { before: entries.get(name), own }));
      }),
    );
  const replaced = replaceEntries(items, outcomes);
  return replaced.length === 0 ? undefined : await writeTree(work, { items: replaced, from });
}

async function rewriteEntry(
  work: Work,
  { before, own }: { before: TreeItem | undefined; own: NameChanges },
): Promise<Outcome> {
  let entry: Outcome = own.deleted ? undefined : before;
  if (own.file !== undefined) {
    const id = await blobId(work, { content: own.file.content, before });
    entry = { kind: own.file.link === true ? 'symlink' : own.file.executable ? 'executable' : 'file', id };
  }
  if (own.below.length === 0) return entry;
  const id = await rewriteTree(work, { from: entry?.kind === 'folder' ? entry.id : undefined, changes: own.below });
  return id === undefined ? undefined : { kind: 'folder', id };
}

/** A blob that is neither new nor in the repository would make a commit that no host takes. */
async function blobId(
  { objects, reading, url, added }: Work,
  { content, before }: { content: Uint8Array | { readonly blob: string }; before: TreeEntry | undefined },
): Promise<string> {
  const id = content instanceof Uint8Array ? objectId({ type: 'blob', content }) : content.blob;
  if (id === before?.id) return id;
  if (content instanceof Uint8Array) await objects.write({ type: 'blob', content, id });
  else if (!objects.has(id) && !(await reading.hasBlob(id))) {
    throw gitUnavailable({
      subject: url,
      message: `the blob ${id} is not here`,
      remedy: 'write it again: a clone that grew large was begun anew',
    });
  }
  if (objects.has(id)) added.add(id);
  if (content instanceof Uint8Array) reading.keepBlob(id, content);
  return id;
}

async function writeTree(
  { objects, reading, added }: Work,
  { items, from }: { items: readonly TreeItem[]; from: string | undefined },
): Promise<string> {
  const content = serializeTree(items);
  const id = objectId({ type: 'tree', content });
  if (id === from) return id;
  await objects.write({ type: 'tree', content, id });
  added.add(id);
  reading.keepTree(id, items);
  return id;
}

/** The bytes of a commit, signed where it is to be, and what they say. */
async function commitContent(
  { parent, message, author, at, sign }: NewCommit,
  tree: string,
): Promise<{ content: Uint8Array; message: string; committedAt: Date }> {
  const seconds = Math.floor(at.getTime() / 1000);
  const person = `${plain(author.name)} <${plain(author.email)}> ${seconds} +0000`;
  const header = [
    `tree ${tree}`,
    ...(parent === undefined ? [] : [`parent ${parent.id}`]),
    `author ${person}`,
    `committer ${person}`,
  ];
  const text = message.replaceAll('\0', '');
  const body = text.endsWith('\n') ? text : `${text}\n`;
  const unsigned = Buffer.from(`${header.join('\n')}\n\n${body}`);
  const signature = await sign?.(unsigned);
  // A header goes on in lines that begin with a space.
  const signed = signature === undefined ? [] : [`gpgsig ${signature.trimEnd().replaceAll('\n', '\n ')}`];
  const content = Buffer.from(`${[...header, ...signed].join('\n')}\n\n${body}`);
  return { content, message: body, committedAt: new Date(seconds * 1000) };
}

/** What git itself takes out of a name: these characters end the name or the line. */
function plain(name: string): string {
  return name.replaceAll(/[<>\n\0]/g, '').trim();
}
