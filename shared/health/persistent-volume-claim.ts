import { z } from 'zod';
import { degraded, healthy, progressing, unknown } from './health.ts';
import { part, rule } from './observed-shape.ts';

const claimSchema = z.object({ status: part({ phase: z.string().optional() }) });

export const assessPersistentVolumeClaim = rule(claimSchema, ({ status }) => {
  switch (status.phase) {
    case undefined:
    case 'Pending':
      return progressing('it waits for a volume');
    case 'Bound':
      return healthy('it is bound to a volume');
    case 'Lost':
      return degraded('its volume is lost');
    default:
      return unknown(`its phase is ${status.phase}`);
  }
});
