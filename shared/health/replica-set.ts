import { z } from 'zod';
import { conditionList, describeCondition, trueCondition } from './conditions.ts';
import { degraded, healthy, progressing } from './health.ts';
import { generation, observedGeneration, part, podCount, workloadRule } from './observed-shape.ts';

const replicaSetSchema = z.object({
  metadata: generation,
  spec: part({ replicas: z.number().default(1) }),
  status: part({ observedGeneration, availableReplicas: podCount, conditions: conditionList }),
});

export const assessReplicaSet = workloadRule(replicaSetSchema, ({ spec, status }) => {
  const failure = trueCondition(status.conditions, 'ReplicaFailure');
  if (failure !== undefined) return degraded(describeCondition(failure));
  if (status.availableReplicas < spec.replicas)
    return progressing(`${status.availableReplicas} of ${spec.replicas} pods are available`);
  return healthy(`${status.availableReplicas} pods are available`);
});
