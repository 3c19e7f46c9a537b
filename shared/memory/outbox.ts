import { z } from 'zod';
import { convergedSchema, diffSchema } from '../events/alert.ts';

/**
 * An alert that the memory says, and that is to be published: in order, after the write that put it there. Its id
 * follows from what it says, so that one that is published twice is recognised.
 *
 * `time`: ISO 8601, by our own clock.
 */
export const alertInOutboxSchema = z.discriminatedUnion('topic', [
  z.object({ topic: z.literal('diff'), time: z.string(), data: diffSchema }),
  z.object({ topic: z.literal('converged'), time: z.string(), data: convergedSchema }),
]);
export type AlertInOutbox = z.infer<typeof alertInOutboxSchema>;
