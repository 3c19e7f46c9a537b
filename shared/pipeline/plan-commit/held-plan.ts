import { parseTime } from '../../base/time.ts';
import { frozenWords, type Frozen } from '../../environment/frozen.ts';
import { thawed } from '../../memory/transitions/accept.ts';
import type { Run } from '../reconcile/run/run.ts';
import type { Planned } from './planned.ts';

/** The run that goes on when a freeze ends: as far as a clock decides, it is then. */
export function atEndOf({ until }: Frozen, run: Run): Run {
  const ahead = Math.max(parseTime(until) - run.ports.now().getTime(), 0);
  const now = (): Date => new Date(run.ports.now().getTime() + ahead);
  run.memoryFile.remember(thawed);
  return { ...run, ports: { ...run.ports, now }, startedAt: now() };
}

/** What is planned and waits for the end of a freeze. */
export function heldBy(frozen: Frozen, planned: Planned): Planned {
  const held = `${frozenWords(frozen)}: nothing is applied, pruned, healed or given up until that ends, and what is planned only then`;
  return {
    ...planned,
    outcome: 'frozen',
    message: planned.message === '' ? held : `${held}; ${planned.message}`,
  };
}
