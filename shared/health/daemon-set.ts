import { z } from 'zod';
import { healthy, progressing } from './health.ts';
import { generation, observedGeneration, part, podCount, workloadRule } from './observed-shape.ts';

const daemonSetSchema = z.object({
  metadata: generation,
  spec: part({ updateStrategy: part({ type: z.string().optional() }) }),
  status: part({
    observedGeneration,
    desiredNumberScheduled: podCount,
    updatedNumberScheduled: podCount,
    numberAvailable: podCount,
  }),
});

export const assessDaemonSet = workloadRule(daemonSetSchema, ({ spec, status }) => {
  const { desiredNumberScheduled: desired, updatedNumberScheduled: updated, numberAvailable: available } = status;
  const onDelete = spec.updateStrategy.type === 'OnDelete';
  if (!onDelete && updated < desired) return progressing(`${updated} of ${desired} pods are updated`);
  if (available < desired) return progressing(`${available} of ${desired} pods are available`);
  return healthy(`${available} pods are available${onDelete ? '; updated only when deleted' : ''}`);
});
