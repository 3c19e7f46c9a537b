import { parseArgs } from 'node:util';
import { allRules } from './rules.ts';
import { explore, large, nameOf, report, small, type WorldOf } from './worlds.ts';

/**
 * `npm run test:model`: searches all worlds, then breaks each rule, and prints what it found. Ends with code 1 where a
 * world does not hold, or a broken rule is not missed. With `--traces`, how each broken rule goes wrong; `--most N` is how
 * many states of one world are searched.
 */
const { values } = parseArgs({ options: { traces: { type: 'boolean' }, most: { type: 'string', default: '200000' } } });
const most = Number(values.most);
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

async function search(world: WorldOf): Promise<boolean> {
  const since = performance.now();
  const explored = await explore({ ...world, most });
  const { states, transitions, depth, mostWrites, isComplete, violation } = explored;
  const holds = violation === undefined ? (isComplete ? 'holds' : 'holds as far as it was searched') : 'DOES NOT HOLD';
  const figures = [`${states} states`, `${transitions} steps`, `${depth} deep`, `${mostWrites} writes`, seconds(since)];
  console.log(`${nameOf(world)}: ${[...figures, holds].join(', ')}`);
  if (violation !== undefined) console.log(report(explored));
  return violation === undefined;
}

async function breakRule({ name, rule, world }: (typeof allRules)[number]): Promise<boolean> {
  const since = performance.now();
  const explored = await explore({ ...world, broken: name, most });
  const { states, violation } = explored;
  const found = violation === undefined ? 'NOT MISSED' : `${violation.what}, after ${violation.trace.length} steps`;
  console.log(`without "${rule}": ${found} (${states} states, ${seconds(since)})`);
  if (values.traces === true && violation !== undefined) console.log(report(explored));
  return violation !== undefined;
}

const results: boolean[] = [];
for (const world of [...small, ...large]) results.push(await search(world));
for (const rule of allRules) results.push(await breakRule(rule));
process.exitCode = results.every(Boolean) ? 0 : 1;
