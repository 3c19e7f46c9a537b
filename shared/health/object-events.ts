import { parseTime } from '../base/time.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { objectIdOf, objectTitle } from '../objects/object-id.ts';
import { lastSeen, reportedEventSchema, timesSeen } from './cluster-event.ts';
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
      const said = reportedEventSchema.safeParse(event).data;
      if (said === undefined) return [];
      const { involvedObject: of, type, reason, message, firstTimestamp, eventTime } = said;
      const object = objectTitle(of);
      if (of.uid === '' ? !titles.has(object) : !uids.has(of.uid)) return [];
      const last = lastSeen(said);
      if (last === undefined || !(parseTime(last) >= from)) return [];
      const first = firstTimestamp ?? eventTime ?? said.metadata.creationTimestamp ?? last;
      const reporter = said.source?.component ?? '';
      return [
        {
          ...{ object, type, reason, message: oneLine(message), first, last },
          count: timesSeen(said),
          from: reporter === '' ? said.reportingComponent : reporter,
        },
      ];
    })
    .toSorted((one, other) => parseTime(one.last) - parseTime(other.last) || (one.object < other.object ? -1 : 1));
}
