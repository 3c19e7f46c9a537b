import type { Config, RepositoryConfig } from '../config/config.ts';
import { withoutCredentials } from '../config/repository-address.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Repository } from '../ports/git.ts';
import { createCheckouts } from './git/checkout.ts';
import { createClone } from './git/clone.ts';
import { gitUnavailable } from './git/errors.ts';
import { branchTip, fetchRef } from './git/fetch-ref.ts';
import { createHistory } from './git/history.ts';
import { createNoteWriter } from './git/note-writer.ts';
import { createObjects } from './git/objects.ts';
import { branchRefOf, keepUnpushed, pushRef, writeRef, type Origin } from './git/origin.ts';
import { createQueue, sharedUntilBegun } from './git/queue.ts';
import { childrenOf, entryAt, fileAt, filesBelow, isAncestor, linkAt } from './git/read-commit.ts';
import { createReading } from './git/reading.ts';
import { createSigner } from './git/signer.ts';
import { createGitHost } from './git/smart-http.ts';
import { createWriting } from './git/writing.ts';
import { inSeconds, patience } from './patience.ts';

/**
 * The repositories of the configuration, each one branch of one Git host, with a bare shallow clone below `cacheFolder`
 * made on first use and kept while the process lives. Clones are never shared between processes.
 *
 * @param now the time that new commits carry
 * @param connect how a host is talked to, where it is not by HTTP
 */
export function createRepositories({
  config,
  author,
  cacheFolder,
  now,
  connect = createGitHost,
}: {
  config: Pick<Config, 'repositories'>;
  author: Config['author'];
  cacheFolder: string;
  now: () => Date;
  connect?: typeof createGitHost;
}): (repositoryClass: string) => Repository {
  const repositories = new Map<string, Repository>();
  return (repositoryClass) => {
    const { repositories: configured } = config;
    const settings = Object.hasOwn(configured, repositoryClass) ? configured[repositoryClass] : undefined;
    if (settings === undefined) {
      throw new ConvergeError({
        code: 'UnknownRepository',
        subject: repositoryClass,
        message: 'is no repository of the configuration',
        remedy: `configured are ${Object.keys(config.repositories).join(', ')}`,
        disposition: 'refuse',
      });
    }
    const repository =
      repositories.get(repositoryClass) ??
      createRepository({ repositoryClass, settings, author, cacheFolder, now, connect });
    repositories.set(repositoryClass, repository);
    return repository;
  };
}

function createRepository({
  repositoryClass,
  settings,
  author,
  cacheFolder,
  now,
  connect,
}: {
  repositoryClass: string;
  settings: RepositoryConfig;
  author: Config['author'];
  cacheFolder: string;
  now: () => Date;
  connect: typeof createGitHost;
}): Repository {
  const url = withoutCredentials(settings.url);
  const host = connect({ settings, url, now });
  const clone = createClone({ name: repositoryClass, cacheFolder, host });
  const history = createHistory({ clone, url, now });
  const reading = createReading({ clone, url });
  const reader = { history, reading };
  const origin: Origin = {
    ...{ repositoryClass, url, branch: settings.branch, host, clone, history },
    ...{ fetchedRefs: new Set(), unpushed: new Map() },
  };
  const branchRef = branchRefOf(origin);
  const objects = createObjects(clone);
  const commit = createCommitting({ origin, write: createWriting({ objects, reading, url }), author, now });
  const checkout = createCheckouts({ clone, reading });
  const inTurn = createTurns(url);
  const writeNotes = createNoteWriter({ origin, cacheFolder, author, now });
  const notesInTurn = createTurns(url);
  return {
    ...{ repositoryClass, url, branch: settings.branch },
    head: async () => branchTip(origin),
    fetchHead: sharedUntilBegun((begins) =>
      inTurn(async () => {
        begins();
        return await fetchRef(origin, branchRef);
      }),
    ),
    findCommit: (id) => inTurn(async () => history.read(id)),
    history: (range) => inTurn(async () => history.walk({ ...range, until: () => false })),
    isAncestor: (pair) => inTurn(async () => isAncestor(reader, pair)),
    entry: (at) => inTurn(async () => entryAt(reader, at)),
    list: (at) => inTurn(async () => childrenOf(reader, at)),
    readFile: (at) => inTurn(async () => fileAt(reader, at)),
    readLink: (at) => inTurn(async () => linkAt(reader, at)),
    checkout: async (id, paths) => {
      const made = await inTurn(async () => checkout((await history.fetched(id)).tree, paths));
      if (made.partial === undefined) return made;
      const { whole, bring } = made.partial;
      return { ...made, partial: { whole, bring: (path) => inTurn(async () => bring(path)) } };
    },
    files: (at) => inTurn(async () => filesBelow(reader, at)),
    rawCommit: (id) => inTurn(async () => history.raw(id)),
    writeBlob: (content) => inTurn(async () => objects.writeBlob(content)),
    commit: (wanted) => inTurn(async () => commit(wanted)),
    push: ({ id, parents: [expected] }) =>
      inTurn(async () => pushRef(origin, { name: branchRef, expected, commit: id })),
    readRef: async (name) => host.readRef(name),
    writeRef: (wanted) => inTurn(async () => writeRef(origin, wanted)),
    fetchRef: (name) => inTurn(async () => fetchRef(origin, name)),
    listRefs: async (prefixes) => host.listRefs(prefixes),
    writeNotes: (wanted) => notesInTurn(async () => writeNotes(wanted)),
  };
}

/** One piece of work on a clone at a time. */
function createTurns(url: string): ReturnType<typeof createQueue> {
  const { turn } = patience.git;
  return createQueue({
    patience: turn,
    late: () => gitUnavailable({ subject: url, message: `other work on its clone went on for ${inSeconds(turn)}` }),
  });
}

/** Writes commits on top of what was fetched, and keeps each until it is pushed. */
function createCommitting({
  origin,
  write,
  author,
  now,
}: {
  origin: Origin;
  write: ReturnType<typeof createWriting>;
  author: Config['author'];
  now: () => Date;
}): Repository['commit'] {
  const sign = createSigner(author);
  return async ({ parent: parentId, changes, message, tree, use = 'push' }) => {
    const parent = parentId === undefined ? undefined : await origin.history.fetched(parentId);
    const isForPush = use === 'push';
    const written = await write({
      ...{ base: tree ?? parent?.tree, changes, parent, message, author, at: now() },
      sign: isForPush ? sign : undefined,
    });
    if (written === 'unchanged' || isForPush) return written === 'unchanged' ? written : keepUnpushed(origin, written);
    origin.history.keep(written.commit);
    return written.commit;
  };
}
