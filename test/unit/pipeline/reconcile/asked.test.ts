import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema, type Converged, type Diff } from '../../../../shared/events/alert.ts';
import type { ReconcileRequested } from '../../../../shared/events/reconcile-requested.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import type { Incident } from '../../../../shared/memory/incident.ts';
import type { DoneRequest } from '../../../../shared/memory/request.ts';
import { configMap, list, shop } from './runs/files.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

const hour = 3600;
const colors = configMap('colors');
const other = configMap('other');
const ask = ['selfHeal: ask', 'diffAfter: 0s'];
const told = ['selfHeal: false', 'diffAfter: 0s'];
const by = 'Olga Ops <olga@example.com>';

const paint = ({ cluster }: World, color: string, name = 'colors'): void =>
  cluster.edit(`ConfigMap acme/${name}`, 'rogue', (object) => ({ ...object, data: { color } }));
const colorOf = ({ cluster }: World, name = 'colors'): string =>
  JSON.stringify(cluster.find(`ConfigMap acme/${name}`)?.['data']);
const diffsOf = ({ published }: World): readonly Diff[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' ? [diffSchema.parse(data)] : []));
const endsOf = ({ published }: World): readonly Converged[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'converged' ? [convergedSchema.parse(data)] : []));
const eventsOf = ({ published }: World): readonly string[] =>
  published.flatMap(({ topic, event: { id } }) => (topic === 'diff' ? [id] : []));

/** An environment that has converged, and whose `colors` somebody painted green. */
async function drifted(spec: readonly string[], objects = [colors]): Promise<World> {
  const world = createWorld();
  world.git.add(shop(objects, spec));
  expect((await world.run()).outcome).toBe('converged');
  world.wait(60);
  paint(world, 'green');
  await look(world, 60);
  return world;
}
async function look(world: World, seconds = 60): Promise<string> {
  world.wait(seconds);
  return (await world.run({ cause: 'schedule' })).outcome;
}
async function openOf(world: World): Promise<Incident> {
  const [open] = openIncidents(await world.memoryOf('shop'));
  if (open === undefined) throw new Error('nothing is open');
  return open;
}
async function revert(world: World, { id, since }: Pick<Incident, 'id' | 'since'>, message?: string): Promise<string> {
  world.wait(60);
  const job: Partial<ReconcileRequested> = { cause: 'request', by, reason: 'a mistake', revert: id, since };
  return (await world.run(job, undefined, message)).outcome;
}
async function lastRequest(world: World): Promise<DoneRequest | undefined> {
  return (await world.memoryOf('shop')).requests?.at(-1);
}

describe('drift where the file says selfHeal: ask', () => {
  it('is told with both answers, and healed by none of the looks', async () => {
    const world = await drifted(ask);
    const { id } = await openOf(world);
    for (let looks = 0; looks < 5; looks++) expect(await look(world)).toBe('diverged');
    expect(colorOf(world)).toBe('{"color":"green"}');
    expect(diffsOf(world)).toMatchObject([
      {
        ...{ reason: 'Drifted', action: 'none', incident: id },
        answers: { revert: `converge revert ${id}`, accept: `converge accept ${id}` },
        policy: { selfHeal: false, asks: true },
      },
    ]);
  });

  it('is told again each time that askFor is over, under ids of their own', async () => {
    const world = await drifted([...ask, 'askFor: 2h']);
    for (let passed = 0; passed < 7; passed++) await look(world, hour);
    expect(diffsOf(world).map(({ reminder }) => reminder)).toEqual([undefined, 1, 2, 3]);
    expect(diffsOf(world).every(({ answers }) => answers !== undefined)).toBe(true);
    expect(new Set(eventsOf(world)).size).toBe(4);
  });

  it('is asked about where it was told without a question before', async () => {
    const world = await drifted(told);
    expect(diffsOf(world)).toHaveLength(1);
    expect(diffsOf(world)[0]?.answers).toBeUndefined();
    world.git.add(shop([colors], ask));
    expect(await look(world)).toBe('diverged');
    expect(diffsOf(world)).toHaveLength(2);
    expect(diffsOf(world)[1]?.answers).toBeDefined();
    expect(new Set(eventsOf(world)).size).toBe(2);
  });

  it('is asked about once nobody leaves it alone any more, by an alert of its own', async () => {
    const world = createWorld();
    world.git.add(shop([colors], ask));
    await world.run();
    const annotate = (annotations: Record<string, string>): void =>
      world.cluster.edit('ConfigMap acme/colors', 'kubectl-annotate', ({ metadata, ...object }) => {
        const { 'converge.dev/reconcile': _said, ...others } = metadata.annotations ?? {};
        return { ...object, metadata: { ...metadata, annotations: { ...others, ...annotations } } };
      });
    annotate({ 'converge.dev/reconcile': 'disabled' });
    paint(world, 'green');
    await look(world);
    annotate({});
    expect(await look(world)).toBe('diverged');
    expect(diffsOf(world).map(({ answers }) => answers !== undefined)).toEqual([false, true]);
    expect(new Set(eventsOf(world)).size).toBe(2);
  });

  it('gives way to a commit that changes it, as with selfHeal: false', async () => {
    const world = await drifted(ask);
    world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) });
    expect(await look(world)).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"blue"}');
    expect(endsOf(world).at(-1)?.reverted).toBeUndefined();
  });

  it('is asked about in a freeze, too, and stays', async () => {
    const world = await drifted([...ask, 'freeze: [{ name: night, cron: "1 1 * * *", length: 30m }]']);
    const open = await openOf(world);
    expect(diffsOf(world)[0]?.answers).toBeDefined();
    expect(await revert(world, open)).toBe('diverged');
    expect(colorOf(world)).toBe('{"color":"green"}');
    expect(await lastRequest(world)).toMatchObject({ outcome: 'frozen', message: expect.stringContaining('by night') });
  });
});

