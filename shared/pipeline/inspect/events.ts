import { shortened } from '../../base/shortened.ts';
import { visibleText } from '../../base/visible-text.ts';
import { eventsOf, type ObjectEvent } from '../../health/object-events.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectIdOf } from '../../objects/object-id.ts';
import { hasEvents } from '../../rbac/rights.ts';
import { inParallel } from '../common/parallel.ts';
import type { EventsAnswer, ShownEvent, Unread } from './answers.ts';
import type { Hides } from './hides.ts';
import { aboutOf, membersOf } from './objects.ts';
import type { Inspection } from './open-inspection.ts';
import { readOwned, tellUnread, withOwned } from './owned.ts';

const eventResource: ApiResource = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
/** So many events of a namespace are read. The API server gives them in the order of their names. */
const mostRead = 20_000;
/** So many events are answered, the newest. */
const mostEvents = 1_000;
/** Characters of a message. */
const longestMessage = 1_000;

/** The events of an environment's objects, and of what they own, newest last. */
export async function showEvents(
  inspection: Inspection,
  { since, hides }: { since: string | undefined; hides: Hides },
): Promise<EventsAnswer> {
  const members = membersOf(inspection);
  const owned = await readOwned(inspection, members);
  const { found, unread } = await readEvents(inspection, { objects: withOwned(members, owned), since });
  const omitted = Math.max(0, found.length - mostEvents);
  const events = found.slice(omitted).map((event) => shownEvent(event, hides));
  return { ...aboutOf(inspection, { unread: [...owned.unread, ...unread], hides }), events, omitted };
}

/** The events of those of these objects that are in a namespace, newest last. Of some kinds none are kept. */
export async function readEvents(
  { target: { cluster } }: Pick<Inspection, 'target'>,
  { objects, since }: { objects: readonly KubernetesObject[]; since: string | undefined },
): Promise<{ readonly found: readonly ObjectEvent[]; readonly unread: readonly Unread[] }> {
  const namespaces = [
    ...new Set(objects.flatMap((object) => (hasEvents(objectIdOf(object)) ? (object.metadata.namespace ?? []) : []))),
  ].sort();
  const unread: Unread[] = [];
  const lists = await inParallel(namespaces, async (namespace) => {
    const what = `events of namespace ${namespace}`;
    const read = cluster.list({ resource: eventResource, namespace, content: 'whole', most: mostRead });
    const events = await read.catch((error: unknown) => tellUnread(unread, { what, error }));
    if (events.length >= mostRead)
      unread.push({ what, message: `there are more than the ${events.length} that were read` });
    return events;
  });
  return { found: eventsOf({ objects, events: lists.flat(), since }), unread };
}

/** Whoever reports an event may quote what it is about. */
export function shownEvent(event: ObjectEvent, hides: Hides): ShownEvent {
  const said = (text: string): string => shortened(visibleText(hides.text(text)), longestMessage);
  return { ...event, message: said(event.message), reason: said(event.reason), from: said(event.from) };
}
