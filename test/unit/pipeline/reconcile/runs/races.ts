import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import type { World } from '../world/world.ts';
import { unready } from '../world/controllers.ts';
import { configMap, deployment, environment, hookJob, list, release, shop, type Declared } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const old = configMap('old');
const web = deployment('web');
const manifests = (...objects: readonly Declared[]) => ({ 'manifests/shop/all.json': list(...objects) });
const replaceable = (color: string) =>
  configMap('colors', { color }, { annotations: { 'converge.dev/replace': 'true' } });
const prune = ['deletion: prune'];

/** Lets others do something just before a call. */
const race =
  (call: string, does: (world: World) => void) =>
  (world: World): void =>
    void world.cluster.races.set(call, () => does(world));
const touch =
  (title: string) =>
  ({ cluster }: World): void =>
    cluster.edit(title, 'rogue', (object) => ({
      ...object,
      metadata: { ...object.metadata, labels: { ...object.metadata.labels, touched: 'yes' } },
    }));
const unlabel =
  (title: string) =>
  ({ cluster }: World): void =>
    cluster.edit(title, 'rogue', (object) => ({ ...object, metadata: { ...object.metadata, labels: {} } }));
const makeAnew =
  (name: string) =>
  ({ cluster }: World): void => {
    cluster.remove(`ConfigMap acme/${name}`);
    cluster.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'acme' } });
  };
/** What a parent is made to declare. */
const declaring =
  (kinds: string) =>
  (object: KubernetesObject): KubernetesObject => ({
    ...object,
    metadata: {
      ...object.metadata,
      annotations: { ...object.metadata.annotations, 'applyset.kubernetes.io/contains-group-kinds': kinds },
    },
  });
const seedOfAnother = {
  seed: Buffer.alloc(32, 'another').toString('base64'),
  time: Buffer.from('2026-11-01T00:00:00.000Z').toString('base64'),
};
const seed = 'Secret acme/converge-shop-seed';
const putSeed = ({ cluster }: World): void =>
  cluster.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'converge-shop-seed', namespace: 'acme' },
    data: seedOfAnother,
  });
/** The first answer to a call is lost. */
const loseAnswer =
  (call: string) =>
  ({ cluster }: World): void =>
    void cluster.lostAnswers.add(call);
/** A newer commit comes, and the run takes long enough to find out. */
const moveOn =
  (changes: Readonly<Record<string, string>>) =>
  (world: World): void => {
    world.git.add(changes);
    world.dawdle();
  };

