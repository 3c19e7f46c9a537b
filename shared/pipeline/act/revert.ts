import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { environmentKey } from '../../base/revision.ts';
import { objectDiffSchema } from '../../drift/object-diff.ts';
import { encodePersonsRequest } from '../../events/reconcile-requested.ts';
import { frozenWords } from '../../environment/frozen.ts';
import { isOpen, type Incident } from '../../memory/incident.ts';
import { incidentsOf } from '../../memory/incidents.ts';
import { boundedText } from '../../notices/bounded-text.ts';
import type { ActionOf } from './action.ts';
import { findAsked, type AskedSettings } from './find-asked.ts';
import { actionRefused } from './refusals.ts';
import { longestName, requestedSchema, type RequestPorts } from './reconcile.ts';

/** What is asked to be undone. */
export const revertRequestedSchema = requestedSchema.extend({
  incident: z.string().describe('Whose drift is undone'),
  since: z.string().describe('When the drift began that is undone: a later one is not'),
  summary: z.string().describe('What differs, in a sentence'),
  objects: z.array(objectDiffSchema).describe('What is undone, field by field, as its alert tells it'),
  titles: z.array(z.string()).describe('Titles of the objects, where their fields were not told yet'),
  omitted: z.number().int().nonnegative().describe('How many objects more'),
});
export type RevertRequested = z.infer<typeof revertRequestedSchema>;

/**
 * Asks that the drift of one incident is undone, now and once, though `selfHeal` is `false` or `ask`: whole objects, those
 * that the incident is of. What drifts later is not undone by it. It goes past no suspension and no freeze.
 *
 * Throws what `findAsked` throws, `ActionRefused` (refuse) where the environment is frozen, or the incident has ended, is
 * unknown or is no drift, and `PubSubUnavailable` (retry).
 *
 * @param asks who does, as git names people
 */
export async function requestRevert(
  { environment: key, incident: id, reason, dryRun }: ActionOf<'revert'>,
  asks: string,
  ports: RequestPorts,
  settings: AskedSettings,
): Promise<RevertRequested> {
  const { repository, environment, memory, frozen } = await findAsked(key, ports, settings);
  const incident = revertible(incidentsOf(memory), { id, key });
  if (frozen !== undefined)
    throw actionRefused({
      subject: key,
      message: `is ${frozenWords(frozen)}`,
      remedy: `nothing is healed before; converge reconcile ${key} --override --reason TEXT goes past it, and heals what selfHeal heals`,
    });
  const at = ports.now();
  const by = boundedText(asks, longestName);
  const { since, summary, diff, objects: titles = [] } = incident;
  const said = {
    ...{ environment: environmentKey({ repository, environment }), by, reason: reason ?? null, at: at.toISOString() },
    ...{ notes: [], incident: id, since, summary, omitted: diff?.omitted ?? 0 },
    ...{ objects: diff?.objects ?? [], titles: [...titles] },
  };
  if (dryRun) return { ...said, outcome: 'planned', request: null };
  const who = { by, ...(reason === undefined ? {} : { reason }) };
  const request = { action: 'revert', incident: id, since, ...who } as const;
  const event = encodePersonsRequest({ repository, environment, request, nonce: randomUUID(), time: at });
  await ports.topics.publish('reconcile', event);
  return { ...said, outcome: 'requested', request: event.id };
}

/** The open incident of drift that is called so. Throws `ActionRefused` (refuse), which says why there is none. */
function revertible(incidents: readonly Incident[], { id, key }: { id: string; key: string }): Incident {
  const incident = incidents.findLast((one) => one.id === id && isOpen(one)) ?? incidents.find((one) => one.id === id);
  const refused = (message: string, remedy: string) => actionRefused({ subject: id, message, remedy });
  if (incident === undefined)
    throw refused(`is no incident that ${key} remembers`, 'converge alerts lists those that are open');
  if (incident.closedAt !== undefined)
    throw refused(`ended at ${incident.closedAt}`, 'nothing of it differs any more: there is nothing to undo');
  if (incident.reason !== 'Drifted')
    throw refused(
      `is no drift: it is ${incident.reason}`,
      'revert undoes what somebody changed in the cluster; converge rollback takes back commits',
    );
  return incident;
}
