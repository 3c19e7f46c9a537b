import { notesRef, parseConvergenceNotes, type ConvergenceNote } from '../../source/convergence-note.ts';
import type { Memory } from '../../memory/memory.ts';
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
 * When an environment converged at a commit: what its note says, then what the memory holds of it and is not in Git
 * yet.
 */
export async function convergencesAt(
  commit: string,
  { environment, memory, notes }: { environment: string; memory: Pick<Memory, 'notes'>; notes: Notes },
): Promise<readonly ConvergenceNote[]> {
  const written = (await notes.read(commit)).filter((note) => note.environment === environment);
  const events = new Set(written.map(({ event }) => event));
  const remembered = (memory.notes ?? []).flatMap((note) =>
    note.commit === commit ? parseConvergenceNotes(note.text) : [],
  );
  return [...written, ...remembered.filter(({ event }) => !events.has(event))];
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
