import type { Config, RepositoryConfig } from '../config.ts';
import { ConvergeError } from '../errors.ts';
import type { Commit, Repository } from '../pipeline/ports.ts';
import { createCheckouts } from './git/checkout.ts';
import { createClone } from './git/clone.ts';
import { createHistory, depths } from './git/history.ts';
import { createHostClient, headOnHost, withoutCredentials } from './git/host-client.ts';
import { appendNote } from './git/notes.ts';
import { pushCommit } from './git/push.ts';
import { createQueue } from './git/queue.ts';
import { createReading } from './git/reading.ts';
import { createWriting } from './git/writing.ts';

/**
 * The repositories of the configuration, each one branch of one Git host, with a bare shallow clone below `cacheFolder`
 * made on first use and kept while the process lives. Clones are never shared between processes.
 *
 * @param now the time that new commits carry
 */
export function createRepositories({ config, author, cacheFolder, now }: {
  config: Pick<Config, 'repositories'>;
  author: Config['author'];
  cacheFolder: string;
  now: () => Date;
}): (repositoryClass: string) => Repository {
  const repositories = new Map<string, Repository>();
  return (repositoryClass) => {
    const settings = config.repositories[repositoryClass];
    if (settings === undefined) {
      throw new ConvergeError({
        code: 'UnknownRepository',
        subject: repositoryClass,
        message: 'is no repository of the configuration',
        remedy: `configured are ${Object.keys(config.repositories).join(', ')}`,
        disposition: 'refuse',
      });
    }
    const repository = repositories.get(repositoryClass) ?? createRepository({ repositoryClass, settings, author, cacheFolder, now });
    repositories.set(repositoryClass, repository);
    return repository;
  };
}

function createRepository({ repositoryClass, settings, author, cacheFolder, now }: {
  repositoryClass: string;
  settings: RepositoryConfig;
  author: Config['author'];
  cacheFolder: string;
  now: () => Date;
}): Repository {
  const { branch } = settings;
  const branchRef = `refs/heads/${branch}`;
  const url = withoutCredentials(settings.url);
  const host = createHostClient(settings);
  const clone = createClone({ name: repositoryClass, cacheFolder, branch, host, url });
  const history = createHistory({ clone, url });
  const reading = createReading(clone);
  const writing = createWriting({ clone, reading });
  const checkout = createCheckouts({ clone, reading, url });
  const inTurn = createQueue();
  /** Whether a head was fetched before. */
  let isFetched = false;
  /** A look at the host that has not begun: all who ask before it begins share it. One under way may be older than the question. */
  let nextHead: Promise<Commit | undefined> | undefined;

  const head = (): Promise<string | undefined> => headOnHost({ host, ref: branchRef, subject: url });

  async function fetchHead(): Promise<Commit | undefined> {
    const advertised = await head();
    if (advertised === undefined) return undefined;
    // A commit that is here came with its tree: most looks find a branch that has not moved.
    const known = await history.read(advertised);
    if (known !== undefined) return known;
    // A host leaves out what is here only where it meets a commit that is here, too, on its way back from the head: at
    // depth 1 it would send the whole tree for each commit.
    const id = await clone.fetchTo(isFetched ? depths[0] : 1);
    isFetched ||= id !== undefined;
    return id === undefined ? undefined : history.fetched(id);
  }

  async function fetchRef(name: string): Promise<Commit | undefined> {
    const tip = await headOnHost({ host, ref: name, subject: url });
    if (tip === undefined) return undefined;
    const known = await history.read(tip);
    if (known !== undefined) return known;
    const id = await clone.fetchTo(1, name);
    return id === undefined ? undefined : history.fetched(id);
  }

  const commit: Repository['commit'] = async ({ parent, changes, message, tree: base }) => {
    const parentTree = parent === undefined ? undefined : (await history.fetched(parent)).tree;
    const tree = await writing.tree({ from: base ?? parentTree, changes });
    if (tree === parentTree) return 'unchanged';
    return history.fetched(await writing.commit({ tree, parent, message, author, at: now() }));
  };

  const writeRef: Repository['writeRef'] = async ({ name, expected, commit: id }) =>
    (await pushCommit({ clone, host, url, ref: name, expected, commit: id })) === 'pushed' ? 'written' : 'moved';

  return {
    ...{ repositoryClass, url, branch },
    head,
    fetchHead: () =>
      (nextHead ??= inTurn(() => {
        // Whoever asks from now on is answered by a request that is sent after that.
        nextHead = undefined;
        return fetchHead();
      })),
    history: ({ from, since }) => inTurn(() => history.walk({ from, beyond: ({ committedAt }) => committedAt < since, until: () => false })),
    isAncestor: ({ ancestor, descendant }) =>
      inTurn(async () => {
        const walked = await history.walk({ from: descendant, beyond: () => false, until: ({ id }) => id === ancestor });
        return walked.at(-1)?.id === ancestor;
      }),
    entry: ({ commit: id, path }) => inTurn(async () => reading.entryAt({ tree: (await history.fetched(id)).tree, path })),
    list: ({ commit: id, folder }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path: folder });
        if (entry?.kind !== 'folder') return [];
        return (await reading.children(entry.id)).map((child) => ({ ...child, path: folder === '' ? child.path : `${folder}/${child.path}` }));
      }),
    readFile: ({ commit: id, path }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path });
        return entry?.kind === 'file' || entry?.kind === 'executable' ? reading.blob(entry.id) : undefined;
      }),
    checkout: (id) => inTurn(async () => checkout((await history.fetched(id)).tree)),
    files: ({ commit: id, folder }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path: folder });
        return entry?.kind === 'folder' ? reading.filesBelow({ tree: entry.id, folder }) : [];
      }),
    rawCommit: (id) => inTurn(() => history.raw(id)),
    writeBlob: (content) => inTurn(() => writing.blob(content)),
    commit: (wanted) => inTurn(() => commit(wanted)),
    push: ({ id, parents }) => inTurn(() => pushCommit({ clone, host, url, ref: branchRef, expected: parents[0], commit: id })),
    readRef: (name) => headOnHost({ host, ref: name, subject: url }),
    writeRef: (write) => inTurn(() => writeRef(write)),
    fetchRef: (name) => inTurn(() => fetchRef(name)),
    addNote: (note) => inTurn(() => appendNote({ store: { fetchRef, commit, writeRef }, reading, url, ...note })),
  };
}
