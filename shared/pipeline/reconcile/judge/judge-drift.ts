import { divergenceOf, type Divergence } from '../../../drift/divergence.ts';
import { judgeHeals, type HealVerdict, type RememberedHeals } from '../../../drift/fight.ts';
import { isOfIncident, isOpen, mayHeal, openIncident, type DriftDone } from '../../../memory/incident.ts';
import { incidentsOf } from '../../../memory/incidents.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import type { Diff, Reverted } from '../../../events/alert.ts';
import type { PersonsRequest } from '../../../events/reconcile-requested.ts';
import type { ObjectDiff } from '../../../drift/object-diff.ts';
import { causeMark, type Memory } from '../../../memory/memory.ts';
import { objectTitle } from '../../../objects/object-id.ts';
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
  /** Whether it waits for an answer, or is undone by one. */
  readonly drift: DriftDone;
  /** By whose request it is undone; undefined: by no one's. */
  readonly reverted: Reverted | undefined;
}

type Drifted = Verified['drift'][number];

/**
 * Which of the drifted objects this run heals: none before `healAfter` or where Git says `selfHeal: false` or `ask`, and
 * none whose healing pauses in a fight, or that is left alone. What a person asks for passes over all of that but the last:
 * `reconcile` what Git lets be healed, `revert` what one incident is of.
 *
 * @param facts.request what a person asks for; undefined: no one does, or it may not be done
 */
export function judgeDrift(
  run: Run,
  {
    environment,
    revision,
    drift,
    request,
  }: { environment: Environment; revision: string; drift: Verified['drift']; request: PersonsRequest | undefined },
): JudgedDrift {
  const memory = run.memoryFile.memory();
  const now = run.ports.now();
  const found = divergenceOf({ reason: 'Drifted', revision, objects: drift.map(({ diff }) => diff) });
  const others = drift.filter((one) => !isSuspended(one));
  const asked = others.filter(isAskedBy(request, { environment, memory }));
  const reverts = request?.action === 'revert' && asked.length > 0;
  const incident = openIncident({
    incidents: incidentsOf(memory),
    divergence: found,
    environment: run.key,
    now,
    convergedAfter: environment.convergedAfter,
    cause: causeMark(memory),
    drift: { reverts },
  });
  const isHealed = environment.selfHeal === true && mayHeal({ incident, now, healAfter: environment.healAfter });
  const candidates = isHealed ? others : asked;
  const askFor = (left: readonly Drifted[]): DriftDone => ({
    reverts,
    askFor: environment.selfHeal === 'ask' && left.some((one) => !isSuspended(one)) ? environment.askFor : undefined,
  });
  if (candidates.length === 0) {
    return {
      divergence: found,
      action: 'none',
      left: new Set(drift.map(({ key }) => key)),
      unhealed: found.objects,
      heals: undefined,
      anew: false,
      drift: askFor(drift),
      reverted: undefined,
    };
  }
  const { heals, paused, tried, begins } =
    environment.selfHeal === true
      ? judgeHeals({ heals: memory.heals, drift: candidates, now, asked: new Set(asked.map(({ key }) => key)) })
      : unfought;
  const healing = new Set(candidates.flatMap(({ key }) => (paused.has(key) ? [] : [key])));
  const left = drift.filter(({ key }) => !healing.has(key));
  const told = drift.map(({ key, diff }) => ({
    key,
    diff: { ...diff, message: [diff.message, ...(paused.get(key) === undefined ? [] : [paused.get(key)])].join('; ') },
  }));
  const isLeft = new Set(left.map(({ key }) => key));
  return {
    divergence: divergenceOf({ reason: 'Drifted', revision, objects: told.map(({ diff }) => diff) }),
    action: left.length === drift.length ? 'none' : 'healing',
    left: isLeft,
    unhealed: told.filter(({ key }) => isLeft.has(key) || tried.has(key)).map(({ diff }) => diff),
    // What a person asks for once is no part of a fight.
    heals: environment.selfHeal === true ? heals : undefined,
    anew: begins,
    drift: askFor(left),
    reverted: reverts ? revertedBy(request, now) : undefined,
  };
}

/** Whether a person asks that this is healed now. */
function isAskedBy(
  request: PersonsRequest | undefined,
  { environment, memory }: { environment: Environment; memory: Memory },
): (one: Drifted) => boolean {
  if (request === undefined) return () => false;
  if (request.action === 'reconcile') return () => environment.selfHeal === true;
  const incident = incidentsOf(memory).find(
    ({ id, since, reason }) => id === request.incident && since === request.since && reason === 'Drifted',
  );
  return isOpen(incident) ? ({ diff }) => isOfIncident(incident, objectTitle(diff)) : () => false;
}

const unfought: HealVerdict = { heals: {}, paused: new Map(), tried: new Set(), begins: false };

function revertedBy({ by, reason }: PersonsRequest, now: Date): Reverted {
  return { by, ...(reason === undefined ? {} : { reason }), at: now.toISOString() };
}

function isSuspended({ diff }: Drifted): boolean {
  return diff.suspended !== undefined;
}
