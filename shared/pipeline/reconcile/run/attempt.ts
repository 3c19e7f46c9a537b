import { sameInputs } from '../../../environment/inputs.ts';
import type { AttemptedRevision, Memory } from '../../../memory/memory.ts';
import type { Commit } from '../../../ports/git.ts';
import { readInputs } from '../../common/render-inputs.ts';
import type { Run } from './run.ts';

/** An attempt that begins now, with what these paths are at its commit. */
export async function attemptAt(
  run: Run,
  { commit, revision, paths }: { commit: Pick<Commit, 'id'>; revision: string; paths: readonly string[] },
): Promise<AttemptedRevision> {
  const inputs = await readInputs({ repository: run.ports.repository(run.repository), commit: commit.id, paths });
  return { commit: commit.id, revision, at: run.startedAt.toISOString(), inputs };
}

/**
 * An attempt at the revision attempted last is that attempt again: with its time, and the inputs it found by rendering.
 */
export function sameAttempt(run: Run, attempted: AttemptedRevision): AttemptedRevision {
  const last = run.memoryFile.memory().attempted;
  return last?.commit === attempted.commit ? last : attempted;
}

/** Whether a commit changes nothing of what failed last: what was read until then is what it was. */
export async function failedAlike(
  run: Run,
  { memory: { retry, attempted }, commit }: { memory: Pick<Memory, 'retry' | 'attempted'>; commit: { id: string } },
): Promise<boolean> {
  if (retry === undefined || retry.revision !== attempted?.revision) return false;
  const repository = run.ports.repository(run.repository);
  const current = await readInputs({ repository, commit: commit.id, paths: Object.keys(attempted.inputs) });
  return sameInputs({ attempted: attempted.inputs, current });
}