describe('a person who asks that drift is undone', () => {
  it.each([
    ['ask', ask],
    ['false', told],
  ])('has it undone once, where selfHeal is %s, and the end says so', async (_said, spec) => {
    const world = await drifted(spec);
    const open = await openOf(world);
    expect(await revert(world, open, 'asked-1')).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"red"}');
    const { at, ...end } = endsOf(world).at(-1)?.reverted ?? { at: '' };
    expect(end).toEqual({ by, reason: 'a mistake' });
    expect(Date.parse(at)).toBeGreaterThan(Date.parse(open.since));
    expect(endsOf(world).at(-1)).toMatchObject({ incident: open.id, occurrence: 1 });
    expect(await lastRequest(world)).toMatchObject({
      ...{ id: 'asked-1', action: 'revert', incident: open.id, by, reason: 'a mistake' },
      ...{ outcome: 'converged', message: '' },
    });
    const { past } = await world.memoryOf('shop');
    expect(past?.incidents).toMatchObject([{ healed: true, reverted: { by, reason: 'a mistake' } }]);
  });

  it('has it undone, and is named at its end, once, wherever the run is killed that does it and its message comes again', async () => {
    const play = async (diesBefore: number | undefined) => {
      const world = await drifted(ask);
      const { id, since } = await openOf(world);
      world.wait(60);
      const { ports, life } = mortalPorts(world.ports, { diesBefore });
      const job = { cause: 'request', by, revert: id, since } as const;
      await world.run(job, ports, 'asked-1').catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });
      world.wait(120);
      await world.run(job, undefined, 'asked-1');
      const ends = world.published.filter(({ topic }) => topic === 'converged').slice(1);
      return {
        effects: life.effects,
        color: colorOf(world),
        ends: new Set(ends.map(({ event }) => event.id)).size,
        by: endsOf(world).at(-1)?.reverted?.by,
        request: (await lastRequest(world))?.outcome === 'refused' ? 'refused' : 'done',
      };
    };
    const { effects, ...whole } = await play(undefined);
    expect(whole).toEqual({ color: '{"color":"red"}', ends: 1, by, request: 'done' });
    expect(effects).toBeGreaterThan(4);
    for (let diesBefore = 1; diesBefore <= effects; diesBefore++) {
      const { effects: _effects, ...killed } = await play(diesBefore);
      expect(killed, `killed before effect ${diesBefore} of ${effects}`).toEqual(whole);
    }
  });

  it('leaves the next drift as it is: it is asked about anew, and a message that comes again or late undoes none of it', async () => {
    const world = await drifted(ask);
    const first = await openOf(world);
    await revert(world, first, 'asked-1');
    paint(world, 'black');
    expect(await look(world)).toBe('diverged');
    const second = await openOf(world);
    expect(second).toMatchObject({ id: first.id, occurrence: 2 });
    expect(await revert(world, first, 'asked-1')).toBe('diverged');
    expect(await revert(world, first, 'asked-2')).toBe('diverged');
    expect(colorOf(world)).toBe('{"color":"black"}');
    expect(await lastRequest(world)).toMatchObject({
      ...{ id: 'asked-2', outcome: 'refused' },
      message: expect.stringContaining('has ended'),
    });
    expect(diffsOf(world).map(({ occurrence }) => occurrence)).toEqual([1, 2]);
    expect(await revert(world, second, 'asked-3')).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"red"}');
  });

  it('asks with another at once, and it is undone once', async () => {
    const world = await drifted(ask);
    const open = await openOf(world);
    await revert(world, open, 'asked-1');
    const writes = [...world.cluster.writes];
    expect(await revert(world, open, 'asked-2')).toMatch(/unchanged|converged/);
    expect(world.cluster.writes).toEqual(writes);
    const requests = (await world.memoryOf('shop')).requests ?? [];
    expect(requests.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['asked-1', 'converged'],
      ['asked-2', 'unchanged'],
    ]);
  });

  it('has the objects of that incident undone, and no other that drifted since', async () => {
    const world = await drifted(ask, [colors, other]);
    const open = await openOf(world);
    paint(world, 'green', 'other');
    expect(await revert(world, open)).toBe('diverged');
    expect([colorOf(world), colorOf(world, 'other')]).toEqual(['{"color":"red"}', '{"color":"green"}']);
    expect(await lastRequest(world)).toMatchObject({
      outcome: 'diverged',
      message: 'Drifted: ConfigMap acme/other: color differs',
    });
  });

  it('has nothing undone where the environment is suspended', async () => {
    const world = await drifted(ask);
    const open = await openOf(world);
    world.git.add(shop([colors], [...ask, 'suspend: true']));
    expect(await revert(world, open)).toBe('suspended');
    expect(colorOf(world)).toBe('{"color":"green"}');
    expect(await lastRequest(world)).toMatchObject({ outcome: 'suspended' });
  });

  it('is answered anew where it drifts again before it has converged', async () => {
    const world = await drifted(ask, [colors, other]);
    const open = await openOf(world);
    paint(world, 'green', 'other');
    await revert(world, open);
    paint(world, 'black');
    expect(await look(world)).toBe('diverged');
    const again = await openOf(world);
    expect(again.occurrence).toBeGreaterThan(open.occurrence);
    expect(again.reverted).toBeUndefined();
    expect(diffsOf(world).at(-1)).toMatchObject({ incident: again.id, answers: expect.anything() });
  });
});

