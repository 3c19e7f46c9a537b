import type { FieldDiff, ObjectDiff } from '../../../drift/object-diff.ts';
import { wholeObjectDiff } from '../../../drift/divergence.ts';
import { byMaker, coOwnedFields, diffFields } from '../../../drift/field-diff.ts';
import { fingerprint } from '../../../drift/fingerprint.ts';
import { noticesOf } from '../../../drift/notices.ts';
import { desiredBeside } from '../../../fields/ignored-fields.ts';
import { lastPart } from '../../../fields/field-path.ts';
import { refusedFields } from '../../../drift/refused-fields.ts';
import { lostFields } from '../../../drift/taken-over.ts';
import { namedAsBefore, renderKeyAnnotation } from '../../../inventory/applyset.ts';
import { resourceOf, type DesiredObject } from '../../../desired/desired.ts';
import { maskFields } from '../../../drift/masking.ts';
import { managedFieldsToWrite } from '../../../ownership/take-over.ts';
import type { PlannedAction, RememberedObject, RememberedObjects } from '../../../plan/plan.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Run } from '../run/run.ts';
import type { Target } from '../run/target.ts';

/** The plan after the dry runs: what turned out to agree is kept, and what drifted is named. */
export interface Verified {
  readonly actions: readonly PlannedAction[];
  /** What differs though no commit changed it. */
  readonly drift: readonly { readonly key: string; readonly diff: ObjectDiff }[];
  /** New fingerprints of objects that agree after all: a dry run changes none of their fields. */
  readonly renewed: RememberedObjects;
  /** What is told once, and keeps nothing from converging. */
  readonly notices: readonly ObjectDiff[];
}

/**
 * Asks the API server, by a dry run of the apply, what each object whose fingerprint says nothing or something else would
 * become. Nothing is written.
 *
 * Where the memory is lost, the inventory's parent still tells whether a commit changed anything since it converged.
 */
export async function verifyPlan(
  { run, cluster, api }: Pick<Target, 'cluster' | 'api'> & { readonly run: Pick<Run, 'memoryFile'> },
  { plan, observed, renderKey }: { plan: readonly PlannedAction[]; observed: ObservedState; renderKey: string },
): Promise<Verified> {
  const { objects: remembered, left } = run.memoryFile.memory();
  const recorded = observed.parent?.metadata.annotations?.[renderKeyAnnotation] === renderKey;
  const isUnchangedByCommits = ({ key, hash }: DesiredObject) =>
    remembered[key] === undefined ? recorded : remembered[key].desired === hash;
  const isUnexpected = (key: string) =>
    Object.keys(remembered).length > 0 && remembered[key] === undefined && !left.includes(key);

  const drift: { key: string; diff: ObjectDiff }[] = [];
  const renewed: Record<string, RememberedObject> = {};
  const notices: ObjectDiff[] = [];
  function found(
    desired: DesiredObject,
    { change, fields }: { change: 'modified' | 'taken-over'; fields: readonly FieldDiff[] },
  ): void {
    const { key, id, object } = desired;
    const masked = maskFields({ id, fields });
    if (masked.length === 0 || !isUnchangedByCommits(desired)) return;
    const message = change === 'modified' ? differs(masked) : takenOverBy(masked);
    drift.push({
      key,
      diff: { ...wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message }), fields: masked },
    });
  }

  const actions = await inParallel(plan, async (action): Promise<PlannedAction> => {
    if (action.action === 'recreate') {
      const { key, id, object } = action.desired;
      drift.push({
        key,
        diff: wholeObjectDiff({ id, apiVersion: object.apiVersion, change: 'missing', message: 'is missing' }),
      });
      return action;
    }
    if (action.action === 'prune' && isUnexpected(action.observed.key)) {
      const { key, id, object } = action.observed;
      drift.push({
        key,
        diff: wholeObjectDiff({
          id,
          apiVersion: object.apiVersion,
          change: 'unexpected',
          message: 'is in the inventory, but not in Git',
        }),
      });
      return action;
    }
    if (action.action !== 'verify') return action;

    const { key, id, object, hash, ignored } = action.desired;
    const present = action.observed.object;
    const resource = resourceOf({ api, object });
    const named = namedAsBefore({ desired: object, observed: present });
    const beside =
      ignored === undefined ? named : desiredBeside({ desired: named, observed: present, ignored, purpose: 'verify' });
    const isMember = observed.objects.has(key);
    const saidOf = (fields: FieldDiff[]) => (isMember ? fields : byMaker({ fields, observed: present }));
    const dryRun = resource === undefined ? undefined : await cluster.apply({ resource, object: beside, dryRun: true });
    if (dryRun?.outcome !== 'applied') {
      // What is in the way of Git's fields goes with the apply that heals them; a dry run leaves it.
      const goes =
        dryRun?.status === 422 &&
        managedFieldsToWrite({ desired: beside, observed: present, ignored, causes: dryRun.causes }) !== undefined;
      if (goes)
        found(action.desired, {
          change: 'modified',
          fields: saidOf(refusedFields({ applied: beside, observed: present, ignored })),
        });
      return { ...action, action: 'configure' };
    }
    const pair = { desired: dryRun.object, observed: present, ignored };
    const fields = saidOf(diffFields(pair));
    const { takenOver, any: isAnyLost } = lostFields({ ...pair, applied: beside });
    const current = fingerprint(present);
    // What lost the proof that it is ours is applied again, though no field differs.
    if (fields.length === 0 && takenOver.length === 0 && current !== undefined && isMember) {
      const before = remembered[key]?.noted ?? [];
      const { diffs, noted } = noticesOf({
        id,
        apiVersion: object.apiVersion,
        mutated: [],
        coOwned: coOwnedFields({ observed: present, kept: [], ignored }),
        noted: before,
      });
      notices.push(...diffs);
      const told = [...new Set([...before, ...noted])].sort();
      // Verified again by the next run, where the fingerprint would leave out what was lost.
      if (!isAnyLost)
        renewed[key] = {
          desired: hash,
          observed: current,
          apiVersion: object.apiVersion,
          ...(told.length === 0 ? {} : { noted: told }),
        };
      return { ...action, action: 'keep' };
    }
    const change = fields.length > 0 ? 'modified' : 'taken-over';
    found(action.desired, { change, fields: fields.length > 0 ? fields : takenOver });
    return { ...action, action: 'configure' };
  });
  return { actions, drift, renewed, notices };
}

/** `image differs`, `image and 2 more fields differ`. */
function differs(fields: readonly FieldDiff[]): string {
  return fields.length === 1 ? `${firstAndMore(fields)} differs` : `${firstAndMore(fields)} differ`;
}

/** `replicas was taken over by autoscaler`. */
function takenOverBy(fields: readonly FieldDiff[]): string {
  const managers = [...new Set(fields.map(({ manager }) => manager ?? 'another manager'))].join(', ');
  return `${firstAndMore(fields)} ${fields.length === 1 ? 'was' : 'were'} taken over by ${managers}`;
}

function firstAndMore(fields: readonly FieldDiff[]): string {
  const [first, ...others] = fields.map(({ path }) => lastPart(path));
  return others.length === 0
    ? (first ?? '')
    : `${first ?? ''} and ${others.length} more field${others.length === 1 ? '' : 's'}`;
}
