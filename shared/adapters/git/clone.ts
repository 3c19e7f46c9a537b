import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gitUnavailable } from './errors.ts';
import { objectsIn } from './pack.ts';
import { createPacks, type Packs } from './packs.ts';
import type { GitHost } from './smart-http.ts';

/** What a clone may take beyond its first fetch before it is given up for a new one: disk (memory, in a function) and the index of it all. */
export interface CloneLimits {
  readonly packs: number;
  readonly bytes: number;
}

export const largest: CloneLimits = { packs: 400, bytes: 512 * 1024 * 1024 };
/** Tips that the host is told of, so that it sends nothing of what is here. */
const toldTips = 16;

export interface Folders {
  readonly packs: string;
  /** Objects that are in no pack yet. */
  readonly drafts: string;
  /** Trees on disk, one folder each. */
  readonly checkouts: string;
}

/** A bare shallow clone without refs, made on first use: the objects that were fetched and written. */
export interface Clone {
  folders(): Promise<Folders>;
  /** The objects that are here now; another after `renewIfLarge`. */
  packs(): Packs;
  /** Brings that many commits behind a commit of the host here. */
  fetchTo(want: { commit: string; depth: number }): Promise<void>;
  /** Told of what is whole here: the commit, its tree, and what history of it there is. */
  hasTip(commit: string): void;
  hasGrown(by: { packs: number; bytes: number }): void;
  /** Begins a new clone where this one has become large, and says whether it did: no commit is here then. */
  renewIfLarge(): Promise<boolean>;
}

export function createClone({ name, url, cacheFolder, host, limits = largest }: {
  name: string;
  /** Without credentials: the subject of errors. */
  url: string;
  cacheFolder: string;
  host: GitHost;
  limits: CloneLimits | undefined;
}): Clone {
  let packs = createPacks();
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
    return { folder, checkouts, ...(await initialize(folder)) };
  }

  async function initialize(folder: string): Promise<Pick<Folders, 'packs' | 'drafts'>> {
    const made = { packs: path.join(folder, `packs-${generation}`), drafts: path.join(folder, `drafts-${generation}`) };
    await Promise.all(Object.values(made).map((one) => mkdir(one)));
    return made;
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
    packs: () => packs,
    hasTip,
    hasGrown({ packs, bytes }) {
      grown = { packs: grown.packs + packs, bytes: grown.bytes + bytes };
    },

    async fetchTo({ commit, depth }) {
      const fetched = await host.fetchPack({ want: commit, haves: tips, shallow: [...shallow], depth });
      if (objectsIn(fetched.pack) > 0) {
        const file = path.join((await folders()).packs, `${createHash('sha1').update(fetched.pack).digest('hex')}.pack`);
        await writeFile(file, fetched.pack);
        await packs.add({ file, content: fetched.pack }).catch((error: unknown) => {
          throw gitUnavailable({ subject: url, message: 'the Git host sent objects that cannot be read', cause: error });
        });
      }
      for (const id of fetched.shallow) shallow.add(id);
      for (const id of fetched.unshallow) shallow.delete(id);
      // The first pack is what a clone cannot do without.
      if (tips.length > 0) grown = { packs: grown.packs + 1, bytes: grown.bytes + fetched.pack.length };
      hasTip(commit);
    },

    async renewIfLarge() {
      if (grown.packs <= limits.packs && grown.bytes <= limits.bytes) return false;
      const { folder, checkouts, ...old } = await folders();
      generation += 1;
      opening = Promise.resolve({ folder, checkouts, ...(await initialize(folder)) });
      [packs, grown, shallow, tips] = [createPacks(), { packs: 0, bytes: 0 }, new Set(), []];
      await Promise.all([old.packs, old.drafts].map((one) => rm(one, { recursive: true, force: true })));
      return true;
    },
  };
}
