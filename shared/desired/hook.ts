import { ConvergeError } from '../base/errors.ts';
import { desiredObjects, type DesiredObject, type Marks, type ScopeTable } from './desired.ts';
import type { KubernetesObject, RenderedHook } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { bothPlaces, withPlaces, type Place } from '../objects/place.ts';

/*
 * Helm hooks: https://helm.sh/docs/topics/charts_hooks/ . Where that page and Helm 4.3.1 differ, this follows the
 * program, which the charts were tried with.
 */

/** Before the other objects are applied (or deleted), and after all of them are healthy (or gone). */
export type HookPhase = 'pre' | 'post';

const runEvents = ['pre-install', 'post-install', 'pre-upgrade', 'post-upgrade', 'pre-delete', 'post-delete'] as const;
export type HookEvent = (typeof runEvents)[number];

/** Of what Converge never does to a release: hooks of nothing else are neither run nor applied. */
const restingEvents = ['pre-rollback', 'post-rollback', 'test', 'test-success', 'test-failure'];

const deletePolicies = ['before-hook-creation', 'hook-succeeded', 'hook-failed'] as const;
export type DeletePolicy = (typeof deletePolicies)[number];

const weightAnnotation = 'helm.sh/hook-weight';
const deletePolicyAnnotation = 'helm.sh/hook-delete-policy';

/** A hook as it is to be applied, and when. */
export interface Hook {
  readonly release: string;
  readonly desired: DesiredObject;
  /** Empty for a hook that is never run. */
  readonly events: readonly HookEvent[];
  readonly weight: number;
  readonly deletePolicies: readonly DeletePolicy[];
}

/**
 * Turns a render's hooks into hooks to run: normalised, put into a namespace and marked as desired objects are.
 *
 * Throws `RenderFailed` (refuse) for an event, weight or delete policy that Helm does not know, and `DuplicateObject`
 * (refuse) where an object is a hook and an ordinary object, or is two hooks of one event.
 */
export function desiredHooks({
  rendered,
  objects,
  namespace,
  scopes,
  marks,
  sourceOf = () => undefined,
}: {
  rendered: readonly RenderedHook[];
  objects: readonly DesiredObject[];
  namespace: string;
  scopes: ScopeTable;
  marks: Marks;
  /** The source of the rendered hook at an index, in words, where its file does not tell. */
  sourceOf?: (index: number) => string | undefined;
}): Hook[] {
  const ordinary = new Map(
    objects.map((object) => [object.key, { file: object.source, which: 'the object', source: undefined }]),
  );
  const placed = withPlaces({ rendered, what: 'hook', sourceOf }).flatMap(({ one, place }) => {
    const events = eventsOf(one);
    const facts = { release: one.release, events, weight: weightOf(one), deletePolicies: deletePoliciesOf(one) };
    return desiredObjects({ rendered: [one], namespace, scopes, marks }).map((desired) => ({
      place,
      hook: { ...facts, desired },
    }));
  });
  const places = new Map<string, Place>();
  for (const {
    place,
    hook: { desired, events },
  } of placed) {
    refuseDouble({ desired, place, other: ordinary.get(desired.key), as: 'as a hook and as an ordinary object' });
    for (const event of events) {
      refuseDouble({ desired, place, other: places.get(`${event} ${desired.key}`), as: `as the hook ${event}` });
      places.set(`${event} ${desired.key}`, place);
    }
  }
  return placed.map(({ hook }) => hook);
}

function refuseDouble({
  desired,
  place,
  other,
  as,
}: {
  desired: DesiredObject;
  place: Place;
  other: Place | undefined;
  as: string;
}): void {
  if (other === undefined) return;
  throw new ConvergeError({
    code: 'DuplicateObject',
    subject: objectTitle(desired.id),
    message: `is defined twice, ${as}, ${bothPlaces(other, place)}`,
    remedy: 'give one of them another name',
    disposition: 'refuse',
  });
}

function eventsOf(hook: RenderedHook): HookEvent[] {
  return hook.events.flatMap((event) => {
    const known = runEvents.find((run) => run === event);
    if (known !== undefined) return [known];
    if (restingEvents.includes(event)) return [];
    throw refusal(hook, {
      message: 'helm.sh/hook names an event that Helm does not know',
      remedy:
        event === 'crd-install'
          ? 'put the definition into the chart’s folder crds/'
          : `the events are ${runEvents.join(', ')}`,
    });
  });
}

