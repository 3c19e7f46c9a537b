import { z } from 'zod';
import { isOpen, leavesTheRest } from '../memory/incident.ts';
import { environmentPath } from '../environment/environment-file.ts';
import { declaredPaths, isMadeOf, sameInputs, type Inputs } from '../environment/inputs.ts';
import { parseTime } from '../base/time.ts';
import type { LookTimes } from '../memory/look-times.ts';
import { emptyMemory, type Memory } from '../memory/memory.ts';
import { ConvergeError } from '../base/errors.ts';
import { asPlannedSchema, diffSchema } from '../events/alert.ts';
import { encodeTryAgain } from '../events/reconcile-requested.ts';
import { listEnvironments, readEnvironment, type Declaration } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import type { Ports } from '../ports/ports.ts';
import type { Commit, Repository } from '../ports/git.ts';
import { environmentStates } from './common/environment-status.ts';
import { recallLooks } from './common/recall-looks.ts';
import { inParallel } from './common/parallel.ts';
import { readInputs } from './common/render-inputs.ts';
import { recallMemories, type Recalled } from './common/remembered-environments.ts';
import { revertsIn } from './common/reverts.ts';
import { ignoredFiles } from './common/unused-files.ts';
import type { WaitWords } from './common/wait-words.ts';
import { changedPaths } from './rollback/changed-paths.ts';
import { artifactUri, parseArtifactUri, pathOfArtifact, type ArtifactId } from '../source/artifact.ts';
import { parseProvenance } from '../source/commit-message.ts';
import { environmentSuspension } from '../environment/suspension.ts';

const environmentAtCommitSchema = z.object({
  name: z.string(),
  /** `Converged`: at this commit, at a later one, or with the inputs that the branch has now. */
  state: environmentStates.exclude(['Removing', 'Frozen', 'Stale', 'Unknown']),
  /** The revision converged last; empty where there is none. */
  revision: z.string(),
  message: z.string(),
  /** The alert of the incident that is open at this commit or a later one. */
  diff: diffSchema.nullable(),
  /**
   * The commit that took this one back for the environment, and why where Converge did; null where none did. A function
   * of the version before does not say.
   */
  rolledBack: z.object({ by: z.string(), reason: z.string().nullable() }).nullable().default(null),
  /** What was done of this commit beside what was planned of it on a pull request; absent: nothing was. */
  plan: asPlannedSchema.optional(),
});

/** What became of one commit, in the environments whose inputs it changed. */
export const commitStatusSchema = z.object({
  repository: z.string(),
  commit: z.string(),
  environments: z.array(environmentAtCommitSchema),
  /** The uploads that it copied: `gs://bucket/name#generation`. A function of the version before does not say. */
  artifacts: z.array(z.string()).default([]),
  /**
   * Those of them, and of the ones that were asked for, whose paths the head of the branch has as this commit has them. A
   * function of the version before does not say.
   */
  standing: z.array(z.string()).default([]),
  /**
   * Files that it changed, and that are ignored though they are meant as environment files, as it seems; `message`
   * follows the path. A function of the version before does not say.
   */
  ignored: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
});

export type EnvironmentAtCommit = Readonly<z.infer<typeof environmentAtCommitSchema>>;
export type CommitStatus = Readonly<z.infer<typeof commitStatusSchema>>;

type CommitStatusPorts = Pick<Ports, 'now' | 'repository' | 'state'>;

/**
 * How far behind the head a commit is looked for: whoever asks for any commit there ever was would make the function
 * fetch it all.
 */
const sinceMilliseconds = 7 * 24 * 3_600_000;

export interface AskedCommit {
  readonly repository: string;
  readonly commit: string;
  /**
   * Uploads that made no commit, because this one had their content: what is asked for are the environments that are made
   * of them, and one that failed counts as failed once it was tried for one of them.
   */
  readonly again?: readonly ArtifactId[];
  /** Told of an environment that is on its way: what keeps it, in words. Absent: what it remembers of that. */
  readonly waits?: WaitWords;
}

/**
 * Which environments a commit of the branch affects (an input has another Git object id than before it), and how far
 * each is. Reads Git and the state bucket, never a cluster. Throws `BadRequest` (refuse) for what is no recent commit
 * of the branch.
 */
