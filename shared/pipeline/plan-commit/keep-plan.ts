import { ConvergeError, describeError } from '../../base/errors.ts';
import { changeDigest } from '../../drift/change-digest.ts';
import { groupKind, objectKey } from '../../objects/object-id.ts';
import { keptPlanPath, mostKept, type KeptObject, type KeptPlan } from '../../memory/kept-plan.ts';
import type { Ports } from '../../ports/ports.ts';
import type { Planned, PlannedObject } from './planned.ts';

/** A plan that can be held against what a run does: of an environment, with where it is kept. */
export interface PlanToKeep {
  readonly path: string;
  readonly plan: KeptPlan;
}

/** Undefined where nothing was tried in the cluster: then nothing is held against it. */
export function planToKeep(
  planned: Planned,
  asked: {
    readonly repository: string;
    readonly environment: string;
    readonly pullRequest: number;
    readonly at: string;
  },
): PlanToKeep | undefined {
  const { of, objects, unread } = planned;
  if (of === undefined) return undefined;
  const { pullRequest, at } = asked;
  const lacks =
    unread.length > 0
      ? 'not all of the cluster could be read when it was planned'
      : objects.length > mostKept
        ? `more than ${mostKept} objects were planned`
        : undefined;
  return {
    path: keptPlanPath({ ...asked, inputs: of.inputs }),
    plan: {
      ...{ version: 1, at, pullRequest, from: of.from },
      objects: lacks === undefined ? objects.map(keptObject) : [],
      ...(lacks === undefined ? {} : { lacks }),
    },
  };
}

function keptObject(one: PlannedObject): KeptObject {
  const { action, verdict, desired, observed } = one;
  const isSecret = desired !== undefined && groupKind(desired.id) === 'Secret';
  const fields = fieldsOf(one);
  return {
    key: desired?.key ?? (observed === undefined ? '' : objectKey(observed.id)),
    ...{ does: action, verdict },
    ...(desired === undefined || isSecret ? {} : { desired: desired.hash }),
    ...(fields === undefined ? {} : { fields }),
  };
}

function fieldsOf({ action, verdict, desired, rehearsed }: PlannedObject): string | undefined {
  const { before, after } = rehearsed ?? {};
  if (action !== 'update' || verdict !== 'accepted') return undefined;
  if (desired === undefined || before === undefined || after === undefined) return undefined;
  return changeDigest({ id: desired.id, before, after, ignored: desired.ignored });
}

/**
 * Keeps a plan that was shown, in the place of an older one of the same content. Never fails: a plan that is not kept is held
 * against nothing.
 */
export async function keepPlan({ path, plan }: PlanToKeep, ports: Pick<Ports, 'state' | 'log'>): Promise<void> {
  try {
    await ports.state.write({ path, value: plan, ifGeneration: 'any' });
  } catch (error) {
    if (!(error instanceof ConvergeError)) throw error;
    ports.log('WARNING', 'a plan could not be kept: nothing is held against it', { path, error: describeError(error) });
  }
}
