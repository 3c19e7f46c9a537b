import { describe, expect, it } from 'vitest';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import { convergedSchema, diffSchema, type Diff } from '../../../../shared/events/alert.ts';
import { configMap, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const hour = 3600;
const green = [configMap('colors', { color: 'green' })];
const colorOf = ({ cluster }: World): string => JSON.stringify(cluster.find('ConfigMap acme/colors')?.['data']);
const diffsOf = ({ published }: World): readonly Diff[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' ? [diffSchema.parse(data)] : []));
const endsOf = ({ published }: World): readonly (string | null)[] =>
  published.flatMap(({ topic, event: { data } }) =>
    topic === 'converged' ? [convergedSchema.parse(data).incident] : [],
  );
const idsOf = ({ published }: World): readonly string[] =>
  published.flatMap(({ topic, event: { id } }) => (topic === 'diff' ? [id] : []));

async function suspended(...spec: readonly string[]): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')]));
  await world.run();
  world.wait(60);
  world.git.add(shop(green, spec));
  expect((await world.run()).outcome).toBe('suspended');
  return world;
}
const look = async (world: World, seconds: number): Promise<string> => {
  world.wait(seconds);
  return (await world.run({ cause: 'schedule' })).outcome;
};
const later = (seconds: number): string => new Date(Date.parse('2026-11-21T01:00:00Z') + seconds * 1000).toISOString();

describe('an environment that is suspended until a time', () => {
  it('is frozen no more by what its file said before', async () => {
    const frozen = createWorld();
    frozen.git.add(shop([configMap('colors')]));
    await frozen.run();
    frozen.wait(60);
    frozen.git.add(shop(green, ['freeze: [{ name: closed, cron: "0 0 * * *", length: 1d }]']));
    await frozen.run();
    expect((await frozen.memoryOf('shop')).frozen).toMatchObject({ window: 'closed' });
    frozen.wait(60);
    frozen.git.add(shop(green, [`suspendUntil: "${later(2 * hour)}"`]));
    expect((await frozen.run()).outcome).toBe('suspended');
    expect((await frozen.memoryOf('shop')).frozen).toBeUndefined();
  });

  it('is left as it is until then, and goes on by itself with the next check', async () => {
    const world = await suspended(`suspendUntil: "${later(2 * hour)}"`, 'suspendReason: moves');
    expect(await look(world, hour)).toBe('suspended');
    expect(colorOf(world)).toBe('{"color":"red"}');
    expect(await look(world, hour)).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"green"}');
    expect(await look(world, 60)).toBe('unchanged');
    expect(diffsOf(world)).toEqual([]);
  });

  it('is told of no day, however many it takes', async () => {
    const world = await suspended(`suspendUntil: "${later(100 * 24 * hour)}"`);
    for (let day = 0; day < 5; day++) expect(await look(world, 24 * hour)).toBe('suspended');
    expect(diffsOf(world)).toEqual([]);
  });
});

describe('an environment that is suspended without an end', () => {
  it('is told so once it has been for a day, and once a day from then on, whatever others commit', async () => {
    const world = await suspended('suspend: true', 'suspendReason: moves');
    for (let passed = 0; passed < 23; passed++) await look(world, hour);
    expect(diffsOf(world)).toEqual([]);
    for (let passed = 0; passed < 49; passed++) {
      world.git.add({ 'unrelated.txt': String(passed) });
      await look(world, hour);
    }
    expect(diffsOf(world).map(({ reminder }) => reminder)).toEqual([1, 2, 3]);
    expect(new Set(idsOf(world)).size).toBe(3);
    expect(diffsOf(world)[0]).toMatchObject({
      reason: 'Suspended',
      action: 'none',
      subject: '',
      objects: [],
      summary: expect.stringContaining('is suspended without an end: suspend: true (moves)'),
      policy: { suspend: true, suspendReason: 'moves' },
    });
  });

  it('ends that with the convergence that comes after', async () => {
    const world = await suspended('suspend: true');
    await look(world, 25 * hour);
    const [told] = diffsOf(world);
    world.git.add(shop(green));
    expect(await look(world, 60)).toBe('converged');
    expect(endsOf(world)).toContain(told?.incident);
    expect(openIncidents(await world.memoryOf('shop'))).toEqual([]);
  });

  it('is told of it no more once it has got an end', async () => {
    const world = await suspended('suspend: true');
    await look(world, 25 * hour);
    world.git.add(shop(green, [`suspendUntil: "${later(72 * hour)}"`]));
    await look(world, 24 * hour);
    await look(world, 22 * hour);
    expect(diffsOf(world)).toHaveLength(1);
    expect(openIncidents(await world.memoryOf('shop'))).toMatchObject([{ reason: 'Suspended', passed: true }]);
    expect(await look(world, hour)).toBe('converged');
    expect(endsOf(world)).toHaveLength(2);
  });

  it('ends in silence what was not told yet', async () => {
    const world = await suspended('suspend: true');
    await look(world, hour);
    world.git.add(shop(green));
    await look(world, 60);
    expect(endsOf(world)).toEqual([null, null]);
    expect(diffsOf(world)).toEqual([]);
  });
});
