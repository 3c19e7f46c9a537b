import { z } from 'zod';
import { conditionList, describeCondition, trueCondition } from './conditions.ts';
import { degraded, healthy, progressing, suspended } from './health.ts';
import { generation, observedGeneration, part, podCount, workloadRule } from './observed-shape.ts';

const deploymentSchema = z.object({
  metadata: generation,
  spec: part({ replicas: z.number().optional(), paused: z.boolean().default(false) }),
  status: part({
    observedGeneration,
    replicas: podCount,
    updatedReplicas: podCount,
    availableReplicas: podCount,
    conditions: conditionList,
  }),
});

/** The order of the questions is that of `kubectl rollout status`. */
export const assessDeployment = workloadRule(deploymentSchema, ({ spec, status }) => {
  if (spec.paused) return suspended('its roll-out is paused');
  const progress = status.conditions.find((condition) => condition.type === 'Progressing');
  if (progress?.reason === 'ProgressDeadlineExceeded') return degraded(describeCondition(progress));

  const replicaFailure = trueCondition(status.conditions, 'ReplicaFailure');
  const obstacle = replicaFailure === undefined ? '' : `: ${describeCondition(replicaFailure)}`;
  const desired = spec.replicas ?? status.updatedReplicas;
  if (status.updatedReplicas < desired)
    return progressing(`${status.updatedReplicas} of ${desired} pods are updated${obstacle}`);
  const outdated = status.replicas - status.updatedReplicas;
  if (outdated > 0) return progressing(`${outdated} outdated pods are still there`);
  if (status.availableReplicas < status.updatedReplicas) {
    return progressing(
      `${status.availableReplicas} of ${status.updatedReplicas} updated pods are available${obstacle}`,
    );
  }
  return healthy(`${status.availableReplicas} pods are available`);
});
