import { ConvergeError } from '../../../base/errors.ts';
import { changeDigest } from '../../../drift/change-digest.ts';
import { inputsId, sameInputs } from '../../../environment/inputs.ts';
import type { AsPlanned } from '../../../events/alert.ts';
import { heldAgainst, notKnown } from '../../../memory/as-planned.ts';
import { decodeKeptPlan, isUsedUp, keptPlanPath, type KeptPlan } from '../../../memory/kept-plan.ts';
import type { Memory } from '../../../memory/memory.ts';
import { objectKey } from '../../../objects/object-id.ts';
import type { Change } from '../../../plan/change-set.ts';
import type { PlannedAction } from '../../../plan/plan.ts';
import type { RolledOut } from '../../../plan/rolled-out.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { readState } from '../../common/read-state.ts';
import type { DesiredState } from '../render/desired-state.ts';
import type { Run } from '../run/run.ts';

/** What was planned of what a run sets out for, or that nobody can read it. */
export type FoundPlan =
  | { readonly found: 'plan'; readonly plan: KeptPlan }
  | { readonly found: 'unreadable'; readonly why: string };

/**
 * What was planned on a pull request of what the environment is made of now: one small object, read only where that is not
 * what converged last. Undefined where nothing was, and where a convergence was held against it already. Never fails for what
 * cannot be read.
 */
export async function findPlan(
  { repository, environment, ports }: Pick<Run, 'repository' | 'environment' | 'ports'>,
  { before, desired: { inputs } }: { before: Memory; desired: Pick<DesiredState, 'inputs'> },
): Promise<FoundPlan | undefined> {
  const { converged } = before;
  if (converged !== undefined && sameInputs({ attempted: converged.inputs, current: inputs })) return undefined;
  try {
    const path = keptPlanPath({ repository, environment, inputs });
    const found = await readState({ path, decode: decodeKeptPlan }, ports);
    if (found === undefined) return undefined;
    if ('unreadable' in found) return { found: 'unreadable', why: `its plan cannot be read: it ${found.unreadable}` };
    return isUsedUp(found.value, before) ? undefined : { found: 'plan', plan: found.value };
  } catch (error) {
    if (!(error instanceof ConvergeError)) throw error;
    return { found: 'unreadable', why: `whether it was planned could not be read: ${error.code}` };
  }
}

/** How what was configured changed, by key; nothing where no plan is to be held against it. */
export function howChanged(
  plan: FoundPlan | undefined,
  {
    actions,
    applied: { changes, observed: answers },
  }: {
    actions: readonly PlannedAction[];
    applied: { readonly changes: readonly Change[]; readonly observed: ReadonlyMap<string, KubernetesObject> };
  },
): NonNullable<RolledOut['how']> {
  if (plan?.found !== 'plan') return {};
  const configured = new Set(changes.filter(({ did }) => did === 'configured').map(({ id }) => objectKey(id)));
  return Object.fromEntries(
    actions.flatMap((action) => {
      if (action.action === 'prune' || !configured.has(action.desired.key)) return [];
      const { key, id, ignored } = action.desired;
      const before = 'observed' in action ? action.observed?.object : undefined;
      const after = answers.get(key);
      // Of what is new to the inventory only the metadata was read.
      if (before === undefined || after === undefined) return [[key, 'changed'] as const];
      if (before.metadata.uid !== after.metadata.uid) return [[key, 'replaced'] as const];
      if (before.apiVersion !== after.apiVersion) return [[key, 'changed'] as const];
      return [[key, changeDigest({ id, before, after, ignored })] as const];
    }),
  );
}

/** A roll-out that is through beside what was planned of it; undefined where nothing was. */
export function asPlanned(
  found: FoundPlan | undefined,
  {
    before,
    isSame,
    desired,
    actions,
    committed,
    ...through
  }: {
    before: Memory;
    isSame: boolean;
    desired: Pick<DesiredState, 'objects'>;
    actions: readonly PlannedAction[];
    committed: readonly string[];
    rolledOut: RolledOut;
    left: readonly string[];
  },
): AsPlanned | undefined {
  if (found === undefined) return undefined;
  if (found.found === 'unreadable') return notKnown(found.why);
  const { plan } = found;
  const start = isSame ? before.converged : before.attempted;
  const byCommit = new Set(committed);
  const isHealed = (action: PlannedAction): boolean =>
    action.action !== 'prune' && action.action !== 'keep' && !byCommit.has(action.desired.key);
  return heldAgainst(plan, {
    ...through,
    desired: new Map(desired.objects.map(({ key, hash }) => [key, hash])),
    isBetween: start !== undefined && !plan.from.includes(inputsId(start.inputs)),
    healed: new Set(
      actions.flatMap((action) => (action.action !== 'prune' && isHealed(action) ? [action.desired.key] : [])),
    ),
  });
}
