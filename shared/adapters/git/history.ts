import * as fs from 'node:fs';
import * as git from 'isomorphic-git';
import type { Commit } from '../../pipeline/ports.ts';
import type { Clone } from './clone.ts';
import { gitUnavailable } from './errors.ts';

/** Commits fetched when more history is needed: few at first, then all there is (git's own "infinite" depth). */
export const depths = [16, 128, 1024, 2_147_483_647] as const;
/** Commits kept parsed in memory: each look at an upload walks those of the last minutes. */
const keptCommits = 10_000;

export interface History {
  /** Undefined for a commit that is not here. */
  read(id: string): Promise<Commit | undefined>;
  /** A commit that somebody asked for by id: not having it is an error, never an empty answer. */
  fetched(id: string): Promise<Commit>;
  /** Told of a commit that was written here. */
  keep(commit: Commit): void;
  /** Told that no commit is here any more. */
  forget(): void;
  /** The bytes that were hashed, without git's own header. */
  raw(id: string): Promise<Uint8Array>;
  /**
   * Walks back from a commit, newest first, and fetches more history where it ends here but not on the host. The walk
   * stops at the first commit for which `until` holds, and leaves out what lies behind the commits for which `beyond` does.
   */
  walk(range: { from: string; beyond: (commit: Commit) => boolean; until: (commit: Commit) => boolean }): Promise<readonly Commit[]>;
}

export function createHistory({ clone, url }: { clone: Clone; url: string }): History {
  const commits = new Map<string, Commit>();

  function keep(commit: Commit): void {
    if (commits.size >= keptCommits) commits.clear();
    commits.set(commit.id, commit);
  }

  async function read(id: string): Promise<Commit | undefined> {
    const known = commits.get(id);
    if (known !== undefined) return known;
    const { gitdir } = await clone.folders();
    try {
      const { commit } = await git.readCommit({ fs, gitdir, cache: clone.cache(), oid: id });
      const { tree, parent: parents, message, committer } = commit;
      const parsed = { id, tree, parents, message, committedAt: new Date(committer.timestamp * 1000) };
      keep(parsed);
      return parsed;
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError) return undefined;
      throw error;
    }
  }

  async function fetched(id: string): Promise<Commit> {
    const commit = await read(id);
    if (commit !== undefined) return commit;
    throw gitUnavailable({ subject: url, message: `the commit ${id} is not here`, remedy: 'fetch the branch head first' });
  }

  return {
    read,
    fetched,
    keep,
    forget: () => commits.clear(),
    async raw(id) {
      const { gitdir } = await clone.folders();
      await fetched(id);
      const { object } = await git.readObject({ fs, gitdir, cache: clone.cache(), oid: id, format: 'content' });
      if (object instanceof Uint8Array) return object;
      throw new TypeError('isomorphic-git gave no bytes');
    },
    async walk({ from, beyond, until }) {
      const remainingDepths = [...depths];
      const seen = new Set([from]);
      const visited: Commit[] = [];
      const edge = [await fetched(from)];
      while (edge.length > 0) {
        edge.sort((a, b) => b.committedAt.getTime() - a.committedAt.getTime());
        const commit = edge.shift();
        if (commit === undefined || beyond(commit)) continue;
        visited.push(commit);
        if (until(commit)) return visited;
        for (const id of commit.parents) {
          if (seen.has(id)) continue;
          seen.add(id);
          let parent = await read(id);
          while (parent === undefined) {
            const depth = remainingDepths.shift();
            if (depth === undefined) {
              const message = `the host no longer serves ${id}, an ancestor of ${from}`;
              throw gitUnavailable({ subject: url, message, remedy: 'see whether the branch was rewritten' });
            }
            await clone.fetchTo({ commit: from, depth });
            parent = await read(id);
          }
          edge.push(parent);
        }
      }
      return visited;
    },
  };
}
