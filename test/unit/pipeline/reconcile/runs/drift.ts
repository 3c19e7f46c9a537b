import { expect } from 'vitest';
import { ownedPart } from '../../../../../shared/fields/owned-fields.ts';
import type { ApiResource } from '../../../../../shared/objects/cluster-api.ts';
import { applySetOf, memberMarks, partOfLabel } from '../../../../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { isMap } from '../../../../../shared/objects/exact-json.ts';
import type { World } from '../world/world.ts';
import { readied, unready } from '../world/controllers.ts';
import { configMap, deployment, hookJob, list, shop } from './files.ts';
import type { Row } from './row.ts';

const colors = configMap('colors');
const web = deployment('web');
const paint =
  (color: string, manager = 'rogue') =>
  ({ cluster }: World) => {
    cluster.edit('ConfigMap acme/colors', manager, (object) => ({ ...object, data: { color } }));
  };

/** What a person does who repairs something at night. */
const leaveAlone = (title: string, { cluster }: World): void => {
  cluster.edit(title, 'kubectl-annotate', (object) => ({
    ...object,
    metadata: {
      ...object.metadata,
      annotations: { ...object.metadata.annotations, 'converge.dev/reconcile': 'disabled' },
    },
  }));
};

function withoutLabel(object: KubernetesObject, label: string): KubernetesObject {
  const { [label]: _gone, ...labels } = object.metadata.labels ?? {};
  return { ...object, metadata: { ...object.metadata, labels } };
}

async function configMaps(cluster: World['cluster']): Promise<ApiResource> {
  const { resources } = await cluster.api();
  const resource = resources.find(({ kind }) => kind === 'ConfigMap');
  if (resource === undefined) throw new Error('no ConfigMaps');
  return resource;
}

/** Puts an object there that our manager applied for `shop`, and Git does not hold. */
async function applyMember({ cluster }: World, name: string): Promise<void> {
  const { labels, annotations } = memberMarks(
    applySetOf({ repository: 'master', environment: 'shop', namespace: 'acme' }),
  );
  const resource = await configMaps(cluster);
  const metadata = {
    name,
    namespace: 'acme',
    labels,
    annotations: { ...annotations, 'converge.dev/object': `/ConfigMap/acme/${name}` },
  };
  await cluster.apply({ resource, object: { apiVersion: 'v1', kind: 'ConfigMap', metadata }, dryRun: false });
}

const inventory = 'ConfigMap acme/converge-shop';
/** A parent that declares other kinds, with or without what converged last. */
const declaring =
  ({ kinds, revision }: { kinds: string; revision: boolean }) =>
  (parent: KubernetesObject): KubernetesObject => {
    const { 'converge.dev/revision': converged, ...annotations } = parent.metadata.annotations ?? {};
    const said: Record<string, string> =
      revision && converged !== undefined ? { 'converge.dev/revision': converged } : {};
    const declared = { ...annotations, ...said, 'applyset.kubernetes.io/contains-group-kinds': kinds };
    return { ...parent, metadata: { ...parent.metadata, annotations: declared } };
  };

/** What `paint` makes differ, as it is found a minute after it converged. */
const painted = { id: '609c08c82660a763', since: '2026-11-21T01:01:01.000Z' };

