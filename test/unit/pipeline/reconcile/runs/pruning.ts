import { configMap, definition, deployment, environment, list, shop, type Declared } from './files.ts';
import { moveOnUnseen, serveNoWidgets, serveNoWidgetsUnseen } from './meets.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const old = configMap('old');
const claim: Declared = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { size: '1Gi' },
};
const widget: Declared = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'one' }, spec: { size: 1 } };
const prunable: Declared = {
  ...definition,
  metadata: { name: 'widgets.example.com', annotations: { 'converge.dev/prune': 'true' } },
};
const many = (count: number): Declared[] => Array.from({ length: count }, (_one, index) => configMap(`of-${index}`));
const services = (count: number): Declared[] =>
  Array.from({ length: count }, (_one, index) => ({
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: `of-${index}` }, spec: { type: 'ClusterIP' } },
  }));
const manifests = (...objects: readonly Declared[]) => ({ 'manifests/shop/all.json': list(...objects) });
const held = { finalizers: ['example.com/hold'] };

/** A Pod that uses the ConfigMap `old`. */
const user = {
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web-1', namespace: 'acme' }, status: { phase: 'Running' } },
  spec: { containers: [{ name: 'web', image: 'shop:1' }], volumes: [{ name: 'old', configMap: { name: 'old' } }] },
};

