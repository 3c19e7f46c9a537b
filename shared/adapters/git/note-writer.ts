import type { Config } from '../../config/config.ts';
import type { Repository } from '../../ports/git.ts';
import { createClone } from './clone.ts';
import { fetchTip } from './fetch-ref.ts';
import { createHistory } from './history.ts';
import { noteChanges } from './notes.ts';
import { createObjects } from './objects.ts';
import { keepUnpushed, pushMoves, renewIfLarge, type Origin } from './origin.ts';
import { createReading } from './reading.ts';
import { createSigner } from './signer.ts';
import type { RefMove } from './smart-http.ts';
import { createWriting } from './writing.ts';

/**
 * A clone of notes is begun anew sooner than that of a branch: nobody needs it between two pushes, and each of them
 * leaves a pack.
 */
const largest = { packs: 64, bytes: 64 * 1024 * 1024 };

/** Writes notes, and moves refs with them, in a clone of its own: that of the branch keeps no pack of them. */
export function createNoteWriter({
  origin: { repositoryClass, url, branch, host },
  cacheFolder,
  author,
  now,
}: {
  origin: Pick<Origin, 'repositoryClass' | 'url' | 'branch' | 'host'>;
  cacheFolder: string;
  author: Config['author'];
  now: () => Date;
}): Repository['writeNotes'] {
  const clone = createClone({ name: `${repositoryClass}-notes`, cacheFolder, host, limits: largest });
  const reading = createReading({ clone, url });
  const origin: Origin = {
    ...{ repositoryClass, url, branch, host, clone, history: createHistory({ clone, url, now }) },
    ...{ fetchedRefs: new Set(), unpushed: new Map() },
  };
  const write = createWriting({ objects: createObjects(clone), reading, url });
  const sign = createSigner(author);
  return async ({ ref, at, notes, refs }) => {
    await renewIfLarge(origin);
    const parent = at === undefined ? undefined : await fetchTip(origin, { name: ref, advertised: at });
    const changes = await noteChanges({ reading, tree: parent?.tree }, notes);
    const moves: RefMove[] = refs.map(({ name, expected, commit }) => ({ ref: name, expected, commit }));
    if (changes.length > 0) {
      const message = messageOf(new Set(notes.map(({ commit }) => commit)));
      const written = await write({ base: parent?.tree, changes, parent, message, author, at: now(), sign });
      if (written !== 'unchanged') moves.unshift({ ref, expected: at, commit: keepUnpushed(origin, written).id });
    }
    if (moves.length === 0) return 'written';
    return (await pushMoves(origin, moves)) === 'pushed' ? 'written' : 'moved';
  };
}

function messageOf(commits: ReadonlySet<string>): string {
  const [first] = commits;
  return commits.size === 1 ? `Note on ${first}\n` : `Notes on ${commits.size} commits\n`;
}
