import type { World } from '../world/world.ts';
import { failedJob, runningJob } from '../world/controllers.ts';
import {
  configMap,
  definition,
  deployment,
  environment,
  hookJob,
  list,
  release,
  shop,
  type Declared,
} from './files.ts';
import { moveOnUnseen, serveNoWidgets } from './meets.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const web = deployment('web');
const prune = ['deletion: prune'];
const gone = { 'environments/shop.yaml': null };
const random = configMap('secret', { word: '$random' });
const claim: Declared = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { size: '1Gi' },
};
const first = hookJob('first', 'pre-delete');
const last = hookJob('last', 'post-delete');
const refuse =
  (call: string, status = 403) =>
  ({ cluster }: World): void =>
    void cluster.refusals.set(call, { status, message: 'is protected' });

/**
 * Comes to its end while a request to make an object of it may be late, which then makes the inventory anew, and these
 * objects.
 */
async function endAndMakeAnew(world: World, titles: readonly string[] = []): Promise<void> {
  const late = ['ConfigMap acme/converge-shop', ...titles].flatMap((title) => world.cluster.find(title) ?? []);
  await world.remember('shop', { lateUntil: '2026-11-21T01:30:00.000Z' });
  await world.run();
  for (const object of late) world.cluster.put(object, 'converge');
  world.wait(60);
}

/** An environment `store`, which converged and is now `shop`. */
const renamed = {
  'environments/store.yaml': null,
  'environments/shop.yaml': environment('shop', ['sources: [{ manifests: manifests/store }]'], { previously: 'store' }),
};
const store = {
  'environments/store.yaml': environment('store'),
  'manifests/store/all.json': list(colors, configMap('old')),
};
const runStore =
  (changes: Readonly<Record<string, string>> = store) =>
  async (world: World): Promise<void> => {
    world.git.add(changes);
    await world.run({ environment: 'store' });
    world.wait(60);
  };

