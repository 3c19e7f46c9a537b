import { sameInputs } from '../environment/inputs.ts';
import { commitOf, revisionOf } from '../base/revision.ts';
import { isOpen, type Incident } from '../memory/incident.ts';
import { incidentsOf, openIncidents } from '../memory/incidents.ts';
import { encodeAlert, type AsPlanned } from '../events/alert.ts';
import type { ConvergenceNote } from '../source/convergence-note.ts';
import type { Memory } from '../memory/memory.ts';
import type { DoneRequest } from '../memory/request.ts';
import { readEnvironment } from './common/declared-environments.ts';
import { cameFrom } from './common/came-from.ts';
import { pathsOf, recentCommits } from './commit-status.ts';
import type { KnownEnvironment } from './common/find-environment.ts';
import { branchGone } from './common/fetch-branch.ts';
import { convergencesAt, openNotes } from './common/notes.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { findRemoval, type Removal } from './common/removal.ts';
import { originOf, type Origin } from './common/origin.ts';
import { findOwn, type OwnCommits } from './common/own-commits.ts';
import { revertsIn } from './common/reverts.ts';

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
  /** What people asked for on purpose, the last of it, newest first. */
  readonly requests: readonly DoneRequest[];
  /** Newest first; of one that was removed, up to that. */
  readonly entries: readonly HistoryEntry[];
}

