import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { reconcileRequestedSchema, type ReconcileRequested } from '../../../../shared/events/reconcile-requested.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

const night = 'freeze: [{ name: night, cron: "0 1 * * *", length: 5h }]';
const by = 'Anna Admin <anna@example.com>';
const reason = 'a hole is closed';
const override = '2026-11-21T06:00:00.000Z';
const job: Partial<ReconcileRequested> = { cause: 'request', by, reason, override };
const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const said = { window: 'night', by, reason, at: expect.any(String) };

const colorOf = ({ cluster }: World): string => JSON.stringify(cluster.find('ConfigMap acme/colors')?.['data']);
const paint = ({ cluster }: World, color: string): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color } }));
const endsOf = ({ published }: World) =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'converged' ? [convergedSchema.parse(data)] : []));
const diffsOf = ({ published }: World) =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' ? [diffSchema.parse(data)] : []));
async function look(world: World): Promise<string> {
  world.wait(60);
  return (await world.run({ cause: 'schedule' })).outcome;
}
async function ask(world: World, message = 'asked-1', facts: Partial<ReconcileRequested> = {}): Promise<string> {
  world.wait(60);
  return (await world.run({ ...job, ...facts }, undefined, message)).outcome;
}
/** One that has converged, was frozen then, and for which a commit waits. */
async function frozen(spec: readonly string[] = [], waits = list(blue), objects = [colors]): Promise<World> {
  const world = createWorld();
  world.git.add(shop(objects, spec));
  expect((await world.run()).outcome).toBe('converged');
  world.git.add({ ...shop(objects, [...spec, night]), 'manifests/shop/all.json': waits });
  expect(await look(world)).toBe('frozen');
  return world;
}

describe('a look that goes past a freeze', () => {
  it('applies what waits, says at whose word, and is frozen again afterwards', async () => {
    const world = await frozen(['diffAfter: 0s']);
    expect(await ask(world)).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"blue"}');
    expect(endsOf(world).at(-1)?.override).toEqual(said);
    const memory = await world.memoryOf('shop');
    expect(memory.override).toBeUndefined();
    expect(memory.requests?.at(-1)).toMatchObject({
      id: 'asked-1',
      by,
      reason,
      override: 'night',
      outcome: 'converged',
    });

    paint(world, 'green');
    expect(await look(world)).toBe('diverged');
    expect(diffsOf(world).at(-1)).toMatchObject({ action: 'none', policy: { frozen: { window: 'night' } } });
    expect(diffsOf(world).at(-1)?.override).toBeUndefined();
    expect(await ask(world, 'asked-1')).toBe('diverged');
    world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'black' })) });
    expect(await look(world)).toBe('frozen');
    expect(await ask(world, 'asked-1')).toBe('frozen');
    expect(colorOf(world)).toBe('{"color":"green"}');
  });

  it('heals what drifted, and tells that with who had it go past', async () => {
    const world = await frozen(['diffAfter: 0s']);
    await ask(world);
    paint(world, 'green');
    expect(await look(world)).toBe('diverged');
    expect(await ask(world, 'asked-2')).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"blue"}');
    expect(endsOf(world).at(-1)?.override).toEqual(said);
  });

  it.each([
    ['without a reason', { reason: '' }],
    ['by nobody', { by: '' }],
    ['until no time at all', { override: 'tomorrow' }],
    ['after the freeze that it was asked for', { override: '2026-11-21T01:00:30.000Z' }],
  ])('leaves all as it is %s', async (_what, facts) => {
    const world = await frozen();
    expect(await ask(world, 'asked-1', facts)).toBe('frozen');
    expect(colorOf(world)).toBe('{"color":"red"}');
  });

  it('goes past no suspension', async () => {
    const world = await frozen();
    world.git.add(shop([blue], [night, 'suspend: true']));
    expect(await ask(world)).toBe('suspended');
    expect(colorOf(world)).toBe('{"color":"red"}');
  });

  it('does the same wherever it is killed, and its message comes again after another look', async () => {
    const play = async (diesBefore: number | undefined) => {
      const world = await frozen();
      world.wait(60);
      const { ports, life } = mortalPorts(world.ports, { diesBefore });
      await world.run(job, ports, 'asked-1').catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });
      world.wait(120);
      await look(world);
      await ask(world);
      const { requests, converged } = await world.memoryOf('shop');
      const ends = world.published.filter(({ topic }) => topic === 'converged').slice(1);
      return {
        effects: life.effects,
        color: colorOf(world),
        revision: converged?.revision,
        ends: new Set(ends.map(({ event }) => event.id)).size,
        by: endsOf(world).at(-1)?.override?.by,
        asked: requests?.map(({ id, override: past }) => [id, past]),
      };
    };
    const { effects, ...whole } = await play(undefined);
    expect(whole).toMatchObject({ color: '{"color":"blue"}', ends: 1, by, asked: [['asked-1', 'night']] });
    expect(effects).toBeGreaterThan(4);
    for (let diesBefore = 1; diesBefore <= effects; diesBefore++) {
      const { effects: _effects, ...killed } = await play(diesBefore);
      expect(killed, `killed before effect ${diesBefore} of ${effects}`).toEqual(whole);
    }
  });
});

describe('the message with which such a look goes on', () => {
  const web = (image: string) => deployment('web', { image });
  const goesOn = ({ published }: World): ReconcileRequested =>
    reconcileRequestedSchema.parse(published.findLast(({ topic }) => topic === 'reconcile')?.event.data);
  async function waiting(spec: readonly string[] = []): Promise<World> {
    const world = await frozen(spec, list(web('shop:2')), [web('shop:1')]);
    world.cluster.statuses.set('Deployment acme/web', unready);
    expect(await ask(world)).toBe('waiting');
    expect(goesOn(world)).toMatchObject({ by, reason, override });
    return world;
  }

  it('ends it, and says at whose word it was begun', async () => {
    const world = await waiting();
    world.cluster.breakDown('Deployment acme/web', readied);
    expect((await world.run(goesOn(world), undefined, 'next')).outcome).toBe('converged');
    expect(endsOf(world).at(-1)?.override).toEqual(said);
    expect((await world.memoryOf('shop')).requests).toHaveLength(1);
  });

  it('rolls nothing back that failed, and says so with who had it begun', async () => {
    const world = await waiting(['rollback: { onFailure: revert }', 'timeout: 40s']);
    world.wait(60);
    expect((await world.run(goesOn(world), undefined, 'next')).outcome).toBe('diverged');
    expect(diffsOf(world).at(-1)).toMatchObject({ reason: 'Unhealthy', rollback: null, override: said });
    expect(diffsOf(world).at(-1)?.summary).toMatch(/not rolled back before 2026-11-21T06:00:00.000Z: frozen by night$/);
    const memory = await world.memoryOf('shop');
    expect([memory.override, memory.quarantine]).toEqual([undefined, undefined]);
  });

  it('applies no commit that came since', async () => {
    const world = await waiting();
    const next = goesOn(world);
    world.git.add({ 'manifests/shop/all.json': list(web('shop:3')) });
    expect((await world.run(next, undefined, 'next')).outcome).toBe('frozen');
    expect(JSON.stringify(world.cluster.find('Deployment acme/web'))).not.toContain('shop:3');
    expect((await world.memoryOf('shop')).override).toBeUndefined();
  });
});
