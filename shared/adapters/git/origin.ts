import type { Commit, Repository } from '../../ports/git.ts';
import type { Clone } from './clone.ts';
import type { History } from './history.ts';
import { emptyPack, type WrittenPack } from './pack-drafts.ts';
import { pushRefs } from './push.ts';
import type { GitHost, RefMove } from './smart-http.ts';
import type { WrittenCommit } from './writing.ts';

/** Commits that were written and not pushed, as after a lost race: the pack of an older one is forgotten. */
const keptUnpushed = 64;

/** One branch of a Git host, the clone of it, and what is known of both. */
export interface Origin {
  readonly repositoryClass: string;
  /** Without credentials. */
  readonly url: string;
  readonly branch: string;
  readonly host: GitHost;
  readonly clone: Clone;
  readonly history: History;
  /** Refs that were fetched before. */
  readonly fetchedRefs: Set<string>;
  /** What the host lacks of the commits that were written here and not pushed yet, the newest last. */
  readonly unpushed: Map<string, WrittenPack>;
}

export function branchRefOf({ branch }: Pick<Origin, 'branch'>): string {
  return `refs/heads/${branch}`;
}

/** Begins a new clone where this one has become large. */
export async function renewIfLarge({ clone, history, unpushed, fetchedRefs }: Origin): Promise<void> {
  if (!(await clone.renewIfLarge())) return;
  history.forget();
  unpushed.clear();
  fetchedRefs.clear();
}

/** Keeps a commit that was written here until it is pushed. */
export function keepUnpushed({ history, unpushed }: Origin, { commit, pack }: WrittenCommit): Commit {
  history.keep(commit);
  unpushed.set(commit.id, pack);
  for (const id of [...unpushed.keys()].slice(0, -keptUnpushed)) unpushed.delete(id);
  return commit;
}

/** Compare-and-swap of refs of the host, with the commit that was written here, where the first is moved to one. */
export async function pushMoves(
  { host, url, clone, unpushed }: Origin,
  moves: readonly RefMove[],
): Promise<'pushed' | 'moved'> {
  const commit = moves[0]?.commit;
  const pack = unpushed.get(commit ?? '') ?? emptyPack;
  const result = await pushRefs({ host, url, moves, pack });
  if (result === 'pushed' && commit !== undefined && unpushed.delete(commit)) clone.hasTip(commit);
  return result;
}

/** See `Repository.writeRef`. */
export async function pushRef(
  origin: Origin,
  { name, expected, commit }: Parameters<Repository['writeRef']>[0],
): Promise<'pushed' | 'moved'> {
  return pushMoves(origin, [{ ref: name, expected, commit }]);
}

/** See `Repository.writeRef`. */
export async function writeRef(
  origin: Origin,
  wanted: Parameters<Repository['writeRef']>[0],
): Promise<'written' | 'moved'> {
  return (await pushRef(origin, wanted)) === 'pushed' ? 'written' : 'moved';
}
