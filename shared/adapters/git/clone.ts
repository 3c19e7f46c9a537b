import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as git from 'isomorphic-git';
import { gitUnavailable } from './errors.ts';
import { objectsIn } from './pack.ts';
import type { GitHost } from './smart-http.ts';

/** A clone is given up for a new one where it took this much since it was begun: every pack is looked through at each read, and kept in memory. */
export const largest = { packs: 400, bytes: 512 * 1024 * 1024 };
/** Tips that the host is told of, so that it sends nothing of what is here. */
const toldTips = 16;

export interface Folders {
  readonly gitdir: string;
  /** Trees on disk, one folder each. */
  readonly checkouts: string;
}

/** A bare shallow clone without refs, made on first use: the objects that were fetched and written. */
export interface Clone {
  folders(): Promise<Folders>;
  /** Packs and their indexes, so that a warm clone reads each only once. */
  cache(): object;
  packFolder(): Promise<string>;
  /** For objects that are in no pack yet. It goes with the clone. */
  draftFolder(): Promise<string>;
  /** Brings that many commits behind a commit of the host here; or says, in its words, why it does not serve them. */
  fetchTo(want: { commit: string; depth: number }): Promise<'fetched' | { readonly refused: string }>;
  /** Told of what is whole here: the commit, its tree, and what history of it there is. */
  hasTip(commit: string): void;
  hasGrown(by: { packs: number; bytes: number }): void;
  /** Begins a new clone where this one has become large, and says whether it did: no commit is here then. */
  renewIfLarge(): Promise<boolean>;
}

export function createClone({
  name,
  cacheFolder,
  host,
  limits = largest,
}: {
  name: string;
  cacheFolder: string;
  host: GitHost;
  limits?: { packs: number; bytes: number };
}): Clone {
  let cache = {};
  let grown = { packs: 0, bytes: 0 };
  let shallow = new Set<string>();
  let tips: string[] = [];
  let generation = 0;
  let opening: Promise<Folders & { folder: string }> | undefined;

  async function open(): Promise<Folders & { folder: string }> {
    await mkdir(cacheFolder, { recursive: true });
    const folder = await mkdtemp(path.join(cacheFolder, `${name}-`));
    const checkouts = path.join(folder, 'trees');
    await mkdir(checkouts);
    return { folder, checkouts, gitdir: await initialize(folder) };
  }

  async function initialize(folder: string): Promise<string> {
    const gitdir = path.join(folder, `git-${generation}`);
    await git.init({ fs, gitdir, bare: true });
    await Promise.all([
      mkdir(path.join(gitdir, 'drafts')),
      mkdir(path.join(gitdir, 'objects', 'pack'), { recursive: true }),
    ]);
    return gitdir;
  }

  function folders(): Promise<Folders & { folder: string }> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  function hasTip(commit: string): void {
    tips = [commit, ...tips.filter((tip) => tip !== commit)].slice(0, toldTips);
  }

  return {
    folders,
    cache: () => cache,
    packFolder: async () => path.join((await folders()).gitdir, 'objects', 'pack'),
    draftFolder: async () => path.join((await folders()).gitdir, 'drafts'),
    hasTip,
    hasGrown({ packs, bytes }) {
      grown = { packs: grown.packs + packs, bytes: grown.bytes + bytes };
    },

    async fetchTo({ commit, depth }) {
      const { gitdir } = await folders();
      const fetched = await host.fetchPack({ want: commit, haves: tips, shallow: [...shallow], depth });
      if ('refused' in fetched) return fetched;
      if (objectsIn(fetched.pack) > 0) {
        const filepath = path.join(
          'objects',
          'pack',
          `pack-${createHash('sha1').update(fetched.pack).digest('hex')}.pack`,
        );
        await writeFile(path.join(gitdir, filepath), fetched.pack);
        await git.indexPack({ fs, dir: gitdir, gitdir, cache, filepath }).catch(async (error: unknown) => {
          await rm(path.join(gitdir, filepath), { force: true });
          throw gitUnavailable({
            subject: name,
            message: 'the pack that the Git host sent cannot be read',
            cause: error,
          });
        });
      }
      for (const id of fetched.shallow) shallow.add(id);
      for (const id of fetched.unshallow) shallow.delete(id);
      // The first pack is what a clone cannot do without.
      if (tips.length > 0) grown = { packs: grown.packs + 1, bytes: grown.bytes + fetched.pack.length };
      hasTip(commit);
      return 'fetched';
    },

    async renewIfLarge() {
      if (grown.packs <= limits.packs && grown.bytes <= limits.bytes) return false;
      const { folder, checkouts, gitdir: old } = await folders();
      generation += 1;
      const gitdir = await initialize(folder);
      opening = Promise.resolve({ folder, checkouts, gitdir });
      [cache, grown, shallow, tips] = [{}, { packs: 0, bytes: 0 }, new Set(), []];
      await rm(old, { recursive: true, force: true });
      return true;
    },
  };
}
