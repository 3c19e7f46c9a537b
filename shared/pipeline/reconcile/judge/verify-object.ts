import type { FieldDiff, ObjectDiff } from '../../../drift/object-diff.ts';
import { wholeObjectDiff } from '../../../drift/divergence.ts';
import { byMaker, coOwnedFields, diffFields } from '../../../drift/field-diff.ts';
import { fingerprint } from '../../../drift/fingerprint.ts';
import { maskFields } from '../../../drift/masking.ts';
import { noticesOf } from '../../../drift/notices.ts';
import { refusedFields } from '../../../drift/refused-fields.ts';
import { lostFields } from '../../../drift/taken-over.ts';
import { resourceOf } from '../../../desired/desired.ts';
import { lastPart } from '../../../fields/field-path.ts';
import { desiredBeside } from '../../../fields/ignored-fields.ts';
import { namedAsBefore } from '../../../inventory/applyset.ts';
import { saysSuspension, suspensionProblem } from '../../../ownership/suspended-object.ts';
import { managedFieldsToWrite } from '../../../ownership/take-over.ts';
import type { PlannedAction, RememberedObject } from '../../../plan/plan.ts';
import type { Target } from '../run/target.ts';

export interface Drift {
  readonly key: string;
  readonly diff: ObjectDiff;
}

/** What the look at one object comes to. */
export interface Finding {
  readonly action: PlannedAction;
  readonly drift?: Drift | undefined;
  /** What is remembered anew, by its key. */
  readonly renewed?: readonly [string, RememberedObject] | undefined;
  readonly notices?: readonly ObjectDiff[];
  /** Why nobody knows what the apply would make of it: in the words of the API server, which may quote the object. */
  readonly unverified?: string;
}

interface ToVerify {
  readonly action: Extract<PlannedAction, { action: 'configure' | 'verify' }>;
  readonly before: RememberedObject | undefined;
  /** Where a commit changed it, what differs is no drift. */
  readonly isUnchangedByCommits: boolean;
  /** Whether it is proven to be of the inventory. */
  readonly isMember: boolean;
  /** Whether it is left alone: then the annotations that say so do not differ, whoever has them. */
  readonly isSuspended?: boolean;
}

/** Asks what the apply of an object would make of it. */
export async function verifyObject(
  { cluster, api }: Pick<Target, 'cluster' | 'api'>,
  toVerify: ToVerify,
): Promise<Finding> {
  const { action, isMember, isSuspended = false } = toVerify;
  const { object, ignored } = action.desired;
  const present = action.observed.object;
  const resource = resourceOf({ api, object });
  const named = namedAsBefore({ desired: object, observed: present });
  const beside =
    ignored === undefined ? named : desiredBeside({ desired: named, observed: present, ignored, purpose: 'verify' });
  const counted = (fields: readonly FieldDiff[]) => fields.filter(({ path }) => !(isSuspended && saysSuspension(path)));
  const saidOf = (fields: FieldDiff[]) => counted(isMember ? fields : byMaker({ fields, observed: present }));
  const dryRun = resource === undefined ? undefined : await cluster.apply({ resource, object: beside, dryRun: true });
  const configure: PlannedAction = { ...action, action: 'configure' };
  if (dryRun?.outcome !== 'applied') {
    // What is in the way of Git's fields goes with the apply that heals them; a dry run leaves it.
    const goes =
      dryRun?.status === 422 &&
      managedFieldsToWrite({ desired: beside, observed: present, ignored, causes: dryRun.causes }) !== undefined;
    if (!goes) return { action: configure, unverified: dryRun?.message ?? 'the cluster does not serve its kind' };
    const fields = saidOf(refusedFields({ applied: beside, observed: present, ignored }));
    return { action: configure, drift: driftOf(toVerify, { change: 'modified', fields }) };
  }
  const pair = { desired: dryRun.object, observed: present, ignored };
  const fields = saidOf(diffFields(pair));
  const { takenOver: lost, any: isAnyLost } = lostFields({ ...pair, applied: beside });
  const takenOver = counted(lost);
  if (fields.length > 0) return { action: configure, drift: driftOf(toVerify, { change: 'modified', fields }) };
  const current = fingerprint(present);
  // What lost the proof that it is ours is applied again, though no field differs.
  if (takenOver.length === 0 && current !== undefined && isMember) return agreeing(toVerify, { current, isAnyLost });
  return { action: configure, drift: driftOf(toVerify, { change: 'taken-over', fields: takenOver }) };
}

/** It agrees after all: only what others own beside it is news. */
function agreeing(
  { action, before }: ToVerify,
  { current, isAnyLost }: { current: string; isAnyLost: boolean },
): Finding {
  const { key, id, object, hash, ignored } = action.desired;
  const notedBefore = before?.noted ?? [];
  const { diffs, noted } = noticesOf({
    id,
    apiVersion: object.apiVersion,
    mutated: [],
    coOwned: coOwnedFields({ observed: action.observed.object, kept: [], ignored }),
    problem: suspensionProblem(action.observed.object),
    noted: notedBefore,
  });
  const told = [...new Set([...notedBefore, ...noted])].sort();
  const renewed: RememberedObject = {
    desired: hash,
    observed: current,
    apiVersion: object.apiVersion,
    ...(told.length === 0 ? {} : { noted: told }),
    ...{ source: action.desired.source, ...(before?.commit === undefined ? {} : { commit: before.commit }) },
  };
  return {
    action: { ...action, action: 'keep' },
    // Verified again by the next run, where the fingerprint would leave out what was lost.
    renewed: isAnyLost ? undefined : [key, renewed],
    notices: diffs,
  };
}

function driftOf(
  { action: { desired }, isUnchangedByCommits }: ToVerify,
  { change, fields }: { change: 'modified' | 'taken-over'; fields: readonly FieldDiff[] },
): Drift | undefined {
  const { key, id, object, source } = desired;
  const masked = maskFields({ id, fields });
  if (masked.length === 0 || !isUnchangedByCommits) return undefined;
  const message = change === 'modified' ? differs(masked) : takenOverBy(masked);
  return {
    key,
    diff: { ...wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message, source }), fields: masked },
  };
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