describe('a person who asks for a look', () => {
  const reconcile = async (world: World, message: string): Promise<string> => {
    world.wait(1);
    return (await world.run({ cause: 'request', by, reason: 'now' }, undefined, message)).outcome;
  };

  it('has drift healed that waits for healAfter', async () => {
    const world = await drifted(['healAfter: 1h']);
    expect(colorOf(world)).toBe('{"color":"green"}');
    expect(await reconcile(world, 'asked-1')).toBe('converged');
    expect(colorOf(world)).toBe('{"color":"red"}');
    expect(await lastRequest(world)).toMatchObject({ action: 'reconcile', by, reason: 'now', outcome: 'converged' });
    expect(endsOf(world).at(-1)?.reverted).toBeUndefined();
  });

  it('has drift healed once more whose healing pauses in a fight', async () => {
    const world = await drifted([]);
    for (let round = 0; round < 4; round++) {
      paint(world, 'green');
      await look(world, 30);
    }
    expect(colorOf(world)).toBe('{"color":"green"}');
    await reconcile(world, 'asked-1');
    expect(colorOf(world)).toBe('{"color":"red"}');
    expect(await lastRequest(world)).toMatchObject({ outcome: 'diverged' });
  });

  it.each([['false'], ['ask']])('has nothing healed where selfHeal is %s', async (said) => {
    const world = await drifted([`selfHeal: ${said}`, 'diffAfter: 0s']);
    expect(await reconcile(world, 'asked-1')).toBe('diverged');
    expect(colorOf(world)).toBe('{"color":"green"}');
  });

  it('has what failed tried again in its pause, once, however often the message comes', async () => {
    const world = createWorld();
    world.git.add(shop([colors]));
    await world.run();
    world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'denied' });
    world.git.add(shop([configMap('colors', { color: 'blue' })]));
    await world.run();
    await look(world);
    await look(world, 10);
    const tries = async (): Promise<number> => (await world.memoryOf('shop')).retry?.count ?? 0;
    const before = await tries();
    await reconcile(world, 'asked-1');
    expect(await tries()).toBe(before + 1);
    const writes = world.cluster.writes.length;
    await reconcile(world, 'asked-1');
    expect(await tries()).toBe(before + 1);
    expect(world.cluster.writes).toHaveLength(writes);
    expect((await world.memoryOf('shop')).requests).toHaveLength(1);
  });
});
