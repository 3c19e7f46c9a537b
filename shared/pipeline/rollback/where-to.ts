import { incidentsOf } from '../../memory/incidents.ts';
import type { AttemptedRevision, Memory } from '../../memory/memory.ts';
import { commitOf, revisionOf } from '../../base/revision.ts';
import { ConvergeError } from '../../base/errors.ts';
import type { Commit, Repository } from '../../ports/git.ts';
import { findOnBranch } from './commits-between.ts';
import { convergedBefore } from './converged-before.ts';

/** What is to be undone: the changes after `to` up to `from`, a commit id. `because` says for people why these. */
export interface RollbackScope {
  readonly to: Commit;
  readonly from: string;
  readonly because: string;
}

/** @param asked at most one of the two */
export interface Asked {
  readonly to: string | undefined;
  readonly incident: string | undefined;
}

/**
 * How far an environment is rolled back: to the revision that was asked for; to the one that converged before an
 * incident; or, where neither is named, to the one that converged before the current one.
 *
 * Throws `RollbackRefused` (refuse) where that is not known, or not on the branch.
 */
export async function extentOfEnvironment({
  key,
  environment,
  repository,
  head,
  memory,
  asked,
}: {
  key: string;
  environment: string;
  repository: Repository;
  head: Commit;
  memory: Memory;
  asked: Asked;
}): Promise<RollbackScope> {
  if (asked.to !== undefined)
    return {
      to: await revisionOnBranch({ repository, head, text: asked.to }),
      from: head.id,
      because: `${asked.to} was asked for`,
    };
  const { attempted, converged, previous } = memory;
  if (asked.incident !== undefined) {
    const incident = incidentsOf(memory).find(({ id }) => id === asked.incident);
    if (incident === undefined) {
      const known =
        memory.incident === undefined
          ? 'no incident of it is known'
          : `the last incident of it is ${memory.incident.id}`;
      throw refused({
        subject: key,
        message: `${known}, not ${asked.incident}`,
        remedy: 'name the revision with --to',
      });
    }
    const bad = await revisionOnBranch({ repository, head, text: incident.revision });
    const before = await lastBefore({ bad, candidates: [converged, previous], repository });
    if (before === undefined)
      throw refused({
        subject: key,
        message: `what converged before the incident ${incident.id} is not known`,
        remedy: 'name the revision with --to',
      });
    return {
      to: await revisionOnBranch({ repository, head, text: before.commit }),
      from: bad.id,
      because: `it converged before the incident ${incident.id} (as Converge recorded)`,
    };
  }
  const at = attempted?.commit ?? head.id;
  const before = await convergedBefore({ repository, environment, head, memory, at });
  if (before !== undefined) return { ...before, from: at };
  const revision = attempted?.revision ?? revisionOf({ branch: repository.branch, commit: at });
  throw refused({
    subject: key,
    message: `what converged before ${revision} is not known: neither its memory nor a note in Git tells`,
    remedy: 'name the revision with --to',
  });
}

/** A whole repository goes back to the revision that was asked for, or by one commit. */
export async function extentOfRepository({
  repository,
  head,
  asked,
}: {
  repository: Repository;
  head: Commit;
  asked: Asked;
}): Promise<RollbackScope> {
  const { repositoryClass } = repository;
  if (asked.incident !== undefined)
    throw refused({
      subject: repositoryClass,
      message: 'an incident is of an environment',
      remedy: 'name the environment',
    });
  if (asked.to !== undefined)
    return {
      to: await revisionOnBranch({ repository, head, text: asked.to }),
      from: head.id,
      because: `${asked.to} was asked for`,
    };
  const [parent] = head.parents;
  if (parent === undefined) throw refused({ subject: repositoryClass, message: 'its first commit cannot be undone' });
  return {
    to: await revisionOnBranch({ repository, head, text: parent }),
    from: head.id,
    because: 'it is the commit before the head',
  };
}

/** @param at.text a revision, or a commit's id of at least 7 digits */
async function revisionOnBranch({
  repository,
  head,
  text,
}: {
  repository: Repository;
  head: Commit;
  text: string;
}): Promise<Commit> {
  const id = commitOf(text.trim()).toLowerCase();
  const of = text.includes('@') ? text.trim().split('@')[0] : repository.branch;
  if (!/^[0-9a-f]{7,40}$/.test(id))
    throw refused({
      subject: text,
      message: 'is no revision',
      remedy: `give it as ${repository.branch}@sha1:<commit>, or the commit's id`,
    });
  const found = of === repository.branch ? await findOnBranch({ repository, head, id }) : undefined;
  if (found !== undefined) return found;
  throw refused({
    subject: text,
    message: `is not on the branch ${repository.branch} of ${repository.repositoryClass}`,
    remedy: 'converge history shows the commits of an environment',
  });
}

/** The first of the revisions that an incident's descends from, and that differs from it. */
async function lastBefore({
  bad,
  candidates,
  repository,
}: {
  bad: Commit;
  candidates: readonly (AttemptedRevision | undefined)[];
  repository: Repository;
}): Promise<AttemptedRevision | undefined> {
  for (const candidate of candidates) {
    if (candidate === undefined || candidate.commit === bad.id) continue;
    if (await repository.isAncestor({ ancestor: candidate.commit, descendant: bad.id })) return candidate;
  }
  return undefined;
}

function refused(facts: { subject: string; message: string; remedy?: string }): ConvergeError {
  return new ConvergeError({ code: 'RollbackRefused', disposition: 'refuse', ...facts });
}
