import type { AlertSink } from '../config.ts';
import type { EnvironmentSource } from '../environment/environment-file.ts';
import type { Inputs } from '../environment/inputs.ts';
import type { Alert } from '../events/alert.ts';
import type { OutgoingEvent, Topic } from '../events/cloud-event.ts';
import type { ApiResource, ClusterApi } from '../objects/cluster-api.ts';
import type { UnpackArchive } from '../source/archive.ts';
import type { LookupQuery } from '../objects/lookup-query.ts';
import type { RefusalCause } from '../objects/refusal-cause.ts';
import type { KubernetesObject, ManagedFieldsEntry, RenderedHook, RenderedObject } from '../objects/kubernetes-object.ts';

/**
 * What the stages need of the outside world, one interface per outside system. A stage takes the ports it uses as
 * one argument; `shared/adapters` implements them. Ports translate and decide nothing: what a failure means for the
 * pipeline is the stage's business.
 */
export interface Ports {
  readonly now: () => Date;
  /** Resolves after that many milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly log: Log;
  readonly buckets: Buckets;
  readonly unpack: UnpackArchive;
  readonly state: StateStore;
  /** The repository of a class. Throws `UnknownRepository` for a class the configuration lacks. */
  readonly repository: (repositoryClass: string) => Repository;
  /**
   * A configured cluster, its connections kept warm, for the work of one environment: where the configuration says so, every request is made as
   * that environment's own user. Throws `UnknownCluster` for a name the configuration lacks.
   */
  readonly cluster: (asked: { name: string; repository: string; environment: string }) => Promise<Cluster>;
  readonly signatures: Signatures;
  readonly renderer: Renderer;
  readonly topics: Topics;
  readonly sinks: Sinks;
}

