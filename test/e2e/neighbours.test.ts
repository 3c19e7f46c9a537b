import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcess } from './in-process.ts';
import { playRound, stepNames, type Round, type Stage } from './neighbours/round.ts';
import { startWorld, type World } from './world.ts';

/** `CONVERGE_ROUNDS=1-300` plays more of them, `CONVERGE_ROUNDS=17-17` plays one again. */
const [first = 1, last = 20] = (process.env['CONVERGE_ROUNDS'] ?? '1-20').split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

let world: World;
let stage: Stage;
const rounds = new Map<number, Round>();

beforeAll(async () => {
  world = await startWorld({ chaos: 'none' });
  const inProcess: InProcess = await startInProcess(world);
  stage = { world, inProcess, clones: { master: await world.clone('master'), staging: await world.clone('staging') } };
});
afterAll(async () => {
  console.log(whoMetWhom([...rounds.values()]));
  await world.stop();
});

describe('environments, people and controllers side by side', () => {
  it.each(seeds)(
    'lose nothing to each other that they did not give up (round %i)',
    async (seed) => {
      const round = await playRound(stage, seed);
      rounds.set(seed, round);
      expect(round.violations, round.story.join('\n')).toEqual([]);
    },
    300_000,
  );
});

/** How often two kinds of step came in one round. */
function whoMetWhom(played: readonly Round[]): string {
  const met = stepNames.map(
    (a) =>
      `${a.padEnd(8)}${stepNames.map((b) => String(played.filter(({ steps }) => steps.includes(a) && steps.includes(b)).length).padStart(8)).join('')}`,
  );
  return [
    `${played.length} rounds; which steps met:`,
    `${' '.repeat(8)}${stepNames.map((name) => name.padStart(8)).join('')}`,
    ...met,
  ].join('\n');
}
