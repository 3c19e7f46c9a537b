import { z } from 'zod';
import { declaredPaths } from '../../environment/inputs.ts';
import { environmentPath } from '../../environment/environment-file.ts';
import { environmentKey, revisionOf } from '../../base/revision.ts';
import { ConvergeError } from '../../base/errors.ts';
import { conflictWords, type RevertConflict } from '../../source/revert.ts';
import { fetchBranch } from '../common/fetch-branch.ts';
import { announceCommit } from '../common/announce-commit.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { declaringRepositories } from '../common/declaring-repositories.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { refuseRolledBack } from '../rollback/converged-before.ts';
import { otherReaders, rememberedPaths } from '../rollback/readers.ts';
import { revertOnBranch } from '../rollback/revert-on-branch.ts';
import { extentOfEnvironment, extentOfRepository, type RollbackScope } from '../rollback/where-to.ts';
import type { ActionOf } from './action.ts';
import { announcementShape, announcing } from './announcing.ts';
import { keepSuspension } from './keep-suspension.ts';
import type { Refusal } from './refusals.ts';
import { provenanceOf } from '../common/provenance.ts';
import { memoryOf } from '../common/remembered-environments.ts';

export type RollbackPorts = Pick<Ports, 'now' | 'sleep' | 'repository' | 'state' | 'topics'>;

export interface RollbackRequest {
  /** An environment, `acme-production` or `master/acme-production`, or the class of a repository. */
  readonly target: string;
  /** A revision, or a commit's id of at least 7 digits. */
  readonly to?: string | undefined;
  readonly incident?: string | undefined;
  readonly reason?: string | undefined;
  /** Who asks: for the commit's `Rolled-Back-By`. */
  readonly by: string;
  /** Also what other environments are made of, too, and environments that were added since. */
  readonly includeShared?: boolean;
  readonly dryRun?: boolean;
}

export interface RollbackSettings {
  /** Classes. */
  readonly repositories: readonly string[];
  /** Why who asks may not do it, of what it is of, and of all that goes back with it; absent: their own rights say what they may. */
  readonly refusal?: Refusal | undefined;
}

export const rollbackResultSchema = z.object({
  outcome: z.enum(['reverted', 'planned', 'nothing']).describe('`nothing`: the branch has it already as it was'),
  repository: z.string(),
  environment: z.string().nullable().describe('Null: all of the repository'),
  from: z.string().describe('A revision'),
  to: z.string().describe('A revision'),
  subject: z.string().describe('The first line of the message of the commit that it goes back to'),
  because: z.string().describe('Why to that one'),
  commit: z.string().nullable().describe('Null where none was made'),
  message: z.string().nullable().describe('Of the commit, also of one that is only planned'),
  reverts: z.array(z.string()).readonly().describe('Commits that are undone, the newest first'),
  paths: z.array(z.string()).readonly().describe('That change'),
});
export type RollbackResult = Readonly<z.infer<typeof rollbackResultSchema>>;

export const rolledBackSchema = rollbackResultSchema.extend(announcementShape);
export type RolledBack = Readonly<z.infer<typeof rolledBackSchema>>;

/**
 * The same, asked for on purpose. The commit of one that cannot be announced is there all the same: the host's webhook or
 * the next check announces it, too. Throws `BadRequest` (refuse) where both `to` and `incident` say where to, and what
 * `rollback` throws.
 */
export async function rollbackAction(
  { target, to, incident, reason, includeShared, dryRun }: ActionOf<'rollback'>,
  by: string,
  ports: RollbackPorts,
  settings: RollbackSettings,
): Promise<RolledBack> {
  if (to !== undefined && incident !== undefined)
    throw new ConvergeError({
      ...{ code: 'BadRequest', subject: 'to', message: 'says where it goes, and so does incident' },
      ...{ remedy: 'give one of them', disposition: 'refuse' },
    });
  const request = { target, to, incident, reason, includeShared, dryRun, by };
  return await announcing(ports, async (announced) => rollback(request, announced, settings));
}

/** How many conflicts an error lists. */
const listed = 50;

/**
 * Takes an environment's inputs, or a whole repository, back to an earlier revision by one commit on top of the branch,
 * and announces it. Of an environment only its own inputs go back: what the same commits changed elsewhere stays.
 *
 * Throws `RollbackConflict` (refuse) listing the paths, `RollbackRefused` (refuse), `GitUnavailable`,
 * `StorageUnavailable` (retry).
 */
