import { shortened } from '../../../base/shortened.ts';
import { frozenWords, stillFrozen } from '../../../environment/frozen.ts';
import type { PersonsRequest } from '../../../events/reconcile-requested.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import type { Memory } from '../../../memory/memory.ts';
import type { DoneRequest } from '../../../memory/request.ts';
import { requestDone } from '../../../memory/transitions/requests.ts';
import type { Run } from './run.ts';
import type { RunResult } from './target.ts';

/** Characters of what is remembered of how it ended. */
const longestMessage = 500;

/**
 * Remembers what came of what a person asked for, so that a message that comes again does it once, and whoever follows it
 * finds it. Nothing of an environment that is no more.
 */
export function keepRequest(run: Run, result: RunResult): void {
  const { request, memoryFile, settings, ports } = run;
  if (request === undefined || ['absent', 'removed', 'superseded'].includes(result.outcome)) return;
  const now = ports.now();
  const { outcome, message } = endOf(request, { result, memory: memoryFile.memory(), now: now.getTime() });
  const { by, reason, action } = request;
  const passed = action === 'reconcile' ? memoryFile.memory().override : undefined;
  const asked = {
    ...{ id: settings.event, action, by },
    ...(action === 'revert' ? { incident: request.incident } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(passed === undefined ? {} : { override: passed.window }),
  };
  const done = { ...asked, at: now.toISOString(), outcome, message: shortened(message, longestMessage) };
  memoryFile.remember(requestDone, { done });
}

type End = Pick<DoneRequest, 'outcome' | 'message'>;

/** How a request ended, by how its run did. @param found.now milliseconds since 1970 */
export function endOf(
  request: PersonsRequest,
  { result, memory, now }: { result: RunResult; memory: Memory; now: number },
): End {
  const end = endOfRun(result);
  if (request.action === 'reconcile') return end;
  const { incident: id, since } = request;
  const incident = incidentsOf(memory).find((one) => one.id === id && one.since === since);
  if (incident?.reverted !== undefined || ['suspended', 'frozen', 'waiting'].includes(end.outcome)) return end;
  const frozen = stillFrozen(memory.frozen, now);
  if (frozen !== undefined) return { outcome: 'frozen', message: frozenWords(frozen) };
  if (incident === undefined || incident.closedAt !== undefined)
    return { outcome: 'refused', message: 'the incident has ended: nothing of it differs any more' };
  if (result.outcome === 'diverged' && result.reason !== 'Drifted') return end;
  return { outcome: 'refused', message: `nothing of it could be undone: ${incident.summary}` };
}

function endOfRun(result: RunResult): End {
  switch (result.outcome) {
    case 'converged':
    case 'unchanged':
      return { outcome: result.outcome, message: '' };
    case 'waiting':
    case 'frozen':
      return { outcome: result.outcome, message: result.message };
    case 'diverged':
      return { outcome: 'diverged', message: `${result.reason}: ${result.summary}` };
    case 'suspended':
    case 'absent':
    case 'removed':
    case 'superseded':
      return { outcome: 'suspended', message: 'nothing is applied or healed until its file says otherwise' };
  }
}
