import { describe, expect, it } from 'vitest';
import { diffSchema, type Diff } from '../../../../shared/events/alert.ts';
import type { KubernetesObject } from '../../../../shared/objects/kubernetes-object.ts';
import { deployment, hookJob, list, release, shop } from './runs/files.ts';
import { failedJob, unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

const diffs = ({ published }: World): Diff[] =>
  published.flatMap(({ topic, event }) => (topic === 'diff' ? [diffSchema.parse(event.data)] : []));

const title = 'Deployment acme/web';
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'keys' },
  stringData: { password: 'hunter2hunter2' },
};

const ownedBy = ({ kind, metadata: { name = '', uid = '' } }: KubernetesObject) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid, controller: true }],
});

/** Makes the ReplicaSet and the Pod of the Deployment, as its controller does. */
function makePod({ cluster }: World, status: unknown): void {
  const made = (object: KubernetesObject): KubernetesObject => {
    cluster.put(object, 'kube-controller-manager');
    return cluster.find(`${object.kind} acme/${object.metadata.name ?? ''}`) ?? object;
  };
  const labels = { app: 'web' };
  const web = cluster.find(title);
  if (web === undefined) throw new Error(`no ${title}`);
  const replicaSet = made({
    ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet' },
    metadata: { name: 'web-7c9d', namespace: 'acme', uid: 'replica-set', labels, ...ownedBy(web) },
  });
  const metadata = { name: 'web-7c9d-x2', namespace: 'acme', uid: 'pod', labels, ...ownedBy(replicaSet) };
  made({ apiVersion: 'v1', kind: 'Pod', metadata, status });
}

/** What the kubelet or a controller says again and again. */
function warn({ cluster, ports }: World, involvedObject: Record<string, unknown>, said: Record<string, unknown>): void {
  cluster.put(
    {
      ...{ apiVersion: 'v1', kind: 'Event', metadata: { name: 'web.1', namespace: 'acme' } },
      ...{ type: 'Warning', involvedObject: { namespace: 'acme', ...involvedObject }, count: 7 },
      lastTimestamp: ports.now().toISOString(),
      ...said,
    },
    'kubelet',
  );
}

const mount = {
  reason: 'FailedMount',
  message: 'MountVolume.SetUp failed for volume "keys" : secret "keys" not found',
};
const ofPod = (world: World) => ({
  ...{ kind: 'Pod', name: 'web-7c9d-x2' },
  uid: world.cluster.find('Pod acme/web-7c9d-x2')?.metadata.uid,
});
const starting = {
  phase: 'Pending',
  containerStatuses: [{ name: 'web', state: { waiting: { reason: 'ContainerCreating' } } }],
};
const crashing = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'False' }],
  containerStatuses: [
    {
      ...{ name: 'web', ready: false, restartCount: 5 },
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'cannot log in with hunter2hunter2' } },
    },
  ],
};

/** Of a Deployment whose Pods do not come. */
async function rolledOut(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([secret, deployment('web')], ['timeout: 60s']));
  world.cluster.statuses.set(title, unready);
  await world.run();
  return world;
}

async function lookUntilTold(world: World, ports = world.ports): Promise<Diff | undefined> {
  for (let minute = 0; minute < 3; minute++) {
    world.wait(60);
    await world.run({ cause: 'schedule' }, ports);
  }
  return diffs(world)[0];
}

describe('an object that is not healthy is told', () => {
  it('with the event of its Pod that repeats, where its status says only that it is not there yet', async () => {
    const world = await rolledOut();
    makePod(world, starting);
    warn(world, ofPod(world), mount);
    const event = { object: 'Pod acme/web-7c9d-x2', ...mount, count: 7 };
    expect(await lookUntilTold(world)).toMatchObject({
      reason: 'Unhealthy',
      summary: `${title}: it is starting; FailedMount: ${mount.message}`,
      objects: [{ name: 'web', why: { object: 'Pod acme/web-7c9d-x2', reason: 'FailedMount', event } }],
    });
  });

  it('with what ended its container, and no value of a Secret that this quotes', async () => {
    const world = await rolledOut();
    makePod(world, crashing);
    warn(world, ofPod(world), { reason: 'Unhealthy', message: 'probe says hunter2hunter2' });
    const diff = await lookUntilTold(world);
    expect(diff?.objects).toMatchObject([
      {
        message: 'container web: CrashLoopBackOff: ended with exit code 3, restarted 5 times: cannot log in with ***',
        why: { object: 'Pod acme/web-7c9d-x2', container: 'web', reason: 'CrashLoopBackOff', exitCode: 3 },
      },
    ]);
    expect(diff?.objects[0]?.why?.event).toMatchObject({ reason: 'Unhealthy', message: 'probe says ***', count: 7 });
    expect(JSON.stringify(diff)).not.toContain('hunter2');
  });

  it('without an event where those may not be read', async () => {
    const world = await rolledOut();
    makePod(world, starting);
    warn(world, ofPod(world), mount);
    world.cluster.refusals.set('list Event acme', { status: 403, message: 'forbidden' });
    const diff = await lookUntilTold(world);
    expect(diff?.summary).toBe(`${title}: it is starting`);
    expect(diff?.objects[0]?.why).toBeUndefined();
  });

  it('with what ended the container of its pod, where it is the Job of a hook that failed', async () => {
    const world = createWorld();
    const labels = { job: 'before' };
    const job = hookJob('before', 'pre-install');
    world.git.add(release([{ ...job, spec: { selector: { matchLabels: labels } } }, secret]));
    world.cluster.statuses.set('Job acme/before', failedJob);
    const terminated = { exitCode: 3, reason: 'Error', message: 'no table for hunter2hunter2' };
    world.cluster.races.set('list Pod acme', () => {
      const owner = world.cluster.find('Job acme/before');
      if (owner === undefined) return;
      const metadata = { name: 'before-x2', namespace: 'acme', uid: 'pod', labels, ...ownedBy(owner) };
      const status = { phase: 'Failed', containerStatuses: [{ name: 'migrate', state: { terminated } }] };
      world.cluster.put({ apiVersion: 'v1', kind: 'Pod', metadata, status }, 'kube-controller-manager');
    });
    await world.run();
    const pod = 'a pod has failed: container migrate ended with exit code 3: no table for ***';
    expect(diffs(world)[0]).toMatchObject({
      reason: 'Failed',
      objects: [
        {
          ...{ kind: 'Job', name: 'before', change: 'failed' },
          message: `the Helm hook pre-install of release shop failed: BackoffLimitExceeded: Job has reached the specified backoff limit; ${pod}`,
          why: { object: 'Pod acme/before-x2', container: 'migrate', reason: 'Error', exitCode: 3 },
        },
      ],
    });
  });

  it('with its cause, too, where it broke by itself, and with the file that it was made of', async () => {
    const world = createWorld();
    world.git.add(shop([deployment('web')], ['timeout: 60s']));
    await world.run();
    world.wait(600);
    world.cluster.breakDown(title, unready);
    makePod(world, crashing);
    expect((await lookUntilTold(world))?.objects).toMatchObject([
      {
        message: expect.stringContaining('container web: CrashLoopBackOff: ended with exit code 3') as string,
        source: 'manifests/shop/all.json',
        why: { object: 'Pod acme/web-7c9d-x2', container: 'web', reason: 'CrashLoopBackOff', exitCode: 3 },
      },
    ]);
  });
});

