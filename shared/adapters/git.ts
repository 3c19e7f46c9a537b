import type { Config, RepositoryConfig } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { oneLine } from '../source/commit-message.ts';
import { createCheckouts } from './git/checkout.ts';
import { createClone } from './git/clone.ts';
import { branchMissing, gitUnavailable, unreadable } from './git/errors.ts';
import { createHistory, depths } from './git/history.ts';
import { appendNote } from './git/notes.ts';
import { pushCommit } from './git/push.ts';
import { createObjects, emptyPack, type WrittenPack } from './git/objects.ts';
import { createQueue } from './git/queue.ts';
import { createReading } from './git/reading.ts';
import { createSigner } from './git/signer.ts';
import { createGitHost } from './git/smart-http.ts';
import { createWriting } from './git/writing.ts';

/** Commits that were written and not pushed, as after a lost race: the pack of an older one is forgotten. */
const keptUnpushed = 64;

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
  const { branch } = settings;
  const branchRef = `refs/heads/${branch}`;
  const url = withoutCredentials(settings.url);
  const host = connect({ settings, url, now });
  const clone = createClone({ name: repositoryClass, cacheFolder, host });
  const history = createHistory({ clone, url, now });
  const reading = createReading({ clone, url });
  const objects = createObjects(clone);
  const sign = createSigner(author);
  const write = createWriting({ objects, reading, url });
  const checkout = createCheckouts({ clone, reading });
  const inTurn = createQueue();
  /** What the host lacks of the commits that were written here and not pushed yet, the newest last. */
  const unpushed = new Map<string, WrittenPack>();
  /** Refs that were fetched before. */
  const fetchedRefs = new Set<string>();
  /** A look at the host that has not begun: all who ask before it begins share it. One under way may be older than the question. */
  let nextHead: Promise<Commit | undefined> | undefined;

  /** Where the branch is; undefined only where the host has no branch at all. Throws `BranchMissing` (refuse) where it has others. */
  async function branchTip(): Promise<string | undefined> {
    const tip = await host.readRef(branchRef);
    if (tip !== undefined) return tip;
    const branches = await host.listRefs('refs/heads/');
    if (branches.size === 0 || branches.has(branchRef)) return branches.get(branchRef);
    throw branchMissing({
      url,
      branch,
      repositoryClass,
      others: [...branches.keys()].map((name) => name.slice('refs/heads/'.length)).sort(),
    });
  }

  async function fetchRef(name: string): Promise<Commit | undefined> {
    if (await clone.renewIfLarge()) {
      history.forget();
      unpushed.clear();
      fetchedRefs.clear();
    }
    const advertised = await (name === branchRef ? branchTip() : host.readRef(name));
    if (advertised === undefined) return undefined;
    // A commit that is here came with its tree: most looks find a ref that has not moved.
    const known = await history.read(advertised);
    if (known !== undefined) return known;
    // A host leaves out what is here only where it meets a commit that is here, too, on its way back from the tip: at
    // depth 1 it would send the whole tree for each commit.
    const wanted = { commit: advertised, depth: fetchedRefs.has(name) ? depths[0] : 1 };
    const fetched = await clone.fetchTo(wanted);
    if (fetched !== 'fetched') return await fetchRefused({ name, wanted, ...fetched });
    fetchedRefs.add(name);
    return history.fetched(advertised);
  }

  /** A ref that moved meanwhile is looked at again; a host that does not serve what its ref is at, now as before, cannot read it itself. */
  async function fetchRefused({
    name,
    wanted,
    refused,
  }: {
    name: string;
    wanted: { commit: string; depth: number };
    refused: string;
  }): Promise<Commit> {
    const isStill = (await host.readRef(name)) === wanted.commit;
    const again = isStill ? await clone.fetchTo(wanted) : { refused };
    if (again === 'fetched') return history.fetched(wanted.commit);
    if (!isStill) throw gitUnavailable({ subject: url, message: `the Git host says: ${again.refused}` });
    throw unreadable({
      url,
      type: 'commit',
      id: wanted.commit,
      problem: `is where ${name} is, and the Git host does not serve it: ${oneLine(again.refused, 300)}`,
    });
  }

  const commit: Repository['commit'] = async ({ parent: parentId, changes, message, tree }) => {
    const parent = parentId === undefined ? undefined : await history.fetched(parentId);
    const written = await write({ base: tree ?? parent?.tree, changes, parent, message, author, at: now(), sign });
    if (written === 'unchanged') return written;
    history.keep(written.commit);
    unpushed.set(written.commit.id, written.pack);
    for (const id of [...unpushed.keys()].slice(0, -keptUnpushed)) unpushed.delete(id);
    return written.commit;
  };

  async function push({
    ref,
    expected,
    commit: id,
  }: {
    ref: string;
    expected: string | undefined;
    commit: string | undefined;
  }): Promise<'pushed' | 'moved'> {
    const result = await pushCommit({
      host,
      url,
      ref,
      expected,
      commit: id,
      pack: unpushed.get(id ?? '') ?? emptyPack,
    });
    if (result === 'pushed' && id !== undefined && unpushed.delete(id)) clone.hasTip(id);
    return result;
  }

  const writeRef: Repository['writeRef'] = async ({ name, expected, commit: id }) =>
    (await push({ ref: name, expected, commit: id })) === 'pushed' ? 'written' : 'moved';

  return {
    ...{ repositoryClass, url, branch },
    head: () => branchTip(),
    fetchHead: () =>
      (nextHead ??= inTurn(() => {
        // Whoever asks from now on is answered by a request that is sent after that.
        nextHead = undefined;
        return fetchRef(branchRef);
      })),
    history: (range) => inTurn(() => history.walk({ ...range, until: () => false })),
    isAncestor: ({ ancestor, descendant }) =>
      inTurn(async () => {
        const walked = await history.walk({ from: descendant, until: ({ id }) => id === ancestor });
        return walked.at(-1)?.id === ancestor;
      }),
    entry: ({ commit: id, path }) =>
      inTurn(async () => reading.entryAt({ tree: (await history.fetched(id)).tree, path })),
    list: ({ commit: id, folder }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path: folder });
        if (entry?.kind !== 'folder') return [];
        return (await reading.children(entry.id)).map(({ path, kind, id: child }) => ({
          path: folder === '' ? path : `${folder}/${path}`,
          kind,
          id: child,
        }));
      }),
    readFile: ({ commit: id, path }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path });
        return entry?.kind === 'file' || entry?.kind === 'executable' ? reading.blob(entry.id) : undefined;
      }),
    readLink: ({ commit: id, path }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path });
        return entry?.kind === 'symlink' ? Buffer.from(await reading.blob(entry.id)).toString('utf8') : undefined;
      }),
    checkout: (id) => inTurn(async () => checkout((await history.fetched(id)).tree)),
    files: ({ commit: id, folder }) =>
      inTurn(async () => {
        const entry = await reading.entryAt({ tree: (await history.fetched(id)).tree, path: folder });
        return entry?.kind === 'folder' ? reading.filesBelow({ tree: entry.id, folder }) : [];
      }),
    rawCommit: (id) => inTurn(() => history.raw(id)),
    writeBlob: (content) => inTurn(() => objects.writeBlob(content)),
    commit: (wanted) => inTurn(() => commit(wanted)),
    push: ({ id, parents }) => inTurn(() => push({ ref: branchRef, expected: parents[0], commit: id })),
    readRef: (name) => host.readRef(name),
    writeRef: (wanted) => inTurn(() => writeRef(wanted)),
    fetchRef: (name) => inTurn(() => fetchRef(name)),
    addNote: (note) => inTurn(() => appendNote({ store: { fetchRef, commit, writeRef }, reading, url, ...note })),
  };
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}
