import { z } from 'zod';
import { describeError } from '../../base/errors.ts';
import type { Topics } from '../../ports/messages.ts';

/** What every action that may commit says of its announcement. */
export const announcementShape = {
  announced: z.boolean().describe('False: the next check finds the commit'),
  unannounced: z
    .string()
    .nullable()
    .describe('Why it was not announced; null: it was, or there was nothing to announce'),
};
type Announcement = z.infer<z.ZodObject<typeof announcementShape>>;

/**
 * Does what commits, and fails for no announcement: the commit is there all the same, and the host's webhook or the next check
 * announces it, too.
 */
export async function announcing<P extends { readonly topics: Topics }, R extends { readonly outcome: string }>(
  ports: P,
  work: (ports: P) => Promise<R>,
): Promise<R & Announcement> {
  let unannounced: string | null = null;
  const topics: Topics = {
    async publish(topic, event) {
      await ports.topics.publish(topic, event).catch((error: unknown) => (unannounced = describeError(error)));
    },
  };
  const result = await work({ ...ports, topics });
  return { ...result, announced: result.outcome !== 'planned' && unannounced === null, unannounced };
}
