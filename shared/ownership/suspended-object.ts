import { isZonedTime, parseTime, zonedTimeExpected } from '../base/time.ts';
import { pointer, type FieldPath } from '../fields/field-path.ts';
import { isMap } from '../objects/exact-json.ts';
import type { KubernetesObject, ManagedFieldsEntry } from '../objects/kubernetes-object.ts';

/*
 * One object that is left alone: by an annotation that a person set on it in the cluster, or on its manifest in Git. It is
 * neither applied, healed, replaced nor pruned. What differs of it is told, and its health counts.
 */

/** `disabled`: it is left alone. `enabled` says what is so without it. */
export const reconcileAnnotation = 'converge.dev/reconcile';
/** Until when, ISO 8601 with a zone; absent: until the annotation is taken away. */
export const untilAnnotation = 'converge.dev/reconcile-until';

/** Who leaves an object alone, since when as far as is recorded, and until when. */
export interface Suspension {
  readonly in: 'cluster' | 'Git';
  /** The manager that wrote the annotation, and when it wrote last: of one in the cluster, where that is recorded. */
  readonly by?: string;
  readonly changedBefore?: string;
  /** ISO 8601; absent: it has no end, or none that can be read. */
  readonly until?: string;
}

/** An annotation that says what cannot be: which, and what would be right, for people. */
export interface AnnotationProblem {
  /** JSON pointer. */
  readonly path: string;
  readonly message: string;
}

/**
 * Whether an object is left alone now, as it is in the cluster or in Git. An end that cannot be read is none.
 *
 * @param asked.in where the object was read
 */
export function suspensionOf({
  object,
  in: place,
  now,
}: {
  object: KubernetesObject;
  in: Suspension['in'];
  now: Date;
}): Suspension | undefined {
  const said = object.metadata.annotations;
  if (said?.[reconcileAnnotation] !== 'disabled') return undefined;
  const until = endOf(said[untilAnnotation]);
  if (until !== undefined && parseTime(until) <= now.getTime()) return undefined;
  const writer = place === 'cluster' ? writerOf(object) : undefined;
  return {
    in: place,
    ...(writer?.manager === undefined ? {} : { by: writer.manager }),
    ...(writer?.time === undefined ? {} : { changedBefore: writer.time }),
    ...(until === undefined ? {} : { until }),
  };
}

interface Keyed {
  readonly key: string;
  readonly object: KubernetesObject;
}

/**
 * What is left alone of all that is desired and all that is there, by key. What the cluster says comes first: a person
 * set it there since.
 */
export function suspensionsOf({
  desired,
  observed,
  now,
}: {
  desired: Iterable<Keyed>;
  observed: Iterable<Keyed>;
  now: Date;
}): ReadonlyMap<string, Suspension> {
  const found = new Map<string, Suspension>();
  const add = ({ key, object }: Keyed, place: Suspension['in']): void => {
    const suspension = suspensionOf({ object, in: place, now });
    if (suspension !== undefined) found.set(key, suspension);
  };
  for (const one of desired) add(one, 'Git');
  for (const one of observed) add(one, 'cluster');
  return found;
}

/** What one of the annotations says that cannot be; undefined where neither does. It changes nothing. */
export function suspensionProblem({ metadata: { annotations } }: KubernetesObject): AnnotationProblem | undefined {
  const said = annotations?.[reconcileAnnotation];
  if (said !== undefined && said !== 'disabled' && said !== 'enabled')
    return {
      path: pathOf(reconcileAnnotation),
      message: `${reconcileAnnotation} is ${quoted(said)}, and leaves nothing alone: expected disabled or enabled`,
    };
  const until = annotations?.[untilAnnotation];
  if (until === undefined || endOf(until) !== undefined) return undefined;
  const effect = said === 'disabled' ? 'so that it is left alone without an end' : 'and ends nothing';
  return {
    path: pathOf(untilAnnotation),
    message: `${untilAnnotation} is ${quoted(until)}, ${effect}: ${zonedTimeExpected}`,
  };
}

/** For people, behind what differs: `left alone by converge.dev/reconcile: disabled (kubectl-annotate), without an end`. */
export function suspensionWords(suspension: Suspension): string {
  const { in: place, by, changedBefore, until } = suspension;
  const when = changedBefore === undefined ? [] : [`at or before ${changedBefore}`];
  const who = place === 'Git' ? ['in Git'] : [by ?? 'somebody', ...when];
  const end = until === undefined ? 'without an end' : `until ${until}`;
  return `left alone by ${reconcileAnnotation}: disabled (${who.join(', ')}), ${end}`;
}

/** Whether a field is one of the annotations, which are no drift of what they leave alone. @param path JSON pointer */
export function saysSuspension(path: string): boolean {
  return path === pathOf(reconcileAnnotation) || path === pathOf(untilAnnotation);
}

/** As the annotation says it, where that is a time. */
function endOf(text: string | undefined): string | undefined {
  return text !== undefined && isZonedTime(text) ? text : undefined;
}

/** A person may have written anything. */
function quoted(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 60)}…`);
}

function annotationPath(annotation: string): FieldPath {
  return ['metadata', 'annotations', annotation].map((name) => ({ step: 'field', name }));
}

function pathOf(annotation: string): string {
  return pointer(annotationPath(annotation));
}

/** The last that wrote the annotation. */
function writerOf({ metadata: { managedFields = [] } }: KubernetesObject): ManagedFieldsEntry | undefined {
  const keys = annotationPath(reconcileAnnotation).map((step) => (step.step === 'field' ? `f:${step.name}` : ''));
  const wrote = ({ fieldsV1 }: ManagedFieldsEntry): boolean =>
    keys.reduce<unknown>((node, key) => (isMap(node) ? node[key] : undefined), fieldsV1) !== undefined;
  return managedFields.filter(wrote).toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1))[0];
}
