import { z } from 'zod';
import { conditionList, describeCondition, findCondition, trueCondition } from './conditions.ts';
import { degraded, healthy, progressing } from './health.ts';
import { part, rule } from './observed-shape.ts';

const definitionSchema = z.object({ status: part({ conditions: conditionList }) });

/** Established is what its custom resources wait for; names that are taken stay taken until somebody acts. */
export const assessCustomResourceDefinition = rule(definitionSchema, ({ status }) => {
  const accepted = findCondition(status.conditions, 'NamesAccepted');
  if (accepted?.status === 'False') return degraded(describeCondition(accepted));
  const established = findCondition(status.conditions, 'Established');
  if (established?.status === 'True') {
    const malformed = trueCondition(status.conditions, 'NonStructuralSchema');
    return malformed === undefined ? healthy('it is established') : degraded(describeCondition(malformed));
  }
  if (established?.status === 'False' && established.reason !== 'Installing')
    return degraded(describeCondition(established));
  return progressing('it is not established yet');
});
