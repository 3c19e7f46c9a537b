import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema, type Converged, type Diff } from '../../../../shared/events/alert.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

const colors = configMap('colors');
const web = deployment('web');
const old = configMap('old', {}, { finalizers: ['example.com/hold'] });
const files = 'manifests/shop/all.json';

const diffsOf = ({ published }: World): readonly Diff[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' ? [diffSchema.parse(data)] : []));
const endsOf = ({ published }: World): readonly Converged[] =>
  published
    .flatMap(({ topic, event: { data } }) => (topic === 'converged' ? [convergedSchema.parse(data)] : []))
    .filter(({ incident }) => incident !== null);
const told = (world: World, subject: string): readonly Diff[] =>
  diffsOf(world).filter((diff) => diff.subject === subject);

async function installed(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([colors, web, old], ['timeout: 20s']));
  await world.run();
  world.wait(600);
  return world;
}

/** A look, and the time of it. */
async function look(world: World): Promise<string> {
  world.wait(60);
  const at = world.ports.now().toISOString();
  await world.run({ cause: 'schedule' });
  return at;
}

const paint = ({ cluster }: World): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
const letGo = ({ cluster }: World): void => cluster.remove('ConfigMap acme/old');

/** Until it is not healed any more. */
async function fight(world: World): Promise<string> {
  let last = '';
  for (let heal = 0; heal < 4; heal++) {
    paint(world);
    last = await look(world);
  }
  return last;
}

describe('an image that cannot be pulled, a fight and a finalizer that hangs', () => {
  it('are three incidents, each with an id, a beginning and an end of its own', async () => {
    const world = await installed();
    const deletedAt = world.ports.now().toISOString();
    world.git.add({ [files]: list(colors, web) });
    await world.run();
    await look(world);
    world.cluster.breakDown('Deployment acme/web', unready);
    const brokenAt = await look(world);
    await look(world);
    const [lingering, pulling] = ['ConfigMap acme/old', 'Deployment acme/web'].map((subject) => told(world, subject));
    expect(lingering).toMatchObject([{ reason: 'Unhealthy', occurrence: 1, since: deletedAt }]);
    expect(pulling).toMatchObject([{ reason: 'Unhealthy', occurrence: 1, since: brokenAt }]);
    await fight(world);
    await look(world);
    await look(world);
    const open = openIncidents(await world.memoryOf('shop'));
    expect(open.map(({ subject, reason }) => `${reason} ${subject}`).toSorted()).toEqual([
      'Drifted ConfigMap acme/colors',
      'Unhealthy ConfigMap acme/old',
      'Unhealthy Deployment acme/web',
    ]);
    expect(new Set(open.map(({ id }) => id)).size).toBe(3);
    expect(new Set(open.map(({ since }) => since)).size).toBe(3);
    expect(told(world, 'ConfigMap acme/old')).toHaveLength(1);
    expect(told(world, 'Deployment acme/web')).toHaveLength(1);
    world.cluster.breakDown('Deployment acme/web', readied);
    letGo(world);
    // What was fought over has to stay for ten minutes.
    for (let hour = 0; hour < 3; hour++) {
      world.wait(3600);
      await look(world);
    }
    expect(openIncidents(await world.memoryOf('shop'))).toEqual([]);
    const ended = endsOf(world).filter(({ incident }) => open.some(({ id }) => id === incident));
    for (const { id, since, occurrence } of open)
      expect(ended).toContainEqual(expect.objectContaining({ incident: id, since, occurrence }));
  });

  it.each([
    [
      'an image that cannot be pulled',
      'Deployment acme/web',
      async (world: World) => {
        world.cluster.breakDown('Deployment acme/web', unready);
        const began = await look(world);
        await look(world);
        return began;
      },
    ],
    [
      'a finalizer that hangs',
      'ConfigMap acme/old',
      async (world: World) => {
        const began = world.ports.now().toISOString();
        world.git.add({ [files]: list(colors, web) });
        await world.run();
        await look(world);
        return began;
      },
    ],
  ])(
    'began when it was seen first, not when it had lasted long enough to be told: %s',
    async (_name, subject, breaks) => {
      const world = await installed();
      const began = await breaks(world);
      await look(world);
      await look(world);
      expect(told(world, subject)).toMatchObject([{ reason: 'Unhealthy', occurrence: 1, since: began }]);
    },
  );

  it('has a beginning of each time: a fight', async () => {
    const world = await installed();
    const last = await fight(world);
    await look(world);
    expect(openIncidents(await world.memoryOf('shop'))).toMatchObject([
      { reason: 'Drifted', since: last, occurrence: 4 },
    ]);
    expect(new Set(diffsOf(world).map(({ incident }) => incident)).size).toBe(1);
    expect(new Set(diffsOf(world).map(({ since }) => since)).size).toBe(4);
  });
});
