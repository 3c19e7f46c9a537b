import { z } from 'zod';
import { healthy, progressing } from './health.ts';
import { generation, observedGeneration, part, podCount, workloadRule } from './observed-shape.ts';

const statefulSetSchema = z.object({
  metadata: generation,
  spec: part({
    replicas: z.number().default(1),
    updateStrategy: part({ type: z.string().optional(), rollingUpdate: part({ partition: z.number().default(0) }) }),
  }),
  status: part({
    observedGeneration,
    replicas: podCount,
    readyReplicas: podCount,
    updatedReplicas: z.number().optional(),
    currentRevision: z.string().optional(),
    updateRevision: z.string().optional(),
  }),
});

export const assessStatefulSet = workloadRule(statefulSetSchema, ({ spec, status }) => {
  if (status.readyReplicas < spec.replicas)
    return progressing(`${status.readyReplicas} of ${spec.replicas} pods are ready`);
  if (status.replicas > spec.replicas)
    return progressing(`${status.replicas - spec.replicas} surplus pods are still there`);
  if (spec.updateStrategy.type === 'OnDelete')
    return healthy(`${status.readyReplicas} pods are ready; updated only when deleted`);

  const { partition } = spec.updateStrategy.rollingUpdate;
  const due = Math.max(0, spec.replicas - partition);
  if (partition > 0) {
    const updated = status.updatedReplicas ?? 0;
    if (updated < due) return progressing(`${updated} of the ${due} pods above the partition are updated`);
    return healthy(`${status.readyReplicas} pods are ready, ${updated} of them above the partition and updated`);
  }
  // The API server leaves out a count of zero, so only the revisions tell an update that has not begun from a finished
  // one.
  if (status.updateRevision !== status.currentRevision || (status.updatedReplicas ?? due) < due) {
    return progressing(`${status.updatedReplicas ?? 0} of ${due} pods are updated`);
  }
  return healthy(`${status.readyReplicas} pods are ready`);
});
