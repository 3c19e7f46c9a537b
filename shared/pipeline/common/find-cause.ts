import { ConvergeError } from '../../base/errors.ts';
import { sameInputs, type Inputs } from '../../environment/inputs.ts';
import type { Cause } from '../../events/alert.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { revertedTo } from '../../source/revert.ts';
import { lastChange } from './last-change.ts';
import { originOf } from './origin.ts';
import { readInputs } from './render-inputs.ts';

/** What the inputs were once, and which commit had made them so. */
export interface KnownState {
  readonly inputs: Inputs;
  readonly cause: Cause;
}

/**
 * The last commit from `head` back that changed what is at one of these paths; see `lastChange`. Null where that does
 * not tell.
 *
 * @param known states that a revert may have brought back: the history of these need not be here
 */
export async function findCause({
  known,
  ...asked
}: Parameters<typeof lastChange>[0] & { known: readonly KnownState[] }): Promise<Cause | null> {
  try {
    const commit = await lastChange(asked);
    return commit === undefined ? null : await causeOf({ ...asked, commit, known });
  } catch (error) {
    // Whatever is wrong with the history says nothing of the environment.
    if (error instanceof ConvergeError) return null;
    throw error;
  }
}

async function causeOf(of: {
  repository: Repository;
  commit: Commit;
  paths: readonly string[];
  known: readonly KnownState[];
}): Promise<Cause> {
  const before = revertedTo(of.commit.message) === undefined ? undefined : await knownBefore(of);
  const { subject, author, artifacts, builds, restores, requested } = await originOf(of);
  const own = { commit: of.commit.id, subject, ...(requested === undefined ? {} : { requested }) };
  if (before !== undefined) {
    // Who asked for what it brought back asked for no revert.
    const { requested: _requested, ...brought } = before;
    return { ...brought, ...own, restores: before.restores ?? { commit: before.commit, subject: before.subject } };
  }
  return { ...own, author, artifact: artifacts[0] ?? null, build: builds[0] ?? null, restores };
}

async function knownBefore({
  repository,
  commit,
  known,
}: {
  repository: Repository;
  commit: Commit;
  known: readonly KnownState[];
}): Promise<Cause | undefined> {
  for (const { inputs, cause } of known) {
    const current = await readInputs({ repository, commit: commit.id, paths: Object.keys(inputs) });
    if (sameInputs({ attempted: inputs, current })) return cause;
  }
  return undefined;
}
