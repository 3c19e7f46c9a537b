import { formatTime } from '../../../base/time.ts';
import { decodeDeparted, departedOf, type Departed } from '../../../memory/departed.ts';
import { statePaths } from '../../../memory/state-paths.ts';
import { mayComeLate } from '../../../memory/suspects.ts';
import { creationUnanswered } from '../../../memory/transitions/fold.ts';
import { readState } from '../../common/read-state.ts';
import type { Run } from '../run/run.ts';

type Asking = Pick<Run, 'repository' | 'environment' | 'ports' | 'memoryFile' | 'unansweredCreations' | 'learnTime'>;

/**
 * Notes an environment that is about to be forgotten, where a request that is late may still make an object of it. To
 * be called before its memory goes.
 */
export async function noteDeparture(run: Asking): Promise<void> {
  const { ports, memoryFile, unansweredCreations } = run;
  if (unansweredCreations.size > 0) memoryFile.remember(creationUnanswered, { now: ports.now() });
  const memory = memoryFile.memory();
  if (memory.attempted === undefined || !mayComeLate(memory, ports.now())) return;
  const value = departedOf(memory, memory.lateUntil ?? formatTime(ports.now().getTime()));
  await ports.state.write({ path: pathOf(run), value, ifGeneration: 'any' });
}

/** One that was noted, in which generation. What nobody can read is deleted: it tells nothing. */
export async function findDeparted(run: Asking): Promise<(Departed & { readonly generation: string }) | undefined> {
  const path = pathOf(run);
  const found = await readState({ path, decode: decodeDeparted }, run.ports);
  if (found === undefined) return undefined;
  run.learnTime(found);
  const { generation } = found;
  if (!('unreadable' in found)) return { ...found.value, generation };
  await run.ports.state.delete({ path, generation });
  return undefined;
}

export async function forgetDeparted(run: Asking, { generation }: { generation: string }): Promise<void> {
  await run.ports.state.delete({ path: pathOf(run), generation });
}

function pathOf(run: Asking): string {
  return statePaths(run).departed;
}
