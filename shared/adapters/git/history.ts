import type { Commit } from '../../ports/git.ts';
import { parseCommit, parseTag } from '../../source/commit-object.ts';
import type { Clone } from './clone.ts';
import { gitUnavailable, unreadable } from './errors.ts';
import { createKept, type Kept } from './kept.ts';
import { readRaw } from './raw-object.ts';

/** Commits fetched when more history is needed: few at first, then all there is (git's own "infinite" depth). */
export const depths = [16, 128, 1024, 2_147_483_647] as const;
/** A walk that goes deeper is of commits alone: each may have trees of its own, as large as the repository. */
const deepestWithTrees = 128;
/**
 * Characters of commits kept parsed in memory, some 10,000 usual ones: each look at an upload walks those of the last
 * minutes.
 */
const keptCharacters = 32 * 1024 * 1024;
const leastCharacters = 3_000;
/** An annotated tag may be of another one. */
const mostTags = 16;
/** How far a clock that is believed may be ahead. */
const aheadMilliseconds = 24 * 3_600_000;
/**
 * Commits in a row that look too old before the walk ends there: any of them may be what a wrong clock made, or a
 * rebase that kept dates. With the first of the range behind them they are what one small fetch brings.
 */
const mostTooOld = 12;

export interface History {
  /** Undefined for a commit that is not here. An annotated tag is the commit that it is of. */
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
   * stops at the first commit for which `until` holds, and leaves out what lies behind the ones committed before
   * `since`, or more than `within` milliseconds before `from`. A commit that looks older and has one in the range
   * behind it has a clock that was wrong, and is in the range. A commit without a time that can be read is taken to be
   * as old as the one it was reached by.
   */
  walk(range: { from: string; until: (commit: Commit) => boolean } & Since): Promise<readonly Commit[]>;
}

export type Since = { readonly since?: Date } | { readonly within: number };

/** A commit that is to be visited, and the time by which it is sorted. */
interface Next {
  readonly commit: Commit;
  readonly time: number;
  /** Those before it on its way that look too old, and are not visited yet. */
  readonly tooOld: readonly Commit[];
}

export function createHistory({ clone, url, now }: { clone: Clone; url: string; now: () => Date }): History {
  const commits: Kept<Commit> = createKept({
    limit: keptCharacters,
    weigh: ({ message, parents }) => leastCharacters + message.length + 41 * parents.length,
  });
  const known: Known = { clone, url, commits };
  return {
    read: async (id) => readCommit(known, id),
    fetched: async (id) => fetchedCommit(known, id),
    keep: (commit) => commits.keep(commit.id, commit),
    forget: commits.forget,
    raw: async (id) => rawCommit(known, id),
    walk: async ({ from, until, ...range }) => walk(known, { from, until, range, now: now() }),
  };
}

/** The commits that are here, and those of them that were parsed. */
interface Known {
  readonly clone: Clone;
  readonly url: string;
  readonly commits: Kept<Commit>;
}

async function readCommit({ clone, url, commits }: Known, asked: string): Promise<Commit | undefined> {
  let id = asked;
  for (let tags = 0; tags <= mostTags; tags++) {
    const known = commits.find(id);
    if (known !== undefined) return known;
    const object = await readRaw(clone, id);
    if (object === undefined) return undefined;
    if (object.type === 'commit') {
      const parsed = parseCommit(object.content);
      if ('problem' in parsed) throw unreadable({ url, type: 'commit', id, ...parsed });
      const { seconds, ...facts } = parsed;
      const commit = { id, ...facts, committedAt: new Date(seconds * 1000) };
      commits.keep(id, commit);
      return commit;
    }
    const tag = object.type === 'tag' ? parseTag(object.content) : { problem: `is a ${object.type}` };
    if ('problem' in tag) throw unreadable({ url, type: 'commit', id, ...tag });
    id = tag.object;
  }
  throw unreadable({ url, type: 'commit', id: asked, problem: 'is a tag of too many tags' });
}

async function fetchedCommit(known: Known, id: string): Promise<Commit> {
  const commit = await readCommit(known, id);
  if (commit !== undefined) return commit;
  throw notHere(known, id);
}

async function rawCommit(known: Known, id: string): Promise<Uint8Array> {
  const commit = await fetchedCommit(known, id);
  const object = await readRaw(known.clone, commit.id);
  if (object !== undefined) return object.content;
  throw notHere(known, id);
}

function notHere({ url }: Known, id: string): Error {
  return gitUnavailable({
    subject: url,
    message: `the commit ${id} is not here`,
    remedy: 'fetch the branch head first',
  });
}

async function walk(
  known: Known,
  { from, until, range, now }: { from: string; until: (commit: Commit) => boolean; range: Since; now: Date },
): Promise<readonly Commit[]> {
  const remainingDepths = [...depths];
  const seen = new Set([from]);
  const visited = new Set<Commit>();
  const first = await fetchedCommit(known, from);
  const begin = timeOf(first, now.getTime());
  const since = sinceOf({ range, begin, now });
  /** Sorted, the newest at the end. */
  const edge: Next[] = [{ commit: first, time: begin, tooOld: [] }];
  for (let next = edge.pop(); next !== undefined; next = edge.pop()) {
    const { commit, time } = next;
    const isTooOld = time < since;
    if (isTooOld && next.tooOld.length >= mostTooOld) continue;
    if (!isTooOld) {
      for (const passed of [...next.tooOld, commit]) {
        visited.add(passed);
        if (until(passed)) return [...visited];
      }
    }
    for (const id of commit.parents) {
      if (seen.has(id)) continue;
      seen.add(id);
      const parent = await ancestor(known, { id, from, remainingDepths });
      insert(edge, {
        commit: parent,
        time: timeOf(parent, time),
        tooOld: isTooOld ? [...next.tooOld, commit] : [],
      });
    }
  }
  return [...visited];
}

function sinceOf({ range, begin, now }: { range: Since; begin: number; now: Date }): number {
  return 'within' in range
    ? Math.min(begin, now.getTime() + aheadMilliseconds) - range.within
    : (range.since?.getTime() ?? Number.NEGATIVE_INFINITY);
}

/** Fetches more history, for as long as an ancestor of a commit is not here. */
async function ancestor(
  known: Known,
  { id, from, remainingDepths }: { id: string; from: string; remainingDepths: number[] },
): Promise<Commit> {
  const { clone, url } = known;
  for (;;) {
    const commit = await readCommit(known, id);
    if (commit !== undefined) return commit;
    const depth = remainingDepths.shift();
    if (depth === undefined) {
      // It served all the history there is: whether that is what it was cannot be said without this one.
      throw unreadable({
        url,
        type: 'commit',
        id,
        problem: `is an ancestor of ${from}, and the Git host does not serve it`,
      });
    }
    const filter = depth > deepestWithTrees ? 'tree:0' : 'blob:none';
    const fetched = await clone.fetchTo({ commit: from, depth, filter });
    if (fetched !== 'fetched') throw gitUnavailable({ subject: url, message: `the Git host says: ${fetched.refused}` });
  }
}

/** A commit whose time cannot be read has the epoch: one that says so would hide all behind it. */
function timeOf({ committedAt }: Commit, otherwise: number): number {
  return committedAt.getTime() > 0 ? committedAt.getTime() : otherwise;
}

/** Before those of its time that were found earlier, which come first. */
function insert(edge: Next[], next: Next): void {
  let [low, high] = [0, edge.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edge[middle]?.time ?? 0) < next.time) low = middle + 1;
    else high = middle;
  }
  edge.splice(low, 0, next);
}
