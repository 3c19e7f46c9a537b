import type { DiffReason } from '../base/diff-reasons.ts';
import type { ObjectDiff } from './object-diff.ts';
import { objectTitle, type ObjectId } from '../objects/object-id.ts';

/** What a run found to differ. */
export interface Divergence {
  readonly reason: DiffReason;
  readonly revision: string;
  readonly summary: string;
  readonly objects: readonly ObjectDiff[];
}

/** A divergence of objects, sorted, summed up in one line for people: the first one, and how many more. */
export function divergenceOf({
  reason,
  revision,
  objects,
}: {
  reason: DiffReason;
  revision: string;
  objects: readonly ObjectDiff[];
}): Divergence {
  const sorted = objects.toSorted((a, b) => (objectTitle(a) < objectTitle(b) ? -1 : 1));
  const [first, ...others] = sorted;
  const more = others.length === 0 ? '' : `, and ${others.length} more object${others.length === 1 ? '' : 's'}`;
  const summary = first === undefined ? 'nothing differs' : `${objectTitle(first)}: ${first.message}${more}`;
  return { reason, revision, summary, objects: sorted };
}

/** An object that differs as a whole: missing, unexpected, unhealthy, failed. */
export function wholeObjectDiff({
  id,
  apiVersion,
  change,
  message,
  source,
  line,
  why,
  changed,
}: {
  id: ObjectId;
  apiVersion: string;
  change: ObjectDiff['change'];
  message: string;
  source?: string | undefined;
  line?: number | undefined;
  why?: ObjectDiff['why'];
  changed?: ObjectDiff['changed'];
}): ObjectDiff {
  const namespace = id.namespace === undefined ? {} : { namespace: id.namespace };
  return {
    apiVersion,
    kind: id.kind,
    ...namespace,
    name: id.name,
    change,
    message,
    ...(source === undefined ? {} : { source }),
    ...(line === undefined ? {} : { line }),
    ...(why === undefined ? {} : { why }),
    ...(changed === undefined ? {} : { changed }),
    fields: [],
  };
}
