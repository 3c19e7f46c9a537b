import type { Commit, TreeChange } from '../../ports/git.ts';
import { patience } from '../patience.ts';
import { gitUnavailable } from './errors.ts';
import type { Reading } from './reading.ts';

/**
 * Notes that lie flat in the root of the tree before new ones get a folder for their first byte, as git itself does.
 */
const flatNotes = 256;

/** What notes need of a repository. */
export interface NoteStore {
  fetchRef(name: string): Promise<Commit | undefined>;
  commit(commit: {
    parent: string | undefined;
    changes: readonly TreeChange[];
    message: string;
  }): Promise<Commit | 'unchanged'>;
  writeRef(write: { name: string; expected: string | undefined; commit: string }): Promise<'written' | 'moved'>;
}

/**
 * Appends a paragraph to the note of a commit as `git notes append` does, on top of whatever others wrote meanwhile. A
 * note that holds the paragraph already stays as it is, so that a message delivered twice adds nothing.
 * The layout of notes: https://git-scm.com/docs/git-notes, and `notes.c` of git for the fan-out.
 */
export async function appendNote({
  store,
  reading,
  url,
  ref,
  commit,
  text,
}: {
  store: NoteStore;
  reading: Reading;
  url: string;
  ref: string;
  commit: string;
  text: string;
}): Promise<void> {
  for (let attempt = 0; attempt < patience.git.noteTries; attempt++) {
    const tip = await store.fetchRef(ref);
    const place = await findNote({ reading, tree: tip?.tree, commit });
    const before = place.id === undefined ? '' : Buffer.from(await reading.blob(place.id)).toString();
    const paragraph = text.trimEnd();
    if (`\n\n${before.trim()}\n\n`.includes(`\n\n${paragraph}\n\n`)) return;
    const content = Buffer.from(before === '' ? `${paragraph}\n` : `${before.trimEnd()}\n\n${paragraph}\n`);
    const changes = [{ path: place.path, content, executable: false }];
    const written = await store.commit({ parent: tip?.id, changes, message: `Note on ${commit}\n` });
    if (written === 'unchanged') return;
    if ((await store.writeRef({ name: ref, expected: tip?.id, commit: written.id })) === 'written') return;
  }
  throw gitUnavailable({
    subject: url,
    message: `${ref} moved ${patience.git.noteTries} times while a note was being added`,
    remedy: 'it is tried again',
  });
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
