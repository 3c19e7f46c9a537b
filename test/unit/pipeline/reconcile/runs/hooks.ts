import type { World } from '../world/world.ts';
import { failedJob, runningJob } from '../world/controllers.ts';
import { configMap, hookJob, list, release, type Declared } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const policy = (named: string) => ({ 'helm.sh/hook-delete-policy': named });
const before = hookJob('before', 'pre-install,pre-upgrade');
const after = hookJob('after', 'post-install,post-upgrade');
const account: Declared = configMap(
  'account',
  { of: 'the hooks' },
  {
    annotations: {
      'helm.sh/hook': 'pre-install,pre-upgrade',
      'helm.sh/hook-weight': '-5',
      ...policy('hook-succeeded'),
    },
  },
);
const chart = (...objects: readonly Declared[]) => ({ 'charts/shop/all.json': list(...objects) });
const ends =
  (title: string, status: () => unknown) =>
  ({ cluster }: World): void =>
    void cluster.statuses.set(title, status);

/** A Job that Helm ran for its own release. */
const ofHelm = (status: unknown) => ({
  ...{ apiVersion: 'batch/v1', kind: 'Job', status },
  metadata: {
    ...{ name: 'before', namespace: 'acme', labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
    annotations: {
      'helm.sh/hook': 'pre-install',
      'meta.helm.sh/release-name': 'shop',
      'meta.helm.sh/release-namespace': 'acme',
    },
  },
});
const stranger = (kind: string, apiVersion: string, name: string) => ({
  ...{ apiVersion, kind, metadata: { name, namespace: 'acme' } },
});

/** What runs before and after the objects of a Helm release. */
export const hooks: readonly Row[] = [
  {
    name: 'runs the hooks of an install around its objects',
    commit: release([before, colors, after]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply Job acme/before',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply Job acme/after',
        'apply the inventory (3 times)',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'runs the hooks of an upgrade, in the place of those of the last one',
    before: release([before, colors, after]),
    commit: chart(before, blue, after),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'delete Job acme/before',
        'apply Job acme/before',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'delete Job acme/after',
        'apply Job acme/after',
        'apply the inventory (3 times)',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'deletes what hooks needed when they are through',
    commit: release([
      account,
      {
        ...before,
        metadata: {
          ...metadataOf(before),
          annotations: { 'helm.sh/hook': 'pre-install', ...policy('hook-succeeded') },
        },
      },
      colors,
    ]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply ConfigMap acme/account',
        'apply the inventory',
        'apply Job acme/before',
        'apply the inventory',
        'delete Job acme/before',
        'delete ConfigMap acme/account',
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'applies nothing where a hook before it failed',
    before: release([colors]),
    commit: chart(before, blue),
    meets: ends('Job acme/before', failedJob),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/before: the Helm hook pre-upgrade of release shop failed: BackoffLimitExceeded: Job has reached the specified backoff limit',
      writes: ['apply the inventory', 'apply Job acme/before', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'deletes what its policy deletes where a hook failed, and runs it anew with the next try',
    commit: release([account, hookJob('before', 'pre-install', policy('hook-failed')), colors]),
    async meets(world) {
      world.cluster.statuses.set('Job acme/before', failedJob);
      await world.run();
      world.cluster.statuses.clear();
      world.wait(60);
    },
    kept: {
      ends: 'converged',
      writes: [
        'apply ConfigMap acme/account',
        'apply the inventory',
        'apply Job acme/before',
        'apply the inventory',
        'delete ConfigMap acme/account',
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { alerts: ['converged: 1 created; ends the incident'] },
  },
  {
    name: 'tells a hook that failed after everything was applied',
    before: release([colors]),
    commit: chart(blue, after),
    meets: ends('Job acme/after', failedJob),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/after: the Helm hook post-upgrade of release shop failed: BackoffLimitExceeded: Job has reached the specified backoff limit',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply Job acme/after', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/after'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'leaves a hook that takes its time to the next run',
    before: release([colors]),
    commit: chart(before, blue),
    meets: ends('Job acme/before', runningJob),
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for the Helm hook pre-upgrade of release shop, Job acme/before: 1 pods are running, 0 have succeeded',
      writes: ['apply the inventory', 'apply Job acme/before'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 2',
        converged: 'commit 1',
        waiting:
          'waits for the Helm hook pre-upgrade of release shop, Job acme/before: 1 pods are running, 0 have succeeded',
        rollout: 'under way',
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'goes on with a hook that another run began',
    before: release([colors]),
    commit: chart(before, blue, after),
    async meets(world) {
      world.cluster.statuses.set('Job acme/before', runningJob);
      await world.run();
      world.cluster.breakDown('Job acme/before', () => ({
        succeeded: 1,
        conditions: [{ type: 'Complete', status: 'True' }],
      }));
      world.cluster.statuses.set('Job acme/after', runningJob);
    },
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for the Helm hook post-upgrade of release shop, Job acme/after: 1 pods are running, 0 have succeeded',
      writes: ['apply the inventory (2 times)', 'apply ConfigMap acme/colors', 'apply Job acme/after'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 2',
        converged: 'commit 1',
        waiting:
          'waits for the Helm hook post-upgrade of release shop, Job acme/after: 1 pods are running, 0 have succeeded',
      },
    },
    lost: {
      writes: [
        'fence ConfigMap acme/colors',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply Job acme/after',
      ],
      remembers: { converged: 'never' },
    },
  },
  {
    name: 'fails a hook that takes longer than the environment may',
    commit: release([before, colors], ['timeout: 20s']),
    meets: ends('Job acme/before', runningJob),
    lost: {
      ends: 'diverged Failed',
      says: "Job acme/before: the Helm hook pre-install of release shop failed: it has not ended within the environment's timeout: 1 pods are running, 0 have succeeded",
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Job acme/before', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'does not wait for a hook where a newer commit is there',
    commit: release([before, colors]),
    meets(world) {
      world.cluster.statuses.set('Job acme/before', runningJob);
      world.onSleep = () => {
        world.onSleep = () => {};
        world.cluster.statuses.delete('Job acme/before');
        world.cluster.breakDown('Job acme/before', () => ({
          succeeded: 1,
          conditions: [{ type: 'Complete', status: 'True' }],
        }));
        world.git.add(chart(before, blue));
        world.dawdle();
      };
    },
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply Job acme/before',
        'apply the inventory (2 times)',
        'delete Job acme/before',
        'apply Job acme/before',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
  },
  {
    name: 'waits for the hook of an earlier revision before it takes its place',
    before: release([before, colors]),
    commit: chart(before, blue),
    meanwhile: (world) => world.cluster.breakDown('Job acme/before', runningJob),
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for the Helm hook pre-upgrade of release shop, Job acme/before: 1 pods are running, 0 have succeeded',
      writes: ['apply the inventory'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 2',
        converged: 'commit 1',
        waiting:
          'waits for the Helm hook pre-upgrade of release shop, Job acme/before: 1 pods are running, 0 have succeeded',
        rollout: 'under way',
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'takes the time to live off a Job that it waits for',
    commit: release([{ ...before, spec: { ttlSecondsAfterFinished: 0 } }, colors]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply Job acme/before (2 times)',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'does not take the place of a stranger’s Job',
    before: release([colors]),
    commit: chart(before, blue),
    meets: ({ cluster }) => cluster.put(stranger('Job', 'batch/v1', 'before')),
    kept: {
      ends: 'diverged Failed',
      says: "Job acme/before: the Helm hook pre-upgrade of release shop failed: what is there was not made by this release's hooks (kubectl-create made it), and is not deleted (delete it by hand, or give the hook another name)",
      writes: ['apply the inventory (2 times)'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'takes the place of what Helm ran, where the release is adopted',
    commit: release([before, colors], ['adopt: true']),
    meets: ({ cluster }) => cluster.put(ofHelm({ succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] })),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'delete Job acme/before',
        'apply Job acme/before',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'does not take the place of what Helm ran, where it is not',
    commit: release([before, colors]),
    meets: ({ cluster }) => cluster.put(ofHelm({ succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] })),
    lost: {
      ends: 'diverged Failed',
      says: 'Job acme/before: the Helm hook pre-install of release shop failed: an object of that name is reconciled by the Helm release acme/shop; remove it there first, or set spec.adopt: true to take it over',
      writes: ['apply Namespace acme', 'apply the inventory (2 times)'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'applies a hook over what was there before, and tells it once',
    before: release([colors]),
    commit: chart(configMap('account', {}, { annotations: { 'helm.sh/hook': 'pre-upgrade' } }), blue),
    meets: ({ cluster }) => cluster.put(stranger('ConfigMap', 'v1', 'account')),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/account',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['diff Guarded, unexpected ConfigMap acme/account', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'tells a hook that the API server refuses',
    before: release([colors]),
    commit: chart(before, blue),
    meets: ({ cluster }) =>
      void cluster.refusals.set('apply Job acme/before', { status: 403, message: 'exceeded quota' }),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/before: the Helm hook pre-upgrade of release shop failed: exceeded quota',
      writes: ['apply the inventory', 'apply Job acme/before: 403', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'looks anew at a hook’s object that others change meanwhile',
    before: release([account, colors]),
    commit: chart(
      configMap('account', { of: 'all' }, { annotations: { 'helm.sh/hook': 'pre-upgrade', ...policy('hook-failed') } }),
      blue,
    ),
    meets({ cluster }) {
      cluster.put(stranger('ConfigMap', 'v1', 'account'));
      cluster.refusals.set('apply ConfigMap acme/account', { status: 409, message: 'the object has been modified' });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/account: the Helm hook pre-upgrade of release shop failed: the object has been modified',
      writes: ['apply the inventory', 'apply ConfigMap acme/account: 409 (6 times)', 'apply the inventory'],
      alerts: ['diff Failed, failed ConfigMap acme/account'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells a hook of a kind that the cluster does not serve',
    before: release([colors]),
    commit: chart(
      {
        apiVersion: 'example.com/v1',
        kind: 'Widget',
        metadata: { name: 'one', annotations: { 'helm.sh/hook': 'pre-upgrade' } },
      },
      blue,
    ),
    kept: {
      ends: 'diverged Failed',
      says: 'Widget acme/one: the Helm hook pre-upgrade of release shop failed: the cluster does not serve Widget in example.com/v1',
      writes: ['apply the inventory (2 times)'],
      alerts: ['diff Failed, failed Widget acme/one'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells a hook’s object that cannot be deleted, and converges',
    before: release([colors]),
    commit: chart(hookJob('before', 'pre-upgrade', policy('hook-succeeded')), blue),
    meets: ({ cluster }) =>
      void cluster.refusals.set('delete Job acme/before', { status: 403, message: 'is protected' }),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply Job acme/before',
        'apply the inventory',
        'delete Job acme/before: 403',
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['diff Guarded, unexpected Job acme/before', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'fails where the hook of the last run cannot be deleted',
    before: release([before, colors]),
    commit: chart(before, blue),
    meets: ({ cluster }) =>
      void cluster.refusals.set('delete Job acme/before', { status: 403, message: 'is protected' }),
    kept: {
      ends: 'diverged Failed',
      says: 'Job acme/before: the Helm hook pre-upgrade of release shop failed: the one of the last run could not be deleted: is protected',
      writes: ['apply the inventory', 'delete Job acme/before: 403', 'apply the inventory'],
      alerts: ['diff Failed, failed Job acme/before'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'waits for the hook of the last run that is still being deleted',
    before: release([{ ...before, metadata: { ...metadataOf(before), finalizers: ['example.com/hold'] } }, colors]),
    commit: chart(before, blue),
    kept: {
      ends: 'waiting, goes on',
      says: 'waits for the Helm hook pre-upgrade of release shop, Job acme/before: the one of the last run is still being deleted',
      writes: ['apply the inventory', 'delete Job acme/before'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 2',
        converged: 'commit 1',
        waiting:
          'waits for the Helm hook pre-upgrade of release shop, Job acme/before: the one of the last run is still being deleted',
        rollout: 'under way',
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'upgrades a release that Helm deployed, and runs no hook of an install',
    commit: release([hookJob('before', 'pre-install'), hookJob('instead', 'pre-upgrade'), colors], ['adopt: true']),
    meets({ cluster }) {
      const labels = { owner: 'helm', name: 'shop', status: 'deployed' };
      cluster.put({
        ...{ apiVersion: 'v1', kind: 'Secret', type: 'helm.sh/release.v1' },
        metadata: { name: 'sh.helm.release.v1.shop.v3', namespace: 'acme', labels },
      });
    },
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply Job acme/instead',
        'apply the inventory (2 times)',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'knows by the memory which hooks ran, where the inventory lost its record',
    before: release([before, colors]),
    meanwhile: ({ cluster }) =>
      cluster.edit('ConfigMap acme/converge-shop', 'rogue', (object) => {
        const { 'converge.dev/hooks': _record, ...annotations } = object.metadata.annotations ?? {};
        return { ...object, metadata: { ...object.metadata, annotations } };
      }),
    kept: { ends: 'unchanged', remembers: { health: 'Healthy', attempted: 'commit 1' } },
    lost: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'delete Job acme/before',
        'apply Job acme/before',
        'apply the inventory (3 times)',
      ],
      alerts: ['converged: 1 unchanged'],
    },
  },
];

function metadataOf({ metadata }: Declared): object {
  return typeof metadata === 'object' && metadata !== null ? metadata : {};
}
