import type { AttemptedRevision } from '../../../memory/memory.ts';
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
