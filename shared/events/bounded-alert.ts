import { shortened } from '../base/shortened.ts';
import type { FieldDiff, ObjectDiff } from '../drift/object-diff.ts';
import type { Alert, Cause, Converged, Diff } from './alert.ts';

/**
 * Bytes of the JSON of an alert. Pub/Sub takes 10 MB of a message (https://cloud.google.com/pubsub/quotas#resource_limits),
 * attributes and base64 included; the web servers of receivers commonly take 1 MiB of a request.
 */
export const largestAlert = 1_000_000;

/** Of an alert that is larger: characters of each text, and bytes of the JSON of each value and of an object's fields. */
const largestText = 2_000;
const largestValue = 2_000;
const largestFields = 16_000;

/** The alert as it is published: with what makes it larger than receivers take left out and counted. */
export function boundedAlert(alert: Alert): Alert {
  if (bytesOf(alert.data) <= largestAlert) return alert;
  if (alert.topic === 'diff') return { topic: alert.topic, data: boundedDiff(alert.data) };
  return { topic: alert.topic, data: { ...alert.data, ...shortTexts(alert.data) } };
}

/**
 * Where a diff is too large: long texts are cut, large values and then fields are left out of each object, and objects
 * from the end. The same diff is cut alike each time.
 */
export function boundedDiff(diff: Diff): Diff {
  if (bytesOf(diff) <= largestAlert) return diff;
  const { summary, subject, incident } = diff;
  const short: Diff = {
    ...{ ...diff, ...shortTexts(diff), summary: cut(summary), incident: cut(incident) },
    ...{ subject: subject === null ? null : cut(subject), objects: [] },
  };
  const objects = fitting(diff.objects.map(boundedObject), largestAlert - bytesOf(short) - 100);
  return { ...short, objects, omitted: diff.omitted + diff.objects.length - objects.length };
}

function boundedObject({ fields, omittedFields = 0, ...object }: ObjectDiff): ObjectDiff {
  const listed = fitting(fields.map(boundedField), largestFields);
  const left = omittedFields + fields.length - listed.length;
  return {
    ...{ ...object, ...boundedChange(object), message: cut(object.message), fields: listed },
    ...(left === 0 ? {} : { omittedFields: left }),
  };
}

/** Without the fields that Git changed, which are counted. */
function boundedChange({ changed }: Pick<ObjectDiff, 'changed'>): Pick<ObjectDiff, 'changed'> {
  if (changed?.fields === undefined || changed.fields.length === 0) return {};
  return {
    changed: { ...changed, fields: [], omittedFields: (changed.omittedFields ?? 0) + changed.fields.length },
  };
}

function boundedField(field: FieldDiff): FieldDiff {
  const isLarge = (side: 'desired' | 'observed'): boolean => bytesOf(field[side] ?? null) > largestValue;
  const large = (['desired', 'observed'] as const).filter(isLarge);
  if (large.length === 0) return field;
  const without = Object.fromEntries(large.map((side) => [side, undefined]));
  return { ...field, ...without, omitted: [...(field.omitted ?? []), ...large] };
}

/** Those that have room, in their order. */
function fitting<T>(items: readonly T[], bytes: number): T[] {
  let left = bytes;
  return items.filter((item) => {
    const size = bytesOf(item) + 1;
    if (size > left) return false;
    left -= size;
    return true;
  });
}

function shortTexts({ environment, repository, cluster, revision, cause }: Diff | Converged) {
  const texts = { environment: cut(environment), repository: cut(repository), cluster: cut(cluster) };
  return { ...texts, revision: cut(revision), cause: cause === null ? null : shortCause(cause) };
}

function shortCause({ commit, subject, author, artifact, build, restores, requested }: Cause): Cause {
  return {
    ...{ commit: cut(commit), subject: cut(subject) },
    ...{ author: cutIfAny(author), artifact: cutIfAny(artifact), build: cutIfAny(build) },
    restores: restores === null ? null : { commit: cut(restores.commit), subject: cut(restores.subject) },
    ...(requested === undefined ? {} : { requested: shortRequest(requested) }),
  };
}

function shortRequest({ action, by, reason }: NonNullable<Cause['requested']>): NonNullable<Cause['requested']> {
  return { action: cut(action), by: cut(by), reason: cutIfAny(reason) };
}

function cutIfAny(text: string | null): string | null {
  return text === null ? null : cut(text);
}

function cut(text: string): string {
  return shortened(text, largestText);
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
