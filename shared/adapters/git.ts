import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { chmod, link, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { deflate as deflateCallback } from 'node:zlib';
import * as git from 'isomorphic-git';
import nodeHttp from 'isomorphic-git/http/node';
import type { Config, RepositoryConfig } from '../config.ts';
import { ConvergeError } from '../errors.ts';
import type { Commit, Repository, TreeChange, TreeEntry } from '../pipeline/ports.ts';

const deflate = promisify(deflateCallback);

/** No request to the Git host takes longer, its answer included. */
const requestMilliseconds = 120_000;
/** Commits fetched when more history is needed: few at first, then all there is (git's own "infinite" depth). */
const depths = [16, 128, 1024, 2_147_483_647] as const;
/** Trees kept on disk; a run may still read one while others arrive. */
const keptCheckouts = 8;
/** Commits kept parsed in memory: each look at an upload walks those of the last minutes. */
const keptCommits = 10_000;
/** Entries of trees, and bytes of small files, kept in memory: every look at an environment reads the same few. */
const keptEntries = 100_000;
const keptBytes = 8 * 1024 * 1024;
const smallFile = 64 * 1024;
const noCommit = '0'.repeat(40);

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

/** A tree that is on disk. */
interface Checkout {
  readonly treeId: string;
  readonly folder: string;
}

/** Files of one folder that are written side by side. */
const filesAtOnce = 16;

function createRepository({ repositoryClass, settings, author, cacheFolder, now }: {
  repositoryClass: string;
  settings: RepositoryConfig;
  author: Config['author'];
  cacheFolder: string;
  now: () => Date;
}): Repository {
  const branchRef = `refs/heads/${settings.branch}`;
  const trackingRef = `refs/remotes/origin/${settings.branch}`;
  const url = withoutCredentials(settings.url);
  const host = { http: { request }, url: settings.url, ...authentication(settings) };
  const inTurn = createQueue();
  /** Packs and their indexes, so that a warm clone reads each only once. */
  const cache = {};
  const commits = new Map<string, Commit>();
  const trees = createKept<readonly TreeEntry[]>({ limit: keptEntries, weigh: (entries) => entries.length + 1 });
  const files = createKept<Uint8Array>({ limit: keptBytes, weigh: (content) => content.length });
  /** Whether a head was fetched before. */
  let isFetched = false;
  /** The checkouts on disk, the one used last at the end. */
  const kept: Checkout[] = [];
  /** A look at the host that has not begun: all who ask before it begins share it. One under way may be older than the question. */
  let nextHead: Promise<Commit | undefined> | undefined;
  let opening: Promise<{ gitdir: string; checkouts: string }> | undefined;

  function clone(): Promise<{ gitdir: string; checkouts: string }> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function open(): Promise<{ gitdir: string; checkouts: string }> {
    await mkdir(cacheFolder, { recursive: true });
    const folder = await mkdtemp(path.join(cacheFolder, `${repositoryClass}-`));
    const gitdir = path.join(folder, 'git');
    const checkouts = path.join(folder, 'trees');
    await git.init({ fs, gitdir, bare: true, defaultBranch: settings.branch });
    await git.addRemote({ fs, gitdir, remote: 'origin', url });
    await mkdir(checkouts);
    return { gitdir, checkouts };
  }

  async function fetchTo(depth: number): Promise<string | undefined> {
    const { gitdir } = await clone();
    try {
      const fetched = await git.fetch({
        ...{ fs, gitdir, cache, ...host, depth },
        ...{ remote: 'origin', ref: trackingRef, remoteRef: branchRef, singleBranch: true, tags: false },
      });
      return fetched.fetchHead ?? undefined;
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError && error.data.what === branchRef) return undefined;
      if (error instanceof git.Errors.NotFoundError && error.data.what === 'HEAD') {
        throw gitRefused({ message: 'its HEAD names a branch that does not exist', remedy: `point HEAD at ${branchRef}`, cause: error });
      }
      throw translate(error);
    }
  }

  async function readCommit(id: string): Promise<Commit | undefined> {
    const known = commits.get(id);
    if (known !== undefined) return known;
    const { gitdir } = await clone();
    try {
      const { commit } = await git.readCommit({ fs, gitdir, cache, oid: id });
      const { tree, parent: parents, message, committer } = commit;
      const read = { id, tree, parents, message, committedAt: new Date(committer.timestamp * 1000) };
      if (commits.size >= keptCommits) commits.clear();
      commits.set(id, read);
      return read;
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError) return undefined;
      throw error;
    }
  }

  /** A commit that somebody asked for by id: not having it is an error, never an empty answer. */
  async function fetchedCommit(id: string): Promise<Commit> {
    const commit = await readCommit(id);
    if (commit !== undefined) return commit;
    throw gitUnavailable({ message: `the commit ${id} is not here`, remedy: 'fetch the branch head first' });
  }

  /**
   * Walks back from a commit, newest first, and fetches more history where it ends here but not on the host. The walk
   * stops at the first commit for which `until` holds, and leaves out what lies behind the commits for which `beyond` does.
   */
  async function walk({ from, beyond, until }: {
    from: string;
    beyond: (commit: Commit) => boolean;
    until: (commit: Commit) => boolean;
  }): Promise<readonly Commit[]> {
    const remainingDepths = [...depths];
    const seen = new Set([from]);
    const visited: Commit[] = [];
    const edge = [await fetchedCommit(from)];
    while (edge.length > 0) {
      edge.sort((a, b) => b.committedAt.getTime() - a.committedAt.getTime());
      const commit = edge.shift();
      if (commit === undefined || beyond(commit)) continue;
      visited.push(commit);
      if (until(commit)) return visited;
      for (const id of commit.parents) {
        if (seen.has(id)) continue;
        seen.add(id);
        let parent = await readCommit(id);
        while (parent === undefined) {
          const depth = remainingDepths.shift();
          if (depth === undefined) {
            const message = `the host no longer serves ${id}, an ancestor of ${from}`;
            throw gitUnavailable({ message, remedy: 'see whether the branch was rewritten' });
          }
          await fetchTo(depth);
          parent = await readCommit(id);
        }
        edge.push(parent);
      }
    }
    return visited;
  }

  async function children(treeId: string): Promise<readonly TreeEntry[]> {
    const known = trees.find(treeId);
    if (known !== undefined) return known;
    const { gitdir } = await clone();
    const { tree } = await git.readTree({ fs, gitdir, cache, oid: treeId });
    const entries = tree.map((entry) => ({ path: entry.path, kind: kindOfMode(entry.mode), id: entry.oid }));
    trees.keep(treeId, entries);
    return entries;
  }

  async function entryAt({ commit, path: wanted }: { commit: string; path: string }): Promise<TreeEntry | undefined> {
    let found: TreeEntry | undefined = { path: '', kind: 'folder', id: (await fetchedCommit(commit)).tree };
    for (const part of wanted === '' ? [] : wanted.split('/')) {
      if (found?.kind !== 'folder') return undefined;
      found = (await children(found.id)).find((child) => child.path === part);
    }
    return found === undefined ? undefined : { ...found, path: wanted };
  }

  async function blob(id: string): Promise<Uint8Array> {
    const known = files.find(id);
    if (known !== undefined) return known;
    const { gitdir } = await clone();
    const { blob: content } = await git.readBlob({ fs, gitdir, cache, oid: id });
    if (content.length <= smallFile) files.keep(id, content);
    return content;
  }

  /** Deflated by zlib here: isomorphic-git's own way over web streams takes several times as long. */
  async function writeBlob(content: Uint8Array): Promise<string> {
    const { gitdir } = await clone();
    const header = Buffer.from(`blob ${content.length}\0`);
    const oid = createHash('sha1').update(header).update(content).digest('hex');
    const object = await deflate(Buffer.concat([header, content]));
    return git.writeObject({ fs, gitdir, type: 'blob', format: 'deflated', oid, object });
  }

  /** The id of the tree with the changes in it, or undefined where nothing is left of it. Only touched trees are rewritten. */
  async function rewriteTree(treeId: string | undefined, changes: readonly TreeChange[]): Promise<string | undefined> {
    const entries = new Map((treeId === undefined ? [] : await children(treeId)).map((entry) => [entry.path, entry]));
    for (const [name, own] of groupByFirstPart(changes)) {
      if (own.deleted) entries.delete(name);
      if (own.file !== undefined) {
        entries.set(name, { path: name, kind: own.file.executable ? 'executable' : 'file', id: await writeBlob(own.file.content) });
      }
      if (own.below.length === 0) continue;
      const folder = entries.get(name);
      const id = await rewriteTree(folder?.kind === 'folder' ? folder.id : undefined, own.below);
      if (id === undefined) entries.delete(name);
      else entries.set(name, { path: name, kind: 'folder', id });
    }
    if (entries.size === 0) return undefined;
    const { gitdir } = await clone();
    const tree = [...entries.values()].map((entry) => ({
      path: entry.path,
      oid: entry.id,
      mode: modes[entry.kind],
      type: typeOfKind(entry.kind),
    }));
    return git.writeTree({ fs, gitdir, tree });
  }

  /** Files that are the same in the checkout of before are links to those: nobody writes into a checkout. */
  async function writeFolder({ treeId, folder, before }: Checkout & { before: Checkout | undefined }): Promise<void> {
    await mkdir(folder);
    const entries = await children(treeId);
    const there = new Map((before === undefined ? [] : await children(before.treeId)).map((entry) => [entry.path, entry]));
    const unsafe = entries.find((entry) => isUnsafeName(entry.path));
    if (unsafe !== undefined) throw gitRefused({ message: `its tree holds the name ${JSON.stringify(unsafe.path)}` });
    const write = async (entry: TreeEntry): Promise<void> => {
      const target = path.join(folder, entry.path);
      const earlier = there.get(entry.path);
      const same = before !== undefined && earlier?.kind === entry.kind ? { treeId: earlier.id, folder: path.join(before.folder, entry.path) } : undefined;
      if (entry.kind === 'folder') await writeFolder({ treeId: entry.id, folder: target, before: same });
      if (entry.kind === 'submodule') await mkdir(target);
      if (entry.kind !== 'file' && entry.kind !== 'executable') return;
      if (same?.treeId === entry.id) return await link(same.folder, target);
      await writeFile(target, await blob(entry.id), { flag: 'wx' });
      if (entry.kind === 'executable') await chmod(target, 0o755);
    };
    for (let next = 0; next < entries.length; next += filesAtOnce) await Promise.all(entries.slice(next, next + filesAtOnce).map(write));
    // Links come last and files are never overwritten, so that nothing is ever written through a link.
    for (const entry of entries.filter(({ kind }) => kind === 'symlink')) {
      await symlink(Buffer.from(await blob(entry.id)).toString(), path.join(folder, entry.path));
    }
  }

  function translate(error: unknown): unknown {
    return error instanceof ConvergeError ? error : translateGitError({ error, subject: url });
  }
  function gitRefused(facts: { message: string; remedy?: string; cause?: unknown }): ConvergeError {
    return new ConvergeError({ code: 'GitRefused', subject: url, disposition: 'refuse', ...facts });
  }
  function gitUnavailable(facts: { message: string; remedy?: string; cause?: unknown }): ConvergeError {
    return new ConvergeError({ code: 'GitUnavailable', subject: url, disposition: 'retry', ...facts });
  }

  async function head(): Promise<string | undefined> {
    try {
      const refs = await git.listServerRefs({ ...host, prefix: branchRef });
      return refs.find(({ ref }) => ref === branchRef)?.oid;
    } catch (error) {
      throw translate(error);
    }
  }

  async function push(commit: Commit): Promise<'pushed' | 'moved'> {
    const { gitdir } = await clone();
    const expected = commit.parents[0] ?? noCommit;
    const words: string[] = [];
    let observed: string | undefined;
    try {
      await git.push({
        ...{ fs, gitdir, cache, ...host },
        ...{ remote: 'origin', ref: commit.id, remoteRef: branchRef },
        onMessage: (line) => void words.push(line.trim()),
        onPrePush: ({ remoteRef }) => {
          observed = remoteRef.oid;
          return observed === expected;
        },
      });
      return 'pushed';
    } catch (error) {
      // A push whose answer was lost, sent again.
      if (observed === commit.id) return 'pushed';
      if (observed !== undefined && observed !== expected) return 'moved';
      if (!(error instanceof git.Errors.GitPushError)) throw translate(error);
      // Hosts word a lost race in many ways; where the branch is now tells it from a refusal.
      const current = await head();
      if (current === commit.id) return 'pushed';
      if ((current ?? noCommit) !== expected) return 'moved';
      if (lostRace(error, branchRef)) return 'moved';
      throw gitRefused({
        message: `refused the push: ${[refusal(error, branchRef), ...words].filter((line) => line !== '').join('; ')}`,
        remedy: "see the host's branch protection and hooks",
        cause: error,
      });
    }
  }

  return {
    ...{ repositoryClass, url, branch: settings.branch },
    head,
    fetchHead: () =>
      (nextHead ??= inTurn(async () => {
        // Whoever asks from now on is answered by a request that is sent after that.
        nextHead = undefined;
        const advertised = await head();
        if (advertised === undefined) return undefined;
        // A commit that is here came with its tree: most looks find a branch that has not moved.
        const known = await readCommit(advertised);
        if (known !== undefined) return known;
        // A host leaves out what is here only where it meets a commit that is here, too, on its way back from the head: at
        // depth 1 it would send the whole tree for each commit.
        const id = await fetchTo(isFetched ? depths[0] : 1);
        isFetched ||= id !== undefined;
        return id === undefined ? undefined : fetchedCommit(id);
      })),
    history: ({ from, since }) => inTurn(() => walk({ from, beyond: ({ committedAt }) => committedAt < since, until: () => false })),
    isAncestor: ({ ancestor, descendant }) =>
      inTurn(async () => {
        const walked = await walk({ from: descendant, beyond: () => false, until: ({ id }) => id === ancestor });
        return walked.at(-1)?.id === ancestor;
      }),
    entry: (at) => inTurn(() => entryAt(at)),
    list: ({ commit, folder }) =>
      inTurn(async () => {
        const entry = await entryAt({ commit, path: folder });
        if (entry?.kind !== 'folder') return [];
        return (await children(entry.id)).map((child) => ({ ...child, path: folder === '' ? child.path : `${folder}/${child.path}` }));
      }),
    readFile: (at) =>
      inTurn(async () => {
        const entry = await entryAt(at);
        return entry?.kind === 'file' || entry?.kind === 'executable' ? blob(entry.id) : undefined;
      }),
    checkout: (commit) =>
      inTurn(async () => {
        const { checkouts } = await clone();
        const { tree } = await fetchedCommit(commit);
        const folder = path.join(checkouts, tree);
        const known = kept.findIndex((checkout) => checkout.treeId === tree);
        if (known !== -1) {
          kept.push(...kept.splice(known, 1));
          return folder;
        }
        const unfinished = await mkdtemp(path.join(checkouts, 'unfinished-'));
        try {
          await writeFolder({ treeId: tree, folder: path.join(unfinished, 'tree'), before: kept.at(-1) });
          await rename(path.join(unfinished, 'tree'), folder);
        } finally {
          await rm(unfinished, { recursive: true, force: true });
        }
        kept.push({ treeId: tree, folder });
        for (const old of kept.splice(0, kept.length - keptCheckouts)) await rm(old.folder, { recursive: true, force: true });
        return folder;
      }),
    commit: ({ parent, changes, message }) =>
      inTurn(async () => {
        const { gitdir } = await clone();
        const parentTree = parent === undefined ? undefined : (await fetchedCommit(parent)).tree;
        const tree = (await rewriteTree(parentTree, changes)) ?? (await git.writeTree({ fs, gitdir, tree: [] }));
        if (tree === parentTree) return 'unchanged';
        const signature = { ...author, timestamp: Math.floor(now().getTime() / 1000), timezoneOffset: 0 };
        const parents = parent === undefined ? [] : [parent];
        const commit = { message, tree, parent: parents, author: signature, committer: signature };
        const id = await git.writeCommit({ fs, gitdir, commit });
        return fetchedCommit(id);
      }),
    push: (commit) => inTurn(() => push(commit)),
  };
}

