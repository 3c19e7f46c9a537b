import { formatTime, parseTime } from '../../base/time.ts';
import { isOpen, isToBeTold } from '../incident.ts';
import { believedLease } from '../believed.ts';
import { withIncident } from '../incidents.ts';
import type { IntentKeys, Lease } from '../lease.ts';
import type { Memory } from '../memory.ts';
import { longestLife } from '../suspects.ts';
import { untoldEvidence } from '../untold-evidence.ts';

/**
 * Ends a run that is dead, or was overtaken, in its stead: nothing that it still writes to the memory is taken from
 * here on. The evidence of what it healed opens its incidents, and is to be published. What it was about to write is
 * forgotten, and suspect. Clears `endTold` where the run found it: it acted, so something of the environment may be there
 * again. Clears nothing else.
 *
 * Where the memory was written since it began, evidence that it tells already is of the past; so are the attempt and its
 * roll-out, unless the memory was lost. What was not to be told yet is found again, unless the memory was lost.
 *
 * @param facts.generation of the memory that is folded into; `0`: there is none
 * @param facts.isNewest whether nothing was attempted since the run read the memory: its own attempt stands then
 */
export function fold(
  memory: Memory,
  { lease, generation, now, isNewest = false }: { lease: Lease; generation: string; now: Date; isNewest?: boolean },
): Memory {
  const { intent, evidence } = believedLease(lease, now);
  const { attempted = memory.attempted, rollout = memory.rollout, rolledOut = memory.rolledOut } = intent ?? {};
  const isAsRead = lease.base === generation;
  const keys = intent?.keys ?? '*';
  const isLost = memory.attempted === undefined;
  const incidents = (evidence?.incidents ?? []).filter((incident) => isLost || !isToBeTold(incident));
  const found = { incidents, outbox: evidence?.outbox ?? [] };
  const { incidents: taken, outbox: alerts } = isAsRead ? found : untoldEvidence(memory, found);
  return {
    ...taken.reduce((folded, incident) => withIncident(folded, incident), suspected(memory, { keys, now })),
    ...(isAsRead || isNewest || isLost ? { attempted, rollout, rolledOut, rolledOutFor: undefined } : {}),
    ...(isAsRead ? { endTold: undefined } : {}),
    ...(alerts.length === 0 ? {} : { outbox: [...(memory.outbox ?? []), ...alerts] }),
    ...(taken.length > 0 && !isOpen(memory.incident) ? { since: now.toISOString() } : {}),
    ended: lease.nonce ?? memory.ended,
  };
}

/**
 * What these objects are is not known any more: they are forgotten, and suspect, and may still be made. Clears nothing
 * else.
 */
export function suspected(memory: Memory, { keys, now }: { keys: IntentKeys; now: Date }): Memory {
  if (keys !== '*' && keys.length === 0) return memory;
  const until = formatTime(now.getTime() + longestLife);
  const named = new Set(keys === '*' ? [] : keys);
  const isForgotten = (key: string): boolean => keys === '*' || named.has(key);
  const added = keys === '*' ? ['*', ...Object.keys(memory.objects)] : keys;
  const suspects = { ...memory.suspects, ...Object.fromEntries(added.map((key) => [key, until])) };
  return {
    ...memory,
    objects: Object.fromEntries(Object.entries(memory.objects).filter(([key]) => !isForgotten(key))),
    converged: memory.converged === undefined ? undefined : { ...memory.converged, renderKey: '' },
    suspects,
    lateUntil: until,
  };
}

/** A request that was to make an object got no answer, and may still make it. Clears nothing. */
export function creationUnanswered(memory: Memory, { now }: { now: Date }): Memory {
  return { ...memory, lateUntil: formatTime(now.getTime() + longestLife) };
}

/**
 * What is there of the suspects was touched: what may still be written of it fails. What is not there stays suspect
 * until nobody lives any more who may make it. Clears `suspects` where none is left.
 *
 * @param facts.touched keys of what was there
 */
export function suspectsTouched(memory: Memory, { touched, now }: { touched: readonly string[]; now: Date }): Memory {
  const done = new Set(touched);
  const left = Object.entries(memory.suspects ?? {}).filter(
    ([key, until]) => !done.has(key) && parseTime(until) > now.getTime(),
  );
  return { ...memory, suspects: left.length === 0 ? undefined : Object.fromEntries(left) };
}
