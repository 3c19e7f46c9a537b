import { describeError } from '../../../base/errors.ts';
import { unwrittenNotes } from '../../../memory/unwritten-notes.ts';
import { environmentRef } from '../../../source/convergence-note.ts';
import { writeBackAll } from '../../common/write-back.ts';
import type { Run } from '../run/run.ts';

/**
 * Writes what the memory says that it converged at to Git, with whatever else of its repository is not there yet, or
 * leaves it to the writer that is at it. To be called once the memory says it. Never fails: what converged has
 * converged.
 */
export async function writeBack({ repository, ports }: Run): Promise<void> {
  await writeBackAll(repository, ports);
}

/**
 * The same of an environment that is about to be forgotten, where something is left to be written: its memory is all that
 * knows. To be called without the lease, which would be over before a host that takes its time.
 */
export async function writeBackLast(run: Run): Promise<void> {
  const { environment, repository, ports, settings, memoryFile } = run;
  const memory = memoryFile.memory();
  if (!settings.writeback || memory.notes === undefined || memory.notes.length === 0) return;
  try {
    const ref = await ports.repository(repository).readRef(environmentRef(environment));
    if (unwrittenNotes(memory, ref) !== undefined) await writeBack(run);
  } catch (error) {
    ports.log('WARNING', 'whether what converged is written back to Git could not be read', {
      environment: run.key,
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
