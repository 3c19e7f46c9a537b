import { z } from 'zod';
import { healthy, progressing } from './health.ts';
import { describeAddresses, loadBalancer } from './load-balancer.ts';
import { part, rule } from './observed-shape.ts';

const ingressSchema = z.object({ status: part({ loadBalancer }) });

export const assessIngress = rule(ingressSchema, ({ status }) => {
  if (status.loadBalancer.ingress.length === 0) return progressing('it waits for its load balancer');
  return healthy(describeAddresses(status.loadBalancer));
});
