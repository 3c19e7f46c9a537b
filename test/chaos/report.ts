import { sumOf, type Figures } from './figures.ts';
import type { Round } from './round.ts';
import { withoutRules } from './without.ts';

/**
 * One line for a round that is good; for another, and where a rule is switched off, what is wrong, what happened, and how
 * it is played again.
 */
export function describeRound(
  round: Round,
  { number, of, without }: { number: number; of: number; without?: string | undefined },
): string {
  const { seed, seconds, violations, timeline, figures, ticks } = round;
  const faults = [...figures.values()].reduce((sum, count) => sum + count, 0);
  const head = `round ${number} of ${of}, seed ${seed}: ${violations.length === 0 ? 'good' : 'VIOLATED'}`;
  const line = `${head}, ${seconds.toFixed(1)} s, ${faults} disturbances, ${ticks} ${ticks === 1 ? 'look' : 'looks'}`;
  if (violations.length === 0 && without === undefined) return line;
  return [
    line,
    ...violations.map((violation) => `    ${violation}`),
    '  what happened:',
    ...timeline.map((entry) => `  ${entry}`),
    `  again: ${replayOf(seed, without)}`,
  ].join('\n');
}

/** @param without the rule that is switched off */
export function replayOf(seed: number, without?: string): string {
  return `npm run chaos -- --runs 1 --seed ${seed}${without === undefined ? '' : ` --without ${without}`}`;
}

/** For `--help`. */
export function describeRules(): string {
  return Object.entries(withoutRules)
    .map(([rule, { without }]) => `  ${rule.padEnd(14)}${without}`)
    .join('\n');
}

/** Whether a rule that is switched off was missed: by which round, and what went wrong in it. */
export function describeWithout(rounds: readonly Round[], rule: string): string {
  const violated = rounds.find(({ violations }) => violations.length > 0);
  if (violated === undefined)
    return `without ${rule}: nothing was violated in ${rounds.length} rounds, though one should be`;
  return [
    `without ${rule}: violated as it should be, in round ${rounds.length}`,
    ...violated.violations.map((violation) => `  ${violation}`),
  ].join('\n');
}

/** How often each kind of fault came in all rounds, and in how many of them. */
export function describeFigures(rounds: readonly Round[]): string {
  const figures = sumOf(rounds.map((round) => round.figures));
  const width = Math.max(0, ...[...figures.keys()].map((fault) => fault.length));
  const lines = [...figures].map(
    ([fault, count]) =>
      `${fault.padEnd(width)}  ${String(count).padStart(6)}  in ${counted(roundsWith(rounds, fault))}`,
  );
  const good = rounds.filter(({ violations }) => violations.length === 0).length;
  return [...lines, `${good} of ${counted(rounds.length)} ${rounds.length === 1 ? 'is' : 'are'} good`].join('\n');
}

const counted = (count: number): string => `${count} ${count === 1 ? 'round' : 'rounds'}`;

function roundsWith(rounds: readonly Round[], fault: string): number {
  return rounds.filter(({ figures }) => figures.has(fault)).length;
}

/** For programs: each round and the sum of its kinds of faults. */
export function asJson(rounds: readonly Round[]): string {
  const plain = (figures: Figures) => Object.fromEntries(figures);
  return `${JSON.stringify(
    {
      rounds: rounds.map((round) => ({ ...round, figures: plain(round.figures), replay: replayOf(round.seed) })),
      figures: plain(sumOf(rounds.map(({ figures }) => figures))),
    },
    undefined,
    2,
  )}\n`;
}