export async function commitStatus(
  { repository: repositoryClass, commit: id, again = [], waits = async () => '' }: AskedCommit,
  ports: CommitStatusPorts,
): Promise<CommitStatus> {
  const repository = ports.repository(repositoryClass);
  const head = await fetchBranch({ repository, state: ports.state });
  const commits = head === undefined ? [] : await recentCommits({ repository, head, milliseconds: sinceMilliseconds });
  const commit = commits.find((known) => known.id === id);
  if (head === undefined || commit === undefined) {
    throw new ConvergeError({
      code: 'BadRequest',
      subject: `${repositoryClass} ${id}`,
      message: `is none of the commits of the last 7 days before the head of ${repository.branch}`,
      disposition: 'refuse',
    });
  }
  const names = await listEnvironments({ repository, commit: head.id });
  const remembered = await recallMemories({ repository: repositoryClass }, ports);
  const nothing: Recalled = { memory: emptyMemory(ports.now()) };
  const atOrAfter = commitsFrom({ commit, commits });
  const look = { repository, commit, head: head.id, atOrAfter, commits, again, waits, now: ports.now() };
  const { artifacts } = parseProvenance(commit.message);
  const looks: ReadonlyMap<string, LookTimes> =
    again.length === 0 ? new Map() : await recallLooks({ repository: repositoryClass }, ports);
  const environments = await inParallel(names, async (name) =>
    lookAtEnvironment({
      name,
      ...look,
      checkedAt: looks.get(name)?.checkedAt ?? null,
      recalled: remembered.get(name) ?? nothing,
    }),
  );
  return {
    repository: repositoryClass,
    commit: id,
    environments: environments.filter((environment) => environment !== undefined),
    artifacts: artifacts.map(artifactUri),
    standing: await standingOf({ repository, commit: id, head: head.id, artifacts: [...artifacts, ...again] }),
    ignored: await ignoredOf({ repository, commit }),
  };
}

async function standingOf({
  repository,
  commit,
  head,
  artifacts,
}: {
  repository: Repository;
  commit: string;
  head: string;
  artifacts: readonly ArtifactId[];
}): Promise<string[]> {
  const placed = artifacts.flatMap((artifact) => {
    const path = pathOfArtifact(artifact);
    return path === undefined ? [] : [{ artifact, path }];
  });
  const paths = [...new Set(placed.map(({ path }) => path))];
  const [then, now] = await Promise.all([
    readInputs({ repository, commit, paths }),
    readInputs({ repository, commit: head, paths }),
  ]);
  const stands = (path: string): boolean => (then[path] ?? null) !== null && then[path] === now[path];
  return placed.filter(({ path }) => stands(path)).map(({ artifact }) => artifactUri(artifact));
}

type Ignored = CommitStatus['ignored'];
/** Whoever waits for a commit asks twice a second, and it stays what it is. */
const keptIgnored = new WeakMap<Repository, Map<string, Ignored>>();
const mostKept = 50;

/** None where nobody can read them, or they are too large to be: this is no reason to say nothing of the environments. */
async function ignoredOf(of: { repository: Repository; commit: Commit }): Promise<Ignored> {
  const kept = keptIgnored.get(of.repository) ?? new Map<string, Ignored>();
  keptIgnored.set(of.repository, kept);
  const known = kept.get(of.commit.id);
  if (known !== undefined) return known;
  try {
    const ignored = await ignoredAt(of);
    if (kept.size >= mostKept) kept.clear();
    kept.set(of.commit.id, ignored);
    return ignored;
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return [];
    throw error;
  }
}

async function ignoredAt({
  repository,
  commit: { id, parents },
}: {
  repository: Repository;
  commit: Commit;
}): Promise<Ignored> {
  const [parent] = parents;
  const files =
    parent === undefined
      ? (await repository.files({ commit: id, folder: '' })).map(({ path }) => path)
      : (await changedPaths({ repository, paths: [''], to: parent, from: id, head: id })).map(({ path }) => path);
  return (await ignoredFiles({ repository, commit: id, files })).map(({ path, message }) => ({ path, message }));
}

/**
 * The head and what was committed no longer than that before it, newest first: a branch that nobody touches has a
 * history, too.
 */
