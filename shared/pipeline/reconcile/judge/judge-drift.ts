import { divergenceOf, type Divergence } from '../../../drift/divergence.ts';
import { judgeHeals, type RememberedHeals } from '../../../drift/fight.ts';
import { mayHeal, openIncident } from '../../../memory/incident.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import type { Diff } from '../../../events/alert.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { causeMark } from '../../../memory/memory.ts';
import type { Run } from '../run/run.ts';
import type { Verified } from './verify-plan.ts';

/** What drifted, with what is done about it. */
export interface JudgedDrift {
  readonly divergence: Divergence;
  readonly action: Diff['action'];
  /** Keys of what is left as it is: nothing is healed yet, or its healing pauses. */
  readonly left: ReadonlySet<string>;
  /** What is not believed to agree when this run has ended: what is left, and what is tried once more in a fight. */
  readonly unhealed: readonly ObjectDiff[];
  /** What is to be remembered of heals. */
  readonly heals: RememberedHeals | undefined;
  /** Whether a fight is recognised for the first time. */
  readonly anew: boolean;
}

/**
 * Which of the drifted objects this run heals: none before `healAfter` or where Git says `selfHeal: false`, and none
 * whose healing pauses in a fight, or that is left alone.
 */
export function judgeDrift(
  run: Run,
  { environment, revision, drift }: { environment: Environment; revision: string; drift: Verified['drift'] },
): JudgedDrift {
  const memory = run.memoryFile.memory();
  const now = run.ports.now();
  const found = divergenceOf({ reason: 'Drifted', revision, objects: drift.map(({ diff }) => diff) });
  const incident = openIncident({
    incidents: incidentsOf(memory),
    divergence: found,
    environment: run.key,
    now,
    convergedAfter: environment.convergedAfter,
    cause: causeMark(memory),
  });
  if (!environment.selfHeal || !mayHeal({ incident, now, healAfter: environment.healAfter })) {
    return {
      divergence: found,
      action: 'none',
      left: new Set(drift.map(({ key }) => key)),
      unhealed: found.objects,
      heals: undefined,
      anew: false,
    };
  }
  const [suspended, others] = [drift.filter(isSuspended), drift.filter((one) => !isSuspended(one))];
  const { heals, paused, tried, begins } = judgeHeals({ heals: memory.heals, drift: others, now });
  const left = new Set([...suspended.map(({ key }) => key), ...paused.keys()]);
  const told = drift.map(({ key, diff }) => ({
    key,
    diff: { ...diff, message: [diff.message, ...(paused.get(key) === undefined ? [] : [paused.get(key)])].join('; ') },
  }));
  return {
    divergence: divergenceOf({ reason: 'Drifted', revision, objects: told.map(({ diff }) => diff) }),
    action: left.size === drift.length ? 'none' : 'healing',
    left,
    unhealed: told.filter(({ key }) => left.has(key) || tried.has(key)).map(({ diff }) => diff),
    heals: others.length === 0 ? undefined : heals,
    anew: begins,
  };
}

function isSuspended({ diff }: Verified['drift'][number]): boolean {
  return diff.suspended !== undefined;
}
