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
    const object = await clone.packs().read(id);
    if (object?.type !== 'commit') return undefined;
    const parsed = parseCommit(id, object.content);
    keep(parsed);
    return parsed;
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
      await fetched(id);
      const object = await clone.packs().read(id);
      if (object === undefined) throw new TypeError('a commit that was here has gone');
      return object.content;
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

/** The message without the blank lines around it, its last line ended. */
function parseCommit(id: string, content: Buffer): Commit {
  const text = content.toString('utf8');
  const end = text.indexOf('\n\n');
  const header = (end === -1 ? text : text.slice(0, end)).split('\n');
  const valuesOf = (name: string): string[] => header.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const message = end === -1 ? '' : text.slice(end + 2).replaceAll('\r', '').replace(/^\n+/, '').replace(/\n*$/, '\n');
  const seconds = Number(/ (\d+) [-+]\d{4}$/.exec(valuesOf('committer')[0] ?? '')?.[1] ?? 0);
  return { id, tree: valuesOf('tree')[0] ?? '', parents: valuesOf('parent'), message, committedAt: new Date(seconds * 1000) };
}
