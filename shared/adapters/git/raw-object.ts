import * as fs from 'node:fs';
import * as git from 'isomorphic-git';
import type { Clone } from './clone.ts';

/** An object as it was hashed, without git's own header. */
export interface RawObject {
  readonly type: 'commit' | 'tree' | 'blob' | 'tag';
  readonly content: Uint8Array;
}

/**
 * Undefined for an object that is not here. Its bytes are parsed by us: isomorphic-git changes or refuses what git
 * reads.
 */
export async function readRaw(clone: Clone, id: string): Promise<RawObject | undefined> {
  const { gitdir } = await clone.folders();
  try {
    const { object, type } = await git.readObject({ fs, gitdir, cache: clone.cache(), oid: id, format: 'content' });
    if (!(object instanceof Uint8Array)) throw new TypeError('isomorphic-git gave no bytes');
    if (type === 'commit' || type === 'tree' || type === 'blob' || type === 'tag') return { type, content: object };
    throw new TypeError(`isomorphic-git gave a ${type}`);
  } catch (error) {
    if (error instanceof git.Errors.NotFoundError) return undefined;
    throw error;
  }
}