export async function recentCommits({
  repository,
  head,
  milliseconds,
}: {
  repository: Repository;
  head: Commit;
  milliseconds: number;
}): Promise<readonly Commit[]> {
  return await repository.history({ from: head.id, within: milliseconds });
}

/** The ids of a commit and its descendants, of commits that are sorted newest first. */
function commitsFrom({ commit, commits }: { commit: Commit; commits: readonly Commit[] }): ReadonlySet<string> {
  const found = new Set([commit.id]);
  for (const { id, parents } of commits.toReversed()) if (parents.some((parent) => found.has(parent))) found.add(id);
  return found;
}

/** Undefined where the commit does not touch the environment. */
async function lookAtEnvironment({
  name,
  repository,
  commit,
  head,
  atOrAfter,
  commits,
  again,
  checkedAt,
  waits,
  now,
  recalled: { memory, unreadable },
}: {
  name: string;
  repository: Repository;
  commit: Commit;
  head: string;
  atOrAfter: ReadonlySet<string>;
  commits: readonly Commit[];
  again: readonly ArtifactId[];
  checkedAt: string | null;
  waits: WaitWords;
  now: Date;
  recalled: Recalled;
}): Promise<EnvironmentAtCommit | undefined> {
  const declared = await readEnvironment({ repository, commit: head, name });
  const paths = pathsOf({ name, declared, memory });
  const ofIt = again.filter((artifact) => isMadeOf(paths, pathOfArtifact(artifact) ?? ''));
  if (again.length > 0 ? ofIt.length === 0 : !(await isChanged({ repository, commit, paths }))) return undefined;

  const { converged, attempted, incident } = memory;
  const rolledBack = rolledBackOf({ name, commit: commit.id, commits, memory });
  const facts = { name, revision: converged?.revision ?? '', rolledBack };
  if (declared.state === 'declared' && environmentSuspension(declared.environment, now) !== undefined)
    return { ...facts, state: 'Suspended', message: '', diff: null };
  if (converged !== undefined) {
    const wanted = await readInputs({ repository, commit: head, paths: Object.keys(converged.inputs) });
    if (atOrAfter.has(converged.commit) || sameInputs({ attempted: converged.inputs, current: wanted })) {
      const isOfIt = [converged.commit, converged.cause?.commit].includes(commit.id);
      const plan = isOfIt && converged.plan !== undefined ? { plan: converged.plan } : {};
      return { ...facts, state: 'Converged', message: '', diff: null, ...plan };
    }
  }
  const isTold =
    isOpen(incident) &&
    incident.diff !== undefined &&
    attempted !== undefined &&
    incident.revision === attempted.revision &&
    (atOrAfter.has(attempted.commit) || (await isAsAttempted({ repository, head, attempted })));
  const isDue = !wasTried({ name, repository, commit: commit.id, atOrAfter, again: ofIt, checkedAt, memory });
  // Drift that is about to be healed is on its way.
  if (isTold && incident.diff?.action !== 'healing' && !isDue) {
    return {
      ...facts,
      state: leavesTheRest(incident) ? 'Diverged' : 'Failed',
      message: incident.summary,
      diff: incident.diff ?? null,
    };
  }
  const cluster = (declared.state === 'declared' ? declared.environment.cluster : undefined) ?? memory.cluster;
  const keepsIt = async (): Promise<string> => {
    const remembered = memory.held?.message ?? memory.waiting?.message ?? '';
    return [remembered, await waits({ environment: name, memory, cluster })].filter((words) => words !== '').join('; ');
  };
  const message =
    unreadable === undefined
      ? [isTold && isDue ? `it failed, and is tried again: ${incident.summary}` : '', await keepsIt()]
          .filter((words) => words !== '')
          .join('; ')
      : `what is remembered of it ${unreadable}: the next look rebuilds it`;
  return { ...facts, state: 'Converging', message, diff: null };
}

async function isChanged({
  repository,
  commit,
  paths,
}: {
  repository: Repository;
  commit: Commit;
  paths: readonly string[];
}): Promise<boolean> {
  const [after, before] = await Promise.all([
    readInputs({ repository, commit: commit.id, paths }),
    inputsBefore({ repository, commit, paths }),
  ]);
  return !sameInputs({ attempted: before, current: after });
}

