import { environmentPath } from '../../../environment/environment-file.ts';
import { sameInputs, type Inputs } from '../../../environment/inputs.ts';
import { openIncidents } from '../../../memory/incidents.ts';
import { causeNoted } from '../../../memory/transitions/accept.ts';
import type { Memory } from '../../../memory/memory.ts';
import type { Commit, Repository } from '../../../ports/git.ts';
import { parseAction } from '../../../source/action-message.ts';
import { oneLine } from '../../../source/commit-message.ts';
import { findCause, type KnownState } from '../../common/find-cause.ts';
import { readInputs } from '../../common/render-inputs.ts';
import type { Run } from './run.ts';

/**
 * Takes note of the last commit that changed an input, where one did since it was noted last. Not for a look that finds
 * nothing to do: it would be the only thing to write.
 *
 * @param facts.paths what the environment is made of at this commit; with `isAll`, nothing else
 */
export async function noteCause(
  run: Run,
  { commit, paths: named, isAll = false }: { commit: Commit; paths: readonly string[]; isAll?: boolean },
): Promise<void> {
  const repository = run.ports.repository(run.repository);
  const memory = run.memoryFile.memory();
  const { cause } = memory;
  const known = Object.keys(cause?.inputs ?? {});
  // What a render that failed would have read is what the last one read, as far as that is known.
  const read = isAll ? named : [...new Set([...named, ...known])].sort();
  const inputs = await readInputs({ repository, commit: commit.id, paths: read });
  if (cause !== undefined && isUnchanged(inputs, cause.inputs)) {
    if (!sameInputs({ attempted: cause.inputs, current: inputs }))
      run.memoryFile.remember(causeNoted, { cause: { ...cause, inputs } });
    return;
  }
  const paths = [...new Set([...read, ...known])];
  const found = await findCause({
    repository,
    head: commit,
    paths,
    now: run.ports.now(),
    seen: seenOf(memory),
    known: statesOf(memory),
  });
  // What was not known to be an input before says of no other that it changed.
  const stands = cause !== undefined && !isChanged(inputs, cause.inputs) ? cause : undefined;
  run.memoryFile.remember(causeNoted, {
    cause: {
      ...{ inputs, found: found ?? stands?.found ?? null, head: stands?.head ?? commit.id },
      accepts:
        found === null ? stands?.accepts : await acceptedBy({ repository, memory, head: commit, last: found.commit }),
    },
  });
}

type Accepts = NonNullable<NonNullable<Memory['cause']>['accepts']>;

/**
 * What the last commit that changed an input accepts; where that is none of the drift that is open, what another one does that
 * came since it was noted last: others may have committed upon it, or merged it with what they have.
 */
async function acceptedBy({
  repository,
  memory,
  head,
  last,
}: {
  repository: Repository;
  memory: Memory;
  head: Commit;
  last: string;
}): Promise<Accepts | undefined> {
  const open = openIncidents(memory).flatMap(({ id, reason }) => (reason === 'Drifted' ? [id] : []));
  const own = acceptedIn(await repository.findCommit(last));
  if (open.length === 0 || (own !== undefined && open.includes(own.incident))) return own;
  const seen = memory.attempted?.commit;
  for await (const commit of commitsSince({ repository, head, seen })) {
    const accepts = acceptedIn(commit);
    if (accepts === undefined || !open.includes(accepts.incident)) continue;
    // A side that branched off before may lead to what was accepted long ago.
    if (seen === undefined || !(await repository.isAncestor({ ancestor: commit.id, descendant: seen }))) return accepts;
  }
  return own ?? stillAccepted(memory, open);
}

/** What was accepted before, and has not converged since: the commit upon it takes nothing of that back. */
function stillAccepted(
  { cause, converged }: Pick<Memory, 'cause' | 'converged'>,
  open: readonly string[],
): Accepts | undefined {
  const { accepts, found } = cause ?? {};
  if (accepts === undefined || !found || !open.includes(accepts.incident)) return undefined;
  return converged?.cause?.commit === found.commit ? undefined : { ...accepts, commit: accepts.commit ?? found.commit };
}

/** How far back. */
const mostCommits = 200;

/** A commit and those before it, as far as they are here, but for one that was seen and what leads to it. */
async function* commitsSince({
  repository,
  head,
  seen,
}: {
  repository: Repository;
  head: Commit;
  seen: string | undefined;
}): AsyncGenerator<Commit, void> {
  const due = new Set([head.id]);
  for (const id of due) {
    if (id === seen || due.size > mostCommits) continue;
    const commit = await repository.findCommit(id);
    if (commit === undefined) continue;
    yield commit;
    for (const parent of commit.parents) due.add(parent);
  }
}

/** The incident that a commit says it accepts. */
function acceptedIn(commit: Commit | undefined): Accepts | undefined {
  const said = parseAction(commit?.message ?? '');
  if (commit === undefined || said?.action !== 'accept' || said.incident === undefined) return undefined;
  return { incident: said.incident, by: oneLine(said.by, longestName), commit: commit.id };
}

/** Characters of who asked, as a commit says it, which anybody may have written. */
const longestName = 200;

/** Of an environment whose file is gone: the commit that took it away. */
export async function noteRemoval(run: Run, commit: Commit): Promise<void> {
  await noteCause(run, { commit, paths: [environmentPath(run.environment)], isAll: true });
}

/** What converged, with the commit that had made it so. */
function statesOf({ converged, previous }: Memory): readonly KnownState[] {
  return [converged, previous].flatMap((state) =>
    state?.cause === undefined ? [] : [{ inputs: state.inputs, cause: state.cause }],
  );
}

/** An attempt that was refused says of the whole tree only what it was: the cause was noted with it. */
function seenOf({ attempted, cause }: Memory): { commit: string; inputs: Inputs } | undefined {
  if (attempted === undefined) return undefined;
  return {
    commit: attempted.commit,
    inputs: { ...('' in attempted.inputs ? cause?.inputs : {}), ...attempted.inputs },
  };
}

function isChanged(inputs: Inputs, before: NonNullable<Memory['cause']>['inputs']): boolean {
  return Object.entries(inputs).some(([path, id]) => path in before && before[path] !== id);
}

function isUnchanged(inputs: Inputs, before: NonNullable<Memory['cause']>['inputs']): boolean {
  return Object.entries(inputs).every(([path, id]) => path in before && before[path] === id);
}
