import { z } from 'zod';
import { part } from './observed-shape.ts';

/** `status.loadBalancer` of a Service or an Ingress. */
export const loadBalancer = part({
  ingress: z
    .array(z.object({ ip: z.string().optional(), hostname: z.string().optional() }))
    .nullish()
    .transform((list) => list ?? []),
});

/** Where the load balancer answers; the list holds an entry before the entry holds an address. */
export function describeAddresses({ ingress }: z.infer<typeof loadBalancer>): string {
  const addresses = ingress.flatMap(({ ip, hostname }) => ip ?? hostname ?? []);
  return addresses.length === 0
    ? 'its load balancer is assigned'
    : `its load balancer answers at ${addresses.join(', ')}`;
}