/** What differs though no commit changed it. */
export const drift: readonly Row[] = [
  {
    name: 'heals a field that somebody changed',
    before: shop([colors, web]),
    meanwhile: paint('blue'),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: [
        'diff Drifted, healing, modified ConfigMap acme/colors',
        'converged: 1 configured, 1 unchanged; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {},
  },
  {
    name: 'heals in healAfter what a person asks to be looked at',
    before: shop([colors, web], ['healAfter: 1h']),
    meanwhile: paint('blue'),
    job: { cause: 'request', by: 'Olga Ops', reason: 'now' },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: [
        'diff Drifted, healing, modified ConfigMap acme/colors',
        'converged: 1 configured, 1 unchanged; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {},
  },
  {
    name: 'undoes what a person asks to be undone, where the file asks',
    before: shop([colors, web], ['selfHeal: ask', 'diffAfter: 0s']),
    meanwhile: paint('blue'),
    async meets(world) {
      expect(await world.run({ cause: 'schedule' })).toMatchObject({ outcome: 'diverged' });
      expect((await world.memoryOf('shop')).incident).toMatchObject(painted);
      world.wait(60);
    },
    job: { cause: 'request', by: 'Olga Ops', reason: 'a mistake', revert: painted.id, since: painted.since },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured, 1 unchanged; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: {},
  },
  {
    name: 'leaves alone what a person left alone by its annotation',
    before: shop([colors, web], ['diffAfter: 0s']),
    meanwhile(world) {
      leaveAlone('ConfigMap acme/colors', world);
      paint('blue', 'kubectl-edit')(world);
    },
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs; left alone by converge.dev/reconcile: disabled (kubectl-annotate, at or before 2026-11-21T01:01:01Z), without an end',
      alerts: ['diff Drifted, modified ConfigMap acme/colors'],
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'tells that what a person left alone is not healthy',
    before: shop([web], ['timeout: 20s', 'diffAfter: 0s']),
    meanwhile(world) {
      leaveAlone('Deployment acme/web', world);
      world.cluster.edit('Deployment acme/web', 'kubectl-edit', (object) => ({
        ...object,
        spec: { ...(isMap(object['spec']) ? object['spec'] : {}), replicas: 3 },
      }));
      world.cluster.breakDown('Deployment acme/web', unready);
    },
    kept: {
      ends: 'diverged Unhealthy',
      says: 'Deployment acme/web: 1 of 3 pods are updated; left alone by converge.dev/reconcile: disabled (kubectl-annotate, at or before 2026-11-21T01:01:01Z), without an end',
      alerts: ['diff Drifted, modified Deployment acme/web', 'diff Unhealthy, unhealthy Deployment acme/web'],
      remembers: { health: 'Degraded', attempted: 'commit 1', incident: 'Unhealthy', rollout: 'over' },
    },
    lost: { remembers: { converged: 'never' } },
  },
  {
    name: 'puts right what somebody wrote over in the inventory',
    before: shop([colors, web]),
    meanwhile: ({ cluster }) => cluster.edit(inventory, 'rogue', declaring({ kinds: 'ConfigMap', revision: false })),
    kept: {
      ends: 'unchanged',
      writes: ['apply the inventory'],
      alerts: [
        'diff Drifted, healing, modified ConfigMap acme/converge-shop',
        'converged: 2 unchanged; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: {
      ends: 'converged',
      writes: ['apply the inventory (2 times)', 'apply Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 2 unchanged'],
    },
  },
  {
    name: 'takes out of the inventory what somebody added to it',
    before: shop([colors]),
    meanwhile: ({ cluster }) =>
      cluster.edit(inventory, 'rogue', declaring({ kinds: 'ConfigMap,Secret', revision: true })),
    kept: {
      ends: 'unchanged',
      writes: ['apply the inventory'],
      alerts: [
        'diff Drifted, healing, modified ConfigMap acme/converge-shop',
        'converged: 1 unchanged; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { ends: 'converged', alerts: ['converged: 1 unchanged'] },
  },
  {
    name: 'puts right in silence what a killed run left in the inventory',
    before: shop([colors, web]),
    async meanwhile({ cluster }) {
      const parent = cluster.find(inventory);
      if (parent === undefined) throw new Error('there is no inventory');
      const object = declaring({ kinds: 'ConfigMap', revision: false })(ownedPart(parent));
      await cluster.apply({ resource: await configMaps(cluster), object, dryRun: false });
    },
    kept: {
      ends: 'unchanged',
      writes: ['apply the inventory'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'puts the inventory right while a revision fails, and what was told of that stays',
    before: shop([colors]),
    async meanwhile(world) {
      world.git.add({ 'manifests/shop/all.json': list(colors, configMap('new')) });
      world.cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'is forbidden' });
      await world.run();
      await world.run();
      world.cluster.edit(inventory, 'rogue', declaring({ kinds: 'Secret', revision: true }));
    },
    job: { cause: 'schedule' },
    kept: {
      ends: 'diverged Failed',
      says: 'ConfigMap acme/new: is forbidden',
      writes: ['apply the inventory'],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/converge-shop'],
      remembers: { health: 'Unknown', attempted: 'commit 2', converged: 'commit 1', incident: 'Failed', failed: 2 },
    },
  },
  {
    name: 'leaves no orphan where the inventory was written over, and the memory is lost later',
    before: shop([colors, web]),
    async meanwhile(world) {
      world.cluster.edit(inventory, 'rogue', declaring({ kinds: 'ConfigMap', revision: false }));
      await world.run({ cause: 'schedule' });
    },
    commit: { 'manifests/shop/all.json': list(colors) },
    lost: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete Deployment acme/web', 'apply the inventory'],
      alerts: ['converged: 1 unchanged, 1 pruned'],
      remembers: { health: 'Healthy', attempted: 'commit 2' },
    },
  },
  {
    name: 'makes anew what somebody deleted',
    before: shop([colors, web]),
    meanwhile: ({ cluster }) => cluster.remove('Deployment acme/web'),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply Deployment acme/web', 'apply the inventory'],
      alerts: [
        'diff Drifted, healing, missing Deployment acme/web',
        'converged: 1 created, 1 unchanged; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['apps/Deployment/acme/web'] },
    },
    lost: { alerts: ['converged: 1 created, 1 unchanged'], remembers: { heals: undefined } },
  },
  {
    name: 'heals what somebody took the label off',
    before: shop([colors]),
    meanwhile: ({ cluster }) =>
      cluster.edit('ConfigMap acme/colors', 'rogue', (object) => withoutLabel(object, partOfLabel)),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/colors', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {},
  },
  {
    name: 'takes back a field that somebody changed, and changed back',
    before: shop([colors]),
    meanwhile(world) {
      paint('blue')(world);
      paint('red')(world);
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['diff Drifted, healing, taken-over ConfigMap acme/colors', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {},
  },
  {
    name: 'takes away what kubectl added beside the fields of Git',
    before: shop([colors]),
    meanwhile: ({ cluster }) =>
      cluster.edit('ConfigMap acme/colors', 'kubectl-edit', (object) => ({
        ...object,
        data: { color: 'red', size: 'big' },
      })),
    kept: {
      ends: 'converged',
      writes: [
        'apply the inventory',
        'take over ConfigMap acme/colors',
        'apply ConfigMap acme/colors',
        'apply the inventory',
      ],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/colors', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {},
  },
  {
    name: 'prunes what is in the inventory and no commit removed',
    before: shop([colors]),
    meanwhile: async (world) => applyMember(world, 'planted'),
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/planted', 'apply the inventory'],
      alerts: [
        'diff Drifted, healing, unexpected ConfigMap acme/planted',
        'converged: 1 unchanged, 1 pruned; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/planted'] },
    },
    lost: { alerts: ['converged: 1 unchanged, 1 pruned'], remembers: { heals: undefined } },
  },
  {
    name: 'prunes in silence what nobody else wrote, as long as a request to make it may be late',
    before: shop([colors]),
    meanwhile: async (world) => {
      await applyMember(world, 'late');
      await world.remember('shop', { lateUntil: '2026-11-21T02:00:00.000Z' });
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/late', 'apply the inventory'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { alerts: ['converged: 1 unchanged, 1 pruned'] },
  },
  {
    name: 'tells what somebody else wrote then all the same',
    before: shop([colors]),
    meanwhile: async (world) => {
      await applyMember(world, 'planted');
      world.cluster.edit('ConfigMap acme/planted', 'rogue', (object) => ({ ...object, data: { by: 'rogue' } }));
      await world.remember('shop', { lateUntil: '2026-11-21T02:00:00.000Z' });
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'delete ConfigMap acme/planted', 'apply the inventory'],
      alerts: [
        'diff Drifted, healing, unexpected ConfigMap acme/planted',
        'converged: 1 unchanged, 1 pruned; ends the incident',
      ],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/planted'] },
    },
  },
  {
    name: 'leaves drift alone where selfHeal is false, and tells it after diffAfter',
    before: shop([colors], ['selfHeal: false', 'diffAfter: 0s']),
    meanwhile: paint('blue'),
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      alerts: ['diff Drifted, modified ConfigMap acme/colors'],
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted' },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'applies a commit beside drift that it leaves alone',
    before: shop([colors], ['selfHeal: false']),
    meanwhile: paint('blue'),
    commit: { 'manifests/shop/all.json': list(colors, configMap('new')) },
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      writes: ['apply the inventory', 'apply ConfigMap acme/new'],
      remembers: { health: 'Healthy', attempted: 'commit 2', converged: 'commit 1', incident: 'Drifted' },
    },
    lost: {
      ends: 'converged',
      says: undefined,
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply ConfigMap acme/new', 'apply the inventory'],
      alerts: ['converged: 1 created, 1 configured'],
      remembers: { converged: undefined, incident: undefined },
    },
  },
  {
    name: 'leaves drift alone before healAfter, and says nothing before diffAfter',
    before: shop([colors], ['healAfter: 10m']),
    meanwhile: paint('blue'),
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted' },
    },
    lost: { remembers: { health: 'Unknown', converged: 'never' } },
  },
  {
    name: 'heals drift that has stood for healAfter',
    before: shop([colors], ['healAfter: 10m']),
    async meanwhile(world) {
      paint('blue')(world);
      await world.run();
      world.wait(600);
    },
    kept: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['diff Drifted, healing, modified ConfigMap acme/colors', 'converged: 1 configured; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      writes: [],
      alerts: [],
      remembers: { health: 'Unknown', heals: undefined, converged: 'never', incident: 'Drifted' },
    },
  },
  {
    name: 'leaves alone what the environment ignores',
    before: shop(
      [configMap('colors', { color: 'red', size: 'big' })],
      ['ignore: [{ target: { kind: ConfigMap }, paths: [/data/size] }]'],
    ),
    meanwhile: ({ cluster }) =>
      cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({
        ...object,
        data: { color: 'red', size: 'small' },
      })),
    kept: { ends: 'converged', remembers: { health: 'Healthy', attempted: 'commit 1' } },
    lost: { alerts: ['converged: 1 unchanged'] },
  },
  {
    name: 'pauses the healing of what somebody undid three times',
    before: shop([colors, web]),
    async meanwhile(world) {
      for (let undone = 0; undone < 3; undone++) {
        paint('blue')(world);
        await world.run();
        world.wait(60);
      }
      paint('blue')(world);
    },
    restless: true,
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs; healing is undone by rogue each time (healed 3 times in 10 minutes); healing pauses until 2026-11-21T01:14:04.000Z',
      alerts: ['diff Drifted, occurrence 4, modified ConfigMap acme/colors'],
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {
      ends: 'converged',
      says: undefined,
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: [
        'diff Drifted, healing, modified ConfigMap acme/colors',
        'converged: 1 configured, 1 unchanged; ends the incident',
      ],
      remembers: { incident: undefined },
    },
  },
  {
    name: 'heals once more when the pause is over, and does not believe it',
    before: shop([colors, web]),
    async meanwhile(world) {
      for (let undone = 0; undone < 4; undone++) {
        paint('blue')(world);
        await world.run();
        world.wait(60);
      }
      world.wait(600);
    },
    restless: true,
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      writes: ['apply the inventory', 'apply ConfigMap acme/colors'],
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {
      ends: 'converged',
      says: undefined,
      writes: ['apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      // It was told before that.
      alerts: ['converged: 1 configured, 1 unchanged; ends the incident'],
      remembers: { incident: undefined },
    },
  },
  {
    name: 'does not tell that it converged while a fight is on',
    before: shop([colors, web]),
    async meanwhile(world) {
      for (let undone = 0; undone < 4; undone++) {
        paint('blue', 'kubectl-edit')(world);
        await world.run();
        world.wait(60);
      }
      paint('red', 'kubectl-edit')(world);
    },
    restless: true,
    kept: {
      ends: 'converged',
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted', heals: ['/ConfigMap/acme/colors'] },
    },
  },
  {
    name: 'does not believe what it healed once more before it has stayed',
    before: shop([colors, web]),
    async meanwhile(world) {
      for (let undone = 0; undone < 4; undone++) {
        paint('blue')(world);
        await world.run();
        world.wait(60);
      }
      world.wait(600);
      await world.run();
      world.wait(60);
    },
    restless: true,
    kept: {
      ends: 'diverged Drifted',
      says: 'ConfigMap acme/colors: color differs',
      remembers: { health: 'Healthy', attempted: 'commit 1', incident: 'Drifted', heals: ['/ConfigMap/acme/colors'] },
    },
    lost: {
      ends: 'converged',
      says: undefined,
      writes: ['fence ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured, 1 unchanged; ends the incident'],
      remembers: { incident: undefined, heals: undefined },
    },
  },
  {
    name: 'ends a fight when what it healed has stayed',
    before: shop([colors, web]),
    async meanwhile(world) {
      for (let undone = 0; undone < 4; undone++) {
        paint('blue')(world);
        await world.run();
        world.wait(60);
      }
      world.wait(600);
      await world.run();
      world.wait(900);
    },
    kept: {
      ends: 'unchanged',
      alerts: ['converged: 1 configured, 1 unchanged; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: {
      ends: 'converged',
      writes: ['fence ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['converged: 1 configured, 1 unchanged; ends the incident'],
    },
  },
  {
    name: 'ends the incident of what it healed when that is healthy',
    before: shop([web]),
    async meanwhile(world) {
      world.cluster.remove('Deployment acme/web');
      world.cluster.statuses.set('Deployment acme/web', unready);
      await world.run();
      world.cluster.statuses.clear();
      world.cluster.breakDown('Deployment acme/web', readied);
    },
    kept: {
      ends: 'unchanged',
      alerts: ['converged: 1 created; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1', heals: ['apps/Deployment/acme/web'] },
    },
    lost: {
      ends: 'converged',
      writes: ['fence Deployment acme/web', 'apply the inventory'],
      // What was found stands in the lease, and is published once more: under its own id.
      alerts: ['diff Drifted, healing, missing Deployment acme/web', 'converged: 1 created; ends the incident'],
      remembers: { heals: undefined },
    },
  },
  {
    name: 'leaves a Job alone that ended and was cleaned up',
    before: shop([
      colors,
      { ...hookJob('once', ''), metadata: { name: 'once' }, spec: { ttlSecondsAfterFinished: 0 } },
    ]),
    meanwhile: ({ cluster }) => cluster.remove('Job acme/once'),
    kept: { ends: 'unchanged', remembers: { health: 'Healthy', attempted: 'commit 1' } },
    lost: {
      ends: 'converged',
      writes: ['apply the inventory', 'apply Job acme/once', 'apply the inventory'],
      alerts: ['converged: 1 created, 1 unchanged'],
    },
  },
  {
    name: 'tells once what a webhook makes of an object, and converges',
    meets: ({ cluster }) =>
      void cluster.webhooks.set('ConfigMap acme/colors', (object) => ({ ...object, data: { color: 'crimson' } })),
    commit: shop([colors]),
    lost: {
      ends: 'converged',
      writes: ['apply Namespace acme', 'apply the inventory', 'apply ConfigMap acme/colors', 'apply the inventory'],
      alerts: ['diff Drifted, mutated ConfigMap acme/colors', 'converged: 1 created; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
  },
  {
    name: 'remembers what copied its label',
    before: shop([colors]),
    meanwhile({ cluster }) {
      const { labels } = cluster.find('ConfigMap acme/colors')?.metadata ?? {};
      cluster.put({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'copy', namespace: 'acme', labels: { ...labels } },
      });
    },
    kept: {
      ends: 'unchanged',
      remembers: { health: 'Healthy', attempted: 'commit 1', unproven: ['/ConfigMap/acme/copy'] },
    },
    lost: { ends: 'converged', alerts: ['converged: 1 unchanged'] },
  },
  {
    name: 'ends the incident of drift that somebody undid',
    before: shop([colors], ['selfHeal: false', 'diffAfter: 0s']),
    async meanwhile(world) {
      paint('blue', 'kubectl-edit')(world);
      await world.run();
      world.wait(60);
      paint('red', 'kubectl-edit')(world);
    },
    kept: {
      ends: 'converged',
      alerts: ['converged: 1 unchanged; ends the incident'],
      remembers: { health: 'Healthy', attempted: 'commit 1' },
    },
    lost: { alerts: ['converged: 1 unchanged; ends the incident'] },
  },
];