/** What others do in the middle of a run. */
export const races: readonly Row[] = [
  {
    name: 'applies over what somebody made just before',
    before: shop([colors]),
    commit: manifests(colors, configMap('new')),
    meets: race('apply ConfigMap acme/new', ({ cluster }) =>
      cluster.put({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'new', namespace: 'acme' },
        data: { size: 'big' },
      }),
    ),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/new: 409',
        'take over ConfigMap acme/new',
        'apply ConfigMap acme/new',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured, 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'declares kinds beside what somebody declared just before',
    before: shop([colors]),
    commit: manifests(colors, configMap('new')),
    meets: race('apply ConfigMap acme/converge-shop', ({ cluster }) =>
      cluster.edit('ConfigMap acme/converge-shop', 'rogue', declaring('ConfigMap,Secret')),
    ),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory: 409', 'apply the inventory', 'apply ConfigMap acme/new', 'apply the inventory'],
      alerts: ['converged: 1 created, 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'writes no inventory over what somebody else put in its place just before',
    before: shop([colors]),
    commit: manifests(colors, configMap('new')),
    meets: race('apply ConfigMap acme/converge-shop', makeAnew('converge-shop')),
    kept: {
      ends: 'throws ClusterUnavailable',
      says: 'cluster sandbox, ConfigMap acme/converge-shop: could not be written: something else is in its place since it was read',
      writes: ['apply the inventory: 409'],
      remembers: { health: 'Progressing', attempted: 'commit 2', converged: 'commit 1', rollout: 'under way' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'makes the inventory once, though the answer was lost',
    commit: shop([colors]),
    meets: loseAnswer('apply ConfigMap acme/converge-shop'),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply the inventory: 409',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'draws from the seed that another run made just before',
    commit: release([configMap('secret', { word: '$random' })]),
    meets: race(`apply ${seed}`, putSeed),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply Secret acme/converge-shop-seed: 409',
        'apply the inventory',
        'apply ConfigMap acme/secret',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'draws nothing from a seed that comes and goes',
    commit: release([configMap('secret', { word: '$random' })]),
    meets: race(`apply ${seed}`, (world) => {
      putSeed(world);
      race(`get ${seed}`, ({ cluster }) => cluster.remove(seed))(world);
    }),
    lost: {
      ends: 'throws ClusterUnavailable',
      says: 'cluster sandbox, Secret acme/converge-shop-seed: changed each time that it was read; the next run looks again',
      writes: ['apply Namespace acme', `apply ${seed}: 409`],
      remembers: { health: 'Unknown' },
    },
  },
  {
    name: 'keeps answers beside the seed that another run made just before',
    before: shop([colors]),
    commit: release([configMap('asking', { seen: '$lookup(ConfigMap acme/other color)' })]),
    meets: race(`apply ${seed}`, putSeed),
    kept: {
      ends: 'converged',
      writes: [
        `apply ${seed}: 409`,
        `apply ${seed}`,
        'apply the inventory',
        'apply ConfigMap acme/asking',
        'delete ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'makes an object once, though the answer was lost',
    before: shop([colors]),
    commit: manifests(colors, configMap('new')),
    meets: loseAnswer('apply ConfigMap acme/new'),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/new',
        'apply ConfigMap acme/new: 409',
        'apply ConfigMap acme/new',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created, 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'changes an object once, though the answer was lost',
    before: shop([colors]),
    commit: manifests(blue),
    meets: loseAnswer('apply ConfigMap acme/colors'),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply ConfigMap acme/colors: 409',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'runs a hook once, though the answer was lost',
    commit: release([hookJob('before', 'pre-install'), colors]),
    meets: loseAnswer('apply Job acme/before'),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply Job acme/before',
        'apply Job acme/before: 409',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'prunes once, though the answer was lost',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: loseAnswer('delete ConfigMap acme/old'),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old (2 times)', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'prunes what takes its time once, though the answer was lost',
    before: shop([colors, configMap('old', {}, { finalizers: ['example.com/hold'] })], ['timeout: 20s']),
    commit: manifests(colors),
    meets(world) {
      loseAnswer('delete ConfigMap acme/old')(world);
      world.onSleep = () => world.cluster.remove('ConfigMap acme/old');
    },
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'delete ConfigMap acme/old',
        'delete ConfigMap acme/old: 409',
        'apply the inventory',
      ],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'releases an object once, though the answer was lost',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': null },
    meets: loseAnswer('release ConfigMap acme/colors'),
    kept: {
      ends: 'removed',
      writes: ['release ConfigMap acme/colors', 'release ConfigMap acme/colors: 422', 'delete the inventory'],
      alerts: ['converged: 1 released'],
      remembers: null,
    },
  },
  {
    name: 'releases what somebody took an annotation off just before',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': null },
    meets: race('release ConfigMap acme/colors', ({ cluster }) =>
      cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({
        ...object,
        metadata: { ...object.metadata, annotations: {} },
      })),
    ),
    kept: {
      ends: 'removed',
      writes: ['release ConfigMap acme/colors: 422', 'release ConfigMap acme/colors', 'delete the inventory'],
      alerts: ['converged: 1 released'],
      remembers: null,
    },
  },
  {
    name: 'applies over what somebody changed just before',
    before: shop([colors]),
    commit: manifests(blue),
    meets: race('apply ConfigMap acme/colors', touch('ConfigMap acme/colors')),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors: 409',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'takes over what somebody changed just before',
    commit: shop([colors]),
    meets(world) {
      world.cluster.put({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'colors', namespace: 'acme' },
        data: { size: 'big' },
      });
      race('take over ConfigMap acme/colors', touch('ConfigMap acme/colors'))(world);
    },
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'take over ConfigMap acme/colors: 409',
        'take over ConfigMap acme/colors',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'prunes what somebody changed just before',
    before: shop([colors, web]),
    commit: manifests(colors),
    meets: race('delete Deployment acme/web', touch('Deployment acme/web')),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'delete Deployment acme/web: 409',
        'delete Deployment acme/web',
        'apply the inventory',
      ],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'leaves what lost its label just before it was pruned',
    before: shop([colors, web]),
    commit: manifests(colors),
    meets: race('delete Deployment acme/web', unlabel('Deployment acme/web')),
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete Deployment acme/web: 409', 'apply the inventory'],
      alerts: ['converged: 1 unchanged'],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 2',
        left: ['apps/Deployment/acme/web'],
        pending: ['apps/Deployment/acme/web'],
      },
    },
    lost: {},
  },
  {
    name: 'leaves what was made anew just before it was pruned',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: race('delete ConfigMap acme/old', makeAnew('old')),
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old: 409', 'apply the inventory'],
      alerts: ['converged: 1 unchanged'],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 2',
        left: ['/ConfigMap/acme/old'],
        pending: ['/ConfigMap/acme/old'],
      },
    },
    lost: {},
  },
  {
    name: 'is done with what somebody deleted just before it was pruned',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: race('delete ConfigMap acme/old', ({ cluster }) => cluster.remove('ConfigMap acme/old')),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'makes anew what a quota has no room for until the old one is gone',
    before: shop([replaceable('red')]),
    commit: manifests(replaceable('blue')),
    meets(world) {
      const { cluster } = world;
      cluster.immutable.add('ConfigMap acme/colors');
      race('delete ConfigMap acme/colors', () =>
        cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'exceeded quota' }),
      )(world);
      world.onSleep = () => void cluster.refusals.delete('apply ConfigMap acme/colors');
    },
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors: 422',
        'delete ConfigMap acme/colors',
        'apply ConfigMap acme/colors: 403',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'tells that what it deleted cannot be made anew',
    before: shop([replaceable('red')]),
    commit: manifests(replaceable('blue')),
    meets(world) {
      const { cluster } = world;
      cluster.immutable.add('ConfigMap acme/colors');
      race('delete ConfigMap acme/colors', () =>
        cluster.refusals.set('apply ConfigMap acme/colors', { status: 403, message: 'exceeded quota' }),
      )(world);
    },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: was deleted to be made anew, which is refused: exceeded quota',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors: 422',
        'delete ConfigMap acme/colors',
        'apply ConfigMap acme/colors: 403 (10 times)',
      ],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells that what is to be made anew is still being deleted',
    before: shop([
      configMap(
        'colors',
        { color: 'red' },
        { annotations: { 'converge.dev/replace': 'true' }, finalizers: ['example.com/hold'] },
      ),
    ]),
    commit: manifests(replaceable('blue')),
    meets: ({ cluster }) => void cluster.immutable.add('ConfigMap acme/colors'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: needs replacement, and is still being deleted; the next run goes on',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 422', 'delete ConfigMap acme/colors'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'makes nothing anew that lost its label',
    before: shop([replaceable('red')]),
    commit: manifests(replaceable('blue')),
    meets(world) {
      world.cluster.immutable.add('ConfigMap acme/colors');
      race('dry-run ConfigMap acme/r-colors', unlabel('ConfigMap acme/colors'))(world);
    },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: needs replacement, and is not deleted for it, since it was not made by this environment (converge made it): ConfigMap acme/colors is invalid: field is immutable (delete it by hand, and the next run makes it anew)',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 422', 'delete ConfigMap acme/colors: 409'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'keeps what it did where the cluster does not answer half-way',
    before: shop([colors, web]),
    commit: manifests(blue, deployment('web', { image: 'shop:2' })),
    async meets({ cluster, run, wait }) {
      cluster.refusals.set('apply Deployment acme/web', { status: 503, message: 'does not answer' });
      await run().catch(() => {});
      cluster.refusals.clear();
      wait(120);
    },
    kept: {
      ends: 'converged',
      writes: ['apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 2 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {
      writes: [
        'fence ConfigMap acme/colors',
        'fence Deployment acme/web',
        'apply Deployment acme/web',
        'apply the inventory',
      ],
    },
  },
  {
    name: 'leaves the rest of an apply to a newer commit',
    before: shop([colors, web]),
    commit: manifests(blue, deployment('web', { image: 'shop:2' })),
    meets: race('apply ConfigMap acme/colors', moveOn(manifests(colors, deployment('web', { image: 'shop:3' })))),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors (2 times)',
        'apply Deployment acme/web',
        'apply the inventory',
      ],
      alerts: ['converged: 2 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 3' },
    },
    lost: {},
  },
  {
    name: 'prunes nothing where a newer commit is there',
    before: shop([colors, old]),
    commit: manifests(blue),
    meets: race('apply ConfigMap acme/colors', moveOn(manifests(blue, old))),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 2 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 3' },
    },
    lost: {},
  },
  {
    name: 'prunes nothing of what pods use where a newer commit came while it waited',
    before: shop([colors, web, old]),
    commit: manifests(colors, deployment('web', { image: 'shop:2' })),
    meets: (world) =>
      void (world.onSleep = () => {
        world.onSleep = () => {};
        moveOn(manifests(colors, deployment('web', { image: 'shop:2' }), old))(world);
      }),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 3 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 3' },
    },
    lost: {},
  },
  {
    name: 'leaves a deletion to a newer commit that brings the file back',
    before: release([hookJob('first', 'pre-delete'), colors], prune),
    commit: { 'environments/shop.yaml': null },
    meets(world) {
      world.cluster.statuses.set('Job acme/first', () => ({ active: 1 }));
      world.onSleep = () => {
        world.onSleep = () => {};
        moveOn({
          'environments/shop.yaml': environment('shop', [
            'sources: [{ helm: { chart: charts/shop, release: shop } }]',
            ...prune,
          ]),
        })(world);
      };
    },
    kept: {
      ends: 'unchanged',
      writes: ['apply Job acme/first'],
      // What was attempted at last is the commit that brought it back; nothing is made of it that is not there.
      remembers: { health: 'Healthy', attempted: 'commit 3', converged: 'commit 1' },
    },
  },
  {
    name: 'writes its memory where nobody can read what is there',
    before: shop([colors]),
    commit: manifests(blue),
    meets: race(
      'apply ConfigMap acme/colors',
      (world) => void world.writeState('environments/master/shop/memory.json', { another: 'run' }),
    ),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'looks again where another run said something meanwhile, which stands',
    before: shop([colors]),
    commit: manifests(blue),
    meets: race('apply ConfigMap acme/colors', (world) => void world.remember('shop', { unwanted: ['said'] })),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply the inventory',
        'fence ConfigMap acme/colors',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {
      alerts: ['converged: 1 configured'],
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply the inventory',
        'fence ConfigMap acme/colors',
      ],
    },
  },
  {
    name: 'fails a hook whose Job somebody deleted while it ran',
    commit: release([hookJob('before', 'pre-install'), colors]),
    meets(world) {
      world.cluster.statuses.set('Job acme/before', () => ({ active: 1 }));
      world.onSleep = () => world.cluster.remove('Job acme/before');
    },
    lost: {
      ends: 'diverged Failed',
      says: 'Job acme/before: the Helm hook pre-install of release shop failed: it was deleted while it ran',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Job acme/before', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'waits for what somebody deletes while it rolls out',
    commit: shop([web], ['timeout: 20s']),
    meets(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.onSleep = () => world.cluster.remove('Deployment acme/web');
    },
    lost: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: is not there',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Deployment acme/web'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 1',
        converged: 'never',
        incident: 'Unhealthy',
        rollout: 'over',
      },
    },
  },
  {
    name: 'converges though nothing can be written back to Git',
    before: shop([colors]),
    commit: manifests(blue),
    meets({ git }) {
      git.writeNotes = async () => {
        throw new Error('the host refuses');
      };
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'is gone though its ref cannot be deleted',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': null },
    meets({ git }) {
      git.writeRef = async () => {
        throw new Error('the host refuses');
      };
    },
    kept: {
      ends: 'removed',
      writes: ['release ConfigMap acme/colors', 'delete the inventory'],
      alerts: ['converged: 1 released'],
      remembers: null,
    },
  },
];