/** A bounded memory of Git objects by their ids, which never change; forgotten as a whole when it is full. */
function createKept<T>({ limit, weigh }: { limit: number; weigh: (value: T) => number }): { find(id: string): T | undefined; keep(id: string, value: T): void } {
  const kept = new Map<string, T>();
  let weight = 0;
  return {
    find: (id) => kept.get(id),
    keep(id, value) {
      if (weight + weigh(value) > limit) {
        kept.clear();
        weight = 0;
      }
      weight += weigh(value);
      kept.set(id, value);
    },
  };
}

// --- Trees -------------------------------------------------------------------------------------------------------

const modes = { file: '100644', executable: '100755', symlink: '120000', folder: '040000', submodule: '160000' } as const;

function kindOfMode(mode: string): TreeEntry['kind'] {
  switch (mode) {
    case modes.folder:
      return 'folder';
    case modes.executable:
      return 'executable';
    case modes.symlink:
      return 'symlink';
    case modes.submodule:
      return 'submodule';
    default:
      return 'file';
  }
}

function typeOfKind(kind: TreeEntry['kind']): 'blob' | 'tree' | 'commit' {
  if (kind === 'folder') return 'tree';
  return kind === 'submodule' ? 'commit' : 'blob';
}

/** What happens to one name of a folder: its deletion first, then the file, or the changes below it. */
interface NameChanges {
  deleted: boolean;
  file: { readonly content: Uint8Array; readonly executable: boolean } | undefined;
  readonly below: TreeChange[];
}