/** A commit that changed what an environment is made of. What was found at a later one of others is told of it. */
export interface HistoryEntry extends Origin {
  readonly revision: string;
  /**
   * `Pending`: no run has set out for it yet. `Overtaken`: one set out for a later commit, and nothing is known of this
   * one. `RolledBack`: a later commit took it back.
   */
  readonly state:
    | 'Converged'
    | 'Failed'
    | 'RolledBack'
    | 'Attempted'
    | 'Overtaken'
    | 'Pending'
    | 'Removing'
    | 'Removed';
  /** When a run set out for it; null where that is no longer known, which is so of all but the last. */
  readonly attemptedAt: string | null;
  /** Each time that the environment converged with it: from the notes of the commits, and the memory. */
  readonly converged: readonly ConvergenceNote[];
  /** What was done of the commit that converged last beside what was planned of it; null: nothing was, or it is longer ago. */
  readonly plan: AsPlanned | null;
  /** The commit that took it back. */
  readonly rolledBackBy: string | null;
  /**
   * What is open because of it, or kept it from converging until another came: `alert` is the id of the `diff` event,
   * null before it was told; `endedAt` null while it is open.
   */
  readonly failure: {
    readonly reason: string;
    readonly summary: string;
    readonly incident: string;
    readonly since: string;
    readonly endedAt: string | null;
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
  const known = declaredAt === undefined ? [] : await pathsAt({ environment, repository, memory, commit: declaredAt });
  const paths = [...new Set([...known, ...Object.keys(memory.attempted?.inputs ?? {})])].filter((path) => path !== '');
  const found = await findOwn(
    { commits, entries: limits.entries },
    {
      cameFrom: async (commit) => cameFrom({ repository, commit, paths }),
      convergences: async (commit) => convergencesAt(commit, { environment, memory, notes }),
    },
  );
  const entries = await entriesOf({ repository, paths, found, removed, commits, of: { environment, memory } });
  const requests = (memory.requests ?? []).toReversed();
  return { environment, repository: repositoryClass, removed, requests, entries };
}

async function entriesOf({
  repository,
  paths,
  found,
  removed,
  commits,
  of: { environment, memory },
}: {
  repository: Repository;
  paths: readonly string[];
  found: OwnCommits;
  removed: History['removed'];
  commits: readonly Commit[];
  of: Pick<KnownEnvironment, 'environment' | 'memory'>;
}): Promise<readonly HistoryEntry[]> {
  const runs = await runsOf(memory, found);
  const revertedBy = await revertsOf({ commits, environment, found });
  const entries: HistoryEntry[] = [];
  let isOvertaken = false;
  for (const commit of found.own) {
    const converged = found.converged.get(commit.id) ?? [];
    const rolledBackBy = revertedBy.get(commit.id) ?? null;
    const run = runs(commit.id, { isRemoval: removed?.commit === commit.id });
    const origin = await originOf({ repository, commit, paths });
    const known = { ...run, converged, rolledBackBy };
    entries.push(entryOf({ origin, branch: repository.branch, known, removed, isOvertaken }));
    isOvertaken ||= run.attemptedAt !== null || converged.length > 0 || run.incident !== undefined;
  }
  return entries;
}

/** Of its own commits, those that others took back: a merge that brought one, with that. */
async function revertsOf({
  commits,
  environment,
  found,
}: {
  commits: readonly Commit[];
  environment: string;
  found: OwnCommits;
}): Promise<ReadonlyMap<string, string>> {
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const own = new Set(found.own.map(({ id }) => id));
  const revertedBy = new Map<string, string>();
  for (const [reverted, by] of revertsIn({ commits, environment })) {
    // It took back what it touched.
    if (!own.has(by)) continue;
    const [first, ...merged] = byId.get(reverted)?.parents ?? [];
    const brought = first === undefined || merged.length === 0 ? reverted : await found.ownOf(reverted);
    if (brought !== undefined && (brought === reverted || brought !== (await found.ownOf(first ?? ''))))
      revertedBy.set(brought, by);
  }
  return revertedBy;
}

function removedBy(removal: Removal | undefined, { isRemembered }: { isRemembered: boolean }): History['removed'] {
  return {
    state: isRemembered ? 'Removing' : 'Removed',
    commit: removal?.commit.id ?? null,
    committedAt: removal?.commit.committedAt.toISOString() ?? null,
  };
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

/** What a run knows of one commit. */
interface RunFacts {
  readonly attemptedAt: string | null;
  readonly hasConverged: boolean;
  readonly plan: AsPlanned | null;
  readonly incident: Incident | undefined;
}

/** What is remembered of runs, by the commit that had changed what the environment is made of. */
async function runsOf(
  memory: Memory,
  { ownOf }: OwnCommits,
): Promise<(commit: string, of: { isRemoval: boolean }) => RunFacts> {
  const { attempted, converged } = memory;
  const ownOfAttempt = attempted === undefined ? undefined : await ownOf(attempted.commit);
  const ownOfConverged = converged === undefined ? undefined : await ownOf(converged.commit);
  const isBack =
    attempted !== undefined &&
    converged !== undefined &&
    sameInputs({ attempted: attempted.inputs, current: converged.inputs });
  const open = openIncidents(memory);
  const closed = incidentsOf(memory)
    .filter(({ closedAt, reason }) => closedAt !== undefined && reason !== 'Drifted')
    .toSorted((a, b) => ((a.closedAt ?? '') < (b.closedAt ?? '') ? 1 : -1));
  const incidents = new Map<string, Incident>();
  for (const incident of [...open, ...closed]) {
    const commit = await ownOf(incident.cause ?? incident.diff?.cause?.commit ?? commitOf(incident.revision));
    if (commit !== undefined && !incidents.has(commit)) incidents.set(commit, incident);
  }
  return (commit, { isRemoval }) => ({
    attemptedAt:
      (commit === ownOfAttempt ? attempted?.at : undefined) ??
      (commit === ownOfConverged ? converged?.at : undefined) ??
      null,
    // What came back to what converged last has nothing to converge, and no note.
    hasConverged: commit === ownOfConverged || (commit === ownOfAttempt && isBack),
    plan: (commit === ownOfConverged ? converged?.plan : undefined) ?? null,
    // What keeps it from its end, whatever began that.
    incident: incidents.get(commit) ?? (isRemoval ? open[0] : undefined),
  });
}

function entryOf({
  origin,
  branch,
  known: { attemptedAt, hasConverged, plan, converged, incident, rolledBackBy },
  removed,
  isOvertaken,
}: {
  origin: Origin;
  branch: string;
  known: RunFacts & Pick<HistoryEntry, 'converged' | 'rolledBackBy'>;
  removed: History['removed'];
  isOvertaken: boolean;
}): HistoryEntry {
  const isRemoval = removed?.commit === origin.commit;
  const convergedOnce = hasConverged || converged.length > 0;
  const failure = incident === undefined || (!isOpen(incident) && convergedOnce) ? null : failureOf(incident);
  const states: readonly (readonly [HistoryEntry['state'], boolean])[] = [
    ['RolledBack', rolledBackBy !== null],
    ['Failed', failure !== null],
    [isRemoval ? removed.state : 'Converged', isRemoval || convergedOnce],
    ['Attempted', attemptedAt !== null],
    ['Overtaken', isOvertaken],
  ];
  const state = states.find(([, isSo]) => isSo)?.[0] ?? 'Pending';
  const revision = revisionOf({ branch, commit: origin.commit });
  return { ...origin, revision, state, attemptedAt, converged, plan, rolledBackBy, failure };
}

function failureOf({ reason, summary, id, since, closedAt, diff }: Incident): NonNullable<HistoryEntry['failure']> {
  const alert = diff === undefined ? null : encodeAlert({ topic: 'diff', data: diff }, new Date(since)).id;
  return { reason, summary, incident: id, since, endedAt: closedAt ?? null, alert };
}
