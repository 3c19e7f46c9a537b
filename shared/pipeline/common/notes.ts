import { notesRef, parseConvergenceNotes, type ConvergenceNote } from '../../source/convergence-note.ts';
import type { Repository } from '../../ports/git.ts';

/** The notes of `refs/notes/converge`, as they are now. */
export interface Notes {
  /** What the note of a commit says; empty where there is none. */
  read(commit: string): Promise<readonly ConvergenceNote[]>;
}

/** Fetches the tip of the notes, without their history. */
export async function openNotes(repository: Repository): Promise<Notes> {
  const tip = await repository.fetchRef(notesRef);
  return {
    async read(commit) {
      if (tip === undefined) return [];
      for (const path of notePaths(commit)) {
        const note = await repository.readFile({ commit: tip.id, path });
        if (note !== undefined) return parseConvergenceNotes(Buffer.from(note).toString('utf8'));
      }
      return [];
    },
  };
}

/**
 * Where git keeps the note of a commit: flat while there are few, in folders of two digits where there are many
 * (notes.c of git).
 */
function notePaths(commit: string): string[] {
  return [
    commit,
    `${commit.slice(0, 2)}/${commit.slice(2)}`,
    `${commit.slice(0, 2)}/${commit.slice(2, 4)}/${commit.slice(4)}`,
  ];
}
