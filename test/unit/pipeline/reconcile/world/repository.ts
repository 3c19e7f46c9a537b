import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { Commit, Repository, TreeChange, TreeEntry } from '../../../../../shared/ports/git.ts';
import { sha1 } from './field-sets.ts';

/** The text of each file, by path. */
export type Tree = Readonly<Record<string, string>>;

/** Changes to a tree: a text, or null for what goes. */
export type Changes = Readonly<Record<string, string | null>>;

/** A branch of commits that are plain trees; its host is this object. */
export interface RecordingRepository extends Repository {
  /** Commits on top of the branch. */
  add(
    changes: Changes,
    options?: {
      readonly signature?: string;
      readonly message?: string;
      /** Of a merge: the other parents; `changes` are what it has beside its first one. */
      readonly merges?: readonly string[];
      /** By the clock of whoever committed it. */
      readonly at?: Date;
    },
  ): Commit;
  /** Puts the branch elsewhere, as a forced push does. Undefined: the branch is deleted. */
  force(tree: Tree | undefined): void;
  /** Puts the branch back to a commit of it. */
  reset(commit: string): void;
  treeOf(commit: string): Tree;
  /** The ids of all commits that were made, in order. */
  readonly commits: readonly string[];
  /** The host's refs beside the branch, and the notes. */
  readonly refs: Map<string, string>;
  readonly notes: Map<string, string>;
  /** What the host answers in place of its head. */
  fails: ConvergeError | undefined;
  /** Called after each question for the head: the branch may move then. */
  onHead: () => void;
}

interface Known extends Commit {
  readonly files: Tree;
  readonly raw: string;
}

