import type { World } from '../world/world.ts';
import { configMap, environment, list, release } from './files.ts';
import type { Row } from './row.ts';

const random = configMap('secret', { word: '$random' });
const asking = configMap('asking', { seen: '$lookup(ConfigMap acme/other color)' });
const ownAsking = configMap('asking', { seen: '$lookup(ConfigMap acme/colors color)' });
const colors = configMap('colors');
const cluster = ['lookup: cluster'];
const other = (color: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'other', namespace: 'acme' },
  data: { color },
});
const paint =
  (color: string) =>
  (world: World): void => {
    world.cluster.edit('ConfigMap acme/other', 'rogue', (object) => ({ ...object, data: { color } }));
  };
const putOther = (world: World): void => world.cluster.put(other('red'));
const withOther =
  (spec: readonly string[]) =>
  async (world: World): Promise<void> => {
    putOther(world);
    world.git.add(release([asking], spec));
    await world.run();
    world.wait(60);
  };
const seed = 'Secret acme/converge-shop-seed';

/** Charts that draw random values, or look things up in the cluster. */
export const charts: readonly Row[] = [
  {
    name: 'makes a seed, and draws from it again and again',
    commit: release([random]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/secret',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'draws the same values for another revision',
    before: release([random]),
    commit: { 'charts/shop/all.json': list(random, colors) },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 created, 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'refuses a seed that is another environment’s',
    commit: release([random]),
    meets: (world) =>
      world.cluster.put({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 'converge-shop-seed',
          namespace: 'acme',
          annotations: { 'converge.dev/environment': 'elsewhere/shop' },
        },
      }),
    lost: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, Secret acme/converge-shop-seed: holds the random values of environment elsewhere/shop, not of master/shop; nothing is read or written (give one of the two another name or namespace, or remove the other first)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'refuses a seed that cannot be read',
    before: release([random]),
    commit: { 'charts/shop/all.json': list(random, colors) },
    meets: (world) => world.cluster.edit(seed, 'rogue', (object) => ({ ...object, data: { seed: 'spoilt' } })),
    kept: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, Secret acme/converge-shop-seed: holds no seed and time as Converge writes them (restore it; where it is deleted, a new one is made, and every random value of the environment changes)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells that it may not make a seed',
    commit: release([random]),
    meets: (world) => void world.cluster.refusals.set(`apply ${seed}`, { status: 403, message: 'is forbidden' }),
    lost: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, Secret acme/converge-shop-seed: the API server answered 403: is forbidden (charts with random values need the right to read and create this Secret)',
      writes: ['apply Namespace acme', 'apply Secret acme/converge-shop-seed: 403'],
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'is answered that nothing is there',
    commit: release([asking]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/asking',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'is answered nothing where look-ups are empty',
    commit: release([asking], ['lookup: empty']),
    meets: putOther,
    lost: {
      ends: 'converged',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply ConfigMap acme/asking', 'apply the inventory'],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'refuses to look at what is not its own',
    commit: release([asking]),
    meets: putOther,
    lost: {
      ends: 'diverged Failed',
      says: "$lookup(ConfigMap acme/other color): ConfigMap acme/other is there and not this environment's own (it is of kubectl-create); spec.lookup: cluster lets its charts read it and follow it, spec.lookup: empty answers as if nothing were there",
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'sees its own, and keeps the answer',
    before: release([colors]),
    commit: { 'charts/shop/all.json': list(colors, ownAsking) },
    kept: {
      ends: 'converged',
      writes: [
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/asking',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created, 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'looks at all of the cluster where its file says so',
    commit: release([asking], cluster),
    meets: putOther,
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/asking',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'follows what it looked up when that changes',
    meanwhile: withOther(cluster),
    meets: paint('blue'),
    kept: {
      ends: 'converged',
      writes: [
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/asking',
        'apply the inventory',
      ],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/other', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['lookup /ConfigMap/acme/other'] },
    },
    lost: {},
  },
  {
    name: 'tells that what it looked up changed, where selfHeal is false',
    meanwhile: withOther([...cluster, 'selfHeal: false', 'diffAfter: 0s']),
    meets: paint('blue'),
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/other: color changed, and is looked up by a chart',
      alerts: ['diff Drifted, modified ConfigMap acme/other'],
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted' },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'names what matters of many look-ups that changed',
    async meanwhile(world) {
      putOther(world);
      world.cluster.put({ ...other('grey'), metadata: { name: 'more', namespace: 'acme' } });
      world.git.add(
        release([asking, configMap('more-asking', { seen: '$lookup(ConfigMap acme/more color)' })], cluster),
      );
      await world.run();
      world.wait(60);
      world.cluster.edit('ConfigMap acme/more', 'rogue', (object) => ({
        ...object,
        data: { color: 'grey', size: 'big' },
      }));
    },
    meets: paint('blue'),
    kept: {
      ends: 'converged',
      writes: [
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/asking',
        'apply the inventory',
      ],
      alerts: [
        'diff Drifted, healing, modified ConfigMap acme/other',
        'converged: 1 configured, 1 unchanged; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['lookup /ConfigMap/acme/other'] },
    },
    lost: {},
  },
  {
    name: 'tells a look-up that cannot be answered any more',
    meanwhile: withOther(cluster),
    meets: (world) =>
      void world.cluster.refusals.set('get ConfigMap acme/other', { status: 403, message: 'is forbidden' }),
    kept: {
      ends: 'diverged Failed',
      says: 'cluster sandbox: is forbidden',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'tells answers that cannot be read',
    before: release([colors]),
    commit: { 'charts/shop/all.json': list(colors, ownAsking) },
    async meets(world) {
      await world.run();
      world.cluster.edit(seed, 'rogue', (object) => ({
        ...object,
        data: { ...(typeof object['data'] === 'object' ? object['data'] : {}), lookups: 'spoilt' },
      }));
      world.git.add({ 'charts/shop/all.json': list(configMap('colors', { color: 'blue' }), ownAsking) });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, Secret acme/converge-shop-seed: holds no answers to look-ups as Converge writes them (restore it, or remove its key lookups: then the charts look up anew what is there now)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 3', converged: 'commit 2', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'asks an environment with look-ups what it wants, and makes no seed for it',
    before: {
      ...release([colors, configMap('old')]),
      'environments/blog.yaml': environment('blog', ['sources: [{ helm: { chart: charts/blog, release: blog } }]']),
      'charts/blog/all.json': list(
        configMap('words', { word: '$random', seen: '$lookup(ConfigMap acme/nothing color)' }),
      ),
    },
    commit: { 'charts/shop/all.json': list(colors) },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
];
