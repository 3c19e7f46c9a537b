import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { status } from '../../../../shared/pipeline/status.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

const colors = configMap('colors');
const files = 'manifests/shop/all.json';

const paint = ({ cluster }: World, color: string): void =>
  cluster.edit('ConfigMap acme/colors', 'kubectl-edit', (object) => ({
    ...object,
    data: { color },
  }));

async function converged(world: World, spec: readonly string[] = [], objects = [colors]): Promise<void> {
  world.git.add(shop(objects, spec));
  expect(await world.run()).toMatchObject({ outcome: 'converged' });
  world.wait(60);
}

/** What was told of incidents, in order, with the subject where it opens: `Failed shop`, `ends Failed`. */
function storyOf({ published }: World): readonly string[] {
  const reasons = new Map<string, string>();
  return published.flatMap(({ topic, event: { data } }) => {
    if (topic === 'diff') {
      const { incident, reason, subject } = diffSchema.parse(data);
      reasons.set(incident, `${reason} ${subject}`);
      return [`${reason} ${subject}`];
    }
    if (topic !== 'converged') return [];
    const { incident } = convergedSchema.parse(data);
    return incident === null ? [] : [`ends ${reasons.get(incident)}`];
  });
}

async function incidentsOf({ ports }: World) {
  const { environments } = await status(
    { repositories: ['master'], interval: 24 * 3_600_000 },
    { ...ports, now: ports.now, repository: ports.repository, state: ports.state },
  );
  return environments.map(({ state, incident, incidents }) => ({
    state,
    incidents: incidents.map(({ id, reason, subject }) => `${reason} ${subject}${id === incident ? ', gravest' : ''}`),
  }));
}

/** Fails at a commit, and is told. */
async function failed(world: World): Promise<void> {
  world.git.add({ [files]: '{' });
  expect(await world.run()).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
  world.wait(60);
}

