import { sameInputs } from '../environment/inputs.ts';
import { commitOf, revisionOf } from '../base/revision.ts';
import { openIncidents } from '../memory/incidents.ts';
import { encodeAlert } from '../events/alert.ts';
import type { ConvergenceNote } from '../source/convergence-note.ts';
import type { Memory } from '../memory/memory.ts';
import { readEnvironment } from './common/declared-environments.ts';
import { inputsBefore, pathsOf, recentCommits } from './commit-status.ts';
import type { KnownEnvironment } from './common/find-environment.ts';
import { branchGone } from './common/fetch-branch.ts';
import { convergencesAt, openNotes } from './common/notes.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { findRemoval, type Removal } from './common/removal.ts';
import { provenanceOf, type CommitProvenance } from './common/provenance.ts';
import { readInputs } from './common/render-inputs.ts';

export interface History {
  readonly environment: string;
  readonly repository: string;
  /**
   * Where no file declares it any more: the commit that removed it, null where that is longer ago than was looked at.
   * `Removing`: it is not through yet.
   */
  readonly removed: {
    readonly state: 'Removing' | 'Removed';
    readonly commit: string | null;
    readonly committedAt: string | null;
  } | null;
  /** Newest first; of one that was removed, up to that. */
  readonly entries: readonly HistoryEntry[];
}

/** A commit that changed what an environment is made of, or that a run set out for. */
export interface HistoryEntry extends CommitProvenance {
  readonly revision: string;
  /** `Pending`: nobody said anything of it; it may have been overtaken by a later one. */
  readonly state: 'Converged' | 'Failed' | 'Attempted' | 'Pending' | 'Removing' | 'Removed';
  /** When a run set out for it; null where that is no longer known, which is so of all but the last. */
  readonly attemptedAt: string | null;
  /** Each time that the environment converged at it: from the notes of the commit, and the memory. */
  readonly converged: readonly ConvergenceNote[];
  /** What is open at it now: `alert` is the id of the `diff` event, null before it was told. */
  readonly failure: {
    readonly reason: string;
    readonly summary: string;
    readonly incident: string;
    readonly since: string;
    readonly alert: string | null;
  } | null;
}

/**
 * The commits of an environment, from Git, its notes and the state bucket.
 *
 * @param limits.milliseconds how far behind the branch's head to look; @param limits.entries how many at the most
 */
export async function history(
  { environment, repository: repositoryClass, memory, isRemembered }: KnownEnvironment,
  limits: { readonly milliseconds: number; readonly entries: number },
  ports: Pick<Ports, 'repository'>,
): Promise<History> {
  const repository = ports.repository(repositoryClass);
  const { milliseconds } = limits;
  const head = await repository.fetchHead();
  // It ran once, so there was a branch.
  if (head === undefined && memory.attempted !== undefined) throw branchGone(repository);
  const removal =
    head === undefined ? 'declared' : await findRemoval({ repository, head, name: environment, milliseconds });
  const removed = removal === 'declared' ? null : removedBy(removal, { isRemembered });
  const isGone = removal !== 'declared' && removal !== undefined;
  const last = isGone ? removal.commit : head;
  const commits = last === undefined ? [] : await recentCommits({ repository, head: last, milliseconds });
  const notes = await openNotes(repository);
  const declaredAt = isGone ? removal.before : head?.id;
  const paths = declaredAt === undefined ? [] : await pathsAt({ environment, repository, memory, commit: declaredAt });
  const entries: HistoryEntry[] = [];
  const known = await withOwnAttempt(memory, { repository, commits, paths });
  for (const commit of commits) {
    if (entries.length >= limits.entries) break;
    const converged = await convergencesAt(commit.id, { environment, memory, notes });
    const isRun = converged.length > 0 || isOfRun(known, revisionOf({ branch: repository.branch, commit: commit.id }));
    if (!isRun && !(await changes({ commit, repository, paths }))) continue;
    entries.push(entryOf({ commit, branch: repository.branch, memory: known, converged, paths, removed }));
  }
  return { environment, repository: repositoryClass, removed, entries };
}

