import { rollFor, weighted } from './dice.ts';
import type { Tally } from './figures.ts';
import type { Asked, Fault } from '../../local/fronts/proxy.ts';

export const systems = ['storage', 'git', 'kubernetes'] as const;
export type System = (typeof systems)[number];

/** Of a hundred requests, how many meet a fault. */
export type Rates = Readonly<Record<System, number>>;

type FaultName = 'busy' | 'unavailable' | 'broken' | Exclude<Fault['fault'], 'none' | 'answer'>;

/** How likely each is among the faults of a system. The silent ones cost a time-out each. */
const weights: Readonly<Record<System, Readonly<Partial<Record<FaultName, number>>>>> = {
  storage: {
    ...{ busy: 3, unavailable: 4, broken: 1, cut: 2, 'lost answer': 4, 'cut answer': 1 },
    ...{ silence: 1, 'silence after': 1, late: 1, slow: 3 },
  },
  git: {
    ...{ busy: 1, unavailable: 3, broken: 1, cut: 2, 'lost answer': 4, 'cut answer': 2 },
    ...{ silence: 1, 'silence after': 1, late: 1, slow: 2 },
  },
  kubernetes: {
    ...{ busy: 3, unavailable: 3, broken: 1, cut: 2, 'lost answer': 4, 'cut answer': 1 },
    ...{ silence: 1, 'silence after': 1, late: 2, slow: 4 },
  },
};
const statuses = { busy: 429, unavailable: 503, broken: 500 } as const;
const longestLate = 2_000;
const longestSlow = 600;

export interface Disturbances {
  /** From now on; the same seed decides the same about the same request of the same ordinal. */
  begin(disturbed: { seed: number; rates: Rates; tally: Tally }): void;
  end(): void;
  faultOf(system: System, asked: Asked): Fault;
}

export function openDisturbances(): Disturbances {
  let current: { seed: number; rates: Rates; tally: Tally } | undefined;
  const ordinals = new Map<string, number>();
  return {
    begin(disturbed) {
      ordinals.clear();
      current = disturbed;
    },
    end() {
      current = undefined;
    },
    faultOf(system, { method, path }) {
      if (current === undefined) return { fault: 'none' };
      const { seed, rates, tally } = current;
      const [place = ''] = path.split('?');
      const key = `${system} ${method} ${place}`;
      const ordinal = ordinals.get(key) ?? 0;
      ordinals.set(key, ordinal + 1);
      const roll = (what: string): number => rollFor(seed, key, ordinal, what);
      if (roll('whether') * 100 >= rates[system]) return { fault: 'none' };
      const name = weighted(weights[system], roll('which'));
      tally.count(`${system}: ${name}`);
      return faultNamed(name, roll('how long'));
    },
  };
}

function faultNamed(name: FaultName, rolled: number): Fault {
  switch (name) {
    case 'busy':
    case 'unavailable':
    case 'broken':
      return { fault: 'answer', status: statuses[name], body: '{"error":{"code":500,"message":"injected"}}' };
    case 'late':
      return { fault: name, milliseconds: Math.round(rolled * longestLate) };
    case 'slow':
      return { fault: name, milliseconds: Math.round(rolled * longestSlow) };
    default:
      return { fault: name };
  }
}
