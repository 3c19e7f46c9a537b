import { expect } from 'vitest';
import { createWorld, type World } from '../world/world.ts';
import type { Ending, Row } from './row.ts';
import { endingOf } from './told.ts';

/** Brings a row about up to its run, runs it, and says what came of it. */
export async function runRow(row: Row, memory: 'kept' | 'lost'): Promise<Ending> {
  const world = await worldOf(row, memory);
  const since = { writes: world.cluster.writes.length, alerts: world.published.length };
  const result = await world.run(row.job).catch((error: unknown) => {
    if (error instanceof Error) return error;
    throw error;
  });
  const ending = await endingOf(world, { result, since, environment: row.job?.environment ?? 'shop' });
  if (!(result instanceof Error) && result.outcome === 'converged' && row.restless !== true) await expectQuiet(world);
  return ending;
}

async function worldOf(row: Row, memory: 'kept' | 'lost'): Promise<World> {
  const world = createWorld();
  if (row.before !== undefined) {
    world.git.add(row.before);
    expect(await world.run()).toMatchObject({ outcome: 'converged' });
    world.wait(60);
  }
  await row.meanwhile?.(world);
  if (row.commit !== undefined) world.git.add(row.commit);
  await row.meets?.(world);
  if (memory === 'lost') await world.forget(row.loses ?? 'shop');
  return world;
}

/** What has converged is neither written nor told of by the next look. */
async function expectQuiet(world: World): Promise<void> {
  const before = { writes: [...world.cluster.writes], alerts: [...world.published] };
  world.wait(60);
  const { outcome } = await world.run({ cause: 'schedule' });
  expect(['unchanged', 'converged']).toContain(outcome);
  expect({ writes: world.cluster.writes, alerts: world.published }).toEqual(before);
}
