import { z } from 'zod';
import { parseTime } from '../base/time.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { oneLine } from './health.ts';

/** An event that the cluster keeps of an object; times are ISO 8601, by the cluster's clock. */
export interface ObjectEvent {
  /** Title of the object that it is of. */
  readonly object: string;
  /** `Normal`, `Warning` */
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly first: string;
  readonly last: string;
  /** Who reports it. */
  readonly from: string;
}

const text = z
  .string()
  .nullish()
  .transform((written) => written ?? '');
const time = z.string().nullish();
const count = z.int().positive().nullish();

/** Of the core group, with what newer reporters write instead of count and times: `series`, `eventTime`. */
const eventSchema = z.object({
  type: text,
  involvedObject: z.object({ kind: z.string(), namespace: z.string().optional(), name: z.string(), uid: text }),
  reason: text,
  message: text,
  count,
  series: z.object({ count, lastObservedTime: time }).nullish(),
  firstTimestamp: time,
  lastTimestamp: time,
  eventTime: time,
  source: z.object({ component: text }).nullish(),
  reportingComponent: text,
  metadata: z.object({ creationTimestamp: time }),
});

/**
 * The events of these objects, newest last; what is no event is left out.
 *
 * @param among.objects what they may be of: by uid, and by kind and name where the event has none
 * @param among.since those that were seen last before this are left out (ISO 8601)
 */
export function eventsOf({
  objects,
  events,
  since,
}: {
  objects: readonly KubernetesObject[];
  events: readonly KubernetesObject[];
  since: string | undefined;
}): ObjectEvent[] {
  const uids = new Set(objects.flatMap(({ metadata: { uid } }) => uid ?? []));
  const titles = new Set(objects.map((object) => objectTitle(objectIdOf(object))));
  const from = since === undefined ? 0 : parseTime(since);
  return events
    .flatMap((event): ObjectEvent[] => {
      const said = eventSchema.safeParse(event).data;
      if (said === undefined) return [];
      const { involvedObject: of, type, reason, message, series, firstTimestamp, lastTimestamp, eventTime } = said;
      const object = objectTitle(of);
      if (of.uid === '' ? !titles.has(object) : !uids.has(of.uid)) return [];
      const made = said.metadata.creationTimestamp;
      const last = series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? made;
      if (last === null || last === undefined || !(parseTime(last) >= from)) return [];
      const first = firstTimestamp ?? eventTime ?? made ?? last;
      const reporter = said.source?.component ?? '';
      return [
        {
          ...{ object, type, reason, message: oneLine(message), first, last },
          count: series?.count ?? said.count ?? 1,
          from: reporter === '' ? said.reportingComponent : reporter,
        },
      ];
    })
    .toSorted((one, other) => parseTime(one.last) - parseTime(other.last) || (one.object < other.object ? -1 : 1));
}