/** What becomes of an environment whose file is gone, or has another name. */
export const leaving: readonly Row[] = [
  {
    name: 'deletes what it owns, though nobody can read what is remembered of it',
    before: shop([colors, web], prune),
    commit: gone,
    meets: (world) => world.spoil('environments/master/shop/memory.json', ''),
    kept: {
      ends: 'removed',
      writes: ['delete Deployment acme/web', 'delete ConfigMap acme/colors', 'delete the inventory'],
      alerts: ['converged: 2 pruned'],
      remembers: null,
    },
  },
  {
    name: 'deletes what it owns where its file said so',
    before: shop([colors, web], prune),
    commit: gone,
    kept: {
      ends: 'removed',
      writes: ['delete Deployment acme/web', 'delete ConfigMap acme/colors', 'delete the inventory'],
      alerts: ['converged: 2 pruned'],
      remembers: null,
    },
    lost: {},
  },
  {
    name: 'runs the hooks around a deletion, and deletes what they left, and the seed',
    before: release([first, last, colors, random], prune),
    commit: gone,
    kept: {
      ends: 'removed',
      writes: [
        'apply Job acme/first',
        'apply the inventory (2 times)',
        'delete ConfigMap acme/colors',
        'delete ConfigMap acme/secret',
        'apply Job acme/last',
        'apply the inventory (2 times)',
        'delete Job acme/first',
        'delete Job acme/last',
        'delete Secret acme/converge-shop-seed',
        'delete the inventory',
      ],
      alerts: ['converged: 2 pruned'],
      remembers: null,
    },
  },
  {
    name: 'deletes nothing where the hook before it fails',
    before: release([first, colors], prune),
    commit: gone,
    meets: ({ cluster }) => void cluster.statuses.set('Job acme/first', failedJob),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/first: the Helm hook pre-delete of release shop failed: BackoffLimitExceeded: Job has reached the specified backoff limit',
      writes: ['apply Job acme/first', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/first'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'waits for the hook before the deletion',
    before: release([first, colors], prune),
    commit: gone,
    meets: ({ cluster }) => void cluster.statuses.set('Job acme/first', runningJob),
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for the Helm hook pre-delete of release shop, Job acme/first: 1 pods are running, 0 have succeeded',
      writes: ['apply Job acme/first'],
      alerts: ['reconcile master/shop, request'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'tells the hook after the deletion that failed',
    before: release([last, colors], prune),
    commit: gone,
    meets: ({ cluster }) => void cluster.statuses.set('Job acme/last', failedJob),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/last: the Helm hook post-delete of release shop failed: BackoffLimitExceeded: Job has reached the specified backoff limit',
      writes: ['delete ConfigMap acme/colors', 'apply Job acme/last', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/last'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'tells what hooks left, and cannot be deleted',
    before: release([last, colors], prune),
    commit: gone,
    meets: refuse('delete Job acme/last'),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/last: could not be deleted: is protected',
      writes: [
        'delete ConfigMap acme/colors',
        'apply Job acme/last',
        'apply the inventory (2 times)',
        'delete Job acme/last: 403',
      ],
      alerts: ['diff Failed, failed Job acme/last'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'releases what is precious, and tells it',
    before: shop([colors, claim, definition], prune),
    commit: gone,
    kept: {
      ends: 'removed',
      writes: [
        'delete ConfigMap acme/colors',
        'release CustomResourceDefinition widgets.example.com',
        'release PersistentVolumeClaim acme/data',
        'delete the inventory',
      ],
      alerts: [
        'diff Guarded, unexpected CustomResourceDefinition widgets.example.com, unexpected PersistentVolumeClaim acme/data',
        'converged: 1 pruned, 2 released; ends the incident',
      ],
      remembers: null,
    },
  },
  {
    name: 'releases what its hooks made, and is precious',
    before: release(
      [{ ...claim, metadata: { name: 'data', annotations: { 'helm.sh/hook': 'pre-install' } } }, colors],
      prune,
    ),
    commit: gone,
    kept: {
      ends: 'removed',
      writes: ['delete ConfigMap acme/colors', 'release PersistentVolumeClaim acme/data', 'delete the inventory'],
      alerts: ['diff Guarded, unexpected PersistentVolumeClaim acme/data', 'converged: 1 pruned; ends the incident'],
      remembers: null,
    },
  },
  {
    name: 'tells what cannot be released',
    before: shop([colors]),
    commit: gone,
    meets: refuse('release ConfigMap acme/colors'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: could not be released: is protected',
      writes: ['release ConfigMap acme/colors: 403'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'looks anew at what others change while it is released',
    before: shop([colors]),
    commit: gone,
    meets: refuse('release ConfigMap acme/colors', 409),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: could not be released: is protected',
      writes: ['release ConfigMap acme/colors: 409 (6 times)'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'tells what cannot be deleted',
    before: shop([colors], prune),
    commit: gone,
    meets: refuse('delete ConfigMap acme/colors'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: could not be pruned: is protected',
      writes: ['delete ConfigMap acme/colors: 403'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'waits for what is still being deleted',
    before: shop([configMap('colors', {}, { finalizers: ['example.com/hold'] })], prune),
    commit: gone,
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for ConfigMap acme/colors: is being deleted, and its finalizer example.com/hold has not let go',
      writes: ['delete ConfigMap acme/colors'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 1',
        waiting: 'waits for ConfigMap acme/colors: is being deleted, and its finalizer example.com/hold has not let go',
        rollout: 'under way',
      },
    },
  },
  {
    name: 'tells what is still being deleted when its time is over',
    before: shop([configMap('colors', {}, { finalizers: ['example.com/hold'] })], [...prune, 'timeout: 20s']),
    commit: gone,
    kept: {
      ends: 'diverged Unhealthy',
      says: 'ConfigMap acme/colors: is being deleted, and its finalizer example.com/hold has not let go',
      writes: ['delete ConfigMap acme/colors'],
      alerts: ['diff Unhealthy, unexpected ConfigMap acme/colors'],
      remembers: { health: 'Degraded', attempted: 'commit 1', incident: 'Unhealthy', rollout: 'over' },
    },
  },
  {
    name: 'is not forgotten where its inventory cannot be deleted',
    before: shop([colors]),
    commit: gone,
    meets: refuse('delete ConfigMap acme/converge-shop'),
    kept: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, ConfigMap acme/converge-shop: could not be deleted: is protected (give the right to delete it, or remove what holds it; the next run goes on)',
      writes: ['release ConfigMap acme/colors', 'delete the inventory: 403'],
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'guards the removal of most of many environments at once',
    before: {
      ...shop([colors]),
      ...Object.fromEntries(
        Array.from({ length: 10 }, (_one, index) => [
          `environments/other-${index}.yaml`,
          environment(`other-${index}`),
        ]),
      ),
    },
    async meanwhile(world) {
      for (let index = 0; index < 10; index++) await world.remember(`other-${index}`, { cluster: 'sandbox' });
      world.git.add(
        Object.fromEntries(Array.from({ length: 8 }, (_one, index) => [`environments/other-${index}.yaml`, null])),
      );
    },
    commit: gone,
    kept: {
      ends: 'diverged Guarded',
      says: 'environments/shop.yaml: the files of 9 of 11 environments are gone at once, more than half: nothing is released or deleted; restore them, and remove at most half at a time',
      alerts: ['diff Guarded'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Guarded' },
    },
  },
  {
    name: 'guards the removal of what is a folder now',
    before: shop([colors]),
    commit: { ...gone, 'environments/shop.yaml/more.txt': 'text' },
    kept: {
      ends: 'diverged Guarded',
      says: 'environments/shop.yaml: is a folder, and no file: nothing is released or deleted (make it a file, or remove it)',
      alerts: ['diff Guarded'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Guarded' },
    },
  },
  {
    name: 'guards what is not in a branch that was rewritten',
    before: shop([colors]),
    meets: ({ git }) => git.force({ 'README.md': 'begun anew' }),
    kept: {
      ends: 'diverged Guarded',
      says: 'environments/shop.yaml: is not in the branch as it was rewritten by force: commit 1 is no ancestor of commit 2; nothing is released or deleted (commit the file, and remove it again)',
      alerts: ['diff Guarded'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Guarded' },
    },
    lost: { ends: 'absent', says: undefined, alerts: [], remembers: null },
  },
  {
    name: 'releases nothing where the branch moves on meanwhile',
    before: shop([colors]),
    commit: gone,
    meets: moveOnUnseen,
    kept: {
      ends: 'throws GitUnavailable',
      says: 'master/shop: the branch moved on before the objects were released',
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'deletes nothing where no version of its file can be read',
    before: shop([colors], prune),
    async meanwhile(world) {
      await world.remember('shop', { attempted: undefined, converged: undefined });
      world.git.add({ 'environments/shop.yaml': 'kind: Nothing' });
      await world.run();
    },
    commit: gone,
    kept: {
      ends: 'diverged Failed',
      says: 'master/shop: no version of its file can be read, so that its hooks before and after the deletion are not known; nothing is deleted (commit the file, and remove it again)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'forgets an environment that never came to be anywhere, and ends what was told of it',
    commit: { 'environments/shop.yaml': 'kind: Nothing' },
    async meets(world) {
      await world.run();
      world.git.add(gone);
    },
    kept: { ends: 'absent', alerts: ['converged: ; ends the incident'], remembers: null },
  },
  {
    name: 'forgets one whose inventory is of another, and ends what was told of it',
    commit: shop([colors]),
    async meets(world) {
      world.cluster.put({
        ...{ apiVersion: 'v1', kind: 'ConfigMap' },
        metadata: {
          name: 'converge-shop',
          namespace: 'acme',
          annotations: { 'converge.dev/environment': 'elsewhere/shop' },
        },
      });
      await world.run();
      world.git.add(gone);
    },
    kept: { ends: 'absent', alerts: ['converged: ; ends the incident'], remembers: null },
  },
  {
    name: 'forgets the note that asked for a look at nothing',
    commit: { 'environments/blog.yaml': environment('blog') },
    meets: async (world) => world.writeState('environments/master/shop/wanted.json', { cause: 'commit' }),
    lost: { ends: 'absent', remembers: null },
  },
  {
    name: 'leaves nothing of a run that died when all but its lease was forgotten',
    commit: { 'environments/blog.yaml': environment('blog') },
    async meets(world) {
      await world.writeState('environments/master/shop/lease.json', {
        holder: 'instance',
        event: 'job-0',
        seconds: 90,
      });
      world.wait(120);
    },
    lost: { ends: 'absent', remembers: null },
  },
  {
    name: 'leaves a renamed environment to its new name',
    meanwhile: runStore(),
    commit: renamed,
    job: { environment: 'store' },
    loses: 'store',
    kept: { ends: 'absent', remembers: { health: 'Healthy', attempted: 'commit 1' } },
    lost: { remembers: null },
  },
  {
    name: 'ends what was told of its previous name',
    async meanwhile(world) {
      await runStore()(world);
      world.git.add({ 'environments/store.yaml': 'kind: Nothing' });
      await world.run({ environment: 'store' });
    },
    commit: renamed,
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply ConfigMap acme/old',
        'apply the inventory',
        'delete ConfigMap acme/converge-store',
      ],
      alerts: ['converged: ; ends the incident', 'converged: 2 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 3', succeeded: ['store'] },
    },
  },
  {
    name: 'takes over what it owned under its previous name',
    meanwhile: runStore(),
    commit: { ...renamed, 'manifests/store/all.json': list(colors) },
    loses: 'store',
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'delete ConfigMap acme/old',
        'apply the inventory',
        'delete ConfigMap acme/converge-store',
      ],
      alerts: ['converged: 1 configured, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2', succeeded: ['store'] },
    },
    lost: {},
  },
  {
    name: 'draws the random values that it drew under its previous name',
    meanwhile: runStore({
      'environments/store.yaml': environment('store', ['sources: [{ helm: { chart: charts/store, release: store } }]']),
      'charts/store/all.json': list(random, hookJob('before', 'pre-install')),
    }),
    commit: {
      'environments/store.yaml': null,
      'environments/shop.yaml': environment('shop', ['sources: [{ helm: { chart: charts/store, release: store } }]'], {
        previously: 'store',
      }),
    },
    loses: 'store',
    kept: {
      ends: 'converged',
      writes: [
        'apply Secret acme/converge-shop-seed',
        'apply the inventory',
        'apply ConfigMap acme/secret',
        'apply the inventory',
        'delete Secret acme/converge-store-seed',
        'delete ConfigMap acme/converge-store',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2', succeeded: ['store'] },
    },
    lost: {},
  },
  {
    name: 'refuses a previous name whose file is still there',
    meanwhile: runStore(),
    commit: { 'environments/shop.yaml': renamed['environments/shop.yaml'] },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: metadata.previousNames: environment store is still there, in environments/store.yaml (remove environments/store.yaml, or the previous name)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'refuses a previous name that another environment claims too',
    meanwhile: runStore(),
    commit: { ...renamed, 'environments/more.yaml': environment('more', [], { previously: 'store' }) },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: metadata.previousNames: store is a previous name of more, too (leave it to one of them)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'refuses a previous name that was never on the branch',
    meanwhile: runStore(),
    meets: ({ git }) =>
      git.force({
        'environments/shop.yaml': renamed['environments/shop.yaml'],
        'manifests/store/all.json': list(colors),
      }),
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: metadata.previousNames: environments/store.yaml was never on this branch, and what master/store owns is not taken over (remove the previous name)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'refuses a previous name that was on another cluster',
    async meanwhile(world) {
      await runStore()(world);
      await world.remember('store', { cluster: 'elsewhere' });
    },
    commit: renamed,
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: metadata.previousNames: store was on cluster elsewhere, not on sandbox (rename it there, or add a new environment here)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'waits for a run of its previous name',
    async meanwhile(world) {
      await runStore()(world);
      await world.writeState('environments/master/store/lease.json', {
        holder: 'another',
        event: 'its job',
        seconds: 90,
      });
    },
    commit: renamed,
    kept: {
      ends: 'throws LeaseLost',
      says: 'environments/master/store/lease.json: a run of the previous name has not ended',
      remembers: null,
    },
  },
  {
    name: 'waits for what no version of its kind is served for now',
    before: shop([definition, { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'one' } }], prune),
    commit: gone,
    meets: serveNoWidgets,
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for CustomResourceDefinition widgets.example.com: serves no version, and what this environment has of Widget.example.com cannot be deleted until it does',
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 1',
        waiting:
          'waits for CustomResourceDefinition widgets.example.com: serves no version, and what this environment has of Widget.example.com cannot be deleted until it does',
        rollout: 'under way',
      },
    },
  },
  {
    name: 'tells what hooks left, and no version of its kind is served for',
    before: release(
      [
        definition,
        {
          apiVersion: 'example.com/v1',
          kind: 'Widget',
          metadata: { name: 'one', annotations: { 'helm.sh/hook': 'post-install' } },
        },
        colors,
      ],
      prune,
    ),
    commit: gone,
    meets: serveNoWidgets,
    kept: {
      ends: 'diverged Failed',
      says: 'Widget acme/one: could not be deleted: no version of its kind is served',
      writes: ['delete ConfigMap acme/colors', 'release CustomResourceDefinition widgets.example.com'],
      alerts: [
        'diff Guarded, unexpected CustomResourceDefinition widgets.example.com',
        'diff Failed, failed Widget acme/one',
      ],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'tells nothing of an end that left nothing but its lease',
    before: shop([colors]),
    commit: gone,
    meets: async (world) => {
      await world.run();
      await world.writeState('environments/master/shop/lease.json', { holder: null, event: '', seconds: 54 });
    },
    lost: { ends: 'absent', remembers: null },
  },
  {
    name: 'deletes in silence the inventory that a late request made anew after its end',
    before: shop([colors]),
    commit: gone,
    meets: async (world) => endAndMakeAnew(world),
    lost: {
      ends: 'absent',
      writes: ['delete the inventory'],
      remembers: null,
    },
  },
  {
    name: 'deletes what came late with its inventory, and runs no hook again',
    before: release([first, colors], prune),
    commit: gone,
    meets: async (world) => endAndMakeAnew(world, ['ConfigMap acme/colors']),
    lost: {
      ends: 'absent',
      writes: ['delete ConfigMap acme/colors', 'delete the inventory'],
      remembers: null,
    },
  },
  {
    name: 'remembers nothing of an environment that is no more where its cluster cannot say what came late',
    before: shop([colors]),
    commit: gone,
    meets: async (world) => {
      await endAndMakeAnew(world);
      world.cluster.refusals.set('list ConfigMap acme', { status: 503, message: 'is down' });
    },
    lost: { ends: 'throws ClusterRefused', says: 'cluster sandbox: is down', remembers: null },
  },
  {
    name: 'forgets that something may be late once it cannot be',
    before: shop([colors]),
    commit: gone,
    meets: async (world) => {
      await endAndMakeAnew(world);
      world.wait(3600);
    },
    lost: { ends: 'absent', writes: ['delete the inventory'], remembers: null },
  },
  {
    name: 'has a previous name that never was anything',
    commit: {
      'environments/shop.yaml': environment('shop', [], { previously: 'store' }),
      'manifests/shop/all.json': list(colors),
    },
    lost: {
      ends: 'converged',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1', succeeded: ['store'] },
    },
  },
];
