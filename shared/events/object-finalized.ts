import { z } from 'zod';
import { parseEventData, type IncomingEvent } from './cloud-event.ts';

/** Cloud Storage's event for a new generation of an object, as Eventarc delivers it; only what is used. */
export const objectFinalizedSchema = z.object({
  bucket: z.string().min(1),
  name: z.string().min(1),
  generation: z.union([z.string().regex(/^\d+$/), z.int().transform(String)]),
});
export type ObjectFinalized = z.infer<typeof objectFinalizedSchema>;

/** Throws `InvalidEvent` (refuse). */
export function parseObjectFinalized(event: IncomingEvent): ObjectFinalized {
  return parseEventData(objectFinalizedSchema, event);
}
