import type { World } from '../world/world.ts';
import { configMap, deployment, environment, list, shop } from './files.ts';
import { moveOnUnseen } from './meets.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const placed = (metadata: object = {}) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { color: 'grey', size: 'big' } },
  metadata: { name: 'colors', namespace: 'acme', ...metadata },
});
const ofHelm = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': 'shop' },
};
/** `blog`, which has what `shop` is to have. */
const blog = {
  'environments/blog.yaml': environment('blog'),
  'manifests/blog/all.json': list(colors, configMap('words')),
};
const converge =
  (name: string) =>
  async (world: World): Promise<void> => {
    await world.run({ environment: name });
    world.wait(60);
  };
const both = async (world: World): Promise<void> => {
  world.git.add(blog);
  await converge('blog')(world);
};

/** What is there already, of nobody or of somebody else. */
export const ownership: readonly Row[] = [
  {
    name: 'takes over what kubectl made, with what Git does not specify',
    commit: shop([colors]),
    meets: ({ cluster }) => cluster.put(placed()),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'take over ConfigMap acme/colors',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'takes over many at once',
    commit: shop([colors, configMap('other')]),
    meets: ({ cluster }) => cluster.put(placed()),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'take over ConfigMap acme/colors',
        'apply ConfigMap acme/other',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created, 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'leaves beside its own what another manager put into a list',
    commit: shop([deployment('web')]),
    meets: ({ cluster }) =>
      cluster.put(
        {
          ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'acme' } },
          spec: { template: { spec: { containers: [{ name: 'sidecar', image: 'proxy:1' }] } } },
        },
        'injector',
      ),
    lost: {
      ends: 'converged',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'does not take over what a living release of Helm reconciles',
    commit: shop([colors]),
    meets: ({ cluster }) => cluster.put(placed(ofHelm), 'helm'),
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is reconciled by the Helm release shop; remove it there first, or set spec.adopt: true to take it over',
      writes: ['apply Namespace acme', 'apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes over what a release of Helm reconciles, where it adopts',
    commit: shop([colors], ['adopt: true']),
    meets: ({ cluster }) => cluster.put(placed(ofHelm), 'helm'),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'take over ConfigMap acme/colors',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'does not take what another environment wants',
    commit: shop([colors]),
    meanwhile: both,
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment master/blog; remove it there first',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes what another environment gives up',
    commit: { ...shop([colors]), 'manifests/blog/all.json': list(configMap('words')) },
    meanwhile: both,
    lost: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
  },
  {
    name: 'takes nothing of an environment that is suspended',
    commit: {
      ...shop([colors]),
      'environments/blog.yaml': environment('blog', ['suspend: true']),
      'manifests/blog/all.json': list(),
    },
    meanwhile: both,
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment master/blog, which is suspended and keeps what it owns; remove spec.suspend and spec.suspendUntil there, or its file',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes nothing of an environment that cannot be asked',
    commit: { ...shop([colors]), 'environments/blog.yaml': 'kind: Nothing' },
    meanwhile: both,
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment master/blog, and whether that still wants it cannot be told: environments/blog.yaml:1: kind: Invalid input: expected "Environment"; and 3 more: apiVersion: is missing; metadata: is missing; spec: is missing',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes nothing of an environment that does not render',
    commit: { ...shop([colors]), 'manifests/blog/all.json': '{ broken' },
    meanwhile: both,
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment master/blog, and whether that still wants it cannot be told: manifests/blog/all.json: does not parse',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes what an environment left whose file is gone',
    commit: { ...shop([colors]), 'environments/blog.yaml': null },
    meanwhile: both,
    lost: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
  },
  {
    name: 'takes nothing of an environment that was renamed, and wants it under its new name',
    commit: {
      ...shop([colors]),
      'environments/blog.yaml': null,
      'environments/news.yaml': environment('news', ['sources: [{ manifests: manifests/blog }]'], {
        previously: 'blog',
      }),
    },
    meanwhile: both,
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment master/blog; remove it there first',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes nothing of an environment that may have been renamed to one that cannot be read',
    commit: {
      ...shop([colors]),
      'environments/blog.yaml': null,
      'environments/news.yaml': 'metadata: { previousNames: [blog], name: }',
    },
    meanwhile: both,
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment master/blog, and whether that still wants it cannot be told: news cannot be read, and may be its new name',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes nothing that only the label says to be another environment’s',
    commit: shop([colors]),
    async meanwhile(world) {
      await both(world);
      const { labels = {} } = world.cluster.find('ConfigMap acme/words')?.metadata ?? {};
      world.cluster.remove('ConfigMap acme/colors');
      world.cluster.put(placed({ labels }));
    },
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by the ApplySet applyset-mIcw03f8gqcY3lMrc5X2jI5Eh-XXPmZPb8otiLu24dA-v1; remove it there first',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'takes nothing of an environment of another repository',
    commit: shop([colors]),
    meanwhile: ({ cluster }) =>
      cluster.put(
        placed({
          labels: { 'applyset.kubernetes.io/part-of': 'applyset-of-another-v1' },
          annotations: { 'converge.dev/environment': 'elsewhere/blog' },
        }),
        'converge',
      ),
    lost: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is owned by environment elsewhere/blog; remove it there first',
      writes: ['apply Namespace acme', 'apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'refuses the inventory of an environment of another repository',
    commit: shop([colors]),
    meets: ({ cluster }) =>
      cluster.put({
        ...{ apiVersion: 'v1', kind: 'ConfigMap' },
        metadata: {
          name: 'converge-shop',
          namespace: 'acme',
          annotations: { 'converge.dev/environment': 'elsewhere/shop' },
        },
      }),
    lost: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, ConfigMap acme/converge-shop: is the inventory of environment elsewhere/shop, not of master/shop; nothing is read or written (give one of the two another name or namespace, or remove the other first)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'asks Git for the inventory of the version before',
    before: shop([colors]),
    meanwhile: ({ cluster }) =>
      cluster.edit('ConfigMap acme/converge-shop', 'rogue', (object) => {
        const { 'converge.dev/repository': _address, ...annotations } = object.metadata.annotations ?? {};
        return { ...object, metadata: { ...object.metadata, annotations } };
      }),
    kept: { ends: 'unchanged', remembers: { health: 'Healthy', attempted: 'commit 1' } },
    lost: { ends: 'converged', alerts: ['converged: 1 unchanged'] },
  },
  {
    name: 'refuses the inventory of an environment of its name in a repository with other commits',
    before: shop([colors]),
    async meanwhile({ cluster, git }) {
      cluster.edit('ConfigMap acme/converge-shop', 'rogue', (object) => {
        const annotations = {
          ...object.metadata.annotations,
          'converge.dev/repository': 'https://git.example.com/other/master',
        };
        return { ...object, metadata: { ...object.metadata, annotations } };
      });
      git.force({ 'environments/shop.yaml': environment('shop'), 'manifests/shop/all.json': list(colors) });
    },
    lost: {
      ends: 'diverged Failed',
      says: "cluster sandbox, ConfigMap acme/converge-shop: is the inventory of master/shop of the repository https://git.example.com/other/master, not of https://git.example.com/family/master: the commit 1 that converged last is not in it; nothing is read or written (remove it there first; where it is this one's all the same, set its annotation converge.dev/repository to https://git.example.com/family/master)",
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'refuses a namespace in which another environment of its name lost its inventory',
    before: shop([colors]),
    async meanwhile(world) {
      const { cluster } = world;
      cluster.remove('ConfigMap acme/converge-shop');
      cluster.edit('ConfigMap acme/colors', 'converge', (object) => {
        const annotations = { ...object.metadata.annotations, 'converge.dev/environment': 'elsewhere/shop' };
        return { ...object, metadata: { ...object.metadata, annotations } };
      });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, ConfigMap acme/colors: is owned by environment elsewhere/shop, whose inventory has the name and namespace of that of master/shop; nothing is written (give one of the two another name or namespace, or remove the other first)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'takes nothing over where the branch moves on meanwhile',
    commit: { ...shop([colors]), 'manifests/blog/all.json': list(configMap('words')) },
    meanwhile: both,
    meets: moveOnUnseen,
    lost: {
      ends: 'throws GitUnavailable',
      says: 'master/shop: the branch moved on before objects were taken over or deleted',
      writes: ['apply the inventory'],
      remembers: { health: 'Progressing', attempted: 'commit 2', converged: 'never', rollout: 'under way' },
    },
  },
  {
    name: 'refuses what is of its own name where nothing is left that tells whose it is',
    before: shop([colors]),
    meanwhile: ({ cluster }) => cluster.remove('ConfigMap acme/converge-shop'),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: {
      ends: 'diverged Failed',
      says: "cluster sandbox, ConfigMap acme/colors: is owned by environment master/shop, whose inventory is gone, and nothing is remembered of it here: another installation may have an environment of that name; nothing is written (where it is this one's: kubectl create configmap converge-shop --namespace acme, and kubectl annotate it with converge.dev/environment=master/shop converge.dev/repository=https://git.example.com/family/master)",
      writes: [],
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'gives its inventory the name back that somebody took off it',
    before: shop([colors]),
    meanwhile: ({ cluster }) =>
      cluster.edit('ConfigMap acme/converge-shop', 'rogue', (object) => {
        const { 'converge.dev/environment': _name, ...annotations } = object.metadata.annotations ?? {};
        return { ...object, metadata: { ...object.metadata, annotations } };
      }),
    kept: {
      ends: 'unchanged',
      writes: ['apply the inventory'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: {
      ends: 'diverged Failed',
      says: "cluster sandbox, ConfigMap acme/converge-shop: bears the id of the inventory of master/shop, which another class may have too, and no longer says whose it is; nothing is read or written (where it is this one's, set its annotation converge.dev/environment to master/shop)",
      writes: [],
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', converged: 'never', incident: 'Failed' },
    },
  },
];
