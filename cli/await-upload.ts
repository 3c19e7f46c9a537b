import { objectTitle } from '../shared/objects/object-id.ts';
import { ConvergeError } from '../shared/base/errors.ts';
import type { FieldDiff, ObjectDiff } from '../shared/drift/object-diff.ts';
import type { Diff } from '../shared/events/alert.ts';
import type { UploadRefused } from '../shared/events/upload-alert.ts';
import type { CommitStatus, EnvironmentAtCommit } from '../shared/pipeline/commit-status.ts';
import { findUpload } from '../shared/pipeline/common/find-upload.ts';
import { artifactUri, type ArtifactId } from '../shared/source/artifact.ts';
import { plainRevision, type Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { readCommitStatus } from './read-status.ts';

const pollMilliseconds = 500;

/** What became of the environments that the commits affect. */
export interface Outcome {
  readonly environments: readonly EnvironmentAtCommit[];
  readonly failed: readonly EnvironmentAtCommit[];
  /** Those that were still on their way when the time was over. */
  readonly late: readonly EnvironmentAtCommit[];
  /** The uploads that the commits copied: others changed nothing. */
  readonly artifacts: readonly string[];
  /** Files of the commits that are meant as environment files, as it seems, and are ignored, each with why. */
  readonly ignored: readonly string[];
  readonly lines: readonly Line[];
}

/**
 * The commit that an upload became. Throws `CommandError` with exit code 1 where it was refused, and at the deadline
 * (milliseconds since the epoch).
 *
 * A ledger that may not be read is one that is not there yet, until the deadline: Cloud Storage answers 403 for an
 * object that is not there to who may not list the bucket.
 */
export async function awaitCommit(
  context: Context,
  { repositoryClass, artifact, deadline }: { repositoryClass: string; artifact: ArtifactId; deadline: number },
): Promise<string> {
  const state = await context.open.state();
  context.progress(`waits until ${artifactUri(artifact)} is committed`);
  while (true) {
    const landing = await mayBeUnwritten(findUpload({ ...artifact, repositoryClass }, { state }));
    if (typeof landing === 'object') {
      if (landing.landing === 'committed') return landing.commit;
      throw refusedUpload({ artifact, alert: landing.alert });
    }
    if (context.ports.now().getTime() >= deadline) throw lateCommit({ artifact, landing });
    await context.ports.sleep(pollMilliseconds);
  }
}

function refusedUpload({ artifact, alert }: { artifact: ArtifactId; alert: UploadRefused | undefined }): CommandError {
  const why = 'converge dead-letters says why to whoever may look at them, and so does the log of copyArtifact';
  return new CommandError({
    subject: artifactUri(artifact),
    message: alert === undefined ? 'was refused' : `was refused (${alert.reason}): ${alert.message}`,
    remedy: alert === undefined ? why : (alert.remedy ?? 'upload it anew once that is mended'),
    exit: 1,
  });
}

/** Whether the ledger, where it may be read, says that this generation was refused. */
export async function wasRefused(
  context: Context,
  artifact: ArtifactId & { readonly repositoryClass: string },
): Promise<boolean> {
  const landing = await mayBeUnwritten(findUpload(artifact, { state: await context.open.state() }));
  return typeof landing === 'object' && landing.landing === 'refused';
}

async function mayBeUnwritten<T>(reading: Promise<T>): Promise<T | 'forbidden'> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ConvergeError && error.code === 'StorageRefused') return 'forbidden';
    throw error;
  }
}

function lateCommit({ artifact, landing }: { artifact: ArtifactId; landing: 'forbidden' | undefined }): CommandError {
  return new CommandError({
    subject: artifactUri(artifact),
    message: landing === 'forbidden' ? 'its ledger is not there, or may not be read' : 'was not committed in time',
    remedy:
      landing === 'forbidden'
        ? 'the log of copyArtifact says whether it was committed; the pipeline needs storage.objects.get on ledger/ of the state bucket (`rights: follow`)'
        : 'the log of copyArtifact says why, and converge dead-letters where it was refused or given up',
    exit: 1,
  });
}

/** The commits that uploads became, each with those of them; a commit that somebody else made may have had their content. */
export type Landed = ReadonlyMap<string, readonly ArtifactId[]>;

/**
 * Waits until every environment that the commits affect has converged at them or later, or one has failed and the
 * others are settled. What fails is looked at twice: a notice that goes by is none.
 */
export async function awaitConvergence(
  context: Context,
  { repositoryClass, landed, deadline }: { repositoryClass: string; landed: Landed; deadline: number },
): Promise<Outcome> {
  let failedBefore = new Set<string>();
  while (true) {
    const found = await look(context, { repositoryClass, landed, deadline });
    const environments = found?.environments;
    const failed = environments?.filter(({ state }) => state === 'Failed' || state === 'Diverged') ?? [];
    const isConfirmed = failed.every(({ name }) => failedBefore.has(name));
    failedBefore = new Set(failed.map(({ name }) => name));
    const late = environments?.filter(({ state }) => state === 'Converging') ?? [];
    if (found !== undefined && environments !== undefined) {
      const done = environments.length - failed.length - late.length;
      const waits = late.map(({ name, message }) => `; ${name}: ${message === '' ? 'on its way' : message}`).join('');
      context.progress(`${done} of ${environments.length} environments converged${waits}`);
      const isOver = context.ports.now().getTime() >= deadline;
      if ((late.length === 0 && isConfirmed) || isOver)
        return { ...found, environments, failed, late, lines: environments.flatMap(linesOf) };
    }
    await context.ports.sleep(pollMilliseconds);
  }
}

/**
 * The environments of all commits, each once, by the commit where it is least far; undefined where nobody answers for
 * the moment.
 */
