import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { environmentKey } from '../../base/revision.ts';
import { encodePersonsRequest } from '../../events/reconcile-requested.ts';
import { frozenWords, type Frozen } from '../../environment/frozen.ts';
import { openIncidents } from '../../memory/incidents.ts';
import type { Memory } from '../../memory/memory.ts';
import { boundedText } from '../../notices/bounded-text.ts';
import type { Ports } from '../../ports/ports.ts';
import type { ActionOf } from './action.ts';
import { findAsked, type AskedPorts, type AskedSettings } from './find-asked.ts';
import { actionRefused } from './refusals.ts';

/** Characters of who asks. */
export const longestName = 200;

/** What is said of every request that a person makes of an environment. */
export const requestedSchema = z.object({
  outcome: z.enum(['planned', 'requested']).describe('`planned`: nothing was asked for, by `dryRun`'),
  environment: z.string().describe('`<class>/<name>`'),
  request: z
    .string()
    .nullable()
    .describe('Its id, by which the status of the environment tells what came of it; null: none was made'),
  by: z.string().describe('Who asks'),
  reason: z.string().nullable().describe('Why, as they said; null: nobody said'),
  at: z.string().describe('ISO 8601'),
  notes: z.array(z.string()).describe('What keeps it from doing all that was asked for'),
});
export type Requested = z.infer<typeof requestedSchema>;

export type RequestPorts = AskedPorts & Pick<Ports, 'topics'>;

/**
 * Asks for a look at an environment now, past every pause: that of what failed, that of a fight, and `healAfter`. It goes
 * past no suspension, which is refused, and past a freeze only with `override`, which takes a reason: of one that is open
 * now, until its end, by this job and those that go on with it. The look is made by the function `reconcile`; who
 * follows it finds what came of it in the status, by `request`.
 *
 * Throws what `findAsked` throws, `ActionRefused` (refuse) for an `override` without a reason, and `PubSubUnavailable` (retry).
 *
 * @param asks who does, as git names people
 */
export async function requestReconcile(
  { environment: key, reason, dryRun, override }: ActionOf<'reconcile'>,
  asks: string,
  ports: RequestPorts,
  settings: AskedSettings,
): Promise<Requested> {
  if (override && reason === undefined)
    throw actionRefused({
      subject: key,
      message: 'a freeze is passed over for a reason only',
      remedy: 'say why: --override --reason TEXT',
    });
  const { repository, environment, frozen, memory } = await findAsked(key, ports, settings);
  const at = ports.now();
  const by = boundedText(asks, longestName);
  const said = {
    ...{ environment: environmentKey({ repository, environment }), by, reason: reason ?? null, at: at.toISOString() },
    notes: override
      ? overrideNotes(frozen, memory)
      : frozen === undefined
        ? []
        : [`${frozenWords(frozen)}: nothing is applied or healed before`],
  };
  if (dryRun) return { ...said, outcome: 'planned', request: null };
  const passes = override && frozen !== undefined ? { override: frozen.until } : {};
  const request = { action: 'reconcile', by, ...(reason === undefined ? {} : { reason }), ...passes } as const;
  const event = encodePersonsRequest({ repository, environment, request, nonce: randomUUID(), time: at });
  await ports.topics.publish('reconcile', event);
  return { ...said, outcome: 'requested', request: event.id };
}

/** Which freeze is passed over, and what waits for its end, as far as the last look knows. */
function overrideNotes(frozen: Frozen | undefined, memory: Memory): string[] {
  if (frozen === undefined) return ['no freeze is open: nothing is passed over'];
  const drift = openIncidents(memory).filter(({ reason }) => reason === 'Drifted');
  return [
    `goes past: ${frozenWords(frozen)}`,
    ...drift.map(({ id, summary }) => `drifted, and is healed where selfHeal is true: ${id} ${summary}`),
  ];
}
