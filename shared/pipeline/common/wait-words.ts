import { fightsOn } from '../../drift/fight.ts';
import { frozenWords, stillFrozen } from '../../environment/frozen.ts';
import { decodeLease, leaseVersion, standingOf } from '../../memory/lease.ts';
import type { Memory } from '../../memory/memory.ts';
import { statePaths } from '../../memory/state-paths.ts';
import { idOfKey, objectTitle } from '../../objects/object-id.ts';
import type { Ports } from '../../ports/ports.ts';
import { both } from './parallel.ts';
import { ageOf, readState, type StateAccess } from './read-state.ts';
import { recallLooksNow, type LooksNow } from './recall-looks.ts';
import { shownState } from './shown-state.ts';
import { unreachableNow, type OpenUnreachable } from './tell-unreachable.ts';

/** Empty where nothing is known to keep it. */
export type WaitWords = (of: { environment: string; memory: Memory; cluster: string }) => Promise<string>;

const mostFights = 3;

/**
 * What keeps environments of a repository from converging, for whoever waits for them: what does not answer of that which they
 * stand on, why their looks fail, until when they are frozen, whose lease is held, and which fights pause. Read once somebody asks, and a lease for each
 * environment that is asked for, which throws `StorageUnavailable` (retry).
 */
export function waitWords({ repository }: { repository: string }, ports: StateAccess & Pick<Ports, 'now'>): WaitWords {
  let reading: Promise<[LooksNow, readonly OpenUnreachable[]]> | undefined;
  return async ({ environment, memory, cluster }) => {
    reading ??= both(recallLooksNow({ repository }, ports), unreachableNow(ports));
    const [{ looks, at }, unreachable] = await reading;
    const now = at ?? ports.now();
    const standsOn = unreachable.filter(({ kind, name, repositoryClass }) =>
      kind === 'cluster' ? name === cluster : repositoryClass === repository,
    );
    const seen = {
      ...{ memory, now, interval: Infinity, unreachable: standsOn },
      looks: looks.get(environment) ?? { checkedAt: null, attemptedAt: null },
    };
    const lease = await leaseWords({ repository, environment, ended: memory.ended }, ports);
    const fights = [...fightsOn({ heals: memory.heals, now })].slice(0, mostFights);
    const frozen = stillFrozen(memory.frozen, now.getTime());
    return [
      ...(frozen === undefined ? [] : [frozenWords(frozen)]),
      ...shownState('Converging', seen).doubts,
      ...fights.map(([key, words]) => `${objectTitle(idOfKey(key))}: ${words}`),
      ...lease,
    ].join('; ');
  };
}

/** Nothing of one that nobody can read: what keeps looks from it says that. */
async function leaseWords(
  { ended, ...of }: { repository: string; environment: string; ended: string | undefined },
  access: StateAccess,
): Promise<readonly string[]> {
  const found = await readState({ path: statePaths(of).lease, decode: decodeLease, newest: leaseVersion }, access);
  if (found === undefined || 'unreadable' in found) return [];
  const age = ageOf(found);
  switch (standingOf({ lease: found.value, ended, age })) {
    case 'free':
      return [];
    case 'held':
      // Storage's clock may be ahead of this one.
      return [`a run is at work on it, which showed itself ${Math.max(0, Math.round(age / 1000))} s ago`];
    case 'over':
      return ['the run that was at work on it has died: the next look ends it'];
  }
}
