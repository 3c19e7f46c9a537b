import { wholeObjectDiff } from '../../../drift/divergence.ts';
import { maskText } from '../../../drift/masking.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { suspensionWords, type Suspension } from '../../../ownership/suspended-object.ts';
import type { PlannedAction, RememberedObject } from '../../../plan/plan.ts';
import type { Target } from '../run/target.ts';
import { verifyObject, type Drift, type Finding } from './verify-object.ts';

/**
 * How an object differs that is left alone, by a dry run, whether somebody changed it or a commit did. It is kept as it
 * is, and so are the annotations that say so. What cannot be told is told to differ.
 */
export async function leftAlone(
  asked: Pick<Target, 'cluster' | 'api'>,
  {
    action: { desired, observed },
    before,
    isMember,
  }: {
    action: Extract<PlannedAction, { action: 'leave' }>;
    before: RememberedObject | undefined;
    isMember: boolean;
  },
): Promise<Finding> {
  const kept = { action: 'keep', desired, observed } as const;
  const { key, id, source, object } = desired;
  const whole = (change: 'missing' | 'modified', message: string): Drift => ({
    key,
    diff: wholeObjectDiff({ id, apiVersion: object.apiVersion, change, message, source }),
  });
  if (observed === undefined) return { action: kept, drift: whole('missing', 'is missing') };
  const found = await verifyObject(asked, {
    action: { action: 'verify', desired, observed },
    before,
    isUnchangedByCommits: true,
    isMember,
    isSuspended: true,
  });
  if (found.unverified !== undefined) {
    const said = maskText({ text: found.unverified, objects: [object, observed.object] });
    return { action: kept, drift: whole('modified', `may differ: a dry run of its apply is refused: ${said}`) };
  }
  return { ...found, action: kept };
}

/** The same, with who leaves the object alone, where somebody does. */
export function suspendedDrift({ key, diff }: Drift, suspensions: ReadonlyMap<string, Suspension>): Drift {
  const suspension = suspensions.get(key);
  if (suspension === undefined) return { key, diff };
  return { key, diff: suspendedDiff(diff, suspension) };
}

/** A difference of an object that is left alone, with who does so, and until when. */
export function suspendedDiff(diff: ObjectDiff, suspension: Suspension): ObjectDiff {
  return { ...diff, message: `${diff.message}; ${suspensionWords(suspension)}`, suspended: suspension };
}
