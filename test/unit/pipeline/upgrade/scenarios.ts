import { configMap, deployment, environment, hookJob, list, release, shop } from '../reconcile/runs/files.ts';
import { readied, unready } from '../reconcile/world/controllers.ts';
import type { Changes } from '../reconcile/world/repository.ts';
import type { World } from '../reconcile/world/world.ts';

/**
 * What one version is in the middle of when the other takes over. Each act begins at an hour of its own, so that
 * commits and times are the same whichever version plays it.
 */
export interface Scenario {
  readonly name: string;
  /** Converged by the first version. */
  readonly before: Changes;
  /** Then the first version looks once more, at this. */
  readonly commit?: Changes;
  readonly meets?: (world: World) => void;
  /** Effects before which the first version is killed then, if it is: of the version before, and of this one. */
  readonly dies?: { readonly former: number; readonly now: number };
  /** The environments that the second version looks at, but for its first look. */
  readonly looksAt?: readonly string[];
  /** What happens after the second version has looked once. */
  readonly afterwards?: (world: World) => void;
  /** The alerts of it all, each once, whichever version takes over from which. */
  readonly told: readonly string[];
  /** What the second version writes in the cluster, but for inventories and fences. */
  readonly writes: readonly string[];
  /** How it ends; null: the environment is forgotten. */
  readonly ends: { readonly health: string; readonly incident?: string } | null;
  /** Whether the first version is killed in a test of its own, at each of its steps. */
  readonly killed?: true;
}

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const web = deployment('web');
const isBad = (object: unknown): boolean => JSON.stringify(object).includes('shop:bad');
const paint = (color: string) => (world: World) =>
  world.cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color } }));
const refusal = { status: 403, message: 'exceeded quota' };

const healthy = { health: 'Healthy' };
const left = ['selfHeal: false', 'diffAfter: 0s'];