function removedBy(removal: Removal | undefined, { isRemembered }: { isRemembered: boolean }): History['removed'] {
  return {
    state: isRemembered ? 'Removing' : 'Removed',
    commit: removal?.commit.id ?? null,
    committedAt: removal?.commit.committedAt.toISOString() ?? null,
  };
}

/**
 * The memory, its attempt being that of the commit that changed what it is made of: whoever looks at a later one, whose
 * changes are of others, attempts nothing else. Without one where that commit is older than those.
 */
async function withOwnAttempt(
  memory: Memory,
  { repository, commits, paths }: { repository: Repository; commits: readonly Commit[]; paths: readonly string[] },
): Promise<Memory> {
  const { attempted } = memory;
  if (attempted === undefined) return memory;
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const all = [...new Set([...paths, ...Object.keys(attempted.inputs)])].filter((path) => path !== '');
  let commit = byId.get(attempted.commit);
  while (commit !== undefined && !(await changes({ commit, repository, paths: all })))
    commit = byId.get(commit.parents[0] ?? '');
  return { ...memory, attempted: commit === undefined ? undefined : { ...attempted, commit: commit.id } };
}

/** Whether a run set out for it, converged at it, or found there what is open. */
function isOfRun(memory: Memory, revision: string): boolean {
  const commit = commitOf(revision);
  return (
    memory.attempted?.commit === commit ||
    memory.converged?.commit === commit ||
    openIncidents(memory).some((open) => open.revision === revision)
  );
}

/** What the environment is made of at a commit, as far as that is known without a render; never the whole tree. */
async function pathsAt({
  environment,
  repository,
  memory,
  commit,
}: {
  environment: string;
  repository: Repository;
  memory: Memory;
  commit: string;
}): Promise<string[]> {
  const declared = await readEnvironment({ repository, commit, name: environment });
  return pathsOf({ name: environment, declared, memory });
}

async function changes({
  commit,
  repository,
  paths,
}: {
  commit: Commit;
  repository: Repository;
  paths: readonly string[];
}): Promise<boolean> {
  const [before, after] = await Promise.all([
    inputsBefore({ repository, commit, paths }),
    readInputs({ repository, commit: commit.id, paths }),
  ]);
  return !sameInputs({ attempted: before, current: after });
}

function entryOf({
  commit,
  branch,
  memory,
  converged,
  paths,
  removed,
}: {
  commit: Commit;
  branch: string;
  memory: Memory;
  converged: readonly ConvergenceNote[];
  paths: readonly string[];
  removed: History['removed'];
}): HistoryEntry {
  const revision = revisionOf({ branch, commit: commit.id });
  const { attempted } = memory;
  const isRemoval = removed?.commit === commit.id;
  // What keeps it from its end is of whatever commit was looked at last.
  const incident = openIncidents(memory).find((open) => isRemoval || open.revision === revision);
  const attempt = [attempted, memory.converged].find((known) => known?.commit === commit.id);
  const failure =
    incident !== undefined
      ? {
          ...{ reason: incident.reason, summary: incident.summary, incident: incident.id, since: incident.since },
          alert:
            incident.diff === undefined
              ? null
              : encodeAlert({ topic: 'diff', data: incident.diff }, new Date(incident.since)).id,
        }
      : null;
  const attemptState = attempt === undefined ? 'Pending' : 'Attempted';
  const hasConverged = converged.length > 0 || memory.converged?.commit === commit.id;
  return {
    ...provenanceOf({ commit, paths }),
    revision,
    state: failure !== null ? 'Failed' : isRemoval ? removed.state : hasConverged ? 'Converged' : attemptState,
    attemptedAt: attempt?.at ?? null,
    converged,
    failure,
  };
}
