import { z } from 'zod';

const text = z
  .string()
  .nullish()
  .transform((written) => written ?? '');
const time = z.string().nullish();
const count = z.int().positive().nullish();

/** An event of the core group, with what newer reporters write instead of count and times: `series`, `eventTime`. */
export const clusterEventSchema = z.object({
  type: text,
  involvedObject: z.object({ kind: z.string(), namespace: z.string().optional(), name: z.string(), uid: text }),
  reason: text,
  message: text,
  count,
  series: z.object({ count, lastObservedTime: time }).nullish(),
  lastTimestamp: time,
  eventTime: time,
  metadata: z.object({ creationTimestamp: time }),
});

/** The same with what says since when, and by whom. */
export const reportedEventSchema = clusterEventSchema.extend({
  firstTimestamp: time,
  source: z.object({ component: text }).nullish(),
  reportingComponent: text,
});
export type ClusterEvent = z.infer<typeof clusterEventSchema>;

/** When it was seen last, as its reporter says it: ISO 8601. */
export function lastSeen({ series, lastTimestamp, eventTime, metadata }: ClusterEvent): string | undefined {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? undefined;
}

/** How often it was seen. */
export function timesSeen({ series, count }: ClusterEvent): number {
  return series?.count ?? count ?? 1;
}