function groupByFirstPart(changes: readonly TreeChange[]): ReadonlyMap<string, NameChanges> {
  const groups = new Map<string, NameChanges>();
  for (const { path: changed, content, executable } of changes) {
    const [name = '', ...rest] = changed.split('/');
    const group = groups.get(name) ?? { deleted: false, file: undefined, below: [] };
    groups.set(name, group);
    if (rest.length > 0) group.below.push({ path: rest.join('/'), content, executable });
    else if (content === undefined) group.deleted = true;
    else group.file = { content, executable };
  }
  return groups;
}

/** A malicious commit can hold names that no `git add` writes. */
function isUnsafeName(name: string): boolean {
  return name === '' || name === '.' || name === '..' || name.toLowerCase() === '.git' || /[/\\\0]/.test(name);
}

// --- The Git host ------------------------------------------------------------------------------------------------

/** Runs one piece of work after the other: a clone whose pack index is half written reads as a broken clone. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** A frozen instance that thaws finds its kept-alive connection closed: such a request is sent once more. */
async function request(options: git.GitHttpRequest): Promise<git.GitHttpResponse> {
  const send = async (): Promise<git.GitHttpResponse> => {
    const signal = AbortSignal.timeout(requestMilliseconds);
    const response = await nodeHttp.request({ ...options, signal });
    return { ...response, body: streamOf(response.body === undefined ? [] : [await collect({ body: response.body, signal })]) };
  };
  try {
    return await send();
  } catch (error) {
    if (!['ECONNRESET', 'EPIPE'].includes(systemCode(error) ?? '')) throw error;
    return send();
  }
}

