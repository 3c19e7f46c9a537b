import { parseTime } from '../../base/time.ts';
import { encodeAlert, type Diff } from '../../events/alert.ts';
import { parseReceivedAlert } from '../../events/received-alert.ts';
import type { HeldIncident } from '../../notices/held-alert.ts';
import { openIncidents } from '../../memory/incidents.ts';
import { decodeMemory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import { readState, valueOrNone, type StateAccess } from './read-state.ts';

/**
 * The end of an incident of an environment, where a sink never heard of it: its alert was given up, or the sink was not
 * configured then. Undefined where it is open, or nobody can say when it ended. Its id is that of the alert that told it.
 * Throws `StorageUnavailable` (retry).
 */
export async function unheardEnd(
  { event }: HeldIncident,
  ports: StateAccess,
): Promise<HeldIncident['event'] | undefined> {
  const data = diffOf(event);
  if (data === undefined) return undefined;
  const path = statePaths({ repository: data.repository, environment: data.environment }).memory;
  const memory = valueOrNone(await readState({ path, decode: decodeMemory }, ports));
  if (memory === undefined || openIncidents(memory).some(({ id }) => id === data.incident)) return undefined;
  const known = memory.past?.incidents.findLast(({ id }) => id === data.incident);
  if (known === undefined || parseTime(known.until) < parseTime(data.since)) return undefined;
  const ended = encodeAlert({ topic: 'converged', data: endOf(data, known.revision) }, new Date(known.until));
  return { ...ended, time: known.until };
}

/** Undefined for any other alert, and for one that nobody can read: whoever is sent it refuses that. */
function diffOf(event: HeldIncident['event']): Diff | undefined {
  try {
    const alert = parseReceivedAlert(event);
    return alert.kind === undefined && alert.topic === 'diff' ? alert.data : undefined;
  } catch {
    return undefined;
  }
}

/** What was changed for it, and how long that took, nobody knows any more. */
function endOf({ incident, occurrence, since, cause, policy, labels, ...of }: Diff, revision: string) {
  const { environment, repository, cluster } = of;
  const changes = { created: 0, configured: 0, unchanged: 0, pruned: 0 };
  const facts = { environment, repository, cluster, revision, cause, incident, occurrence, since, policy };
  return { ...facts, ...(labels === undefined ? {} : { labels }), seconds: 0, changes };
}