/**
 * Whether what failed was tried since the uploads that ask for it: for one of them, as its memory says, or at a later
 * commit. What is not healthy has no tries: there it is whether it was looked at since.
 */
function wasTried({
  name,
  repository,
  commit,
  atOrAfter,
  again,
  checkedAt,
  memory: { retry, attempted },
}: {
  name: string;
  repository: Repository;
  commit: string;
  atOrAfter: ReadonlySet<string>;
  again: readonly ArtifactId[];
  checkedAt: string | null;
  memory: Memory;
}): boolean {
  if (again.length === 0) return true;
  if (attempted !== undefined && attempted.commit !== commit && atOrAfter.has(attempted.commit)) return true;
  if (retry === undefined) {
    // Looks are told in whole seconds, rounded down.
    const until = checkedAt === null ? 0 : parseTime(checkedAt) + 1000;
    return again.some((artifact) => uploadedAt(artifact) < until);
  }
  const of = { repository: repository.repositoryClass, environment: name, head: '', time: new Date(0) };
  return again.some((artifact) => retry.tried?.includes(encodeTryAgain({ ...of, artifact: artifactUri(artifact) }).id));
}

/**
 * Milliseconds since 1970: Storage numbers generations by the microsecond, as everybody sees and nobody promises. What is no such
 * time was uploaded at none.
 */
function uploadedAt({ generation }: ArtifactId): number {
  const at = Number(BigInt(generation) / 1000n);
  return at > Date.UTC(2010) && at < Date.UTC(2100) ? at : 0;
}

/** A revert that was taken back itself took nothing back. */
function rolledBackOf({
  name,
  commit,
  commits,
  memory: { quarantine },
}: {
  name: string;
  commit: string;
  commits: readonly Commit[];
  memory: Memory;
}): EnvironmentAtCommit['rolledBack'] {
  const reverts = revertsIn({ commits, environment: name });
  const by = reverts.get(commit);
  if (by === undefined || reverts.has(by)) return null;
  return { by, reason: quarantine?.revert === by ? quarantine.reason : null };
}

/** Whether nothing changed since of what was read: what failed of it is tried again by the schedule alone. */
async function isAsAttempted({
  repository,
  head,
  attempted: { inputs },
}: {
  repository: Repository;
  head: string;
  attempted: NonNullable<Memory['attempted']>;
}): Promise<boolean> {
  const current = await readInputs({ repository, commit: head, paths: Object.keys(inputs) });
  return sameInputs({ attempted: inputs, current });
}

/**
 * What the environment is made of, as far as that is known without a render: what its file names, itself alone where it
 * is wrong or not there, and what the last render that ended well read beside it. Never the whole tree.
 */
export function pathsOf({ name, declared, memory }: { name: string; declared: Declaration; memory: Memory }): string[] {
  const named = declared.state === 'declared' ? declaredPaths(declared.environment) : [environmentPath(name)];
  return [...new Set([...named, ...Object.keys(memory.converged?.inputs ?? {})])].filter((path) => path !== '').sort();
}

/** At the commit's first parent; nothing is there before the first commit. */
export async function inputsBefore({
  repository,
  commit,
  paths,
}: {
  repository: Repository;
  commit: Commit;
  paths: readonly string[];
}): Promise<Inputs> {
  const [parent] = commit.parents;
  return parent === undefined
    ? Object.fromEntries(paths.map((path) => [path, null]))
    : await readInputs({ repository, commit: parent, paths });
}

/** One question may name so many: the command asks again for more. */
const mostArtifacts = 50;

/**
 * The uploads that a question names, once or again. Throws `BadRequest` (refuse) for what is none, and for too many.
 */
export function parseAgain(asked: unknown): readonly ArtifactId[] {
  const uris = asked === undefined ? [] : Array.isArray(asked) ? asked : [asked];
  const bad = (message: string) =>
    new ConvergeError({ code: 'BadRequest', subject: 'artifact', message, disposition: 'refuse' });
  if (uris.length > mostArtifacts) throw bad(`is given more than ${mostArtifacts} times`);
  return uris.map((uri: unknown) => {
    const artifact = typeof uri === 'string' ? parseArtifactUri(uri) : undefined;
    if (artifact === undefined) throw bad('is no gs://BUCKET/NAME#GENERATION');
    return artifact;
  });
}
