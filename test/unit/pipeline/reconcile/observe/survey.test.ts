import { expect, it } from 'vitest';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import { configMap, deployment, shop } from '../runs/files.ts';
import { createWorld, type World } from '../world/world.ts';

async function installed(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors'), deployment('web')]));
  await world.run();
  world.wait(600);
  await world.run();
  world.wait(600);
  world.surveys = true;
  return world;
}

const surveyOf = async (world: World) => (await world.memoryOf('shop')).survey;
const put = ({ cluster }: World, name: string): void =>
  cluster.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'acme', name } }, 'kubectl');

it('finds what nobody declares, and not what a controller or Git does', async () => {
  const world = await installed();
  for (let one = 0; one < 7; one++) put(world, `by-hand-${one}`);
  put(world, 'kube-root-ca.crt');
  expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'unchanged' });
  expect(await surveyOf(world)).toMatchObject({
    undeclared: [
      {
        ...{ namespace: 'acme', kind: 'ConfigMap', count: 7 },
        names: ['by-hand-0', 'by-hand-1', 'by-hand-2', 'by-hand-3', 'by-hand-4'],
      },
    ],
    ...{ more: 0, unlisted: [], deprecated: [] },
  });
});

it('is made once a day, and not at all where no report is configured', async () => {
  const world = await installed();
  world.surveys = false;
  await world.run({ cause: 'schedule' });
  expect(await surveyOf(world)).toBeUndefined();
  world.surveys = true;
  await world.run({ cause: 'schedule' });
  const first = await surveyOf(world);
  expect(first?.undeclared).toEqual([]);
  put(world, 'by-hand');
  world.wait(3600);
  await world.run({ cause: 'schedule' });
  expect(await surveyOf(world)).toEqual(first);
  world.wait(24 * 3600);
  await world.run({ cause: 'schedule' });
  expect((await surveyOf(world))?.undeclared).toMatchObject([{ names: ['by-hand'] }]);
});

it('says which kinds it may not list, and finds the others', async () => {
  const world = await installed();
  put(world, 'by-hand');
  world.cluster.refusals.set('list Secret acme', { status: 403, message: 'secrets is forbidden' });
  world.cluster.refusals.set('list Pod acme', { status: 503, message: 'is overloaded' });
  expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'unchanged' });
  expect(await surveyOf(world)).toMatchObject({ unlisted: ['Pod', 'Secret'], undeclared: [{ names: ['by-hand'] }] });
});

it('takes down what the API server warns of the versions that Git uses', async () => {
  const world = await installed();
  world.cluster.listWarnings.set(
    'apps/v1 Deployment',
    'apps/v1 Deployment is deprecated in v1.40+, unavailable in v1.43+; use apps/v2 Deployment',
  );
  world.cluster.listWarnings.set('v1 Secret', 'v1 Secret is deprecated in v1.40+');
  await world.run({ cause: 'schedule' });
  expect((await surveyOf(world))?.deprecated).toMatchObject([
    { apiVersion: 'apps/v1', kind: 'Deployment', removedIn: '1.43', use: 'apps/v2 Deployment' },
  ]);
});

it('waits where something is to be told', async () => {
  const world = await installed();
  world.cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
  await world.run({ cause: 'schedule' });
  expect(await surveyOf(world)).toBeUndefined();
});

it('asks nothing more of a cluster that gives no answer, and fails no look by it', async () => {
  const world = await installed();
  const asked: string[] = [];
  const cluster: typeof world.ports.cluster = async (named) => {
    const real = await world.ports.cluster(named);
    return {
      ...real,
      list: async (query) => {
        if (query.content === 'whole') return real.list(query);
        asked.push(query.resource.kind);
        const facts = { subject: 'cluster sandbox', message: 'no answer', disposition: 'retry' } as const;
        throw new ConvergeError({ code: 'ClusterUnavailable', ...facts });
      },
    };
  };
  const result = await world.run({ cause: 'schedule' }, { ...world.ports, cluster });
  expect(result).toMatchObject({ outcome: 'unchanged' });
  expect(asked.length).toBeLessThanOrEqual(8);
  expect((await surveyOf(world))?.unlisted).toContain('ConfigMap');
});