/** isomorphic-git's reader never ends where a connection breaks between two chunks: the deadline ends it. */
async function collect({ body, signal }: { body: AsyncIterableIterator<Uint8Array>; signal: AbortSignal }): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const read = async (): Promise<Uint8Array> => {
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  let expire: (() => void) | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    expire = () => reject(signal.reason);
    signal.addEventListener('abort', expire);
  });
  try {
    return await Promise.race([read(), expired]);
  } finally {
    if (expire !== undefined) signal.removeEventListener('abort', expire);
  }
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncIterableIterator<Uint8Array> {
  yield* chunks;
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}

/** The file is read at each challenge, so that a rotated secret is used without a restart. */
function authentication(settings: RepositoryConfig): { onAuth?: git.AuthCallback } {
  const file = settings.credentials?.file;
  if (file === undefined) return {};
  return {
    onAuth: async () => {
      const secret = (await readFile(file, 'utf8')).trim();
      const colon = secret.indexOf(':');
      // The user name is what GitHub documents for tokens of its apps; other hosts take any.
      if (colon === -1) return { username: 'x-access-token', password: secret };
      return { username: secret.slice(0, colon), password: secret.slice(colon + 1) };
    },
  };
}

function translateGitError({ error, subject }: { error: unknown; subject: string }): ConvergeError {
  if (error instanceof git.Errors.HttpError && isRefusal(error.data.statusCode)) {
    const isAuth = [401, 403, 404].includes(error.data.statusCode);
    return new ConvergeError({
      code: 'GitRefused',
      subject,
      message: `answered ${error.data.statusCode} ${error.data.statusMessage}: ${error.data.response ?? ''}`.slice(0, 500),
      ...(isAuth ? { remedy: 'check the URL and the credentials of this repository' } : {}),
      disposition: 'refuse',
      cause: error,
    });
  }
  const code = systemCode(error);
  return new ConvergeError({
    code: 'GitUnavailable',
    subject,
    message: code === undefined ? 'the Git host did not answer as it should' : `the Git host can't be reached: ${code}`,
    disposition: 'retry',
    cause: error,
  });
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function refusal(error: InstanceType<typeof git.Errors.GitPushError>, ref: string): string {
  return error.data.result.refs[ref]?.error ?? error.data.result.error ?? 'without a reason';
}

/** The report of git's own receive-pack when two pushes take one ref at once and neither is through yet. */
function lostRace(error: InstanceType<typeof git.Errors.GitPushError>, ref: string): boolean {
  return error.data.result.refs[ref]?.error === 'failed to update ref';
}
