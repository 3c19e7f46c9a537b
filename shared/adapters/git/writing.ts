import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { deflate as deflateCallback } from 'node:zlib';
import * as git from 'isomorphic-git';
import type { TreeChange } from '../../pipeline/ports.ts';
import type { Clone } from './clone.ts';
import type { Reading } from './reading.ts';
import { groupByFirstPart, modes, typeOfKind } from './tree-entries.ts';

const deflate = promisify(deflateCallback);

/** A stream's `bytes` must be what it yields. */
export type BlobContent = Uint8Array | { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> };

/** Objects written into the clone; each resolves with the object's id. */
export interface Writing {
  blob(content: BlobContent): Promise<string>;
  /** The tree with the changes in it; the empty tree where nothing is left. Only touched trees are rewritten. */
  tree(change: { from: string | undefined; changes: readonly TreeChange[] }): Promise<string>;
  /** A commit by `author`, at most one parent. */
  commit(commit: { tree: string; parent: string | undefined; message: string; author: { name: string; email: string }; at: Date }): Promise<string>;
}

export function createWriting({ clone, reading }: { clone: Clone; reading: Reading }): Writing {
  /** Deflated by zlib here: isomorphic-git's own way over web streams takes several times as long. */
  async function writeBlob(content: Uint8Array): Promise<string> {
    const { gitdir } = await clone.folders();
    const header = Buffer.from(`blob ${content.length}\0`);
    const oid = createHash('sha1').update(header).update(content).digest('hex');
    const object = await deflate(Buffer.concat([header, content]));
    return git.writeObject({ fs, gitdir, type: 'blob', format: 'deflated', oid, object });
  }

  const idOf = async (content: Uint8Array | { readonly blob: string }): Promise<string> => ('blob' in content ? content.blob : writeBlob(content));

  /** Undefined where nothing is left of the tree. */
  async function rewriteTree(treeId: string | undefined, changes: readonly TreeChange[]): Promise<string | undefined> {
    const entries = new Map((treeId === undefined ? [] : await reading.children(treeId)).map((entry) => [entry.path, entry]));
    for (const [name, own] of groupByFirstPart(changes)) {
      if (own.deleted) entries.delete(name);
      if (own.file !== undefined) {
        entries.set(name, { path: name, kind: own.file.executable ? 'executable' : 'file', id: await idOf(own.file.content) });
      }
      if (own.below.length === 0) continue;
      const folder = entries.get(name);
      const id = await rewriteTree(folder?.kind === 'folder' ? folder.id : undefined, own.below);
      if (id === undefined) entries.delete(name);
      else entries.set(name, { path: name, kind: 'folder', id });
    }
    if (entries.size === 0) return undefined;
    const { gitdir } = await clone.folders();
    const tree = [...entries.values()].map((entry) => ({
      path: entry.path,
      oid: entry.id,
      mode: modes[entry.kind],
      type: typeOfKind(entry.kind),
    }));
    return git.writeTree({ fs, gitdir, tree });
  }

  return {
    async blob(content) {
      if (content instanceof Uint8Array) return writeBlob(content);
      const chunks: Uint8Array[] = [];
      for await (const chunk of content.chunks) chunks.push(chunk);
      const whole = Buffer.concat(chunks);
      if (whole.length !== content.bytes) throw new TypeError(`a stream of ${whole.length} bytes, not the ${content.bytes} bytes it was announced with`);
      return writeBlob(whole);
    },
    async tree({ from, changes }) {
      const { gitdir } = await clone.folders();
      return (await rewriteTree(from, changes)) ?? git.writeTree({ fs, gitdir, tree: [] });
    },
    async commit({ tree, parent, message, author, at }) {
      const { gitdir } = await clone.folders();
      const signature = { ...author, timestamp: Math.floor(at.getTime() / 1000), timezoneOffset: 0 };
      const commit = { message, tree, parent: parent === undefined ? [] : [parent], author: signature, committer: signature };
      return git.writeCommit({ fs, gitdir, commit });
    },
  };
}
