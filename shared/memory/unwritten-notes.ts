import { isObjectId } from '../base/revision.ts';
import type { Memory } from './memory.ts';

/** Of a memory, what of its convergences is not in Git yet. */
export interface Unwritten {
  /** The commit that converged last, where the ref of the environment is to be. */
  readonly commit: string;
  /** In their order, the lines of notes and the commits that they are of. */
  readonly notes: NonNullable<Memory['notes']>;
}

/** Characters of a note that stands beside its memory. A longer one is read there. */
const longestNote = 512;

/**
 * What is written beside a memory, so that a list of many tells what is not in Git yet: `noted`, the commit of its last
 * note, where the ref is to be; `note`, its text; and `notedBefore`, the commit of the one before.
 */
export function notedMetadata({ notes = [] }: Pick<Memory, 'notes'>): Record<string, string> {
  const [last, before] = notes.toReversed();
  if (last === undefined) return {};
  return {
    noted: last.commit,
    ...(last.text.length > longestNote ? {} : { note: last.text }),
    ...(before === undefined ? {} : { notedBefore: before.commit }),
  };
}

/**
 * What is to be written back to Git by what stands beside a memory; `in the memory` where that alone can tell, as where
 * a version before wrote it.
 */
export function unwrittenBeside(
  metadata: Readonly<Record<string, string>>,
  ref: string | undefined,
): Unwritten | 'in the memory' | undefined {
  const { version, noted: commit, note: text, notedBefore } = metadata;
  if (version === undefined || (commit !== undefined && !isObjectId(commit))) return 'in the memory';
  if (commit === undefined || commit === ref) return undefined;
  return text !== undefined && notedBefore === ref ? { commit, notes: [{ commit, text }] } : 'in the memory';
}

/**
 * What is to be written back to Git. The ref tells how far the last writeback came, so that one that failed is made up
 * for; where it is at none that is remembered, all are written again, which adds none twice.
 *
 * @param ref where the ref of the environment is; undefined: it does not exist
 */
export function unwrittenNotes(memory: Pick<Memory, 'notes'>, ref: string | undefined): Unwritten | undefined {
  const { notes = [] } = memory;
  const commit = notes.at(-1)?.commit;
  if (commit === undefined || commit === ref) return undefined;
  return { commit, notes: notes.slice(notes.findLastIndex((note) => note.commit === ref) + 1) };
}
