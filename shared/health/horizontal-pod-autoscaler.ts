import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { parseJson } from '../objects/exact-json.ts';
import { conditionList, describeCondition, readConditions, trueCondition, type Condition } from './conditions.ts';
import { degraded, healthy, progressing } from './health.ts';
import { part, rule } from './observed-shape.ts';

/** Where `autoscaling/v1`, whose status has no place for conditions, keeps them as JSON. */
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions';

const autoscalerSchema = z.object({
  metadata: part({ annotations: z.record(z.string(), z.string()).nullish() }),
  status: part({ conditions: conditionList }),
});

export const assessHorizontalPodAutoscaler = rule(autoscalerSchema, ({ metadata, status }) => {
  const conditions = conditionsOf({ metadata, status });
  const failure = conditions.find(isFailure);
  if (failure !== undefined) return degraded(describeCondition(failure));
  const able = trueCondition(conditions, 'AbleToScale') ?? trueCondition(conditions, 'ScalingLimited');
  return able === undefined ? progressing('it waits for its first measurement') : healthy(describeCondition(able));
});

type Autoscaler = z.infer<typeof autoscalerSchema>;

function conditionsOf({ metadata, status }: Autoscaler): readonly Condition[] {
  const annotation = metadata.annotations?.[conditionsAnnotation];
  return annotation === undefined ? status.conditions : parseAnnotation(annotation);
}

/** The conditions of an observed autoscaler of any version; none where they cannot be read. */
export function autoscalerConditions(object: KubernetesObject): readonly Condition[] {
  const autoscaler = autoscalerSchema.safeParse(object).data;
  return autoscaler === undefined ? [] : conditionsOf(autoscaler);
}

/**
 * `ScalingDisabled` (no replicas wanted) is a choice; `FailedGetResourceMetric`, `InvalidSelector` and their like are
 * failures.
 */
function isFailure({ type, status, reason }: Condition): boolean {
  return (
    (type === 'AbleToScale' || type === 'ScalingActive') && status === 'False' && /^(Failed|Invalid)/.test(reason ?? '')
  );
}

function parseAnnotation(text: string): readonly Condition[] {
  try {
    return readConditions({ conditions: parseJson(text) });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
}
