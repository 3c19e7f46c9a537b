import { sumOf, type Figures } from './figures.ts';
import type { Round } from './round.ts';

/** One line for a round that is good; for another what is wrong, what happened, and how it is played again. */
export function describeRound(round: Round, { number, of }: { number: number; of: number }): string {
  const { seed, seconds, violations, timeline, figures, ticks } = round;
  const faults = [...figures.values()].reduce((sum, count) => sum + count, 0);
  const head = `round ${number} of ${of}, seed ${seed}: ${violations.length === 0 ? 'good' : 'VIOLATED'}`;
  const line = `${head}, ${seconds.toFixed(1)} s, ${faults} disturbances, ${ticks} ${ticks === 1 ? 'look' : 'looks'}`;
  if (violations.length === 0) return line;
  return [
    line,
    ...violations.map((violation) => `    ${violation}`),
    '  what happened:',
    ...timeline.map((entry) => `  ${entry}`),
    `  again: ${replayOf(seed)}`,
  ].join('\n');
}

export function replayOf(seed: number): string {
  return `npm run chaos -- --runs 1 --seed ${seed}`;
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