/** One structured line; `fields` land beside the message in the log entry. */
export type Log = (severity: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR', message: string, fields?: Record<string, unknown>) => void;

// --- Cloud Storage: the buckets CI uploads to -------------------------------------------------------------------

/** An object of a bucket as it is now. */
export interface StoredObject {
  readonly bucket: string;
  readonly name: string;
  /** Decimal digits; increases with every overwrite. */
  readonly generation: string;
  /** As stored. */
  readonly bytes: number;
  /** How it is packed, where its uploader said so: it is read unpacked, and how many bytes that are shows at its end. */
  readonly contentEncoding?: string;
  /** When this generation was written, by Storage's clock. */
  readonly createdAt: Date;
  /** Custom metadata, keys as uploaded. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Buckets {
  /** The live object, or undefined where the bucket holds none of that name. A failed read throws. */
  find(object: { bucket: string; name: string }): Promise<StoredObject | undefined>;
  /** Every live object of a bucket. A failed read throws. */
  list(bucket: string): Promise<readonly StoredObject[]>;
  /** The bytes of exactly that generation, or undefined where it is no longer there. */
  read(object: { bucket: string; name: string; generation: string }): Promise<AsyncIterable<Uint8Array> | undefined>;
}

/** What CI does with a bucket; no function does. */
export interface Uploads {
  /** The live object with the MD5 of its content (base64), or undefined where the bucket holds none of that name. */
  find(object: { bucket: string; name: string }): Promise<(StoredObject & { readonly md5: string | undefined }) | undefined>;
  /** Writes an object. `conflict` where the precondition does not hold. */
  write(upload: {
    bucket: string;
    name: string;
    content: Uint8Array;
    metadata: Readonly<Record<string, string>>;
    ifGeneration: Exclude<GenerationPrecondition, 'any'>;
  }): Promise<{ generation: string } | 'conflict'>;
}

// --- Cloud Storage: the state bucket ----------------------------------------------------------------------------

export interface StateObject {
  readonly value: unknown;
  readonly generation: string;
  /** When it was written, rounded up to the second, and when it was read, rounded down, both by Storage's clock: nothing is older than that. */
  readonly writtenAt: Date;
  readonly readAt: Date;
}

/** `absent`: write only where nothing is; `any`: overwrite; otherwise only where that generation is still live. */
export type GenerationPrecondition = 'absent' | 'any' | { readonly generation: string };

export interface StateStore {
  /** The JSON object at that path, or undefined where there is none. A failed read throws. */
  read(path: string): Promise<StateObject | undefined>;
  /** Writes the value as JSON. `conflict` where the precondition does not hold. */
  write(write: { path: string; value: unknown; ifGeneration: GenerationPrecondition }): Promise<{ generation: string } | 'conflict'>;
  /** The paths of every object that begins so, sorted. A failed read throws. */
  list(prefix: string): Promise<readonly string[]>;
  /** Deletes that generation of an object: `conflict` where another one is live. Where there is none, nothing is to do. */
  delete(object: { path: string; generation: string }): Promise<'deleted' | 'conflict'>;
}

// --- Git ---------------------------------------------------------------------------------------------------------

export interface Commit {
  readonly id: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: string;
  /** The epoch where the commit says no time that can be read. */
  readonly committedAt: Date;
}

export interface TreeEntry {
  /** Path from the repository's root, `/` between its parts; bytes that are not UTF-8 as `source/path-bytes.ts` writes them. */
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
}

/** A tree on this machine. Read-only. */
export interface Checkout {
  readonly folder: string;
  /** What of the tree is not in the folder. */
  readonly absent: readonly AbsentEntry[];
}

/** An entry of a tree that could not be brought to disk: it is there all the same, and whoever reads it is told why not. */
export interface AbsentEntry {
  readonly path: string;
  readonly kind: TreeEntry['kind'];
  /** In words that follow the path: `is a submodule, …`. */
  readonly reason: string;
}

/**
 * One branch of one repository of the Git host. Nothing here forces: a branch that moved is reported as moved. What reads a commit
 * or a tree throws `UnreadableObject` (refuse) for one that git cannot read either.
 */
export interface Repository {
  readonly repositoryClass: string;
  readonly url: string;
  readonly branch: string;
  /**
   * The commit the host says the branch is at now: one small request, no objects. Undefined for a repository without any branch; throws
   * `BranchMissing` (refuse) for one that has others.
   */
  head(): Promise<string | undefined>;
  /** Brings the branch head and its tree here, without history, and returns it. Undefined and throwing as `head`. */
  fetchHead(): Promise<Commit | undefined>;
  /**
   * The commits from `from` back (first parents and all others, newest first), to the ones committed before `since`, or more than
   * `within` milliseconds before `from`, whose clock may have been wrong.
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
  /** Every file below a folder of a fetched commit, links and submodules included, paths from the root, sorted as trees are. */
  files(at: { commit: string; folder: string }): Promise<readonly TreeEntry[]>;
  /** The bytes of a fetched commit as they were hashed, without git's own header: what a signature in it signs, and the signature. */
  rawCommit(id: string): Promise<Uint8Array>;
  /** The tree of a fetched commit in a local folder, which is one of those kept; it fails for no entry that nobody reads. */
  checkout(commit: string): Promise<Checkout>;
  /**
   * Brings a file here for a later `commit` and returns its id; nothing of it stays in memory. A stream's `bytes` must be
   * exactly what it yields: Git hashes the length first.
   */
  writeBlob(content: Uint8Array | { readonly bytes: number; readonly chunks: AsyncIterable<Uint8Array> }): Promise<string>;
  /**
   * Writes a commit on top of `parent` (undefined: the first commit) without pushing it: the changes to the parent's tree,
   * or to `tree`, the id of another whole tree of a fetched commit. `unchanged` where the result is the parent's tree.
   */
  commit(commit: { parent: string | undefined; changes: readonly TreeChange[]; message: string; tree?: string }): Promise<Commit | 'unchanged'>;
  /** Pushes a commit made by `commit`. `moved` where the branch is no longer at that commit's parent. */
  push(commit: Commit): Promise<'pushed' | 'moved'>;
  /** The commit that any ref (`refs/…`, its full name) of the host is at now: one small request. Undefined where there is none. */
  readRef(name: string): Promise<string | undefined>;
  /**
   * Compare-and-swap of any ref (`refs/…`) of the host: points it at a commit that is here or on the host, where it is still
   * at `expected` (undefined: does not exist), and nothing is forced beyond that. `moved` where it is not. Without a commit, the ref is deleted.
   */
  writeRef(write: { name: string; expected: string | undefined; commit: string | undefined }): Promise<'written' | 'moved'>;
  /** Brings the tip of any ref (`refs/…`) and its tree here, without history. Undefined where the host has no such ref. */
  fetchRef(name: string): Promise<Commit | undefined>;
  /**
   * Appends a paragraph to the note of a commit below `ref` (`refs/notes/converge`), as `git notes append` does; safe beside
   * other writers. A note that holds that paragraph already stays as it is.
   */
  addNote(note: { ref: string; commit: string; text: string }): Promise<void>;
}

// --- Signatures of commits ---------------------------------------------------------------------------------------

/** What the operator trusts in one repository: the texts of the files that the configuration names. */
export interface TrustRoot {
  readonly allowedSigners: string | undefined;
  readonly openpgpKeys: string | undefined;
}

/** The key: its fingerprint, or the id that the signature names. `why` follows "the key …". */
export type OpenpgpVerdict = { readonly verdict: 'good'; readonly key: string } | { readonly verdict: 'bad'; readonly key: string; readonly why: string };

/** Whether one of the armored public keys made the signature of the payload, and might. Keys that cannot be read allow nothing. */
export type VerifyOpenpgp = (check: { armored: string; payload: Uint8Array; keys: string; now: Date }) => Promise<OpenpgpVerdict>;

export interface Signatures {
  /** Undefined where the operator wants no signatures in that repository. Throws `BadConfiguration` (refuse) where a file cannot be read. */
  trustRoot(repositoryClass: string): Promise<TrustRoot | undefined>;
  readonly verifyOpenpgp: VerifyOpenpgp;
}

// --- Rendering ---------------------------------------------------------------------------------------------------

export interface RenderRequest {
  /** The local folder that holds the repository's tree; nothing outside it is read. */
  readonly root: string;
  /** What of the tree the folder lacks: whoever reads it fails. */
  readonly absent: readonly AbsentEntry[];
  readonly sources: readonly EnvironmentSource[];
  readonly namespace: string;
  /** The cluster's own, like `v1.36.3`. */
  readonly kubernetesVersion: string;
  /** What the cluster serves, as Helm's `.Capabilities.APIVersions` lists it: `apps/v1` and `apps/v1/Deployment`. */
  readonly apiVersions: readonly string[];
  readonly limits: { readonly seconds: number; readonly mebibytes: number };
  /** Asked where a template draws random values or reads the clock. */
  readonly seed: () => Promise<RenderSeed>;
  /** Asked where a template looks something up; undefined: templates may not. */
  readonly lookup: ((query: LookupQuery) => Promise<LookupAnswer>) | undefined;
}

/** What an environment's random values are made from, and the time at which its clock stands: ISO 8601. */
export interface RenderSeed {
  /** Base64 of 16 bytes or more. */
  readonly seed: string;
  readonly time: string;
}

export type { LookupQuery };

/** An object, a list, or null where the cluster has no such object; or why that cannot be asked. */
export type LookupAnswer = { readonly found: unknown } | { readonly refused: string };

export interface Render {
  readonly objects: readonly RenderedObject[];
  /** Helm hooks other than `test`, which are never rendered for apply. */
  readonly hooks: readonly RenderedHook[];
  /** Every file that was read, sorted, from the repository's root. */
  readonly reads: readonly string[];
  /** Characters of it all as JSON. */
  readonly size: number;
  /** Of each object and hook, the index of its source in the request; only where sources share a file, which then does not tell them apart. */
  readonly madeBy?: { readonly objects: readonly number[]; readonly hooks: readonly number[] };
}

export interface Renderer {
  /** Another one may render otherwise. Throws `BadConfiguration` (refuse) where the program is missing. */
  version(): Promise<string>;
  /**
   * Renders all sources in their order. Throws `RenderFailed` (refuse) with the library's own message, chart and file,
   * for input that does not render, and where the limits of time or memory are hit; and whatever `seed` or `lookup` throw.
   */
  render(request: RenderRequest): Promise<Render>;
  /** Renders that this instance keeps. */
  readonly kept: KeptRenders;
}

export interface KeptRender {
  /** The Git object ids of what it read beside the paths that its key covers. */
  readonly inputs: Inputs;
  /** What it asked of the cluster, each question with a hash of the answer. */
  readonly answers: readonly { readonly question: RenderQuestion; readonly hash: string }[];
  readonly render: Render;
}

export type RenderQuestion = { readonly asks: 'seed' } | { readonly asks: 'lookup'; readonly query: LookupQuery };

/** A bounded memory: what was used longest ago is given up first. */
export interface KeptRenders {
  /** The renders kept under a key; which of them still holds is for the caller to find out. */
  find(key: string): readonly KeptRender[];
  keep(key: string, render: KeptRender): void;
}

// --- Kubernetes --------------------------------------------------------------------------------------------------

/** What the API server answered: the object, or its own words about why not. */
export type ApplyResult =
  | { readonly outcome: 'applied'; readonly object: KubernetesObject }
  /** `causes`: what of the object is refused, where the API server says it; `message` is cut to what a person reads. */
  | { readonly outcome: 'rejected'; readonly status: number; readonly reason: string; readonly message: string; readonly causes: readonly RefusalCause[] };

export type DeleteResult =
  /** `gone`: the API server says that nothing is left of it; otherwise finalizers or its grace period may hold it. */
  | { readonly outcome: 'deleted'; readonly gone: boolean }
  | { readonly outcome: 'absent' }
  /** The kind is not served in that version: this says nothing about the object. */
  | { readonly outcome: 'unserved' }
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'rejected'; readonly status: number; readonly reason: string; readonly message: string };

