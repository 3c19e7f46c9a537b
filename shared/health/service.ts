import { z } from 'zod';
import { healthy, progressing } from './health.ts';
import { describeAddresses, loadBalancer } from './load-balancer.ts';
import { part, rule } from './observed-shape.ts';

const serviceSchema = z.object({
  spec: part({ type: z.string().default('ClusterIP') }),
  status: part({ loadBalancer }),
});

export const assessService = rule(serviceSchema, ({ spec, status }) => {
  if (spec.type !== 'LoadBalancer') return healthy(`a ${spec.type} service needs nothing more`);
  if (status.loadBalancer.ingress.length === 0) return progressing('it waits for its load balancer');
  return healthy(describeAddresses(status.loadBalancer));
});
