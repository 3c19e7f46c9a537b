import { describe, expect, it } from 'vitest';
import { diffSchema, type Diff } from '../../../../shared/events/alert.ts';
import { status } from '../../../../shared/pipeline/status.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const diffs = ({ published }: World): Diff[] =>
  published.flatMap(({ topic, event }) => (topic === 'diff' ? [diffSchema.parse(event.data)] : []));

describe('an object in an alert comes with the file that it is made of', () => {
  it('where the API server refuses it', async () => {
    const world = createWorld();
    world.git.add({ ...shop([]), 'manifests/shop/colors.json': list(configMap('colors')) });
    world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 422, message: 'is invalid' });
    await world.run();
    expect(diffs(world)[0]).toMatchObject({
      reason: 'Failed',
      objects: [{ name: 'colors', source: 'manifests/shop/colors.json' }],
    });
  });

  it('and with the line, where that is plain YAML: in the alert, and where people ask for the status', async () => {
    const world = createWorld();
    const source = 'manifests/shop/all.yaml';
    const text = 'kind: Secret\n---\n# of the shop\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: colors\n';
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'colors' }, data: { color: 'red' } };
    const render = { objects: [{ object, source }], hooks: [], reads: [source], size: 0 };
    const renderer = { ...world.ports.renderer, render: async () => render };
    world.git.add({ ...shop([]), [source]: text });
    world.cluster.refusals.set('apply ConfigMap acme/colors', { status: 422, message: 'is invalid' });
    await world.run({}, { ...world.ports, renderer });
    expect(diffs(world)[0]?.objects).toMatchObject([{ name: 'colors', source, line: 4 }]);
    const { environments } = await status({ repositories: ['master'], interval: 60_000 }, world.ports);
    expect(environments[0]?.incidents).toMatchObject([{ reason: 'Failed', source: `${source}:4` }]);
  });

  it('where it does not become healthy', async () => {
    const world = createWorld();
    world.git.add({ ...shop([], ['timeout: 10s']), 'manifests/shop/web.json': list(deployment('web')) });
    world.cluster.statuses.set('Deployment acme/web', () => ({ replicas: 1, observedGeneration: 1 }));
    for (let minute = 0; minute < 3; minute++) {
      await world.run();
      world.wait(60);
    }
    expect(diffs(world)[0]).toMatchObject({
      reason: 'Unhealthy',
      objects: [{ name: 'web', source: 'manifests/shop/web.json' }],
    });
  });

  it('where it is gone, and where somebody changed it', async () => {
    const world = createWorld();
    world.git.add({
      ...shop([]),
      'manifests/shop/a.json': list(configMap('gone')),
      'manifests/shop/b.json': list(configMap('changed', { color: 'red' })),
    });
    await world.run();
    world.wait(60);
    world.cluster.remove('ConfigMap acme/gone');
    world.cluster.edit('ConfigMap acme/changed', 'rogue', (object) => ({ ...object, data: { color: 'blue' } }));
    await world.run({ cause: 'schedule' });
    expect(diffs(world)[0]).toMatchObject({
      reason: 'Drifted',
      objects: [
        { name: 'changed', change: 'modified', source: 'manifests/shop/b.json' },
        { name: 'gone', change: 'missing', source: 'manifests/shop/a.json' },
      ],
    });
  });
});
