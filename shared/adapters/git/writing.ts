import type { Commit, TreeChange, TreeEntry } from '../../ports/git.ts';
import { gitUnavailable } from './errors.ts';
import type { Objects, WrittenPack } from './objects.ts';
import { objectId } from './pack.ts';
import type { Reading } from './reading.ts';
import { groupByFirstPart, replaceEntries, serializeTree, type Outcome, type TreeItem } from './tree-entries.ts';

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
export function createWriting({
  objects,
  reading,
  url,
}: {
  objects: Objects;
  reading: Reading;
  url: string;
}): (wanted: NewCommit) => Promise<WrittenCommit | 'unchanged'> {
  /** A blob that is neither new nor in the repository would make a commit that no host takes. */
  async function idOf({
    content,
    before,
    added,
  }: {
    content: Uint8Array | { readonly blob: string };
    before: TreeEntry | undefined;
    added: Set<string>;
  }): Promise<string> {
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

  /** The id of the tree with the changes in it, or undefined where nothing is left of it. Only touched trees are rewritten. */
  async function rewriteTree({
    from,
    changes,
    added,
  }: {
    from: string | undefined;
    changes: readonly TreeChange[];
    added: Set<string>;
  }): Promise<string | undefined> {
    const items = from === undefined ? [] : await reading.children(from);
    // Of a name that stands twice, git sees the first.
    const entries = new Map(items.toReversed().map((item) => [item.path, item]));
    const outcomes = new Map<string, Outcome>();
    const groups = [...groupByFirstPart(changes)];
    const rewrite = async ([name, own]: (typeof groups)[number]): Promise<void> => {
      const before = entries.get(name);
      let entry: Outcome = own.deleted ? undefined : before;
      if (own.file !== undefined) {
        entry = {
          kind: own.file.executable ? 'executable' : 'file',
          id: await idOf({ content: own.file.content, before, added }),
        };
      }
      if (own.below.length > 0) {
        const id = await rewriteTree({
          from: entry?.kind === 'folder' ? entry.id : undefined,
          changes: own.below,
          added,
        });
        entry = id === undefined ? undefined : { kind: 'folder', id };
      }
      outcomes.set(name, entry);
    };
    for (let next = 0; next < groups.length; next += blobsAtOnce)
      await Promise.all(groups.slice(next, next + blobsAtOnce).map(rewrite));
    const replaced = replaceEntries(items, outcomes);
    return replaced.length === 0 ? undefined : writeTree({ items: replaced, from, added });
  }

  async function writeTree({
    items,
    from,
    added,
  }: {
    items: readonly TreeItem[];
    from: string | undefined;
    added: Set<string>;
  }): Promise<string> {
    const content = serializeTree(items);
    const id = objectId({ type: 'tree', content });
    if (id === from) return id;
    await objects.write({ type: 'tree', content, id });
    added.add(id);
    reading.keepTree(id, items);
    return id;
  }

  return async ({ base, changes, parent, message, author, at, sign }) => {
    const added = new Set<string>();
    const tree =
      (await rewriteTree({ from: base, changes, added })) ?? (await writeTree({ items: [], from: undefined, added }));
    if (tree === parent?.tree) return 'unchanged';
    const seconds = Math.floor(at.getTime() / 1000);
    const person = `${plain(author.name)} <${plain(author.email)}> ${seconds} +0000`;
    const header = [
      `tree ${tree}`,
      ...(parent === undefined ? [] : [`parent ${parent.id}`]),
      `author ${person}`,
      `committer ${person}`,
    ];
    const text = message.replaceAll('\0', '');
    const body = `\n${text.endsWith('\n') ? text : `${text}\n`}`;
    const unsigned = Buffer.from(`${header.join('\n')}\n${body}`);
    const signature = await sign?.(unsigned);
    // A header goes on in lines that begin with a space.
    const signed = signature === undefined ? [] : [`gpgsig ${signature.trimEnd().replaceAll('\n', '\n ')}`];
    const content = Buffer.from(`${[...header, ...signed].join('\n')}\n${body}`);
    const id = await objects.write({ type: 'commit', content });
    const commit = {
      id,
      tree,
      parents: parent === undefined ? [] : [parent.id],
      message: body.slice(1),
      committedAt: new Date(seconds * 1000),
    };
    return { commit, pack: await objects.pack([id, ...added]) };
  };
}

/** What git itself takes out of a name: these characters end the name or the line. */
function plain(name: string): string {
  return name.replaceAll(/[<>\n\0]/g, '').trim();
}
