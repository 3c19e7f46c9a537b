import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertsOf } from './alerts.ts';
import { stateOf } from './state.ts';
import { deployment, environmentFile, eventually, lookUntil, startWorld, type Clone, type World } from './world.ts';

let world: World;
let master: Clone;
const { convergedAt } = alertsOf(() => world);
const { memoryOf, statusOf } = stateOf(() => world);

beforeAll(async () => {
  world = await startWorld();
  master = await world.clone();
});
afterAll(async () => {
  await world.stop();
});

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: tariffs.family.example }
spec:
  group: family.example
  scope: Namespaced
  names: { kind: Tariff, plural: tariffs }
  versions: [{ name: v1, served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }]
`;
const tariff = 'apiVersion: family.example/v1\nkind: Tariff\nmetadata: { name: home }\nspec: { premium: 12 }\n';
const health = [
  {
    target: { group: 'family.example', kind: 'Tariff' },
    healthy: "status.phase == 'Published'",
    degraded: "status.phase == 'Refused'",
  },
];

async function publish(phase: string, message: string): Promise<void> {
  await world.kubectl(
    'patch',
    'tariff',
    'home',
    '--namespace',
    'pricing',
    '--subresource=status',
    '--type=merge',
    '--patch',
    JSON.stringify({ status: { phase, message } }),
  );
}

describe('a health expression of the environment file', () => {
  it('holds the environment until it is true, and tells when another is', async () => {
    const commit = await master.push({
      'environments/pricing.yaml': environmentFile('pricing', { health }),
      'manifests/pricing/definition.yaml': definition,
      'manifests/pricing/tariff.yaml': tariff,
    });
    await eventually(
      'the tariff is there',
      async () =>
        (await world
          .kubectl('get', 'tariff', 'home', '--namespace', 'pricing', '--ignore-not-found')
          .catch(() => '')) !== '',
    );
    expect(world.converged).toEqual([]);
    await publish('Published', 'all offices have it');
    const told = await eventually('it converged', () =>
      world.converged.find(({ revision }) => revision.endsWith(commit)),
    );
    expect(told).toMatchObject({ environment: 'pricing' });

    await publish('Refused', 'the premium is too low');
    const diff = await lookUntil(world, 'it is told', () => world.diffs.find(({ reason }) => reason === 'Unhealthy'));
    expect(diff).toMatchObject({ environment: 'pricing', summary: 'Tariff pricing/home: the premium is too low' });
    await publish('Published', 'all offices have it');
    await lookUntil(
      world,
      'it converged again',
      () => world.converged.filter(({ environment }) => environment === 'pricing').length === 2,
    );
  });

  it('that does not compile is refused with the upload, naming line and key', async () => {
    await world.upload(
      'environments/broken.yaml',
      environmentFile('broken', { health: [{ target: { kind: 'Tariff' }, healthy: 'status.phase ==' }] }),
    );
    const letter = await eventually('it is refused', () =>
      world.deadLetters.find(({ reason }) => reason === 'InvalidEnvironment'),
    );
    expect(JSON.stringify(letter)).toContain(
      'spec.health.0.healthy: is no CEL expression that can be used: Unexpected token: EOF',
    );
  });
});

const waitsFor = `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: patient }
provisioner: example.com/disk
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: backup }
spec: { storageClassName: patient, accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec: { ingressClassName: nobody, defaultBackend: { service: { name: shop, port: { number: 80 } } } }
---
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { type: LoadBalancer, loadBalancerClass: example.com/nobody, selector: { app: shop }, ports: [{ port: 80 }] }
`;

describe('what may never come', () => {
  it('holds no roll-out, takes nothing back, is told by no alert and is shown', async () => {
    const rollback = { onFailure: 'revert' };
    const first = await master.push({
      'environments/open.yaml': environmentFile('open', { timeout: '8s', rollback }),
      'manifests/open/a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n',
    });
    await convergedAt('open', first);
    const commit = await master.push({ 'manifests/open/b.yaml': waitsFor });
    const told = await convergedAt('open', commit);
    expect(told.changes).toMatchObject({ created: 4, configured: 0, unchanged: 1 });
    await world.checkDrift();
    expect((await memoryOf('open')).health).toBe('Progressing');
    expect(await statusOf('open')).toMatchObject({
      state: 'Converged',
      health: 'Progressing',
      message: expect.stringMatching(/^not waited for: .*, and 2 more objects$/),
    });
    expect(world.diffs.filter(({ environment }) => environment === 'open')).toEqual([]);
  });
});

describe('an unhealthy environment that is healed', () => {
  it('has the time of a roll-out from then on, before it is unhealthy again', async () => {
    const seconds = 6;
    await master.push({
      'environments/healed.yaml': environmentFile('healed', { timeout: `${seconds}s` }),
      'manifests/healed/web.yaml': deployment('web', 'shop:1', { nodeSelector: { no: 'such-node' } }),
    });
    const told = () => world.diffs.filter(({ environment }) => environment === 'healed').map(({ reason }) => reason);
    await eventually('it is unhealthy', () => told().length === 1);
    const { rollout } = await memoryOf('healed');
    const deletedAt = Date.now();
    await world.kubectl('delete', 'deployment', 'web', '--namespace', 'healed');
    await world.checkDrift();
    await eventually('it is unhealthy again', async () => {
      const memory = await memoryOf('healed');
      if (memory.rollout?.since === rollout?.since) await world.checkDrift();
      return memory.rollout?.since !== rollout?.since && memory.health === 'Degraded';
    });
    // An alert leaves after the memory that says it.
    await eventually('the drift is told', () => told().length > 1);
    await world.allHeard();
    // The incident is still the same, and is told once.
    expect(told()).toEqual(['Unhealthy', 'Drifted']);
    const { since = '', until = '' } = (await memoryOf('healed')).rollout ?? {};
    expect(Date.parse(since)).toBeGreaterThanOrEqual(deletedAt);
    expect(Date.parse(until)).toBeGreaterThanOrEqual(Date.parse(since) + seconds * 1000);
  });
});
