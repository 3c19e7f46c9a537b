import { z } from 'zod';
import type { Environment } from '../environment/environment-file.ts';
import { sameInputs, type Inputs } from '../environment/inputs.ts';
import { shortRevision } from '../base/revision.ts';
import { environmentSuspension, type SuspensionKeys } from '../environment/suspension.ts';

const inputsSchema = z.record(z.string(), z.string().nullable());
const commitSchema = z.string().regex(/^[0-9a-f]{40}$/);

/**
 * A revision that failed and is rolled back by `rollback.onFailure`: its inputs are not to come back by an upload, and
 * are rolled back once. It ends where the inputs become others than these and those that were restored.
 */
export const quarantineSchema = z.object({
  revision: z.string(),
  inputs: inputsSchema,
  /** What failed. */
  reason: z.string(),
  at: z.string(),
  /** The commit that rolled it back; null as long as that is under way, and where it was refused. */
  revert: commitSchema.nullable(),
  /** Why the Git host did not take the commit; it is not tried again. */
  refused: z.string().optional(),
  /** The object ids of the same paths after the rollback. */
  restored: inputsSchema.optional(),
  /**
   * The commit by which a person brought the inputs back: from there on uploads are free, and nothing is rolled back
   * again.
   */
  lifted: commitSchema.optional(),
});
export type Quarantine = z.infer<typeof quarantineSchema>;

/**
 * The copy of a quarantine that uploads are checked against: one small object, found by one LIST, whatever the number
 * of environments.
 */
export const quarantinesFolder = 'quarantine';
export function quarantinePath({ repository, environment }: { repository: string; environment: string }): string {
  return `${quarantinesFolder}/${repository}/${environment}.json`;
}

/** Whether its revert is still to be committed, or to be found on the branch by a run that follows one that died. */
export function isUnderWay(quarantine: Quarantine | undefined): quarantine is Quarantine & { revert: null } {
  return quarantine?.revert === null && quarantine.refused === undefined;
}

/** Whether both are of the same failure, whatever became of it: a revision is rolled back once. */
export function isSameQuarantine(one: Quarantine, other: Quarantine): boolean {
  return one.revision === other.revision;
}

/** What the branch has become for a quarantine, by the ids of its paths now. */
export function reviewQuarantine({
  quarantine,
  current,
}: {
  quarantine: Quarantine;
  current: Inputs;
}): 'stands' | 'brought back' | 'moved on' {
  if (sameInputs({ attempted: quarantine.inputs, current })) return 'brought back';
  return quarantine.restored !== undefined && sameInputs({ attempted: quarantine.restored, current })
    ? 'stands'
    : 'moved on';
}

export type RollbackVerdict =
  | { readonly verdict: 'due' }
  /** `note`: what the alert is to say of it; empty where rollbacks are nothing to the environment. */
  | { readonly verdict: 'not due'; readonly note: string };

/**
 * Whether a revision that has failed for good is to be rolled back: where the environment asks for it, something else
 * converged before, and it has not been rolled back before. What only detects, or is suspended, changes nothing by
 * itself.
 *
 * @param failed.inputs of the revision that failed
 * @param failed.isLeftAlone whether all that failed of it differs from it, and is left alone: another revision mends nothing
 */
export function judgeRollback({
  environment,
  failed,
  converged,
  quarantine,
  now,
}: {
  environment: SuspensionKeys & Pick<Environment, 'rollback' | 'selfHeal'>;
  now: Date;
  failed: { readonly inputs: Inputs; readonly isLeftAlone?: boolean };
  converged: { readonly revision: string; readonly inputs: Inputs } | undefined;
  quarantine: Quarantine | undefined;
}): RollbackVerdict {
  const notDue = (note: string): RollbackVerdict => ({ verdict: 'not due', note });
  if (environment.rollback.onFailure !== 'revert' || environmentSuspension(environment, now) !== undefined)
    return notDue('');
  if (environment.selfHeal !== true) return notDue(`not rolled back: selfHeal is ${environment.selfHeal}`);
  if (failed.isLeftAlone === true) return notDue('not rolled back: it is left alone, and not as this revision says');
  if (converged === undefined) return notDue('not rolled back: nothing converged before it');
  if (sameInputs({ attempted: converged.inputs, current: failed.inputs })) {
    const isRollback = quarantine?.revert !== undefined && quarantine.revert !== null;
    return notDue(
      isRollback ? `this is the rollback of ${shortRevision(quarantine.revision)}; nothing further is rolled back` : '',
    );
  }
  if (quarantine !== undefined && sameInputs({ attempted: quarantine.inputs, current: failed.inputs })) {
    if (quarantine.refused !== undefined) return notDue(`not rolled back: ${quarantine.refused}`);
    return notDue(
      `not rolled back again: it was rolled back once${quarantine.lifted === undefined ? '' : ', and brought back'}`,
    );
  }
  return { verdict: 'due' };
}

/**
 * Whether an environment lets a revert of its inputs that another one needs happen: it asks for such itself, and has
 * not come to terms with them.
 */
export function asksForRollback({
  environment,
  converged,
  current,
  now,
}: {
  environment: SuspensionKeys & Pick<Environment, 'rollback' | 'selfHeal'>;
  now: Date;
  converged: { readonly inputs: Inputs } | undefined;
  /** Of the paths that it converged with last, now. */
  current: Inputs;
}): boolean {
  const { rollback, selfHeal } = environment;
  if (rollback.onFailure !== 'revert' || selfHeal !== true) return false;
  if (environmentSuspension(environment, now) !== undefined) return false;
  return converged === undefined || !sameInputs({ attempted: converged.inputs, current });
}