/** What Git no longer specifies. */
export const pruning: readonly Row[] = [
  {
    name: 'leaves what Git no longer specifies where prune is false',
    before: shop([colors, old], ['prune: false']),
    commit: manifests(colors),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory (2 times)'],
      alerts: ['converged: 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2', left: ['/ConfigMap/acme/old'] },
    },
    lost: {},
  },
  {
    name: 'leaves what its annotations keep',
    before: shop([colors, configMap('old', {}, { annotations: { 'helm.sh/resource-policy': 'keep' } })]),
    commit: manifests(colors),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory (2 times)'],
      alerts: ['converged: 1 unchanged'],
      remembers: { health: 'Healthy', attempted: 'commit 2', left: ['/ConfigMap/acme/old'] },
    },
    lost: {},
  },
  {
    name: 'guards what is precious',
    before: shop([colors, claim]),
    commit: manifests(colors),
    kept: {
      ends: 'diverged Guarded',
      says: 'PersistentVolumeClaim acme/data: PersistentVolumeClaim is pruned only with the annotation converge.dev/prune: "true"',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected PersistentVolumeClaim acme/data'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['/PersistentVolumeClaim/acme/data'],
        pending: ['/PersistentVolumeClaim/acme/data'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'guards more than half of a large inventory',
    before: shop(many(12)),
    commit: manifests(...many(5)),
    kept: {
      ends: 'diverged Guarded',
      says: 'ConfigMap acme/of-10: 7 of 12 objects would be pruned at once, more than half; remove them in two commits, or annotate them with converge.dev/prune: "true" first, and 6 more objects',
      writes: ['apply the inventory'],
      alerts: [
        'diff Guarded, unexpected ConfigMap acme/of-10, unexpected ConfigMap acme/of-11, unexpected ConfigMap acme/of-5, unexpected ConfigMap acme/of-6, unexpected ConfigMap acme/of-7, unexpected ConfigMap acme/of-8, unexpected ConfigMap acme/of-9',
      ],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: [
          '/ConfigMap/acme/of-10',
          '/ConfigMap/acme/of-11',
          '/ConfigMap/acme/of-5',
          '/ConfigMap/acme/of-6',
          '/ConfigMap/acme/of-7',
          '/ConfigMap/acme/of-8',
          '/ConfigMap/acme/of-9',
        ],
        pending: [
          '/ConfigMap/acme/of-10',
          '/ConfigMap/acme/of-11',
          '/ConfigMap/acme/of-5',
          '/ConfigMap/acme/of-6',
          '/ConfigMap/acme/of-7',
          '/ConfigMap/acme/of-8',
          '/ConfigMap/acme/of-9',
        ],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'guards more than half of a large inventory of what no Pod uses',
    before: shop(services(12)),
    commit: manifests(...services(5)),
    kept: {
      ends: 'diverged Guarded',
      says: 'Service acme/of-10: 7 of 12 objects would be pruned at once, more than half; remove them in two commits, or annotate them with converge.dev/prune: "true" first, and 6 more objects',
      writes: ['apply the inventory'],
      alerts: [
        'diff Guarded, unexpected Service acme/of-10, unexpected Service acme/of-11, unexpected Service acme/of-5, unexpected Service acme/of-6, unexpected Service acme/of-7, unexpected Service acme/of-8, unexpected Service acme/of-9',
      ],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: [
          '/Service/acme/of-10',
          '/Service/acme/of-11',
          '/Service/acme/of-5',
          '/Service/acme/of-6',
          '/Service/acme/of-7',
          '/Service/acme/of-8',
          '/Service/acme/of-9',
        ],
        pending: [
          '/Service/acme/of-10',
          '/Service/acme/of-11',
          '/Service/acme/of-5',
          '/Service/acme/of-6',
          '/Service/acme/of-7',
          '/Service/acme/of-8',
          '/Service/acme/of-9',
        ],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'guards more than half of a large inventory, once nothing uses it any more',
    before: shop([deployment('web'), ...many(12)]),
    commit: manifests(deployment('web', { image: 'shop:2' }), ...many(5)),
    meets(world) {
      const volumes = many(12).map((_one, index) => ({ name: `of-${index}`, configMap: { name: `of-${index}` } }));
      world.cluster.put({ ...user, spec: { ...user.spec, volumes } });
      world.onSleep = () => world.cluster.remove('Pod acme/web-1');
    },
    kept: {
      ends: 'diverged Guarded',
      says: 'ConfigMap acme/of-10: 7 of 13 objects would be pruned at once, more than half; remove them in two commits, or annotate them with converge.dev/prune: "true" first, and 6 more objects',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: [
        'diff Guarded, unexpected ConfigMap acme/of-10, unexpected ConfigMap acme/of-11, unexpected ConfigMap acme/of-5, unexpected ConfigMap acme/of-6, unexpected ConfigMap acme/of-7, unexpected ConfigMap acme/of-8, unexpected ConfigMap acme/of-9',
      ],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: [
          '/ConfigMap/acme/of-10',
          '/ConfigMap/acme/of-11',
          '/ConfigMap/acme/of-5',
          '/ConfigMap/acme/of-6',
          '/ConfigMap/acme/of-7',
          '/ConfigMap/acme/of-8',
          '/ConfigMap/acme/of-9',
        ],
        pending: [
          '/ConfigMap/acme/of-10',
          '/ConfigMap/acme/of-11',
          '/ConfigMap/acme/of-5',
          '/ConfigMap/acme/of-6',
          '/ConfigMap/acme/of-7',
          '/ConfigMap/acme/of-8',
          '/ConfigMap/acme/of-9',
        ],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'leaves what a Pod uses for a later look',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: ({ cluster }) => cluster.put(user),
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory (2 times)'],
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
    name: 'prunes what a Pod used, once that is gone',
    before: shop([colors, old]),
    commit: manifests(colors),
    async meets(world) {
      world.cluster.put(user);
      await world.run();
      world.cluster.remove('Pod acme/web-1');
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {
      writes: ['apply the inventory', 'delete ConfigMap acme/old', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
    },
  },
  {
    name: 'guards what may be used where that cannot be read',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: ({ cluster }) => void cluster.refusals.set('list Pod acme', { status: 403, message: 'is forbidden' }),
    kept: {
      ends: 'diverged Guarded',
      says: 'ConfigMap acme/old: is not pruned, as what refers to it cannot be read: cluster sandbox: is forbidden',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected ConfigMap acme/old'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['/ConfigMap/acme/old'],
        pending: ['/ConfigMap/acme/old'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'releases a definition, and tells it once',
    before: shop([colors, definition]),
    commit: manifests(colors),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'release CustomResourceDefinition widgets.example.com', 'apply the inventory'],
      alerts: [
        'diff Guarded, unexpected CustomResourceDefinition widgets.example.com',
        'converged: 1 unchanged, 1 released; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'tells a definition that cannot be released',
    before: shop([colors, definition]),
    commit: manifests(colors),
    meets: ({ cluster }) =>
      void cluster.refusals.set('release CustomResourceDefinition widgets.example.com', {
        status: 403,
        message: 'is forbidden',
      }),
    kept: {
      ends: 'diverged Failed',
      says: 'CustomResourceDefinition widgets.example.com: could not be released: is forbidden',
      writes: ['apply the inventory', 'release CustomResourceDefinition widgets.example.com: 403'],
      alerts: ['diff Failed, failed CustomResourceDefinition widgets.example.com'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'waits for what is still being deleted',
    before: shop([colors, { ...deployment('web'), metadata: { name: 'web', ...held } }]),
    commit: manifests(colors),
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for Deployment acme/web: is being deleted, and its finalizer example.com/hold has not let go',
      writes: ['apply the inventory', 'delete Deployment acme/web'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 2',
        converged: 'commit 1',
        waiting: 'waits for Deployment acme/web: is being deleted, and its finalizer example.com/hold has not let go',
        rollout: 'under way',
        left: ['apps/Deployment/acme/web'],
        pending: ['apps/Deployment/acme/web'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells what is still being deleted when its time is over',
    before: shop([colors, { ...deployment('web'), metadata: { name: 'web', ...held } }], ['timeout: 20s']),
    commit: manifests(colors),
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: is being deleted, and its finalizer example.com/hold has not let go',
      writes: ['apply the inventory', 'delete Deployment acme/web'],
      alerts: ['diff Unhealthy, unexpected Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        left: ['apps/Deployment/acme/web'],
        pending: ['apps/Deployment/acme/web'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'waits for what pods may use, and is still being deleted',
    before: shop([colors, configMap('old', {}, held)], ['timeout: 20s']),
    commit: manifests(colors),
    kept: {
      ends: 'diverged Unhealthy',
      says: 'ConfigMap acme/old: is being deleted, and its finalizer example.com/hold has not let go',
      writes: ['apply the inventory', 'delete ConfigMap acme/old'],
      alerts: ['diff Unhealthy, unexpected ConfigMap acme/old'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        left: ['/ConfigMap/acme/old'],
        pending: ['/ConfigMap/acme/old'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells what cannot be deleted',
    before: shop([colors, deployment('web')]),
    commit: manifests(colors),
    meets: ({ cluster }) =>
      void cluster.refusals.set('delete Deployment acme/web', { status: 403, message: 'is protected' }),
    kept: {
      ends: 'diverged Failed',
      says: 'Deployment acme/web: could not be pruned: is protected',
      writes: ['apply the inventory', 'delete Deployment acme/web: 403'],
      alerts: ['diff Failed, failed Deployment acme/web'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells what pods may use, and cannot be deleted',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: ({ cluster }) =>
      void cluster.refusals.set('delete ConfigMap acme/old', { status: 403, message: 'is protected' }),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/old: could not be pruned: is protected',
      writes: ['apply the inventory', 'delete ConfigMap acme/old: 403'],
      alerts: ['diff Failed, failed ConfigMap acme/old'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Failed',
        failed: 1,
        left: ['/ConfigMap/acme/old'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'prunes a custom resource, and leaves its definition',
    before: shop([colors, definition, widget]),
    commit: manifests(colors, definition),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete Widget acme/one', 'apply the inventory'],
      alerts: ['converged: 2 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'hands over what another environment wants now',
    before: {
      ...shop([colors, old]),
      'environments/blog.yaml': environment('blog'),
      'manifests/blog/all.json': list(configMap('words')),
    },
    commit: { ...manifests(colors), 'manifests/blog/all.json': list(configMap('words'), old) },
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory (2 times)'],
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
    name: 'asks by its memory an environment that converged',
    before: {
      ...shop([colors, old]),
      'environments/blog.yaml': environment('blog'),
      'manifests/blog/all.json': list(configMap('words')),
    },
    commit: manifests(colors),
    meanwhile: async (world) => void (await world.run({ environment: 'blog' })),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'prunes nothing that an environment may want which cannot be asked',
    before: {
      ...shop([colors, old]),
      'environments/blog.yaml': environment('blog'),
      'manifests/blog/all.json': list(configMap('words')),
    },
    commit: { ...manifests(colors), 'manifests/blog/all.json': '{ broken' },
    kept: {
      ends: 'diverged Guarded',
      says: 'ConfigMap acme/old: is not pruned, as environment blog may want it: manifests/blog/all.json: does not parse',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected ConfigMap acme/old'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['/ConfigMap/acme/old'],
        pending: ['/ConfigMap/acme/old'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'prunes what an environment cannot want that cannot be asked, and has not changed',
    before: {
      ...shop([colors, old]),
      'environments/blog.yaml': environment('blog', ['sources: [{ kustomize: overlays/blog }]']),
      'overlays/blog/kustomization.yaml': '{ broken',
    },
    commit: manifests(colors),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/old', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {
      ends: 'diverged Guarded',
      says: 'ConfigMap acme/old: is not pruned, as environment blog may want it: overlays/blog/kustomization.yaml: does not parse',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected ConfigMap acme/old'],
      remembers: {
        health: 'Unknown',
        converged: 'never',
        incident: 'Guarded',
        left: ['/ConfigMap/acme/old'],
        pending: ['/ConfigMap/acme/old'],
      },
    },
  },
  {
    name: 'waits with a prune while many environments have yet to converge',
    before: shop([colors, old]),
    commit: {
      ...manifests(colors),
      ...Object.fromEntries(
        Array.from({ length: 12 }, (_one, index) => [
          `environments/other-${index}.yaml`,
          environment(`other-${index}`, ['sources: [{ manifests: manifests/shop }]']),
        ]),
      ),
    },
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory (2 times)'],
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
    name: 'guards a Namespace in which another environment lives',
    before: shop([
      colors,
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'extra', annotations: { 'converge.dev/prune': 'true' } },
      },
    ]),
    commit: {
      ...manifests(colors),
      'environments/blog.yaml': environment('blog', ['namespace: extra']),
      'manifests/blog/all.json': list(configMap('words')),
    },
    meets: async (world) => void (await world.run({ environment: 'blog' })),
    kept: {
      ends: 'diverged Guarded',
      says: 'Namespace extra: environment master/blog lives in it (ConfigMap extra/words)',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected Namespace extra'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['/Namespace//extra'],
        pending: ['/Namespace//extra'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'guards a Namespace where it cannot be told who lives in it',
    before: shop([
      colors,
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'extra', annotations: { 'converge.dev/prune': 'true' } },
      },
    ]),
    commit: manifests(colors),
    meets: ({ cluster }) => void cluster.refusals.set('list Service extra', { status: 403, message: 'is forbidden' }),
    kept: {
      ends: 'diverged Guarded',
      says: 'Namespace extra: stays, since it cannot be told whether an environment lives in it: cluster sandbox: is forbidden',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected Namespace extra'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['/Namespace//extra'],
        pending: ['/Namespace//extra'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'deletes nothing more where the branch moves on meanwhile',
    before: shop([colors, deployment('web')]),
    commit: manifests(colors),
    meets: moveOnUnseen,
    kept: {
      ends: 'throws GitUnavailable',
      says: 'master/shop: the branch moved on before objects were taken over or deleted',
      writes: ['apply the inventory'],
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1' },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'deletes nothing that pods may use where the branch moves on meanwhile',
    before: shop([colors, old]),
    commit: manifests(colors),
    meets: moveOnUnseen,
    kept: {
      ends: 'throws GitUnavailable',
      says: 'master/shop: the branch moved on before objects were taken over or deleted',
      writes: ['apply the inventory'],
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1', left: ['/ConfigMap/acme/old'] },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'leaves for a later look what no version of its kind is served for now',
    before: shop([colors, definition, widget]),
    commit: manifests(colors, definition),
    meets: serveNoWidgets,
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory'],
      alerts: ['converged: 2 unchanged'],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 2',
        left: ['example.com/Widget/acme/one'],
        pending: ['example.com/Widget/acme/one'],
      },
    },
    lost: { remembers: { left: undefined, pending: undefined } },
  },
  {
    name: 'leaves it for a later look where the instance does not know yet that it is served no more',
    before: shop([colors, definition, widget]),
    commit: manifests(colors, definition),
    meets: serveNoWidgetsUnseen,
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory'],
      alerts: ['converged: 2 unchanged'],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 2',
        left: ['example.com/Widget/acme/one'],
        pending: ['example.com/Widget/acme/one'],
      },
    },
    lost: { remembers: { left: undefined, pending: undefined } },
  },
  {
    name: 'does not take for gone what is served no longer while it is being deleted',
    before: shop([colors, definition, { ...widget, metadata: { name: 'one', ...held } }], ['timeout: 20s']),
    commit: manifests(colors, definition),
    meets: (world) => void (world.onSleep = () => void serveNoWidgets(world)),
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Widget acme/one: is being deleted, and its finalizer example.com/hold has not let go',
      writes: ['apply the inventory', 'delete Widget acme/one'],
      alerts: ['diff Unhealthy, unexpected Widget acme/one'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
        left: ['example.com/Widget/acme/one'],
        pending: ['example.com/Widget/acme/one'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'prunes a definition that says so, and that nobody uses',
    before: shop([colors, prunable]),
    commit: manifests(colors),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete CustomResourceDefinition widgets.example.com', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'guards a definition of which another environment has objects',
    before: shop([colors, prunable]),
    commit: {
      ...manifests(colors),
      'environments/blog.yaml': environment('blog'),
      'manifests/blog/all.json': list(widget),
    },
    meets: async (world) => void (await world.run({ environment: 'blog' })),
    kept: {
      ends: 'diverged Guarded',
      says: 'CustomResourceDefinition widgets.example.com: environment master/blog has objects of it (Widget acme/one)',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected CustomResourceDefinition widgets.example.com'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com'],
        pending: ['apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'guards a definition whose objects cannot be read',
    before: shop([colors, prunable]),
    commit: manifests(colors),
    meets: serveNoWidgets,
    kept: {
      ends: 'diverged Guarded',
      says: 'CustomResourceDefinition widgets.example.com: stays, since it cannot be told whether another environment has objects of it: the cluster serves none of its versions',
      writes: ['apply the inventory'],
      alerts: ['diff Guarded, unexpected CustomResourceDefinition widgets.example.com'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Guarded',
        left: ['apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com'],
        pending: ['apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com'],
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
];
