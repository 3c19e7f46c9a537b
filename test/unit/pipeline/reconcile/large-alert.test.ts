import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { diffSchema } from '../../../../shared/events/alert.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { diff } from '../../memory/transitions/states.ts';
import { configMap, list, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

/** What Pub/Sub takes of one message: https://cloud.google.com/pubsub/quotas#resource_limits */
const largestMessage = 10_000_000;

/** As Pub/Sub answers, and its adapter says. */
function limited({ ports, topics }: World) {
  return {
    ...ports,
    topics: {
      async publish(...[topic, event]: Parameters<typeof topics.publish>) {
        if (JSON.stringify(event.data).length > largestMessage)
          throw new ConvergeError({ code: 'PubSubUnavailable', subject: topic, message: 'x', disposition: 'retry' });
        await topics.publish(topic, event);
      },
    },
  };
}

describe('an alert that is more than a message takes', () => {
  it('of drift keeps no environment from its next commit, and says how much is left out', async () => {
    const world = createWorld();
    const names = Array.from({ length: 8 }, (_, index) => `big-${index}`);
    const files = (character: string) =>
      list(...names.map((name) => configMap(name, { text: character.repeat(700_000) })));
    world.git.add({ ...shop([]), 'manifests/shop/all.json': files('a') });
    await world.run();
    world.wait(60);
    for (const name of names)
      world.cluster.edit(`ConfigMap acme/${name}`, 'rogue', (object) => ({
        ...object,
        data: { text: 'b'.repeat(700_000) },
      }));
    const ports = limited(world);
    await world.run({ cause: 'schedule' }, ports).catch(() => {});
    const { id } = world.git.add({ 'manifests/shop/all.json': list(configMap('small')) });
    for (let minute = 0; minute < 5; minute++) {
      world.wait(60);
      await world.run({ cause: 'schedule' }, ports).catch(() => {});
    }
    expect((await world.memoryOf('shop')).converged?.commit).toBe(id);
    const [told] = world.published.flatMap(({ topic, event }) =>
      topic === 'diff' ? [diffSchema.parse(event.data)] : [],
    );
    expect(told?.objects).toHaveLength(8);
    expect(told?.objects.flatMap(({ fields }) => fields.map(({ omitted }) => omitted))).toEqual(
      names.map(() => ['desired', 'observed']),
    );
  });

  it('and stands in the outbox of the version before is published, cut, and stops nobody', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    const fields = [{ path: '/data/text', desired: 'a', observed: 'b'.repeat(largestMessage) }];
    const object = { apiVersion: 'v1', kind: 'ConfigMap', name: 'big', change: 'modified' as const, message: 'x' };
    const data = { ...diff, reason: 'Drifted' as const, objects: [{ ...object, fields }] };
    const memory = await world.memoryOf('shop');
    const outbox = [{ topic: 'diff', time: diff.since, data }];
    await world.writeState(statePaths({ repository: 'master', environment: 'shop' }).memory, { ...memory, outbox });
    const { id } = world.git.add(shop([configMap('colors', { color: 'green' })]));
    world.wait(60);
    await world.run({ cause: 'schedule' }, limited(world));
    expect((await world.memoryOf('shop')).converged?.commit).toBe(id);
    const told = world.published.filter(({ topic }) => topic === 'diff');
    expect(told.map(({ event }) => diffSchema.parse(event.data).objects)).toEqual([
      [{ ...object, fields: [{ path: '/data/text', desired: 'a', omitted: ['observed'] }] }],
    ]);
  });
});
