import { z } from 'zod';
import { conditionList, describeCondition, trueCondition } from './conditions.ts';
import { degraded, healthy, progressing, suspended } from './health.ts';
import { part, podCount, rule } from './observed-shape.ts';

const jobSchema = z.object({
  spec: part({ suspend: z.boolean().default(false), completions: z.number().optional() }),
  status: part({ active: podCount, succeeded: podCount, conditions: conditionList }),
});

export const assessJob = rule(jobSchema, ({ spec, status }) => {
  const failed = trueCondition(status.conditions, 'Failed');
  if (failed !== undefined) return degraded(describeCondition(failed));
  if (trueCondition(status.conditions, 'Complete') !== undefined) return healthy('it has completed');
  if (spec.suspend || trueCondition(status.conditions, 'Suspended') !== undefined) return suspended('it is suspended');
  const goal = spec.completions === undefined ? '' : ` of ${spec.completions}`;
  return progressing(`${status.active} pods are running, ${status.succeeded}${goal} have succeeded`);
});