export const scenarios: readonly Scenario[] = [
  {
    name: 'nothing is to be done',
    before: shop([colors, web]),
    told: ['converged: 2 created'],
    writes: [],
    ends: healthy,
  },
  {
    name: 'a release with its hooks is as Git says',
    before: release([hookJob('before', 'pre-install,pre-upgrade'), colors]),
    told: ['converged: 1 created'],
    writes: [],
    ends: healthy,
  },
  {
    name: 'a roll-out waits for health',
    before: shop([colors, web], ['timeout: 3h']),
    commit: { 'manifests/shop/all.json': list(colors, deployment('web', { image: 'shop:2' })) },
    meets: ({ cluster }) => void cluster.statuses.set('Deployment acme/web', unready),
    afterwards: ({ cluster }) => cluster.breakDown('Deployment acme/web', readied),
    told: ['converged: 2 created', 'converged: 1 configured, 1 unchanged'],
    writes: [],
    ends: healthy,
  },
  {
    name: 'a roll-out has failed, and comes round',
    before: shop([colors, web], ['timeout: 20s']),
    commit: { 'manifests/shop/all.json': list(colors, deployment('web', { image: 'shop:2' })) },
    meets: ({ cluster }) => void cluster.statuses.set('Deployment acme/web', unready),
    afterwards: ({ cluster }) => cluster.breakDown('Deployment acme/web', readied),
    told: [
      'converged: 2 created',
      'diff Unhealthy, unhealthy Deployment acme/web',
      'converged: 1 configured, 1 unchanged; ends the incident',
    ],
    writes: [],
    ends: healthy,
  },
  {
    name: 'an apply was refused, and is tried again',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue, configMap('new')) },
    meets: ({ cluster }) => void cluster.refusals.set('apply ConfigMap acme/new', refusal),
    afterwards: ({ cluster }) => cluster.refusals.clear(),
    told: [
      'converged: 1 created',
      'diff Failed, failed ConfigMap acme/new',
      'converged: 1 created, 1 configured; ends the incident',
    ],
    writes: ['apply ConfigMap acme/new: 403', 'apply ConfigMap acme/new'],
    ends: healthy,
  },
  {
    name: 'drift is told and left',
    before: shop([colors], left),
    meets: paint('green'),
    afterwards: ({ git }) => void git.add(shop([colors])),
    told: [
      'converged: 1 created',
      'diff Drifted, modified ConfigMap acme/colors',
      'diff Drifted, healing, modified ConfigMap acme/colors',
      'converged: 1 configured; ends the incident',
    ],
    writes: ['apply ConfigMap acme/colors'],
    ends: healthy,
  },
  {
    name: 'drift is left, and told when it has lasted',
    before: shop([colors], ['selfHeal: false', 'diffAfter: 30m']),
    meets: paint('green'),
    told: ['converged: 1 created', 'diff Drifted, modified ConfigMap acme/colors'],
    writes: [],
    ends: { health: 'Healthy', incident: 'Drifted' },
  },
  {
    name: 'drift is healed',
    before: shop([colors, web]),
    meets: paint('green'),
    told: [
      'converged: 2 created',
      'diff Drifted, healing, modified ConfigMap acme/colors',
      'converged: 1 configured, 1 unchanged; ends the incident',
    ],
    writes: [],
    ends: healthy,
    killed: true,
  },
  {
    name: 'a commit adds, changes and removes objects',
    before: shop([colors, web, configMap('old')]),
    commit: { 'manifests/shop/all.json': list(blue, configMap('new')) },
    told: ['converged: 3 created', 'converged: 1 created, 1 configured, 2 pruned'],
    writes: [],
    ends: healthy,
    killed: true,
  },
  {
    name: 'a roll-out was taken back by itself',
    before: shop([web], ['rollback: { onFailure: revert }', 'timeout: 20s']),
    commit: { 'manifests/shop/all.json': list(deployment('web', { image: 'shop:bad' })) },
    meets: ({ cluster }) =>
      void cluster.statuses.set('Deployment acme/web', (object) => (isBad(object) ? unready(object) : readied(object))),
    told: [
      'converged: 1 created',
      'diff Unhealthy, unhealthy Deployment acme/web, rolled back to main@sha1:commit by commit',
      'converged: 1 configured; ends the incident',
    ],
    writes: ['apply Deployment acme/web'],
    ends: healthy,
    killed: true,
  },
  {
    name: 'it is suspended, and goes on',
    before: shop([colors]),
    commit: shop([blue], ['suspend: true']),
    afterwards: ({ git }) => void git.add(shop([blue])),
    told: ['converged: 1 created', 'converged: 1 configured'],
    writes: ['apply ConfigMap acme/colors'],
    ends: healthy,
  },
  {
    name: 'it waits for one that it depends on',
    before: {
      ...shop([colors]),
      'environments/base.yaml': environment('base', [], {}),
      'manifests/base/all.json': list(),
    },
    commit: shop([blue], ['dependsOn: [base]']),
    told: ['converged: 1 created'],
    writes: [],
    ends: healthy,
  },
  {
    name: 'it is removed, and its objects go',
    before: release([hookJob('first', 'pre-delete'), colors, web], ['deletion: prune']),
    commit: { 'environments/shop.yaml': null },
    told: ['converged: 2 created', 'converged: 2 pruned'],
    writes: [],
    ends: null,
    killed: true,
  },
  {
    name: 'it is removed by the version that takes over',
    before: shop([colors, web], ['deletion: release']),
    afterwards: ({ git }) => void git.add({ 'environments/shop.yaml': null }),
    told: ['converged: 2 created', 'converged: 2 released'],
    writes: ['release ConfigMap acme/colors', 'release Deployment acme/web'],
    ends: null,
  },
  {
    name: 'it is renamed',
    before: shop([colors, web]),
    afterwards: ({ git }) =>
      void git.add({
        'environments/shop.yaml': null,
        'environments/store.yaml': environment('store', ['sources: [{ manifests: manifests/shop }]'], {
          previously: 'shop',
        }),
      }),
    looksAt: ['store', 'shop'],
    told: ['converged: 2 created', 'converged: 2 configured'],
    writes: ['apply ConfigMap acme/colors', 'apply Deployment acme/web'],
    ends: null,
  },
];

/** It died when it had said what it found, and told nobody: its lease is held, and nothing was healed. */
export const untold: Scenario = {
  name: 'a run died that had found drift',
  before: shop([colors]),
  meets: paint('green'),
  dies: { former: 3, now: 1 },
  told: [
    'converged: 1 created',
    'diff Drifted, healing, modified ConfigMap acme/colors',
    'converged: 1 configured; ends the incident',
  ],
  writes: ['apply ConfigMap acme/colors'],
  ends: healthy,
};

/** Two incidents are open: this version tells of each by itself, and the one before of one at a time. */
export const twoAtOnce: Omit<Scenario, 'told' | 'writes'> = {
  name: 'drift is left, and an apply was refused beside it',
  before: shop([colors], left),
  commit: { 'manifests/shop/all.json': list(colors, configMap('new')) },
  meets(world) {
    paint('green')(world);
    world.cluster.refusals.set('apply ConfigMap acme/new', refusal);
  },
  afterwards(world) {
    world.cluster.refusals.clear();
    world.git.add(shop([configMap('colors', { color: 'green' }), configMap('new')], left));
  },
  ends: healthy,
};
