import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { conditionList, describeCondition, findCondition, trueCondition } from './conditions.ts';
import { mayBeAdmittedLater } from './healing-causes.ts';
import { oneLine } from './health.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { isControlledBy, newestPods, newestReplicaSet } from './newest-pods.ts';
import { part } from './observed-shape.ts';
import { troubleOf, type Hides, type PodTrouble } from './pod-trouble.ts';

/** What keeps a roll-out from its end; the message is one sentence without the workload's name. */
export type RolloutTrouble = PodTrouble;

export interface ObservedRollout {
  readonly workload: KubernetesObject;
  readonly pods: readonly KubernetesObject[];
  readonly replicaSets: readonly KubernetesObject[];
  readonly hides?: Hides | undefined;
}

const observedSchema = z.object({
  metadata: part({ generation: z.number().default(0) }),
  spec: part({ podManagementPolicy: z.string().optional() }),
  status: part({ observedGeneration: z.number().optional(), conditions: conditionList }),
});

/**
 * Says why a workload (Deployment, StatefulSet, DaemonSet, ReplicaSet, Job) that is not healthy is not, by the Pods of
 * its latest template. `failing` is what waiting will not mend as far as one look can tell: an image that is not there,
 * a container that cannot be made or keeps crashing, Pods that the API server refuses (a quota that has no room for one
 * at all). What heals by itself, such as a ConfigMap that is not there yet, a registry or a webhook that does not
 * answer, and what a slow start looks like too, such as a readiness probe that never succeeded or a Pod without a node,
 * is `progressing`.
 *
 * @param observed.pods Pods of the workload's namespace: those that `podSelectorOf` selects, or more
 * @param observed.replicaSets those of its namespace, for a Deployment; empty for other kinds
 * Returns undefined where the Pods say nothing.
 */
export function explainRollout(observed: ObservedRollout): RolloutTrouble | undefined {
  const trouble = explain(observed);
  return trouble === undefined ? undefined : { ...trouble, message: oneLine(trouble.message) };
}

function explain(observed: ObservedRollout): RolloutTrouble | undefined {
  const { workload, replicaSets, hides = (words) => words } = observed;
  const parsed = observedSchema.safeParse(workload).data;
  if (parsed === undefined) return undefined;
  const { metadata, spec, status } = parsed;

  // Told before the controller reports the generation it has read: without its ReplicaSet there is no roll-out to
  // report of.
  const progress = findCondition(status.conditions, 'Progressing');
  if (workload.kind === 'Deployment' && progress?.reason === 'ReplicaSetCreateError') {
    return {
      verdict: mayBeAdmittedLater(describeCondition(progress)) ? 'progressing' : 'failing',
      message: hides(describeCondition(progress)),
      why: { object: titleOf(workload), reason: 'ReplicaSetCreateError' },
    };
  }
  if (status.observedGeneration !== undefined && status.observedGeneration < metadata.generation) return undefined;

  const replicaSet = workload.kind === 'Deployment' ? newestReplicaSet({ workload, replicaSets }) : workload;
  const newest = newestPods(observed);
  const living = observed.pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
  const refused = trueCondition(
    observedSchema.safeParse(replicaSet ?? workload).data?.status.conditions ?? [],
    'ReplicaFailure',
  );
  if (refused !== undefined) {
    // A Pod that is still ending counts towards the quota, and makes room when it is gone.
    const ending = observed.pods.length - living.length;
    const said = describeCondition(refused);
    const why = { object: titleOf(replicaSet ?? workload), reason: refused.reason || 'FailedCreate' };
    if (ending > 0) return { verdict: 'progressing', message: `${hides(said)}; ${ending} pods are still ending`, why };
    return { verdict: mayBeAdmittedLater(said) ? 'progressing' : 'failing', message: hides(said), why };
  }

  const trouble = worstOf({
    hides,
    pods: living.filter((pod) => newest.includes(pod)),
    ofJob: workload.kind === 'Job',
  });
  if (trouble?.verdict === 'failing' || workload.kind !== 'StatefulSet' || spec.podManagementPolicy === 'Parallel')
    return trouble;
  // A StatefulSet in order replaces no Pod before all are ready: an older one that fails holds its own mending up.
  const older = worstOf({
    pods: living.filter((pod) => isControlledBy(workload)(pod) && !newest.includes(pod)),
    ofJob: false,
    hides,
  });
  return older?.verdict === 'failing'
    ? { ...older, message: `${older.message}; it waits for this pod of its earlier revision` }
    : trouble;
}

function titleOf(object: KubernetesObject): string {
  return objectTitle(objectIdOf(object));
}

/**
 * The first trouble among the gravest, by the Pods' names, and how many Pods have one as grave. What was evicted stays
 * beside the Pod that replaces it, whose trouble is the present one. Only a Job counts its ended Pods.
 */
function worstOf({
  pods,
  ofJob,
  hides,
}: {
  pods: readonly KubernetesObject[];
  ofJob: boolean;
  hides: Hides;
}): RolloutTrouble | undefined {
  const troubles = pods
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
    .flatMap((pod) => {
      const trouble = troubleOf(pod, { countsCrashes: ofJob, hides });
      return trouble === undefined ? [] : [{ ...trouble, isPast: !ofJob && hasFailed(pod) }];
    });
  const failing = troubles.filter(({ verdict }) => verdict === 'failing');
  const present = troubles.filter(({ isPast, why }) => !isPast && why !== undefined);
  const hasPast = troubles.some(({ isPast }) => isPast);
  const gravest = failing.length > 0 ? failing : hasPast && present.length > 0 ? present : troubles;
  if (gravest[0] === undefined) return undefined;
  const { isPast: _isPast, ...first } = gravest[0];
  return pods.length === 1
    ? first
    : { ...first, message: `${first.message} (${gravest.length} of ${pods.length} pods)` };
}

const phaseSchema = z.object({ status: part({ phase: z.string().optional() }) });

function hasFailed(pod: KubernetesObject): boolean {
  return phaseSchema.safeParse(pod).data?.status.phase === 'Failed';
}

const requirementSchema = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).nullish(),
});
const selectorSchema = z.object({
  spec: part({
    selector: part({
      matchLabels: z.record(z.string(), z.string()).nullish(),
      matchExpressions: z.array(requirementSchema).nullish(),
    }),
  }),
});

/**
 * A workload's `spec.selector` as the `labelSelector` of a LIST, or undefined where it has none or selects everything.
 */
export function podSelectorOf(workload: KubernetesObject): string | undefined {
  const selector = selectorSchema.safeParse(workload).data?.spec.selector;
  if (selector === undefined) return undefined;
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`;
  });
  const requirements = [...labels, ...expressions];
  return requirements.length === 0 ? undefined : requirements.join(',');
}