async function look(
  context: Context,
  { repositoryClass, landed, deadline }: { repositoryClass: string; landed: Landed; deadline: number },
): Promise<Pick<Outcome, 'environments' | 'artifacts' | 'ignored'> | undefined> {
  const order: readonly EnvironmentAtCommit['state'][] = ['Failed', 'Diverged', 'Converging', 'Suspended', 'Converged'];
  const found = new Map<string, EnvironmentAtCommit>();
  const [artifacts, ignored] = [new Set<string>(), new Set<string>()];
  try {
    for (const [commit, of] of landed) {
      const { environments, ...status } = await readLanded(context, { repositoryClass, commit, artifacts: of });
      for (const artifact of status.artifacts) artifacts.add(artifact);
      for (const { path, message } of status.ignored) ignored.add(`${path} ${message}`);
      for (const environment of environments) {
        const known = found.get(environment.name);
        if (known === undefined || order.indexOf(environment.state) < order.indexOf(known.state))
          found.set(environment.name, environment);
      }
    }
  } catch (error) {
    const mayMend =
      error instanceof ConvergeError ? error.disposition === 'retry' : error instanceof CommandError && !error.lasting;
    if (!mayMend || context.ports.now().getTime() >= deadline) throw error;
    context.progress(
      `nobody says how far it is, and is asked again: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
  const environments = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { environments, artifacts: [...artifacts], ignored: [...ignored] };
}

/** So many stand in one URL. */
const askedAtOnce = 20;

/**
 * The environments that a commit affects, where it copied one of the uploads; and those that are made of the ones whose
 * content it had already.
 */
async function readLanded(
  context: Context,
  {
    repositoryClass: repository,
    commit,
    artifacts,
  }: { repositoryClass: string; commit: string; artifacts: readonly ArtifactId[] },
): Promise<CommitStatus> {
  const status = await readCommitStatus(context, { repository, commit });
  const copied = new Set(status.artifacts);
  const again = artifacts.filter((artifact) => !copied.has(artifactUri(artifact)));
  const environments = again.length < artifacts.length ? [...status.environments] : [];
  const standing = [...status.standing];
  for (let at = 0; at < again.length; at += askedAtOnce) {
    const of = { repository, commit, again: again.slice(at, at + askedAtOnce) };
    const found = await readCommitStatus(context, of);
    environments.push(...found.environments);
    standing.push(...found.standing);
  }
  return { ...status, environments, standing };
}

/**
 * Whether an upload of before is in Git as it was uploaded, and something that is made of it has failed: uploaded once more, it
 * is tried again. Not where somebody changed or took it back since, nor where nobody can say.
 */
export async function isToBeTriedAgain(
  context: Context,
  { repositoryClass, ...artifact }: ArtifactId & { readonly repositoryClass: string },
): Promise<boolean> {
  const landing = await mayBeUnwritten(
    findUpload({ ...artifact, repositoryClass }, { state: await context.open.state() }),
  );
  if (typeof landing !== 'object' || landing.landing !== 'committed') return false;
  try {
    const { commit } = landing;
    const { environments, standing } = await readLanded(context, { repositoryClass, commit, artifacts: [artifact] });
    return standing.includes(artifactUri(artifact)) && environments.some(({ state }) => state === 'Failed');
  } catch (error) {
    // Who waits for it is told why nobody can say.
    if (error instanceof ConvergeError || error instanceof CommandError) return false;
    throw error;
  }
}

function linesOf({ name, state, revision, message, diff }: EnvironmentAtCommit): Line[] {
  switch (state) {
    case 'Converged':
      return [{ text: `converged ${name} at ${plainRevision(revision)}`, tone: 'good' }];
    case 'Suspended':
      return [{ text: `suspended ${name}: its objects are left as they are`, tone: 'detail' }];
    case 'Converging':
      return [
        { text: `late      ${name} has not converged in time${message === '' ? '' : `: ${message}`}`, tone: 'bad' },
      ];
    case 'Diverged':
    case 'Failed':
      return [{ text: `${state.toLowerCase().padEnd(9)} ${name}: ${message}`, tone: 'bad' }, ...objectLines(diff)];
  }
}

/** The objects of a diff, with their fields as Git and the cluster have them. */
export function objectLines(diff: Pick<Diff, 'objects' | 'omitted'> | null): Line[] {
  if (diff === null) return [];
  const objects = diff.objects.flatMap((object): Line[] => [
    { text: `  ${object.change} ${objectTitle(object)}: ${object.message}`, tone: 'plain' },
    ...object.fields.flatMap((field) => fieldLines(object, field)),
    ...moreLines(object.omittedFields, 'fields'),
  ]);
  return diff.omitted === 0 ? objects : [...objects, { text: `  and ${diff.omitted} more objects`, tone: 'detail' }];
}

/** Of a field that was taken over as it is, the line of its object says all. */
function fieldLines({ change }: ObjectDiff, field: FieldDiff): Line[] {
  const [observed, desired] = [valueIn(field, 'observed'), valueIn(field, 'desired')];
  if (observed !== desired) return [{ text: `    ${field.path}: ${observed} instead of ${desired}`, tone: 'detail' }];
  // Both are hidden, or too large.
  return change === 'taken-over' ? [] : [{ text: `    ${field.path} differs`, tone: 'detail' }];
}

/** Undefined where that side has no such field. */
function valueIn(field: FieldDiff, side: 'desired' | 'observed'): string {
  return field.omitted?.includes(side) === true ? '(too large)' : (JSON.stringify(field[side]) ?? 'undefined');
}

function moreLines(omitted: number | undefined, of: string): Line[] {
  return omitted === undefined ? [] : [{ text: `    and ${omitted} more ${of}`, tone: 'detail' }];
}
