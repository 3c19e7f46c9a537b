import type { TreeChange } from '../../ports/git.ts';
import type { Reading } from './reading.ts';

/**
 * Notes that lie flat in the root of the tree before new ones get a folder for their first byte, as git itself does.
 */
const flatNotes = 256;

/** The notes that a ref is at, on this machine. */
interface Notes {
  readonly reading: Reading;
  /** Undefined: there are none yet. */
  readonly tree: string | undefined;
}

/**
 * What adds paragraphs to the notes of commits as `git notes append` does, each behind those of its commit. One that a
 * note holds already is left out, so that what is written twice adds nothing; empty where all are.
 * The layout of notes: https://git-scm.com/docs/git-notes, and `notes.c` of git for the fan-out.
 */
export async function noteChanges(
  { reading, tree }: Notes,
  added: readonly { readonly commit: string; readonly text: string }[],
): Promise<readonly TreeChange[]> {
  const changes: TreeChange[] = [];
  for (const [commit, notes] of Map.groupBy(added, (note) => note.commit)) {
    const place = await findNote({ reading, tree, commit });
    const before = place.id === undefined ? '' : Buffer.from(await reading.blob(place.id)).toString();
    const after = notes.reduce((note, { text }) => withParagraph(note, text.trimEnd()), before);
    if (after !== before) changes.push({ path: place.path, content: Buffer.from(after), executable: false });
  }
  return changes;
}

function withParagraph(note: string, paragraph: string): string {
  if (`\n\n${note.trim()}\n\n`.includes(`\n\n${paragraph}\n\n`)) return note;
  return note === '' ? `${paragraph}\n` : `${note.trimEnd()}\n\n${paragraph}\n`;
}

/**
 * Where the note of a commit is, or where a new one belongs. Notes lie flat, or below one folder for each of the first
 * bytes.
 */
async function findNote({
  reading,
  tree,
  commit,
}: {
  reading: Reading;
  tree: string | undefined;
  commit: string;
}): Promise<{ path: string; id?: string }> {
  let [folder, rest, at] = ['', commit, tree];
  let isCrowded = false;
  while (at !== undefined) {
    const entries = await reading.children(at);
    const found = entries.find(({ path, kind }) => path === rest && kind !== 'folder');
    if (found !== undefined) return { path: folder + rest, id: found.id };
    isCrowded = folder === '' && entries.length >= flatNotes;
    const next = entries.find(({ path, kind }) => path === rest.slice(0, 2) && kind === 'folder');
    if (next === undefined) break;
    [folder, rest, at] = [`${folder}${rest.slice(0, 2)}/`, rest.slice(2), next.id];
  }
  return { path: isCrowded ? `${folder}${rest.slice(0, 2)}/${rest.slice(2)}` : folder + rest };
}
