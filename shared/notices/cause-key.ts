import { eventId } from '../events/cloud-event.ts';
import type { Diff } from '../events/alert.ts';
import type { ReceivedAlert } from '../events/received-alert.ts';

/**
 * What an alert came of, alike for all that is told as one: of environments, what is wrong and the commit that brought
 * it, or the objects that drifted; of uploads, what they were refused for. Anything else is a cause of its own.
 *
 * @param incident its key
 */
export function causeKey(alert: ReceivedAlert, incident: string): string {
  if (alert.topic === 'diff' && alert.kind === undefined) {
    const { repository, reason } = alert.data;
    return eventId('cause', 'environment', repository, reason, ...originOf(alert.data));
  }
  if (alert.topic === 'diff' && alert.kind === 'upload')
    return eventId('cause', 'upload', alert.data.repository, alert.data.reason);
  return ownCause(incident);
}

/** Of what is told by itself. */
export function ownCause(incident: string): string {
  return eventId('cause', 'incident', incident);
}

/** Whoever changes objects in many environments does it to the same ones. */
function originOf({ reason, cause, revision, objects }: Diff): string[] {
  if (reason !== 'Drifted') return [cause?.commit ?? revision];
  return [...new Set(objects.map(({ kind, name, change }) => `${kind} ${name} ${change}`))].sort();
}
