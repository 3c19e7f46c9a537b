import type { Memory } from './memory.ts';

/** Of a memory, what of its convergences is not in Git yet. */
export interface Unwritten {
  /** The commit that converged last, where the ref of the environment is to be. */
  readonly commit: string;
  /** In their order, the lines of notes and the commits that they are of. */
  readonly notes: NonNullable<Memory['notes']>;
}

/**
 * The commit where the ref of an environment is once all that it converged at is written back to Git; undefined where
 * nothing ever was to be. One that nobody else says anything of: the custom metadata of the memory may hold it.
 */
export function notedCommit({ notes }: Pick<Memory, 'notes'>): string | undefined {
  return notes?.at(-1)?.commit;
}

/**
 * What is to be written back to Git. The ref tells how far the last writeback came, so that one that failed is made up
 * for; where it is at none that is remembered, all are written again, which adds none twice.
 *
 * @param ref where the ref of the environment is; undefined: it does not exist
 */
export function unwrittenNotes(memory: Pick<Memory, 'notes'>, ref: string | undefined): Unwritten | undefined {
  const commit = notedCommit(memory);
  if (commit === undefined || commit === ref) return undefined;
  const notes = memory.notes ?? [];
  return { commit, notes: notes.slice(notes.findLastIndex((note) => note.commit === ref) + 1) };
}