describe('what Git changed for an object that is not healthy', () => {
  const secretOf = (password: string) => ({ ...secret, stringData: { password } });
  const files = (image: string, password: string) => ({
    ...shop([], ['timeout: 60s']),
    'manifests/shop/web.json': list(deployment('web', { image })),
    'manifests/shop/keys.json': list(secretOf(password)),
  });

  async function broken({ forgets = false } = {}): Promise<Diff | undefined> {
    const world = createWorld();
    world.git.add(files('shop:1', 'hunter1hunter1'));
    await world.run();
    const { revision } = (await world.memoryOf('shop')).converged ?? {};
    world.cluster.statuses.set(title, unready);
    world.git.add({ 'manifests/shop/web.json': list(deployment('web', { image: 'shop:2' })) });
    const { renderer } = world.ports;
    const forgetful = { ...renderer, kept: { ...renderer.kept, find: () => [] } };
    const ports = forgets ? { ...world.ports, renderer: forgetful } : world.ports;
    await world.run({}, ports);
    const diff = await lookUntilTold(world, ports);
    expect(diff?.objects[0]?.changed?.since).toBe(revision);
    return diff;
  }

  it('is told field by field, since the revision that converged last', async () => {
    expect((await broken())?.objects).toMatchObject([
      {
        name: 'web',
        changed: {
          inputs: ['manifests/shop/web.json'],
          fields: [{ path: '/spec/template/spec/containers[name=web]/image', before: 'shop:1', after: 'shop:2' }],
        },
      },
    ]);
  });

  it('is told by its files where the render of that revision is not kept', async () => {
    const diff = await broken({ forgets: true });
    expect(diff?.objects[0]?.changed?.inputs).toEqual(['manifests/shop/web.json']);
    expect(diff?.objects[0]?.changed).not.toHaveProperty('fields');
  });

  it('is that it is new, where that revision had none', async () => {
    const world = createWorld();
    world.git.add({ ...shop([], ['timeout: 60s']), 'manifests/shop/keys.json': list(secret) });
    await world.run();
    world.cluster.statuses.set(title, unready);
    world.git.add({ 'manifests/shop/web.json': list(deployment('web')) });
    await world.run();
    const changed = (await lookUntilTold(world))?.objects[0]?.changed;
    expect(changed).toMatchObject({ inputs: ['manifests/shop/web.json'], added: true });
    expect(changed).not.toHaveProperty('fields');
  });

  it('is nothing where Git changed others only', async () => {
    const world = createWorld();
    world.git.add(files('shop:1', 'hunter1hunter1'));
    await world.run();
    world.cluster.breakDown(title, unready);
    world.git.add({ 'manifests/shop/keys.json': list(secretOf('hunter2hunter2')) });
    await world.run();
    expect((await lookUntilTold(world))?.objects).toMatchObject([{ name: 'web', changed: { inputs: [], fields: [] } }]);
  });

  it('is not told where it never converged', async () => {
    const diff = await lookUntilTold(await rolledOut());
    expect(diff?.objects).toHaveLength(1);
    expect(diff?.objects[0]).not.toHaveProperty('changed');
  });

  it('shows no value of a Secret', async () => {
    const world = createWorld();
    world.git.add(files('shop:1', 'hunter1hunter1'));
    await world.run();
    world.cluster.refusals.set('apply Secret acme/keys', { status: 422, message: 'is invalid' });
    world.git.add({ 'manifests/shop/keys.json': list(secretOf('hunter2hunter2')) });
    world.wait(60);
    await world.run();
    const [diff] = diffs(world);
    expect(diff?.objects[0]?.changed?.fields).toEqual([{ path: '/data/password', before: '***', after: '***' }]);
    expect(JSON.stringify(diff)).not.toContain('hunter');
  });
});