describe('incidents of one environment', () => {
  it('end each by itself: a failure that was told, where drift that is not told yet takes its place', async () => {
    const world = createWorld();
    await converged(world, ['selfHeal: false', 'diffAfter: 5m']);
    await failed(world);
    paint(world, 'blue');
    world.git.add({ [files]: list(colors) });
    expect(await world.run()).toMatchObject({ outcome: 'diverged', reason: 'Drifted' });
    expect(await incidentsOf(world)).toEqual([
      { state: 'Diverged', incidents: ['Drifted ConfigMap acme/colors, gravest', 'Failed '] },
    ]);
    world.wait(60);
    paint(world, 'red');
    expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'converged' });
    expect(storyOf(world)).toEqual(['Failed ', 'ends Failed ']);
    expect(openIncidents(await world.memoryOf('shop'))).toEqual([]);
  });

  it('end each by itself: drift and a failure that were both told', async () => {
    const world = createWorld();
    await converged(world, ['selfHeal: false', 'diffAfter: 0s']);
    paint(world, 'blue');
    await world.run({ cause: 'schedule' });
    world.wait(60);
    await failed(world);
    expect(await incidentsOf(world)).toEqual([
      { state: 'Failed', incidents: ['Failed , gravest', 'Drifted ConfigMap acme/colors'] },
    ]);
    paint(world, 'red');
    world.git.add({ [files]: list(colors) });
    await world.run();
    expect(storyOf(world)).toEqual([
      ...['Drifted ConfigMap acme/colors', 'Failed '],
      ...['ends Failed ', 'ends Drifted ConfigMap acme/colors'],
    ]);
  });

  it('end also where the memory was lost while they were open', async () => {
    const world = createWorld();
    await converged(world, ['selfHeal: false', 'diffAfter: 0s']);
    paint(world, 'blue');
    await world.run({ cause: 'schedule' });
    world.wait(60);
    await failed(world);
    await world.forget('shop');
    paint(world, 'red');
    world.git.add({ [files]: list(colors) });
    await world.run();
    expect(storyOf(world).slice(2)).toEqual(['ends Failed ', 'ends Drifted ConfigMap acme/colors']);
  });

  it('are the same ones where memory and lease were lost', async () => {
    const world = createWorld();
    await converged(world, ['selfHeal: false', 'diffAfter: 0s']);
    await failed(world);
    const { memory, lease } = statePaths({ repository: 'master', environment: 'shop' });
    const before = (await world.memoryOf('shop')).incident?.id;
    for (const path of [memory, lease]) {
      const generation = await world.ports.state.generationOf(path);
      if (generation !== undefined) await world.ports.state.delete({ path, generation });
    }
    world.git.add({ 'README.md': 'another commit' });
    await world.run();
    const { incident } = await world.memoryOf('shop');
    expect(incident?.id).toBe(before);
    world.git.add({ [files]: list(colors) });
    await world.run();
    expect(storyOf(world)).toEqual(['Failed ', 'Failed ', 'ends Failed ']);
  });

  it('are of one object each', async () => {
    const world = createWorld();
    const objects = [colors, deployment('api'), deployment('web')];
    await converged(world, ['selfHeal: false', 'diffAfter: 0s', 'timeout: 20s'], objects);
    const look = async (): Promise<void> => {
      await world.run({ cause: 'schedule' });
      world.wait(600);
    };
    world.cluster.breakDown('Deployment acme/api', unready);
    await look();
    await look();
    world.cluster.breakDown('Deployment acme/api', readied);
    world.cluster.breakDown('Deployment acme/web', unready);
    await look();
    expect(await incidentsOf(world)).toEqual([
      { state: 'Failed', incidents: ['Unhealthy Deployment acme/web, gravest', 'Unhealthy Deployment acme/api'] },
    ]);
    world.cluster.breakDown('Deployment acme/web', readied);
    await look();
    expect(storyOf(world)).toEqual([
      ...['Unhealthy Deployment acme/api', 'Unhealthy Deployment acme/web'],
      ...['ends Unhealthy Deployment acme/web', 'ends Unhealthy Deployment acme/api'],
    ]);
  });

  it('are not told twice where one comes back, and has a higher occurrence', async () => {
    const world = createWorld();
    await converged(world, ['selfHeal: false', 'diffAfter: 0s']);
    for (const color of ['blue', 'red', 'green', 'red']) {
      paint(world, color);
      await world.run({ cause: 'schedule' });
      world.wait(60);
    }
    const told = world.published.flatMap(({ topic, event: { id, data } }) =>
      topic === 'diff' ? [{ id, ...diffSchema.parse(data) }] : [],
    );
    expect(told).toMatchObject([{ occurrence: 1 }, { occurrence: 2 }]);
    expect(new Set(told.map(({ incident }) => incident)).size).toBe(1);
    expect(new Set(told.map(({ id }) => id)).size).toBe(2);
    world.wait(3600);
    paint(world, 'blue');
    await world.run({ cause: 'schedule' });
    const ids = world.published.map(({ event }) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the memory of the version before', () => {
  it('is read as a list of one, whose end is told', async () => {
    const world = createWorld();
    await converged(world, ['selfHeal: false', 'diffAfter: 0s']);
    paint(world, 'blue');
    await world.run({ cause: 'schedule' });
    const { incident } = await world.memoryOf('shop');
    if (incident === undefined) throw new Error('no incident');
    const { subject: _subject, objects: _objects, ...former } = incident;
    await world.remember('shop', { incident: { ...former, id: 'former' } });
    world.wait(60);
    paint(world, 'green');
    await world.run({ cause: 'schedule' });
    paint(world, 'red');
    await world.run({ cause: 'schedule' });
    const ended = world.published.flatMap(({ topic, event: { data } }) =>
      topic === 'converged' ? [convergedSchema.parse(data).incident] : [],
    );
    expect(ended).toEqual([null, 'former']);
  });
});
