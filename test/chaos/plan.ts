import { drawFrom, type Draw } from '../seeded-draw.ts';
import { systems, type Rates } from './faults.ts';

/** The environments of a round by their letters; `c` takes back by itself what does not become healthy. */
export const letters = ['a', 'b', 'c'] as const;
/** That of a scene, which nobody else touches. */
export const letterOfScene = 'd';
export type Letter = (typeof letters)[number] | typeof letterOfScene;

export const objectsAtFirst = 3;
export const stateObjects = ['memory', 'lease', 'quarantine', 'heads', 'ledger', 'intake', 'deliveries'] as const;
export type StateObject = (typeof stateObjects)[number];
export const damages = ['empty', 'half', 'null', '[]', 'other JSON', 'deleted', 'older', 'newer', 'large'] as const;
export type Damage = (typeof damages)[number];

/** What happens in a round. `object` counts from 1. */
export type Step =
  | { readonly step: 'change' | 'add' | 'drop' | 'drift' | 'delete'; readonly letter: Letter; readonly object: number }
  | { readonly step: 'break' | 'take back' | 'remove environment' | 'archive'; readonly letter: Letter }
  | { readonly step: 'upload'; readonly letter: Letter; readonly object: number }
  | { readonly step: 'bad upload' }
  | { readonly step: 'kill'; readonly instance: number; readonly skew: number }
  | { readonly step: 'freeze'; readonly instance: number; readonly milliseconds: number }
  | { readonly step: 'freeze API server'; readonly milliseconds: number }
  | { readonly step: 'restart API server' }
  | { readonly step: 'look' }
  | { readonly step: 'leap'; readonly milliseconds: number }
  | { readonly step: 'damage'; readonly letter: Letter; readonly object: StateObject; readonly damage: Damage };

export interface Plan {
  readonly seed: number;
  readonly rates: Rates;
  /** In the order of time, milliseconds from the start of the disturbance. */
  readonly steps: readonly (Step & { readonly at: number })[];
}

const length = 3_500;
const stepCount = 16;
/** Longer than any lease lasts. */
export const pastLeases = 120_000;
const wrongClock = 45 * 60_000;

const weights: Readonly<Record<Step['step'], number>> = {
  ...{ change: 6, add: 2, drop: 2, break: 2, 'take back': 2, 'remove environment': 1 },
  ...{ upload: 6, archive: 2, 'bad upload': 1, drift: 5, delete: 2 },
  ...{ kill: 4, freeze: 4, 'freeze API server': 1, 'restart API server': 0.3, look: 3, leap: 1, damage: 6 },
};

/** All that a seed decides beforehand. */
export function planRound(seed: number): Plan {
  const draw = drawFrom(seed);
  const rate = (): number => draw.one([0, 4, 10, 20] as const);
  const rates = Object.fromEntries(systems.map((system) => [system, rate()]));
  const steps = Array.from({ length: stepCount }, () => ({ at: draw.below(length), ...drawStep(draw) }));
  return {
    seed,
    rates: { storage: 0, git: 0, kubernetes: 0, ...rates },
    steps: steps.toSorted((one, other) => one.at - other.at),
  };
}

function drawStep(draw: Draw): Step {
  const step = drawName(draw);
  const letter = draw.one(letters);
  switch (step) {
    case 'change':
    case 'add':
    case 'drop':
    case 'drift':
    case 'delete':
    case 'upload':
      return { step, letter, object: 1 + draw.below(objectsAtFirst) };
    case 'break':
    case 'take back':
    case 'remove environment':
    case 'archive':
      return { step, letter };
    case 'kill':
      return { step, instance: draw.below(2), skew: draw.one([0, 0, wrongClock, -wrongClock] as const) };
    case 'freeze':
      return { step, instance: draw.below(2), milliseconds: 300 + draw.below(1_500) };
    case 'freeze API server':
      return { step, milliseconds: 300 + draw.below(1_200) };
    case 'leap':
      return { step, milliseconds: 1_000 * draw.one([20, 60, 120] as const) };
    case 'damage':
      return { step, letter, object: draw.one(stateObjects) ?? 'memory', damage: draw.one(damages) ?? 'empty' };
    default:
      return { step };
  }
}

function drawName(draw: Draw): Step['step'] {
  const entries = Object.entries(weights);
  const all = entries.reduce((sum, [, weight]) => sum + weight, 0);
  let left = (draw.below(1_000_000) / 1_000_000) * all;
  const [name] = entries.find(([, weight]) => (left -= weight) < 0) ?? ['change'];
  // The keys of the weights are the names of the steps.
  return name as Step['step'];
}

/** A step in words, for the timeline. */
export function told({ at, ...step }: Plan['steps'][number]): string {
  const { step: name, ...facts } = step;
  const words = Object.entries(facts).map(([key, value]) => `${key} ${value}`);
  return `${(at / 1000).toFixed(2).padStart(6)} s  ${[name, ...words].join(', ')}`;
}