export async function rollback(
  request: RollbackRequest,
  ports: RollbackPorts,
  { repositories, refusal }: RollbackSettings,
): Promise<RollbackResult> {
  const { repository, environment } = await findTarget({ target: request.target, repositories, ports });
  const notAllowed = refusal?.({ repository: repository.repositoryClass, environment });
  if (notAllowed !== undefined) throw notAllowed;
  const key =
    environment === undefined
      ? repository.repositoryClass
      : environmentKey({ repository: repository.repositoryClass, environment });
  const head = await fetchBranch({ repository, state: ports.state });
  if (head === undefined) throw refused({ subject: key, message: 'the repository is empty' });
  const { extent, paths } = await scopeOf({ key, environment, repository, head, request, ports });
  if (request.to === undefined && request.incident === undefined)
    await refuseRolledBack({ key, repository, environment, head, to: extent.to, paths });
  const includesShared = request.includeShared === true;
  const done = await revertOnBranch(
    {
      ...{ repository, paths, to: extent.to, from: extent.from, dryRun: request.dryRun === true },
      readers: async ({ id }) =>
        environment === undefined || (includesShared && refusal === undefined)
          ? []
          : await otherReaders({ repository, commit: id, except: environment, ports }),
      contentOf: async (path, { id }) =>
        environment === undefined || path !== environmentPath(environment)
          ? undefined
          : await keepSuspension({ repository, name: environment, now: ports.now() }, { to: extent.to.id, head: id }),
      accepts: (conflict) => includesShared && isAccepted(conflict, { repository, environment, refusal }),
      says: {
        environment,
        what: environment ?? repository.repositoryClass,
        reason: request.reason,
        incident: request.incident,
        by: request.by,
      },
    },
    ports,
  );
  const revision = (commit: string): string => revisionOf({ branch: repository.branch, commit });
  const facts = {
    repository: repository.repositoryClass,
    environment: environment ?? null,
    from: revision(extent.from),
    to: revision(extent.to.id),
    subject: provenanceOf({ commit: extent.to }).subject,
    because: extent.because,
  };
  if (done.outcome === 'conflicts') throw conflicting({ key, to: facts.to, conflicts: done.conflicts });
  if (done.outcome === 'nothing') {
    // Told again: the command may have died after its push.
    if (request.dryRun !== true)
      await announceCommit({ repository, commit: done.head.id, previous: done.head.parents[0] ?? null }, ports);
    return { ...facts, outcome: 'nothing', commit: null, message: null, reverts: [], paths: [] };
  }
  if (done.outcome === 'reverted')
    await announceCommit({ repository, commit: done.commit.id, previous: done.previous }, ports);
  const { outcome, commit, reverts, paths: changed } = done;
  return {
    ...facts,
    outcome,
    commit: outcome === 'planned' ? null : commit.id,
    message: commit.message,
    reverts,
    paths: changed,
  };
}

/** Of what others are made of, too, each of them goes back: throws what `refusal` says of one. */
function isAccepted(
  conflict: RevertConflict,
  {
    repository: { repositoryClass },
    environment,
    refusal,
  }: Pick<RollbackSettings, 'refusal'> & { repository: Repository; environment: string | undefined },
): boolean {
  if (environment === undefined) return conflict.reason === 'removes-environment';
  if (conflict.reason !== 'shared') return false;
  for (const other of conflict.with) {
    const notAllowed = refusal?.({ repository: repositoryClass, environment: other });
    if (notAllowed !== undefined) throw notAllowed;
  }
  return true;
}

/**
 * How far back it goes, and the paths that may change: of an environment, all that it was made of then, is made of, or
 * was seen to read.
 */
async function scopeOf({
  key,
  environment,
  repository,
  head,
  request,
  ports,
}: {
  key: string;
  environment: string | undefined;
  repository: Repository;
  head: Commit;
  request: RollbackRequest;
  ports: RollbackPorts;
}): Promise<{ extent: RollbackScope; paths: readonly string[] }> {
  const asked = { to: request.to, incident: request.incident };
  if (environment === undefined) return { extent: await extentOfRepository({ repository, head, asked }), paths: [''] };
  const memory = await memoryOf({ repository: repository.repositoryClass, environment }, ports);
  const extent = await extentOfEnvironment({ key, environment, repository, head, memory, asked });
  const declared = await Promise.all(
    [head.id, extent.to.id].map(async (commit) => await readEnvironment({ repository, commit, name: environment })),
  );
  const paths = [
    environmentPath(environment),
    ...rememberedPaths(memory),
    ...Object.keys(memory.previous?.inputs ?? {}),
    // Of a file that is wrong, what is remembered of it counts alone.
    ...declared.flatMap((found) => (found.state === 'declared' ? declaredPaths(found.environment) : [])),
  ];
  return { extent, paths: [...new Set(paths)].filter((path) => path !== '') };
}

/** Throws `RollbackRefused` (refuse) for a name that nothing has, or several have. */
async function findTarget({
  target,
  repositories,
  ports,
}: {
  target: string;
  repositories: readonly string[];
  ports: RollbackPorts;
}): Promise<{ repository: Repository; environment: string | undefined }> {
  if (repositories.includes(target)) return { repository: ports.repository(target), environment: undefined };
  const { name, found } = await declaringRepositories({ target, repositories }, ports);
  const [only, ...others] = found;
  if (only === undefined)
    throw refused({
      subject: target,
      message: 'is neither an environment nor a repository',
      remedy: `repositories are ${repositories.join(', ')}`,
    });
  if (others.length > 0)
    throw refused({
      subject: target,
      message: `is an environment of ${found.map(({ repositoryClass }) => repositoryClass).join(' and ')}`,
      remedy: `name it as ${only.repositoryClass}/${name}`,
    });
  return { repository: only, environment: name };
}

function conflicting({
  key,
  to,
  conflicts,
}: {
  key: string;
  to: string;
  conflicts: readonly RevertConflict[];
}): ConvergeError {
  const words = conflicts.slice(0, listed).map(conflictWords);
  const more = conflicts.length > listed ? [`${conflicts.length - listed} more paths`] : [];
  const remedies = [
    ...(conflicts.some(({ reason }) => reason === 'shared' || reason === 'removes-environment')
      ? ['--include-shared takes that back, too']
      : []),
    ...(conflicts.some(({ reason }) => reason === 'changed-after')
      ? ['--to takes back all that came since a revision']
      : []),
  ];
  const message = `cannot be rolled back to ${to}: ${[...words, ...more].join('; ')}`;
  return new ConvergeError({
    code: 'RollbackConflict',
    subject: key,
    message,
    ...(remedies.length === 0 ? {} : { remedy: remedies.join('; ') }),
    disposition: 'refuse',
  });
}

function refused(facts: { subject: string; message: string; remedy?: string }): ConvergeError {
  return new ConvergeError({ code: 'RollbackRefused', disposition: 'refuse', ...facts });
}
