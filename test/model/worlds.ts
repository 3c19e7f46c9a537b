import { explore, type Exploration, type Explored } from './search.ts';

/** A world: how many runs at a time, and how often it is disturbed in which way. */
export type WorldOf = Pick<Exploration, 'slots' | 'budgets'> & {
  /** What is known not to hold there; docs/state.md says why. */
  readonly known?: string;
};

/** Searched to their ends with each change. */
export const small: readonly WorldOf[] = [
  { slots: 1, budgets: { commits: 1, drifts: 1 } },
  { slots: 1, budgets: { commits: 1, kills: 1, lost: 1 } },
  { slots: 1, budgets: { drifts: 1, kills: 1 } },
  { slots: 1, budgets: { drifts: 1, lost: 1 } },
  { slots: 1, budgets: { commits: 1, freezes: 1, pauses: 1 } },
  { slots: 1, budgets: { commits: 1, memories: 1 } },
  { slots: 2, budgets: { commits: 1 } },
  { slots: 2, budgets: { drifts: 1 } },
];

/** Searched by `npm run test:model`, as far as it is told to. */
export const large: readonly WorldOf[] = [
  { slots: 1, budgets: { commits: 2, kills: 1, lost: 1 } },
  { slots: 1, budgets: { commits: 1, drifts: 1, kills: 1 } },
  {
    slots: 1,
    budgets: { commits: 1, drifts: 1, lost: 1 },
  },
  { slots: 1, budgets: { drifts: 1, memories: 1, kills: 1 } },
  { slots: 1, budgets: { commits: 1, drifts: 1, freezes: 1, pauses: 1 } },
  { slots: 2, budgets: { commits: 1, kills: 1 } },
  { slots: 2, budgets: { commits: 1, lost: 1 } },
  { slots: 2, budgets: { commits: 1, freezes: 1 } },
  { slots: 2, budgets: { commits: 2 } },
  { slots: 2, budgets: { drifts: 1, kills: 1 } },
  { slots: 2, budgets: { commits: 1, drifts: 1 } },
  { slots: 2, budgets: { commits: 2, kills: 1 } },
  { slots: 2, budgets: { commits: 2, freezes: 1 } },
  { slots: 3, budgets: { commits: 1 } },
];

export function nameOf({ slots, budgets }: WorldOf): string {
  const disturbed = Object.entries(budgets).map(([what, times]) => `${times} ${what}`);
  return `${slots} ${slots === 1 ? 'run' : 'runs'} at a time: ${disturbed.join(', ')}`;
}

/** What a search found, for people. */
export function report({ violation }: Explored): string {
  return violation === undefined ? '' : `${violation.what}\n${violation.trace.join('\n')}`;
}

export { explore };