export function recordingRepository({
  repositoryClass,
  now,
}: {
  repositoryClass: string;
  now: () => Date;
}): RecordingRepository {
  const commits = new Map<string, Known>();
  const blobs = new Map<string, string>();
  const url = `https://git.example.com/family/${repositoryClass}.git`;
  let branch: string | undefined;

  function make({
    files,
    parents,
    message,
    signature,
    at = now(),
  }: Pick<Known, 'files' | 'parents' | 'message'> & {
    signature?: string | undefined;
    at?: Date | undefined;
  }): Known {
    for (const text of Object.values(files)) blobs.set(sha1(text), text);
    const tree = treeId(Object.entries(files));
    const who = `Somebody <somebody@example.com> ${Math.floor(at.getTime() / 1000)} +0000`;
    const header = [`tree ${tree}`, ...parents.map((id) => `parent ${id}`), `author ${who}`, `committer ${who}`];
    const signed = signature === undefined ? [] : [`gpgsig ${signature.split('\n').join('\n ')}`];
    const raw = `${[...header, ...signed].join('\n')}\n\n${message}\n`;
    const id = sha1(`commit ${Buffer.byteLength(raw)}\0`, raw);
    const made: Known = { id, tree, parents, message, committedAt: at, files, raw };
    commits.set(id, made);
    return made;
  }

  function known(id: string): Known {
    const found = commits.get(id);
    if (found !== undefined) return found;
    throw new ConvergeError({ code: 'UnreadableObject', subject: id, message: 'is not there', disposition: 'refuse' });
  }

  function entryAt(files: Tree, path: string): TreeEntry | undefined {
    const text = files[path];
    if (text !== undefined) return { path, kind: 'file', id: sha1(text) };
    const below = Object.entries(files).filter(([file]) => path === '' || file.startsWith(`${path}/`));
    return below.length === 0 ? undefined : { path, kind: 'folder', id: treeId(below) };
  }

  function ancestors(from: string): Known[] {
    const found = new Map<string, Known>();
    const due = [from];
    for (const id of due) {
      const commit = commits.get(id);
      if (commit === undefined || found.has(id)) continue;
      found.set(id, commit);
      due.push(...commit.parents);
    }
    return [...found.values()];
  }

  async function head(): Promise<string | undefined> {
    if (repository.fails !== undefined) throw repository.fails;
    const at = branch;
    repository.onHead();
    return at;
  }

  const unused = async (): Promise<never> => {
    throw new Error('no run needs this of Git');
  };
  const repository: RecordingRepository = {
    ...{ repositoryClass, url, branch: 'main', refs: new Map(), notes: new Map(), fails: undefined, onHead: () => {} },
    add(changes, { signature, message = 'Change', merges = [], at } = {}) {
      const before = branch === undefined ? {} : known(branch).files;
      const files = Object.fromEntries(
        Object.entries({ ...before, ...changes }).flatMap(([path, text]) => (text === null ? [] : [[path, text]])),
      );
      const made = make({
        files,
        parents: [...(branch === undefined ? [] : [branch]), ...merges],
        message,
        signature,
        at,
      });
      branch = made.id;
      return made;
    },
    reset(commit) {
      branch = known(commit).id;
    },
    force(tree) {
      branch = tree === undefined ? undefined : make({ files: tree, parents: [], message: 'Begin anew' }).id;
    },
    treeOf: (commit) => known(commit).files,
    get commits() {
      return [...commits.keys()];
    },
    head,
    async fetchHead() {
      const at = await head();
      return at === undefined ? undefined : known(at);
    },
    findCommit: async (id) => commits.get(id),
    async history({ from, ...range }) {
      const since = 'since' in range ? range.since.getTime() : known(from).committedAt.getTime() - range.within;
      return ancestors(from)
        .filter(({ committedAt }) => committedAt.getTime() >= since)
        .toSorted((a, b) => b.committedAt.getTime() - a.committedAt.getTime());
    },
    isAncestor: async ({ ancestor, descendant }) => ancestors(descendant).some(({ id }) => id === ancestor),
    entry: async ({ commit, path }) => entryAt(known(commit).files, path),
    async list({ commit, folder }) {
      const { files } = known(commit);
      const inside = folder === '' ? '' : `${folder}/`;
      const names = Object.keys(files).flatMap((file) =>
        file.startsWith(inside) ? (file.slice(inside.length).split('/')[0] ?? []) : [],
      );
      return [...new Set(names)].sort().flatMap((name) => entryAt(files, `${inside}${name}`) ?? []);
    },
    async readFile({ commit, path }) {
      const text = known(commit).files[path];
      return text === undefined ? undefined : Buffer.from(text);
    },
    async files({ commit, folder }) {
      const { files } = known(commit);
      return Object.keys(files)
        .filter((path) => folder === '' || path.startsWith(`${folder}/`))
        .sort()
        .flatMap((path) => entryAt(files, path) ?? []);
    },
    readLink: async () => undefined,
    rawCommit: async (id) => Buffer.from(known(id).raw),
    checkout: async (commit) => ({ folder: commit, absent: [] }),
    async commit({ parent, changes, message }) {
      const before = parent === undefined ? {} : known(parent).files;
      const files = changes.reduce<Tree>((tree, change) => changed(tree, change, blobs), before);
      if (JSON.stringify(files) === JSON.stringify(before)) return 'unchanged';
      return make({ files, parents: parent === undefined ? [] : [parent], message });
    },
    async push({ id, parents: [parent] }) {
      if (branch !== parent) return 'moved';
      branch = id;
      return 'pushed';
    },
    readRef: async (name) => repository.refs.get(name),
    async writeRef({ name, commit }) {
      if (commit === undefined) repository.refs.delete(name);
      else repository.refs.set(name, commit);
      return 'written';
    },
    listRefs: async (prefixes) =>
      new Map([...repository.refs].filter(([name]) => prefixes.some((prefix) => name.startsWith(prefix)))),
    async writeNotes({ notes, refs }) {
      for (const { commit, text } of notes) repository.notes.set(commit, text);
      for (const { name, commit } of refs) repository.refs.set(name, commit);
      return 'written';
    },
    async fetchRef(name) {
      const id = repository.refs.get(name);
      return id === undefined ? undefined : await repository.findCommit(id);
    },
    writeBlob: unused,
  };
  return repository;
}

function treeId(files: readonly (readonly [string, string])[]): string {
  return sha1(JSON.stringify(files.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

function changed(tree: Tree, { path, content }: TreeChange, blobs: ReadonlyMap<string, string>): Tree {
  const left = Object.fromEntries(
    Object.entries(tree).filter(([file]) => file !== path && !file.startsWith(`${path}/`)),
  );
  if (content === undefined) return left;
  const text = content instanceof Uint8Array ? Buffer.from(content).toString('utf8') : blobs.get(content.blob);
  return { ...left, [path]: text ?? '' };
}
