import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { configMap, list, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const colors = configMap('colors');
const paint = ({ cluster }: World, color: string): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color } }));

/** Every alert of an incident: its reason, or its end, and the incident's id. */
function toldIn({ published }: World): { readonly told: string; readonly incident: string }[] {
  return published.flatMap(({ topic, event: { data } }) => {
    if (topic === 'diff') return [{ told: diffSchema.parse(data).reason, incident: diffSchema.parse(data).incident }];
    if (topic !== 'converged') return [];
    const { incident } = convergedSchema.parse(data);
    return incident === null ? [] : [{ told: 'the end', incident }];
  });
}

async function look(world: World): Promise<void> {
  world.wait(60);
  await world.run({ cause: 'schedule' });
}

describe('an incident that was told', () => {
  it('is closed where drift took its place that nobody was told of', async () => {
    const world = createWorld();
    world.git.add(shop([colors], ['selfHeal: false', 'diffAfter: 1h']));
    await world.run();
    world.git.add({ 'manifests/shop/all.json': list(colors, configMap('more')) });
    world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
    await look(world);
    paint(world, 'green');
    world.cluster.refusals.clear();
    world.git.add({ 'manifests/shop/all.json': list(colors, configMap('more', { size: 'small' })) });
    await look(world);
    await look(world);
    // Somebody makes it what Git says by a commit.
    world.git.add(shop([configMap('colors', { color: 'green' }), configMap('more', { size: 'small' })]));
    await look(world);
    const [{ incident } = { incident: '' }] = toldIn(world);
    expect(toldIn(world)).toEqual([
      { told: 'Failed', incident },
      { told: 'the end', incident },
    ]);
  });

  it.each(['once it is told', 'once it is healed'])('is closed though the memory is lost, %s', async (when) => {
    const world = createWorld();
    world.git.add(shop([colors], ['selfHeal: false', 'diffAfter: 0s']));
    await world.run();
    paint(world, 'green');
    await look(world);
    if (when === 'once it is told') await world.forget('shop');
    await look(world);
    if (when === 'once it is healed') await world.forget('shop');
    world.git.add(shop([configMap('colors', { color: 'green' })]));
    await look(world);
    await look(world);
    const [{ incident } = { incident: '' }] = toldIn(world);
    expect(toldIn(world)).toEqual([
      { told: 'Drifted', incident },
      { told: 'the end', incident },
    ]);
  });
});
