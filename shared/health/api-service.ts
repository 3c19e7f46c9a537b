import { z } from 'zod';
import { conditionList, describeCondition, findCondition } from './conditions.ts';
import { healthy, progressing } from './health.ts';
import { part, rule } from './observed-shape.ts';

const apiServiceSchema = z.object({ status: part({ conditions: conditionList }) });

export const assessApiService = rule(apiServiceSchema, ({ status }) => {
  const available = findCondition(status.conditions, 'Available');
  if (available === undefined) return progressing('it is not available yet');
  return available.status === 'True' ? healthy('it is available') : progressing(describeCondition(available));
});