export interface Cluster {
  readonly name: string;
  /** Version and served kinds; `refresh` asks again (after CRDs were applied). Throws `ClusterUnavailable`. */
  api(options?: { refresh: boolean }): Promise<ClusterApi>;
  /** One object, or undefined where there is none. A failed read throws. */
  get(target: { resource: ApiResource; namespace: string | undefined; name: string }): Promise<KubernetesObject | undefined>;
  /** Every object of a kind in a namespace (undefined: cluster-wide), all pages, `metadata` alone or whole. A failed read throws. */
  list(query: { resource: ApiResource; namespace: string | undefined; labelSelector?: string; content: 'whole' | 'metadata' }): Promise<readonly KubernetesObject[]>;
  /**
   * Forced server-side apply by the field manager `converge`. With a uid or a resourceVersion in its metadata it is refused
   * with 409 where the live object has another. Never throws for what the API server refuses about the object; throws
   * `ClusterUnavailable` where the API server stays overloaded, or does not answer.
   */
  apply(target: { resource: ApiResource; object: KubernetesObject; dryRun: boolean }): Promise<ApplyResult>;
  /**
   * Writes who owns which field of exactly that incarnation of the object, takes the labels and annotations of these names
   * off it (it must carry them), and nothing else: 409 where uid or resourceVersion no longer match.
   */
  writeManagedFields(target: {
    resource: ApiResource;
    namespace: string | undefined;
    name: string;
    uid: string;
    resourceVersion: string;
    managedFields: readonly ManagedFieldsEntry[];
    without?: { readonly labels: readonly string[]; readonly annotations: readonly string[] };
  }): Promise<ApplyResult>;
  /** Deletes exactly that incarnation of the object (in that version, where one is given): `changed` where they no longer match. */
  delete(target: { resource: ApiResource; namespace: string | undefined; name: string; uid: string; resourceVersion?: string }): Promise<DeleteResult>;
}

// --- Pub/Sub and alert sinks -------------------------------------------------------------------------------------

export interface Topics {
  /** Resolves when Pub/Sub has the message. */
  publish(topic: Topic, event: OutgoingEvent): Promise<void>;
}

export interface Sinks {
  /** Delivers one alert to one sink. Throws `SinkUnavailable` (retry) or `SinkRefused` (refuse). */
  deliver(delivery: { sink: AlertSink; alert: Alert; id: string }): Promise<void>;
}