function weightOf(hook: RenderedHook): number {
  const text = annotationOf(hook.object, weightAnnotation)?.trim() ?? '';
  if (text === '') return 0;
  if (/^[+-]?\d{1,9}$/.test(text)) return Number(text);
  throw refusal(hook, { message: `${weightAnnotation} is no whole number`, remedy: 'write it like "-5"' });
}

function deletePoliciesOf(hook: RenderedHook): DeletePolicy[] {
  const named = (annotationOf(hook.object, deletePolicyAnnotation) ?? '')
    .split(',')
    .map((policy) => policy.trim().toLowerCase());
  const policies = named.filter((policy) => policy !== '');
  if (policies.length === 0) return ['before-hook-creation'];
  return policies.map((policy) => {
    const known = deletePolicies.find((one) => one === policy);
    if (known !== undefined) return known;
    throw refusal(hook, {
      message: `${deletePolicyAnnotation} names a policy that Helm does not know`,
      remedy: `the policies are ${deletePolicies.join(', ')}`,
    });
  });
}

/** Charts forget quotes: a number is as good here. */
function annotationOf({ metadata }: KubernetesObject, name: string): string | undefined {
  const value: unknown = metadata.annotations?.[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function refusal(
  { source, object }: RenderedHook,
  { message, remedy }: { message: string; remedy: string },
): ConvergeError {
  return new ConvergeError({
    code: 'RenderFailed',
    subject: `${source}, ${objectTitle(objectIdOf(object))}`,
    message,
    remedy,
    disposition: 'refuse',
  });
}

/**
 * The hooks of one event in the order Helm runs them: by weight, then name, then kind; as rendered where all are equal.
 */
export function hooksOf({ hooks, event }: { hooks: readonly Hook[]; event: HookEvent }): Hook[] {
  const name = ({ desired }: Hook): string => desired.id.name;
  return hooks
    .filter((hook) => hook.events.includes(event))
    .sort(
      (a, b) => a.weight - b.weight || compare(name(a), name(b)) || compareKinds(a.desired.id.kind, b.desired.id.kind),
    );
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Helm's order of an install; other kinds follow by name. */
const kindOrder = [
  ...[
    'PriorityClass',
    'Namespace',
    'NetworkPolicy',
    'ResourceQuota',
    'LimitRange',
    'PodSecurityPolicy',
    'PodDisruptionBudget',
  ],
  ...[
    'ServiceAccount',
    'Secret',
    'ConfigMap',
    'StorageClass',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'CustomResourceDefinition',
  ],
  ...[
    'ClusterRole',
    'ClusterRoleBinding',
    'Role',
    'RoleBinding',
    'Service',
    'DaemonSet',
    'Pod',
    'ReplicationController',
    'ReplicaSet',
  ],
  ...[
    'Deployment',
    'HorizontalPodAutoscaler',
    'StatefulSet',
    'Job',
    'CronJob',
    'IngressClass',
    'Ingress',
    'APIService',
  ],
  ...['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
];

function compareKinds(a: string, b: string): number {
  const rank = (kind: string): number => (kindOrder.includes(kind) ? kindOrder.indexOf(kind) : kindOrder.length);
  return rank(a) - rank(b) || compare(a, b);
}

/** Whether a hook ends by itself: only these are waited for, everything else is done once it is applied. */
export function runsToAnEnd({ id }: DesiredObject): boolean {
  return (id.group === 'batch' && id.kind === 'Job') || (id.group === '' && id.kind === 'Pod');
}

/**
 * The object without `ttlSecondsAfterFinished`: a Job that goes as soon as it has finished takes its outcome with it.
 * Charts set 0; it is applied as written once the outcome is known.
 */
export function withoutTimeToLive(object: KubernetesObject): KubernetesObject {
  const spec = object['spec'];
  if (object.kind !== 'Job' || spec === null || typeof spec !== 'object' || !('ttlSecondsAfterFinished' in spec))
    return object;
  const { ttlSecondsAfterFinished: _later, ...rest } = spec;
  return { ...object, spec: rest };
}
