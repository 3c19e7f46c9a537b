import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFigures, describeRound } from '../chaos/report.ts';
import { playRound, type Round } from '../chaos/round.ts';
import { openStage, type Stage } from '../chaos/stage.ts';

/** `CONVERGE_CHAOS=1-200` plays more of them, `CONVERGE_CHAOS=17-17` plays one again, as `npm run chaos` does. */
const [first = 1, last = 20] = (process.env['CONVERGE_CHAOS'] ?? '1-20').split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Milliseconds of a round: many times what it takes on a busy machine. */
const roundTakes = 1_200_000;

let stage: Stage;
const rounds: Round[] = [];
/** The round that has not come to its end: nothing can be said of those after it. */
let unended: number | undefined;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  console.log(describeFigures(rounds));
  await stage.stop();
});

describe('the whole pipeline, disturbed in each of its parts', () => {
  it.each(seeds)(
    'comes to good once nothing disturbs it any more (round %i)',
    async (seed) => {
      expect(unended, 'a round before has not ended').toBeUndefined();
      unended = seed;
      const round = await playRound(stage, seed);
      unended = undefined;
      rounds.push(round);
      const told = describeRound(round, { number: rounds.length, of: seeds.length });
      expect(round.violations, told).toEqual([]);
    },
    roundTakes,
  );
});
