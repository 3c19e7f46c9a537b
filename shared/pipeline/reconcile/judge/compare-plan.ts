import type { Memory } from '../../../memory/memory.ts';
import { suspensionsOf } from '../../../ownership/suspended-object.ts';
import { planChanges, type PlannedAction } from '../../../plan/plan.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { readStrays } from '../observe/read-strays.ts';
import type { DesiredState } from '../render/desired-state.ts';
import type { RenderTarget } from '../run/target.ts';
import { verifyPlan, type Verified } from './verify-plan.ts';
import { withoutOurOwn } from './without-our-own.ts';

/** What is to be done to bring the observed to the desired, and what drifted, by dry runs. Nothing is written. */
export async function comparePlan(
  target: RenderTarget,
  /** The memory is that of before the suspects were fenced off. */
  { desired, observed, memory }: { desired: DesiredState; observed: ObservedState; memory: Memory },
): Promise<Verified> {
  const strays = await readStrays(target, { desired, observed });
  const now = target.run.ports.now();
  const suspensions = suspensionsOf({
    desired: desired.objects,
    observed: [...observed.objects.values(), ...strays.values()],
    now,
  });
  const plan = planChanges({
    desired: desired.objects,
    observed: observed.objects,
    strays,
    remembered: target.run.memoryFile.memory().objects,
    suspensions,
  });
  const verified = await verifyPlan(target, { plan, observed, renderKey: desired.renderKey, suspensions });
  return withoutOurOwn(verified, { memory, now, objects: observed.objects });
}

/** Those of the actions that are about nothing that is left as it is. */
export function withoutLeft(actions: readonly PlannedAction[], left: ReadonlySet<string>): readonly PlannedAction[] {
  return actions.filter((planned) => !left.has(keyOf(planned)));
}

export function keyOf(planned: PlannedAction): string {
  return planned.action === 'prune' ? planned.observed.key : planned.desired.key;
}
