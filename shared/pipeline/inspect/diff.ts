import { ConvergeError } from '../../base/errors.ts';
import { divergenceOf, wholeObjectDiff } from '../../drift/divergence.ts';
import type { ObjectDiff } from '../../drift/object-diff.ts';
import { readable } from '../../drift/readable.ts';
import { renderKeyAnnotation } from '../../inventory/applyset.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectTitle, type ObjectId } from '../../objects/object-id.ts';
import { suspensionsOf } from '../../ownership/suspended-object.ts';
import { planChanges, type PlannedAction } from '../../plan/plan.ts';
import { inParallel } from '../common/parallel.ts';
import { suspendedDiff } from '../reconcile/judge/suspended-drift.ts';
import { verifyObject } from '../reconcile/judge/verify-object.ts';
import { readStrays } from '../reconcile/observe/read-strays.ts';
import type { DesiredState } from '../reconcile/render/desired-state.ts';
import type { DiffAnswer, ObjectDifference, Unread } from './answers.ts';
import type { Hides } from './hides.ts';
import { aboutOf } from './objects.ts';
import type { Inspection } from './open-inspection.ts';

/** What the look at one object comes to. */
type Compared =
  | { readonly compared: 'same' }
  | { readonly compared: 'differs'; readonly diff: ObjectDiff; readonly by: ObjectDifference['by'] }
  | { readonly compared: 'unread'; readonly unread: Unread };

/**
 * What differs between the head of the branch and the cluster, field by field: rendered as for a run, and compared as a
 * run compares, by a dry run of the apply on the server for each object that is not as it was left.
 *
 * @param known.desired at the head of the branch
 */
export async function showDiff(
  inspection: Inspection,
  { desired, hides }: { desired: DesiredState; hides: Hides },
): Promise<DiffAnswer> {
  const { target, memory, observed } = inspection;
  const strays = await readStrays(target, { desired, observed });
  const suspensions = suspensionsOf({
    desired: desired.objects,
    observed: [...observed.objects.values(), ...strays.values()],
    now: target.run.ports.now(),
  });
  const plan = planChanges({
    ...{ desired: desired.objects, observed: observed.objects, remembered: memory.objects },
    strays,
    suspensions,
  });
  const compared = await inParallel(plan, async (action) => {
    const key = action.action === 'prune' ? action.observed.key : action.desired.key;
    const suspension = suspensions.get(key);
    const one = await compare(inspection, { action, desired, hides });
    if (one.compared !== 'differs' || suspension === undefined) return one;
    return { ...one, diff: suspendedDiff(one.diff, suspension) };
  });
  const differing = compared.flatMap((one) => (one.compared === 'differs' ? [one] : []));
  const by = new Map(differing.map((one) => [titleOf(one.diff), one.by]));
  const { objects } = readable(
    divergenceOf({
      ...{ reason: 'Drifted', revision: target.revision },
      objects: differing.map(({ diff }) => hides.difference(diff)),
    }),
  );
  const unread = compared.flatMap((one) => (one.compared === 'unread' ? [one.unread] : []));
  return {
    ...aboutOf(inspection, { unread, hides }),
    objects: objects.map((diff) => ({ ...diff, by: by.get(titleOf(diff)) ?? 'cluster' })),
  };
}

const titleOf = (diff: ObjectDiff): string => `${diff.apiVersion} ${objectTitle(diff)}`;

async function compare(
  inspection: Inspection,
  { action, desired, hides }: { action: PlannedAction; desired: DesiredState; hides: Hides },
): Promise<Compared> {
  const { objects: remembered, left } = inspection.memory;
  switch (action.action) {
    case 'keep':
      return { compared: 'same' };
    case 'create':
      return whole({ ...action.desired, change: 'missing', message: 'is not applied yet', by: 'commit' });
    case 'recreate':
      return whole({ ...action.desired, change: 'missing', message: 'is missing', by: 'cluster' });
    case 'prune': {
      const { key } = action.observed;
      const isUnexpected = Object.keys(remembered).length > 0 && remembered[key] === undefined && !left.includes(key);
      return whole({
        ...action.observed,
        change: 'unexpected',
        message: isUnexpected ? 'is in the inventory, but not in Git' : 'is in Git no more, and not pruned yet',
        by: isUnexpected ? 'cluster' : 'commit',
      });
    }
    case 'leave':
      return action.observed === undefined
        ? whole({ ...action.desired, change: 'missing', message: 'is missing', by: 'cluster' })
        : await verify(inspection, {
            ...{ desired, hides, isSuspended: true },
            action: { action: 'verify', desired: action.desired, observed: action.observed },
          });
    case 'configure':
    case 'verify':
      return await verify(inspection, { action, desired, hides, isSuspended: false });
  }
}

/** By a dry run. Here, all that differs is of interest, whoever changed it. */
async function verify(
  { target, memory, observed }: Inspection,
  {
    action,
    desired,
    hides,
    isSuspended,
  }: {
    action: Extract<PlannedAction, { action: 'configure' | 'verify' }>;
    desired: DesiredState;
    hides: Hides;
    isSuspended: boolean;
  },
): Promise<Compared> {
  const { key, id, hash, object, source } = action.desired;
  const before = memory.objects[key];
  const recorded = observed.parent?.metadata.annotations?.[renderKeyAnnotation] === desired.renderKey;
  const isUnchanged = before === undefined ? recorded : before.desired === hash;
  const isMember = observed.objects.has(key);
  const unread = (message: string): Compared => ({
    compared: 'unread',
    unread: { what: objectTitle(id), message: hides.text(message) },
  });
  try {
    const found = await verifyObject(target, { action, before, isUnchangedByCommits: true, isMember, isSuspended });
    const by = isUnchanged ? 'cluster' : 'commit';
    if (found.unverified !== undefined) return unread(`the dry run of its apply is refused: ${found.unverified}`);
    if (found.drift !== undefined) return { compared: 'differs', diff: found.drift.diff, by };
    if (isMember) return { compared: 'same' };
    const message = 'is not proven to be of this environment: the next run applies it again';
    const diff = wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'modified', message, source });
    return { compared: 'differs', diff, by };
  } catch (error) {
    if (error instanceof ConvergeError) return unread(error.message);
    throw error;
  }
}

function whole({
  id,
  object,
  source,
  change,
  message,
  by,
}: {
  id: ObjectId;
  object: KubernetesObject;
  source?: string;
  change: 'missing' | 'unexpected';
  message: string;
  by: ObjectDifference['by'];
}): Compared {
  const diff = wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message, source });
  return { compared: 'differs', diff, by };
}
