export interface Commit {
  readonly id: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  /** The epoch where the commit says no time that can be read. */
  readonly committedAt: Date;
}

export interface TreeEntry {
  /**
   * Path from the repository's root, `/` between its parts; bytes that are not UTF-8 as `source/path-bytes.ts` writes
   * them.
   */
  readonly path: string;
  readonly kind: 'file' | 'executable' | 'symlink' | 'folder' | 'submodule';
  readonly id: string;
}

/**
 * A change to one path of a tree: bytes, a blob that `writeBlob` wrote or that the repository holds, or undefined for a
 * deletion of the file or of the whole folder.
 */
export interface TreeChange {
  readonly path: string;
  readonly content: Uint8Array | { readonly blob: string } | undefined;
  readonly executable: boolean;
  /** That it is a symbolic link, which leads where its content says. */
  readonly link?: true;
}

/** A tree on this machine. Read-only. */
export interface Checkout {
  readonly folder: string;
  /** What of the tree is not in the folder, and cannot be. */
  readonly absent: readonly AbsentEntry[];
  /** Undefined where all the rest is in it. */
  readonly partial?: PartialCheckout;
}

/** A checkout of some paths: other files and folders are empty in it, or not there, until they are brought. */
export interface PartialCheckout {
  /** The paths that are there with all below them; of the folders above these, all entries are there. */
  readonly whole: readonly string[];
  /**
   * Brings the content of a file, or the entries of a folder (empty: the root), and resolves with all that cannot be
   * there by now; `unknown` where the tree has neither at that path. Throws `GitUnavailable` (retry).
   */
  bring(path: string): Promise<{ readonly absent: readonly AbsentEntry[] } | 'unknown'>;
}

/**
 * An entry of a tree that could not be brought to disk: it is there all the same, and whoever reads it is told why not.
 */
export interface AbsentEntry {
  readonly path: string;
  readonly kind: TreeEntry['kind'];
  /** In words that follow the path: `is a submodule, …`. */
  readonly reason: string;
}

/**
 * One branch of one repository of the Git host. Nothing here forces: a branch that moved is reported as moved. What
 * reads a commit or a tree throws `UnreadableObject` (refuse) for one that git cannot read either.
 */
export interface Repository {
  readonly repositoryClass: string;
  readonly url: string;
  readonly branch: string;
  /**
   * The commit the host says the branch is at now: one small request, no objects. Undefined for a repository without
   * any branch; throws `BranchMissing` (refuse) for one that has others.
   */
  head(): Promise<string | undefined>;
  /** Brings the branch head and its tree here, without history, and returns it. Undefined and throwing as `head`. */
  fetchHead(): Promise<Commit | undefined>;
  /** A commit that was fetched before, with its tree; undefined where it is not here. No request. */
  findCommit(id: string): Promise<Commit | undefined>;
  /**
   * The commits from `from` back (first parents and all others, newest first), to the ones committed before `since`, or
   * more than `within` milliseconds before `from`, whose clock may have been wrong. So may that of others: up to twelve
   * in a row that look older, with one in the range behind them, are in it.
   */
  history(range: { from: string } & ({ since: Date } | { within: number })): Promise<readonly Commit[]>;
  /** Whether `ancestor` is `descendant` or one of its ancestors. Fetches as much history as the answer takes. */
  isAncestor(pair: { ancestor: string; descendant: string }): Promise<boolean>;
  /** The entry at a path of a fetched commit (`''` is the root folder), or undefined where nothing is there. */
  entry(at: { commit: string; path: string }): Promise<TreeEntry | undefined>;
  /** The direct children of a folder of a fetched commit; empty where there is no such folder. */
  list(at: { commit: string; folder: string }): Promise<readonly TreeEntry[]>;
  /** The bytes of a file of a fetched commit, or undefined where there is no file. */
  readFile(at: { commit: string; path: string }): Promise<Uint8Array | undefined>;
  /** Where a link of a fetched commit leads, as it says, or undefined where there is no link. */
  readLink(at: { commit: string; path: string }): Promise<string | undefined>;
  /**
   * Every file below a folder of a fetched commit, links and submodules included, paths from the root, sorted as trees
   * are.
   */
  files(at: { commit: string; folder: string }): Promise<readonly TreeEntry[]>;
  /**
   * The bytes of a fetched commit as they were hashed, without git's own header: what a signature in it signs, and the
   * signature.
   */
  rawCommit(id: string): Promise<Uint8Array>;
  /**
   * The tree of a fetched commit in a local folder, which is one of those kept, or `paths` of it, and the rest as it is
   * asked for; it fails for no entry that nobody reads.
   */
  checkout(commit: string, paths?: readonly string[]): Promise<Checkout>;
  /**
   * Brings a file here for a later `commit` and returns its id; nothing of it stays in memory. A stream's `bytes` must
   * be exactly what it yields: Git hashes the length first.
   */
  writeBlob(
    content: Uint8Array | { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> },
  ): Promise<string>;
  /**
   * Writes a commit on top of `parent` (undefined: the first commit) without pushing it: the changes to the parent's
   * tree, or to `tree`, the id of another whole tree of a fetched commit. `unchanged` where the result is the parent's
   * tree. One that is made to be looked at alone is signed by nobody, and cannot be pushed.
   */
  commit(commit: {
    parent: string | undefined;
    changes: readonly TreeChange[];
    message: string;
    tree?: string;
    use?: 'push' | 'look';
  }): Promise<Commit | 'unchanged'>;
  /** Pushes a commit made by `commit`. `moved` where the branch is no longer at that commit's parent. */
  push(commit: Commit): Promise<'pushed' | 'moved'>;
  /**
   * The commit that any ref (`refs/…`, its full name) of the host is at now: one small request. Undefined where there
   * is none.
   */
  readRef(name: string): Promise<string | undefined>;
  /**
   * Compare-and-swap of any ref (`refs/…`) of the host: points it at a commit that is here or on the host, where it is
   * still at `expected` (undefined: does not exist), and nothing is forced beyond that. `moved` where it is not.
   * Without a commit, the ref is deleted.
   */
  writeRef(write: {
    name: string;
    expected: string | undefined;
    commit: string | undefined;
  }): Promise<'written' | 'moved'>;
  /**
   * Brings the tip of any ref (`refs/…`) and its tree here, without history. Undefined where the host has no such ref.
   */
  fetchRef(name: string): Promise<Commit | undefined>;
  /** The refs (`refs/…`) of the host whose names begin with one of these, and their commits: one small request. */
  listRefs(prefixes: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /**
   * Appends paragraphs to the notes of commits below `ref` (`refs/notes/converge`), which is now `at` that commit, as
   * `git notes append` does, and moves other refs as `writeRef`: all in one push. A paragraph that its note holds
   * already is not added again. `moved` where any of the refs is elsewhere: nothing is written then, or, by a host that
   * cannot push as a whole, some of it. Nothing of it comes into the clone that the branch is read from.
   */
  writeNotes(write: {
    ref: string;
    at: string | undefined;
    notes: readonly { readonly commit: string; readonly text: string }[];
    refs: readonly { readonly name: string; readonly expected: string | undefined; readonly commit: string }[];
  }): Promise<'written' | 'moved'>;
}
