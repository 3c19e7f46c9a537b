import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFigures, describeRound } from '../chaos/report.ts';
import { playRound, type Round } from '../chaos/round.ts';
import { openStage, type Stage } from '../chaos/stage.ts';

/** `CONVERGE_CHAOS=1-200` plays more of them, `CONVERGE_CHAOS=17-17` plays one again, as `npm run chaos` does. */
const [first = 1, last = 20] = (process.env['CONVERGE_CHAOS'] ?? '1-20').split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

let stage: Stage;
const rounds: Round[] = [];

beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  console.log(describeFigures(rounds));
  await stage.stop();
});

describe('the whole pipeline, disturbed in each of its parts', () => {
  it.each(seeds)('comes to good once nothing disturbs it any more (round %i)', async (seed) => {
    const round = await playRound(stage, seed);
    rounds.push(round);
    const told = describeRound(round, { number: rounds.length, of: seeds.length });
    expect(round.violations, told).toEqual([]);
  });
});
