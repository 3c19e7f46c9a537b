import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { World } from '../world/world.ts';
import { failedJob, readied, unready, unseen } from '../world/controllers.ts';
import { configMap, definition, deployment, environment, hookJob, list, shop } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const blue = configMap('colors', { color: 'blue' });
const web = deployment('web');
const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'one' }, spec: { size: 1 } };
const replaceable = (color: string) =>
  configMap('colors', { color }, { annotations: { 'converge.dev/replace': 'true' } });

const refuse =
  (call: string, status: number, message: string) =>
  ({ cluster }: World): void => {
    cluster.refusals.set(call, { status, message });
  };

/** Runs it so often that it fails for good, and leaves it to the next look. */
const failTwice = async (world: World): Promise<void> => {
  await world.run();
  world.wait(60);
  await world.run();
  world.wait(30);
};

/** A Pod of `web` whose image is not there. */
const stuckPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'acme', labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'shop:none' }] },
  status: {
    phase: 'Pending',
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 0,
        state: { waiting: { reason: 'ErrImagePull', message: 'manifest unknown' } },
      },
    ],
  },
};

/** What cannot be rendered, applied or brought to health. */
export const failures: readonly Row[] = [
  {
    name: 'tells a file that does not parse',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': 'kind: Nothing' },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml:1: kind: Invalid input: expected "Environment"; and 3 more: apiVersion: is missing; metadata: is missing; spec: is missing',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells sources that do not render',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': '{ broken' },
    kept: {
      ends: 'diverged Failed',
      says: 'manifests/shop/all.json: does not parse',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells sources that are not there',
    before: shop([colors]),
    commit: {
      'environments/shop.yaml': environment('shop', ['sources: [{ manifests: manifests/shop/all.json/more }]']),
    },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: names what the repository does not hold: manifests/shop/all.json/more (manifests/shop/all.json is a file) (upload it, or correct spec.sources)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells two objects of one name',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(colors, blue) },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is defined twice, in manifests/shop/all.json (object 1) and in manifests/shop/all.json (object 2) (remove one of them)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'prunes nothing where the sources render to nothing',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list() },
    kept: {
      ends: 'diverged Guarded',
      says: 'master/shop: the sources render to nothing; nothing is pruned (to remove an environment, remove its file)',
      alerts: ['diff Guarded'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Guarded', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'leaves alone, for a pause, what does not render',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': '{ broken' },
    meets: failTwice,
    job: { cause: 'schedule' },
    kept: {
      ends: 'diverged Failed',
      says: 'manifests/shop/all.json: does not parse',
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 2 },
    },
  },
  {
    name: 'refuses what would be the inventory itself',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(colors, configMap('converge-shop')) },
    kept: {
      ends: 'diverged Failed',
      says: 'manifests/shop/all.json, ConfigMap acme/converge-shop: is where Converge keeps what it needs to know of environment master/shop (give it another name)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells a cluster that is not configured',
    commit: shop([colors], ['cluster: nowhere']),
    lost: {
      ends: 'diverged Failed',
      says: 'nowhere: is not configured',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'tells that an environment would move',
    before: shop([colors]),
    commit: { 'environments/shop.yaml': environment('shop', ['namespace: elsewhere']) },
    kept: {
      ends: 'diverged Failed',
      says: 'environments/shop.yaml: changing spec.namespace from acme to elsewhere is not implemented yet (add a new environment there, and remove this one)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed' },
    },
  },
  {
    name: 'tells what nobody foresaw',
    before: shop([colors]),
    meets({ cluster }) {
      cluster.list = async () => {
        throw new TypeError('nobody foresaw this');
      };
    },
    kept: {
      ends: 'diverged Failed',
      says: 'master/shop: met an error that nobody foresaw (TypeError) (the log has more; please report it)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'leaves it to a later try where the cluster does not answer',
    before: shop([colors]),
    meets: refuse('list ConfigMap acme', 503, 'does not answer'),
    kept: {
      ends: 'throws ClusterRefused',
      says: 'cluster sandbox: does not answer',
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { remembers: null },
  },
  {
    name: 'looks again where a kind that was listed is served no longer',
    before: shop([definition, widget]),
    meets({ cluster }) {
      cluster.refusals.set('list Widget acme', {
        status: 404,
        message: 'the server could not find the requested resource',
      });
      cluster.remove('CustomResourceDefinition widgets.example.com');
      cluster.remove('Widget acme/one');
    },
    restless: true,
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply CustomResourceDefinition widgets.example.com',
        'apply Widget acme/one',
        'apply the inventory',
      ],
      alerts: [
        'diff Drifted, healing, missing CustomResourceDefinition widgets.example.com, missing Widget acme/one',
        'converged: 2 created; ends the incident',
      ],
      remembers: {
        health: 'Healthy',
        attempted: 'commit 1',
        heals: ['apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com', 'example.com/Widget/acme/one'],
      },
    },
  },
  {
    name: 'tells what the API server refuses, and applies the rest',
    before: shop([colors, web]),
    commit: { 'manifests/shop/all.json': list(blue, deployment('web', { image: 'shop:2' }), configMap('new')) },
    meets: refuse('apply ConfigMap acme/new', 403, 'exceeded quota'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/new: exceeded quota',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors',
        'apply ConfigMap acme/new: 403',
        'apply Deployment acme/web',
      ],
      alerts: ['diff Failed, failed ConfigMap acme/new'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'applies nothing that needs what failed, and prunes nothing',
    before: shop([colors, configMap('old')]),
    commit: { 'manifests/shop/all.json': list(blue, deployment('web', { uses: 'colors' })) },
    meets: refuse('apply ConfigMap acme/colors', 400, 'the webhook says no'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: the webhook says no, and 1 more object',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 400'],
      alerts: ['diff Failed, failed ConfigMap acme/colors, failed Deployment acme/web'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never', left: ['/ConfigMap/acme/old'] } },
  },
  {
    name: 'looks anew at what others change meanwhile, and tells it in the end',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue) },
    meets: refuse('apply ConfigMap acme/colors', 409, 'the object has been modified'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: the object has been modified',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 409 (6 times)'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells a field that never changes',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(blue) },
    meets: ({ cluster }) => void cluster.immutable.add('ConfigMap acme/colors'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: needs replacement: ConfigMap acme/colors is invalid: field is immutable (the annotation converge.dev/replace: "true" allows it)',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 422'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'makes anew what says that it may be',
    before: shop([replaceable('red')]),
    commit: { 'manifests/shop/all.json': list(replaceable('blue')) },
    meets: ({ cluster }) => void cluster.immutable.add('ConfigMap acme/colors'),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'apply ConfigMap acme/colors: 422',
        'delete ConfigMap acme/colors',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'is told by the API server that it cannot delete what is to be made anew',
    before: shop([replaceable('red')]),
    commit: { 'manifests/shop/all.json': list(replaceable('blue')) },
    meets({ cluster }) {
      cluster.immutable.add('ConfigMap acme/colors');
      cluster.refusals.set('delete ConfigMap acme/colors', { status: 403, message: 'is protected' });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: needs replacement, and could not be deleted: is protected',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 422', 'delete ConfigMap acme/colors: 403'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'makes nothing anew that is invalid however it is made',
    before: shop([replaceable('red')]),
    commit: { 'manifests/shop/all.json': list(replaceable('blue')) },
    meets: refuse('apply ConfigMap acme/colors', 422, 'is invalid'),
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/colors: is invalid',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors: 422'],
      alerts: ['diff Failed, failed ConfigMap acme/colors'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'heals drift of what is applied, while what failed rests',
    before: shop([colors, web]),
    commit: { 'manifests/shop/all.json': list(colors, web, configMap('new')) },
    async meets(world) {
      refuse('apply ConfigMap acme/new', 403, 'exceeded quota')(world);
      await failTwice(world);
      world.cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
    },
    job: { cause: 'schedule' },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/new: exceeded quota',
      writes: ['apply ConfigMap acme/colors'],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/colors'],
      remembers: {
        health: 'Unknown',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Failed',
        failed: 2,
        heals: ['/ConfigMap/acme/colors'],
      },
    },
  },
  {
    name: 'leaves alone what rests where nothing drifted',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(colors, configMap('new')) },
    async meets(world) {
      refuse('apply ConfigMap acme/new', 403, 'exceeded quota')(world);
      await failTwice(world);
    },
    job: { cause: 'schedule' },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/new: exceeded quota',
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 2 },
    },
  },
  {
    name: 'tries at once what rests where somebody asks for it',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(colors, configMap('new')) },
    async meets(world) {
      refuse('apply ConfigMap acme/new', 403, 'exceeded quota')(world);
      await failTwice(world);
      world.cluster.refusals.clear();
    },
    job: { cause: 'request' },
    kept: {
      ends: 'converged',
      writes: ['apply ConfigMap acme/new', 'apply the inventory'],
      alerts: ['converged: 1 created, 1 unchanged; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: { alerts: ['converged: 1 created, 1 unchanged; ends the incident'] },
  },
  {
    name: 'waits for a definition before its objects are applied',
    commit: shop([definition, widget]),
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply CustomResourceDefinition widgets.example.com',
        'apply Widget acme/one',
        'apply the inventory',
      ],
      alerts: ['converged: 2 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'tells what cannot be applied before its definition is established',
    commit: shop([definition, widget]),
    meets: ({ cluster }) => void cluster.statuses.set('CustomResourceDefinition widgets.example.com', unseen),
    lost: {
      ends: 'diverged Failed',
      says: 'Widget acme/one: Blocked: needs CustomResourceDefinition widgets.example.com, which cannot be used yet: it is not established yet',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply CustomResourceDefinition widgets.example.com'],
      alerts: ['diff Failed, failed Widget acme/one'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed', failed: 1 },
    },
  },
  {
    name: 'tells a kind that the cluster does not serve',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(colors, widget) },
    kept: {
      ends: 'diverged Failed',
      says: 'Widget acme/one: the cluster does not serve Widget in example.com/v1; is its CRD installed?',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed Widget acme/one'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells a kind that cannot be discovered',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(colors, widget) },
    meets: async ({ cluster }) => {
      cluster.unreadable.push('example.com/v1');
      await cluster.api({ refresh: true });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'Widget acme/one: the API example.com/v1 cannot be discovered: its backend does not answer',
      writes: ['apply the inventory'],
      alerts: ['diff Failed, failed Widget acme/one'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 1 },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells an inventory of a kind that cannot be discovered any more',
    before: shop([definition, widget]),
    async meets({ cluster }) {
      cluster.remove('CustomResourceDefinition widgets.example.com');
      cluster.unreadable.push('example.com/v1');
      await cluster.api({ refresh: true });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'Widget.example.com: the API that serves this kind cannot be discovered (repair the APIService, whose backend does not answer)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells that its inventory cannot be written',
    commit: shop([colors]),
    meets: refuse('apply ConfigMap acme/converge-shop', 403, 'is forbidden'),
    lost: {
      ends: 'diverged Failed',
      says: 'cluster sandbox, ConfigMap acme/converge-shop: the API server answered 403: is forbidden',
      writes: ['apply Namespace acme', 'apply the inventory: 403'],
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', converged: 'never', incident: 'Failed' },
    },
  },
  {
    name: 'leaves a roll-out that takes its time to the next run',
    commit: shop([web]),
    meets: ({ cluster }) => void cluster.statuses.set('Deployment acme/web', unready),
    lost: {
      ends: 'waiting, goes on',
      says: 'waits for Deployment acme/web: 0 of 1 updated pods are available',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Deployment acme/web'],
      alerts: ['reconcile master/shop, request'],
      remembers: {
        health: 'Progressing',
        attempted: 'commit 1',
        converged: 'never',
        waiting: 'waits for Deployment acme/web: 0 of 1 updated pods are available',
        rollout: 'under way',
      },
    },
  },
  {
    name: 'tells what is not healthy when its time is over',
    before: shop([colors, web], ['timeout: 2m']),
    commit: { 'manifests/shop/all.json': list(colors, deployment('web', { image: 'shop:2' })) },
    async meets(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      await world.run();
      world.wait(120);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
      },
    },
    lost: { writes: ['fence Deployment acme/web'], remembers: { converged: 'never' } },
  },
  {
    name: 'tells at once what is stuck, with what its Pods say',
    before: shop([web]),
    commit: { 'manifests/shop/all.json': list(deployment('web', { image: 'shop:none' })) },
    meets({ cluster }) {
      cluster.statuses.set('Deployment acme/web', unready);
      const { uid = '' } = cluster.find('Deployment acme/web')?.metadata ?? {};
      const owner = { controller: true, apiVersion: 'apps/v1' };
      const replicaSet = { name: 'web-2', namespace: 'acme', uid: 'of-web', labels: { app: 'web' } };
      cluster.put({
        ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet', status: {} },
        metadata: { ...replicaSet, ownerReferences: [{ ...owner, kind: 'Deployment', name: 'web', uid }] },
      });
      const made = [{ ...owner, kind: 'ReplicaSet', name: 'web-2', uid: 'of-web' }];
      cluster.put({ ...stuckPod, metadata: { ...stuckPod.metadata, ownerReferences: made } });
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: container web: ErrImagePull: manifest unknown',
      writes: ['apply the inventory', 'apply Deployment acme/web'],
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: {
        health: 'Degraded',
        attempted: 'commit 2',
        converged: 'commit 1',
        incident: 'Unhealthy',
        rollout: 'over',
      },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells what is not healthy without its Pods, where they cannot be read',
    commit: shop([web], ['timeout: 20s']),
    meets({ cluster }) {
      cluster.statuses.set('Deployment acme/web', unready);
      cluster.refusals.set('list Pod acme', { status: 403, message: 'is forbidden' });
    },
    lost: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
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
    name: 'tells a Job that failed for good',
    commit: shop([{ ...hookJob('once', ''), metadata: { name: 'once' } }]),
    meets: ({ cluster }) => void cluster.statuses.set('Job acme/once', failedJob),
    lost: {
      ends: 'diverged Unhealthy',
      says: 'Job acme/once: Job has reached the specified backoff limit',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Job acme/once'],
      alerts: ['diff Unhealthy, unhealthy Job acme/once'],
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
    name: 'tells what broke by itself',
    before: shop([colors, web]),
    async meanwhile(world) {
      world.cluster.breakDown('Deployment acme/web', unready);
      await world.run();
      world.wait(600);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 0 of 1 updated pods are available',
      alerts: ['diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: { health: 'Degraded', attempted: 'commit 1', incident: 'Unhealthy', rollout: 'over' },
    },
  },
  {
    name: 'waits no longer than it may, where the lease is lost meanwhile',
    commit: shop([web]),
    meets(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.onSleep = () =>
        void world.writeState('environments/master/shop/lease.json', {
          holder: 'another',
          event: 'its job',
          seconds: 90,
        });
    },
    lost: {
      ends: 'throws LeaseLost',
      says: 'environments/master/shop/lease.json: the lease is lost: another run took over',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Deployment acme/web'],
      remembers: { health: 'Progressing', attempted: 'commit 1', converged: 'never', rollout: 'under way' },
    },
  },
  {
    name: 'gives its message back while another run is at work',
    before: shop([colors]),
    meets: async (world) =>
      world.writeState('environments/master/shop/lease.json', { holder: 'another', event: 'its job', seconds: 90 }),
    kept: {
      ends: 'throws LeaseHeld',
      says: 'environments/master/shop/lease.json: another run is at work',
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { remembers: null },
  },
  {
    name: 'goes on where the answers to what it writes down are lost',
    before: shop([colors]),
    commit: { 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) },
    meets({ ports: { state } }) {
      const { write } = state;
      state.write = async (asked) => {
        await write(asked);
        return 'conflict';
      };
    },
    restless: true,
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: {},
  },
  {
    name: 'goes on where somebody gave the lease back meanwhile',
    commit: shop([web]),
    meets(world) {
      world.cluster.statuses.set('Deployment acme/web', unready);
      const path = 'environments/master/shop/lease.json';
      let looks = 0;
      world.onSleep = () => {
        if ((looks += 1) < 12) return;
        world.onSleep = () => {};
        const found = world.state.get(path);
        world.cluster.breakDown('Deployment acme/web', readied);
        void world.writeState(path, Object.assign({}, found, { nonce: null, holder: null }));
      };
    },
    lost: {
      ends: 'converged',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 1 created'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'goes on with a newer commit that comes while it waits',
    commit: shop([web]),
    meets(world) {
      const isNew = (object: unknown): boolean => JSON.stringify(object).includes('shop:2');
      world.cluster.statuses.set('Deployment acme/web', (object) => (isNew(object) ? readied : unready)(object));
      world.onSleep = () => {
        world.onSleep = () => {};
        world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:2' })) });
        world.dawdle();
      };
    },
    lost: {
      ends: 'converged',
      writes: [
        'apply Namespace acme',
        'apply the inventory',
        'apply Deployment acme/web (2 times)',
        'apply the inventory',
      ],
      alerts: ['converged: 1 configured'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
  },
  {
    name: 'gives its message back where newer commits come all the time',
    commit: shop([web]),
    meets(world) {
      let versions = 1;
      world.cluster.statuses.set('Deployment acme/web', unready);
      world.onSleep = () => {
        world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: `shop:${(versions += 1)}` })) });
        world.dawdle();
      };
    },
    kept: {
      ends: 'throws StaleLook',
      says: 'master/shop: another run was faster',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply Deployment acme/web (5 times)'],
      remembers: { health: 'Progressing', attempted: 'commit 5', converged: 'never', rollout: 'under way' },
    },
    lost: {},
  },
  {
    name: 'tells a branch that cannot be read',
    before: shop([colors]),
    meets({ git }) {
      git.fails = new ConvergeError({
        code: 'BranchMissing',
        subject: git.url,
        message: 'there is no main',
        disposition: 'refuse',
      });
    },
    kept: {
      ends: 'diverged Failed',
      says: 'BranchMissing: https://git.example.com/family/master.git: there is no main',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
    lost: {
      ends: 'throws BranchMissing',
      says: 'https://git.example.com/family/master.git: there is no main',
      alerts: [],
      remembers: null,
    },
  },
  {
    name: 'tells a branch that was deleted',
    before: shop([colors]),
    meets: ({ git }) => git.force(undefined),
    kept: {
      ends: 'diverged Failed',
      says: 'BranchMissing: https://git.example.com/family/master.git: the branch main, which was there before, does not exist, and the repository has no other (push main again; to begin anew, push a first commit to it)',
      alerts: ['diff Failed'],
      remembers: { health: 'Unknown', attempted: 'commit 1', incident: 'Failed' },
    },
    lost: { ends: 'absent', says: undefined, alerts: [], remembers: null },
  },
  {
    name: 'tells a branch that was rewritten, before it follows',
    before: shop([colors]),
    meets: ({ git }) =>
      git.force({ 'environments/shop.yaml': environment('shop'), 'manifests/shop/all.json': list(blue) }),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['diff Guarded, healing', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
    lost: { alerts: ['converged: 1 configured'] },
  },
];
