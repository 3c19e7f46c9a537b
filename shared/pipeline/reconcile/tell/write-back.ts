import { describeError } from '../../../base/errors.ts';
import { environmentRef, notesRef } from '../../../source/convergence-note.ts';
import type { Run } from '../run/run.ts';

/**
 * Writes the convergences that the memory holds to Git: a line in the note of each commit, then the environment's ref.
 * The ref tells how far the last writeback came, so that one that failed is made up for by the next. Never fails: what
 * converged has converged.
 */
export async function writeBack({
  environment,
  key,
  repository: repositoryClass,
  memoryFile,
  ports,
}: Run): Promise<void> {
  const notes = memoryFile.memory().notes ?? [];
  const last = notes.at(-1);
  if (last === undefined) return;
  try {
    const repository = ports.repository(repositoryClass);
    const name = environmentRef(environment);
    const written = await repository.readRef(name);
    const first = notes.findLastIndex(({ commit }) => commit === written) + 1;
    for (const { commit, text } of notes.slice(first)) await repository.addNote({ ref: notesRef, commit, text });
    if (written === last.commit) return;
    const moved = await repository.writeRef({ name, expected: written, commit: last.commit });
    if (moved === 'moved')
      ports.log('WARNING', 'the ref of the environment was moved by somebody else', { environment: key, ref: name });
  } catch (error) {
    ports.log('WARNING', 'what converged could not be written back to Git', {
      environment: key,
      commit: last.commit,
      error: describeError(error),
    });
  }
}

/**
 * Deletes the ref of an environment that is no more; its notes stay. To be called before its memory goes, so that a run
 * that is killed is made up for. Never fails: the environment is gone all the same, and a ref that stays is told.
 */
export async function deleteRef({
  environment,
  key,
  repository: repositoryClass,
  ports,
  settings,
}: Run): Promise<void> {
  if (!settings.writeback) return;
  const name = environmentRef(environment);
  try {
    const repository = ports.repository(repositoryClass);
    const written = await repository.readRef(name);
    // Where it was moved since, somebody else has a use for it.
    if (written !== undefined) await repository.writeRef({ name, expected: written, commit: undefined });
  } catch (error) {
    ports.log('WARNING', 'the ref of an environment that is gone could not be deleted', {
      environment: key,
      ref: name,
      error: describeError(error),
    });
  }
}
