import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config/config.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { inspect } from '../../../shared/pipeline/inspect.ts';
import {
  questionParameters,
  readQuestion,
  type ClassQuestion,
  type Question,
} from '../../../shared/pipeline/inspect/question.ts';
import {
  diffAnswerSchema,
  eventsAnswerSchema,
  objectsAnswerSchema,
  whyAnswerSchema,
} from '../../../shared/pipeline/inspect/answers.ts';
import { hidesOf, openlyOf } from '../../../shared/pipeline/inspect/hides.ts';
import { readKnownSecrets } from '../../../shared/pipeline/inspect/known-secrets.ts';
import { openInspection } from '../../../shared/pipeline/inspect/open-inspection.ts';
import { readOnlyClusters } from '../../../shared/pipeline/inspect/read-only.ts';
import { configMap, deployment, shop, type Declared } from './reconcile/runs/files.ts';
import { unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const limits = configSchema.shape.limits.parse({});
const older = 'an-older-password';
const [password, encoded] = ['hunter2hunter2', Buffer.from('correct horse battery').toString('base64')];
const secret = {
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' } },
  ...{ stringData: { password }, data: { phrase: encoded } },
};

async function ask(world: World, question: Question, environment = 'shop'): Promise<unknown> {
  // Nobody has written a note here.
  const git = { ...world.ports.repository('master'), fetchRef: async () => undefined };
  return await inspect(
    { repository: 'master', environment, limits, question, repositories: { master: {} }, shownTo: () => [] },
    { ...world.ports, repository: () => git },
  );
}
const objectsOf = async (world: World, tree = false) =>
  objectsAnswerSchema.parse(await ask(world, { asks: 'objects', tree }));
const diffOf = async (world: World) => diffAnswerSchema.parse(await ask(world, { asks: 'diff' }));
const eventsOf = async (world: World, since?: string) =>
  eventsAnswerSchema.parse(await ask(world, { asks: 'events', since }));
const whyOf = async (world: World, kind: string, name: string) =>
  whyAnswerSchema.parse(await ask(world, { asks: 'why', kind, name, namespace: undefined }));

async function converged(objects: readonly Declared[], spec: readonly string[] = []): Promise<World> {
  const world = createWorld();
  world.git.add(shop(objects, spec));
  await world.run();
  world.wait(60);
  await world.run({ cause: 'schedule' });
  return world;
}

const ownedBy = ({ apiVersion, kind, metadata: { name = '', uid = '' } }: KubernetesObject) => ({
  ownerReferences: [{ apiVersion, kind, name, uid, controller: true }],
});

/** Makes the ReplicaSet and the Pod of the Deployment, as its controller does, and an event of the Pod. */
function makePod({ cluster, ports }: World, { message }: { message: string }): void {
  const found = (title: string): KubernetesObject => {
    const object = cluster.find(title);
    if (object === undefined) throw new Error(`no ${title}`);
    return object;
  };
  const make = (kind: string, name: string, of: KubernetesObject, status: object): KubernetesObject => {
    const metadata = { name, namespace: 'acme', labels: { app: 'web' }, ...ownedBy(of) };
    const apiVersion = kind === 'Pod' ? 'v1' : 'apps/v1';
    cluster.put({ apiVersion, kind, metadata, status }, 'kube-controller-manager');
    return found(`${kind} acme/${name}`);
  };
  const replicaSet = make('ReplicaSet', 'web-7c9d', found('Deployment acme/web'), {});
  const pod = make('Pod', 'web-7c9d-x2', replicaSet, { phase: 'Pending' });
  for (const [name, type, of] of [
    ['web.1', 'Warning', pod.metadata.uid],
    ['web.2', 'Normal', 'somebody else'],
  ] as const)
    cluster.put(
      {
        ...{ apiVersion: 'v1', kind: 'Event', metadata: { name, namespace: 'acme' }, type, count: 7 },
        involvedObject: { kind: 'Pod', namespace: 'acme', name: 'web-7c9d-x2', uid: of },
        ...{ reason: 'FailedMount', message, lastTimestamp: ports.now().toISOString() },
        source: { component: 'kubelet' },
      },
      'kubelet',
    );
}

describe('the objects of an environment', () => {
  it('are told with health, times and source', async () => {
    const world = await converged([configMap('a', { v: '1' }), deployment('web')]);
    world.wait(60);
    world.cluster.edit('ConfigMap acme/a', 'kubectl-edit', (object) => ({ ...object, data: { v: '2' } }));
    const { objects, unread, cluster } = await objectsOf(world);
    expect({ unread, cluster }).toEqual({ unread: [], cluster: 'sandbox' });
    expect(objects).toMatchObject([
      {
        ...{ kind: 'ConfigMap', name: 'a', namespace: 'acme', depth: 0, owner: null, health: { state: 'Healthy' } },
        changed: { by: 'kubectl-edit', at: world.ports.now().toISOString().replace('.000Z', 'Z') },
        lastAppliedAt: '2026-11-21T01:00:00Z',
      },
      { kind: 'Deployment', name: 'web', changed: { by: 'converge' }, source: expect.stringContaining('manifests/') },
    ]);
  });

  it('are a tree down to the Pods, where that is asked for', async () => {
    const world = await converged([configMap('a'), deployment('web')]);
    makePod(world, { message: 'no' });
    const rows = async (tree: boolean) =>
      (await objectsOf(world, tree)).objects.map(({ depth, kind, owner }) => [depth, kind, owner]);
    expect(await rows(true)).toEqual([
      [0, 'ConfigMap', null],
      [0, 'Deployment', null],
      [1, 'ReplicaSet', 'Deployment acme/web'],
      [2, 'Pod', 'ReplicaSet acme/web-7c9d'],
    ]);
    expect(await rows(false)).toHaveLength(2);
  });

  it('are told with what could not be read, which is never taken for absent', async () => {
    const world = await converged([deployment('web')]);
    world.cluster.refusals.set('list Pod acme', { status: 403, message: 'pods is forbidden' });
    const { unread, objects } = await objectsOf(world, true);
    expect(unread).toMatchObject([{ what: 'pods of namespace acme', message: expect.stringContaining('forbidden') }]);
    expect(objects).toHaveLength(1);
    world.cluster.refusals.set('list Deployment acme', { status: 403, message: 'deployments is forbidden' });
    await expect(objectsOf(world)).rejects.toMatchObject({ message: expect.stringContaining('forbidden') });
  });

  it('are nobody’s where no file declares it, where its head is not signed as is wanted, or its file is wrong', async () => {
    const world = await converged([configMap('a')]);
    await expect(ask(world, { asks: 'diff' }, 'nobody')).rejects.toMatchObject({ code: 'NotFound' });
    world.trust.root = { allowedSigners: '', openpgpKeys: undefined };
    await expect(ask(world, { asks: 'diff' })).rejects.toMatchObject({ code: 'UntrustedRevision' });
    world.trust.root = undefined;
    world.git.add({ 'environments/shop.yaml': 'kind: Environment' });
    await expect(objectsOf(world)).rejects.toMatchObject({ code: 'InvalidEnvironment' });
  });
});

describe('what differs', () => {
  it('is nothing where nothing does', async () => {
    const world = await converged([configMap('a'), deployment('web'), secret]);
    expect(await diffOf(world)).toMatchObject({ objects: [], unread: [] });
  });

  it('is told field by field, with who and when, of what somebody changed', async () => {
    const world = await converged([configMap('a', { v: '1' }), configMap('b')]);
    world.wait(60);
    world.cluster.edit('ConfigMap acme/a', 'kubectl-edit', (object) => ({ ...object, data: { v: '2' } }));
    world.cluster.remove('ConfigMap acme/b');
    const { objects } = await diffOf(world);
    expect(objects).toMatchObject([
      {
        ...{ name: 'a', change: 'modified', by: 'cluster' },
        fields: [
          {
            ...{ path: '/data/v', desired: '1', observed: '2', manager: 'kubectl-edit' },
            changedBefore: world.ports.now().toISOString().replace('.000Z', 'Z'),
          },
        ],
      },
      { name: 'b', change: 'missing', by: 'cluster' },
    ]);
  });

  it('is told apart from what Git changed and no run has applied yet', async () => {
    const world = await converged([configMap('a', { v: '1' }), configMap('b')]);
    world.git.add(shop([configMap('a', { v: '2' }), configMap('c')]));
    const { objects } = await diffOf(world);
    expect(objects.map(({ name, change, by, fields }) => [name, change, by, fields.length])).toEqual([
      ['a', 'modified', 'commit', 1],
      ['b', 'unexpected', 'commit', 0],
      ['c', 'missing', 'commit', 0],
    ]);
  });

  it('is not known where the API server refuses the dry run, and said to be so', async () => {
    const world = await converged([configMap('a', { v: '1' }), secret]);
    world.cluster.edit('Secret acme/keys', 'kubectl-edit', (object) => ({ ...object, data: { password: 'b3RoZXI=' } }));
    world.cluster.refusals.set('dry-run Secret acme/keys', {
      ...{ status: 400, message: `admission webhook says no to ${password}` },
    });
    const { objects, unread } = await diffOf(world);
    expect(objects).toEqual([]);
    expect(unread).toMatchObject([{ what: 'Secret acme/keys', message: expect.stringContaining('says no to ***') }]);
  });

  it('is compared in whole where the memory is lost', async () => {
    const world = await converged([configMap('a', { v: '1' })]);
    await world.forget('shop');
    world.cluster.edit('ConfigMap acme/a', 'kubectl-edit', (object) => ({ ...object, data: { v: '2' } }));
    expect((await diffOf(world)).objects).toMatchObject([{ name: 'a', fields: [{ observed: '2' }], by: 'cluster' }]);
  });
});

describe('the events of an environment', () => {
  it('are those of its objects and of their Pods, since a time', async () => {
    const world = await converged([deployment('web')]);
    makePod(world, { message: 'no volume' });
    expect((await eventsOf(world)).events).toMatchObject([
      { object: 'Pod acme/web-7c9d-x2', type: 'Warning', reason: 'FailedMount', count: 7, from: 'kubelet' },
    ]);
    const later = new Date(world.ports.now().getTime() + 1000).toISOString();
    expect((await eventsOf(world, later)).events).toEqual([]);
  });

  it('are said not to be known where they may not be read', async () => {
    const world = await converged([deployment('web')]);
    world.cluster.refusals.set('list Event acme', { status: 403, message: 'events is forbidden' });
    expect((await eventsOf(world)).unread).toMatchObject([{ what: 'events of namespace acme' }]);
  });
});

describe('why an object is as it is', () => {
  it('is told with its first cause, its events and the commit that changed it last', async () => {
    const world = createWorld();
    world.git.add(shop([deployment('web')], ['timeout: 60s']));
    world.cluster.statuses.set('Deployment acme/web', unready);
    await world.run();
    makePod(world, { message: 'secret "keys" not found' });
    const { objects, waitsFor } = await whyOf(world, 'deploy', 'web');
    expect(objects).toMatchObject([
      {
        ...{ kind: 'Deployment', name: 'web', health: { state: 'Progressing' } },
        why: { object: 'Pod acme/web-7c9d-x2', reason: 'FailedMount' },
        events: [{ reason: 'FailedMount' }],
      },
    ]);
    expect(waitsFor.join()).toContain('web');
    expect((await whyOf(world, 'pod', 'web-7c9d-x2')).objects).toMatchObject([{ kind: 'Pod', inputs: [] }]);
    await expect(whyOf(world, 'deployment', 'other')).rejects.toMatchObject({ code: 'BadRequest' });
  });

  it('is told with what its environment waits for', async () => {
    const world = await converged([configMap('a')]);
    expect((await whyOf(world, 'cm', 'a')).waitsFor).toEqual([]);
    world.git.add(shop([configMap('a')], ['suspend: true']));
    expect((await whyOf(world, 'cm', 'a')).waitsFor).toMatchObject([expect.stringContaining('spec.suspend')]);
    world.git.add(shop([configMap('a')], ['suspendUntil: 2126-11-30T06:00:00Z', 'suspendReason: moves']));
    expect((await whyOf(world, 'cm', 'a')).waitsFor).toMatchObject([
      'spec.suspendUntil is set in its file (suspendUntil: 2126-11-30T06:00:00Z (moves)): nothing is applied or healed until then, or until it is taken out',
    ]);
    world.git.add(shop([configMap('a', { v: '2' })]));
    expect((await whyOf(world, 'cm', 'a')).waitsFor.join()).toContain('no run has attempted');
  });
});

describe('an object that a person leaves alone', () => {
  async function leftAlone(): Promise<World> {
    const world = await converged([configMap('a'), configMap('b')]);
    world.cluster.edit('ConfigMap acme/a', 'kubectl-annotate', (object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        annotations: { ...object.metadata.annotations, 'converge.dev/reconcile': 'disabled' },
      },
    }));
    return world;
  }

  it('is shown with who did that, and differs by nothing of that', async () => {
    const world = await leftAlone();
    expect((await objectsOf(world)).objects.map(({ name, suspended }) => [name, suspended?.by])).toEqual([
      ['a', 'kubectl-annotate'],
      ['b', undefined],
    ]);
    expect((await diffOf(world)).objects).toEqual([]);
  });

  it('differs by what somebody or a commit changed, and says that it is left alone', async () => {
    const world = await leftAlone();
    world.git.add(shop([configMap('a', { color: 'green' })]));
    const { objects } = await diffOf(world);
    expect(objects).toMatchObject([
      { name: 'a', change: 'modified', by: 'commit', fields: [{ path: '/data/color' }], suspended: { in: 'cluster' } },
      { name: 'b', change: 'unexpected', by: 'commit' },
    ]);
    expect(objects[0]?.message).toContain('; left alone by converge.dev/reconcile: disabled (kubectl-annotate');
    world.cluster.remove('ConfigMap acme/a');
    expect((await diffOf(world)).objects[0]?.suspended).toBeUndefined();
  });

  it('that Git leaves alone and is not there is missing', async () => {
    const world = await converged([configMap('b')]);
    const annotations = { 'converge.dev/reconcile': 'disabled' };
    world.git.add(shop([configMap('a', {}, { annotations }), configMap('b')]));
    expect((await diffOf(world)).objects).toMatchObject([{ name: 'a', change: 'missing', suspended: { in: 'Git' } }]);
  });
});

describe('whoever inspects', () => {
  /** A value of a Secret at each place where one may stand. */
  async function planted(): Promise<World> {
    const web = (value: string) => {
      const containers = [{ name: 'web', image: 'shop:1', env: [{ name: 'PASSWORD', value }] }];
      const template = { metadata: { labels: { app: 'web' } }, spec: { containers } };
      return { ...deployment('web'), spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template } };
    };
    const world = await converged([secret, configMap('a', { v: '1' }), web('none')]);
    world.cluster.edit('Deployment acme/web', 'kubectl-edit', (object) => ({ ...object, spec: web(encoded).spec }));
    world.cluster.edit('Secret acme/keys', 'kubectl-edit', (object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        annotations: {
          ...object.metadata.annotations,
          'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify({
            ...secret,
            stringData: { password: older },
          }),
        },
        managedFields: object.metadata.managedFields,
      },
      data: { password: 'c29tZXRoaW5nIGVsc2U=', phrase: 'c29tZXRoaW5nIGVsc2U=' },
      stringData: { password: 'something else' },
    }));
    world.cluster.edit('ConfigMap acme/a', 'kubectl-edit', (object) => ({
      ...object,
      data: { v: `copied ${password}` },
      metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, note: encoded } },
    }));
    world.cluster.breakDown('Deployment acme/web', () => ({
      conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: password }],
    }));
    makePod(world, { message: `cannot log in with ${password} nor with correct horse battery, nor with ${older}` });
    return world;
  }

  it('is told no value of a Secret by any answer', async () => {
    const world = await planted();
    const answers = [
      await objectsOf(world, true),
      await diffOf(world),
      await eventsOf(world),
      await whyOf(world, 'secret', 'keys'),
      await whyOf(world, 'deployment', 'web'),
      await whyOf(world, 'pod', 'web-7c9d-x2'),
    ];
    const told = JSON.stringify(answers);
    for (const value of [password, encoded, older, 'correct horse', 'c29tZXRoaW5nIGVsc2U', 'something else'])
      expect(told).not.toContain(value);
    const diff = await diffOf(world);
    expect(diff.objects.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Deployment', 'Secret']);
    expect(diff.objects[0]?.fields).toMatchObject([{ path: '/data/v', observed: 'copied ***' }]);
    expect(JSON.stringify(diff.objects[1]?.fields)).toContain('***');
    expect(JSON.stringify(await eventsOf(world))).toContain('cannot log in with ***');
  });

  it('is told none of a Secret that others made in its namespaces, nor one that Git has changed since', async () => {
    const { made, rotated } = { made: 'made-by-a-controller', rotated: 'rotated-a-moment-ago' };
    const world = await converged([{ ...secret, stringData: { password: rotated } }, configMap('a', { v: '1' })]);
    world.cluster.put(
      {
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'made', namespace: 'acme' } },
        data: { token: Buffer.from(made).toString('base64'), file: Buffer.from(`a\n${made}2\n`).toString('base64') },
      },
      'external-secrets',
    );
    world.git.add(shop([secret, configMap('a', { v: '1' })]));
    world.cluster.edit('Secret acme/keys', 'external-secrets', (object) => ({ ...object, data: {}, stringData: {} }));
    world.cluster.edit('ConfigMap acme/a', 'kubectl-edit', (object) => ({
      ...object,
      data: { v: `${made} ${rotated} ${made}2` },
    }));
    const diff = await diffOf(world);
    expect(diff).toMatchObject({ unhidden: [] });
    expect(JSON.stringify(diff)).toContain('*** *** ***');
  });

  it('is told that the values of Secrets are not hidden which its environment may not read', async () => {
    const world = await converged([configMap('a', { v: '1' })]);
    world.cluster.edit('ConfigMap acme/a', 'kubectl-edit', (object) => ({ ...object, data: { v: '2' } }));
    world.cluster.refusals.set('list Secret acme', { status: 403, message: 'secrets is forbidden' });
    expect(await diffOf(world)).toMatchObject({
      ...{ unread: [], objects: [{ name: 'a' }] },
      unhidden: [{ what: 'secrets of namespace acme', message: expect.stringContaining('secrets is forbidden') }],
    });
  });

  it('is told none by what it answers in place of an answer', async () => {
    const world = await converged([secret, configMap('a')]);
    await expect(ask(world, { asks: 'why', kind: 'cm', name: password, namespace: undefined })).rejects.toMatchObject({
      ...{ code: 'BadRequest', subject: 'cm/***', message: expect.not.stringContaining(password) },
    });
  });

  it('is told none at any place of an answer, whatever key is new there', async () => {
    const world = await converged([secret, configMap('a', { v: '1' }), deployment('web')]);
    const inspection = await openInspection(
      { repository: 'master', environment: 'shop', limits },
      { ...world.ports, repository: () => ({ ...world.ports.repository('master'), fetchRef: async () => undefined }) },
    );
    const hides = hidesOf(await readKnownSecrets(inspection, undefined), openlyOf(inspection));
    const answers = [
      await objectsOf(world, true),
      await diffOf(world),
      await eventsOf(world),
      await whyOf(world, 'secret', 'keys'),
      { aKeyThatNobodyThoughtOf: [{ below: { it: '' } }], desired: { kind: '' }, path: '/data/a~1b', text: '' },
    ];
    const plant = (value: unknown): unknown => {
      if (typeof value === 'string') return `${value} ${password}`;
      if (Array.isArray(value)) return [...value.map(plant), `${password}`];
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plant(child)]));
    };
    for (const answer of answers) {
      expect(JSON.stringify(hides.answer({ answer: plant(answer) }))).not.toContain(password);
      expect(hides.answer({ answer })).toEqual({ answer });
    }
  });

  it('is told names, kinds and states as they are, though a Secret holds the same words', async () => {
    const words = { user: 'shop-database', kind: 'Deployment', state: 'Progressing', by: 'cluster', short: 'acme' };
    const named = { ...secret, stringData: { ...words, part: 'database' } };
    const world = await converged([named, configMap('shop-database', { v: '1' }), deployment('web')]);
    world.cluster.edit('ConfigMap acme/shop-database', 'kubectl-edit', (object) => ({
      ...object,
      data: { v: 'the database' },
    }));
    expect(await objectsOf(world, true)).toMatchObject({
      ...{ environment: 'shop', unread: [] },
      objects: [
        { kind: 'ConfigMap', name: 'shop-database', namespace: 'acme' },
        { kind: 'Secret' },
        { kind: 'Deployment', name: 'web', health: { state: 'Healthy' } },
      ],
    });
    expect((await diffOf(world)).objects).toMatchObject([
      { name: 'shop-database', by: 'cluster', change: 'modified', fields: [{ path: '/data/v', observed: 'the ***' }] },
    ]);
  });

  it('writes nothing to the cluster or the state, publishes nothing, and takes no lease', async () => {
    const world = await planted();
    const [writes, published] = [world.cluster.writes.length, world.published.length];
    const before = JSON.stringify([...world.state]);
    const all = JSON.stringify(world.cluster.all());
    await objectsOf(world, true);
    await diffOf(world);
    await eventsOf(world);
    await whyOf(world, 'deployment', 'web');
    expect(world.cluster.writes.slice(writes).filter((call) => !call.startsWith('dry-run '))).toEqual([]);
    expect(JSON.stringify([...world.state])).toBe(before);
    expect(world.published).toHaveLength(published);
    expect(JSON.stringify(world.cluster.all())).toBe(all);
  });

  it('could write nothing', async () => {
    const world = createWorld();
    const cluster = await readOnlyClusters(world.ports.cluster)({
      ...{ name: 'sandbox', repository: 'master', environment: 'shop' },
    });
    const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'acme' } };
    const target = { resource, namespace: 'acme', name: 'a', uid: 'u', resourceVersion: '1' };
    await expect(cluster.apply({ resource, object, dryRun: false })).rejects.toThrow('applies nothing');
    await expect(cluster.delete(target)).rejects.toThrow('deletes nothing');
    await expect(cluster.delete({ ...target, dryRun: false })).rejects.toThrow('deletes nothing');
    await expect(cluster.delete({ ...target, dryRun: true })).resolves.toEqual({ outcome: 'absent' });
    await expect(cluster.writeManagedFields({ ...target, managedFields: [] })).rejects.toThrow('writes no managed');
    expect(world.cluster.writes).toEqual([]);
  });
});

describe('a call', () => {
  const now = new Date('2026-11-21T01:00:00Z');
  const { objects, diff, events, why, plan, plans } = questionParameters;
  const read: Readonly<Record<string, (query: object) => Question | ClassQuestion>> = {
    objects: (query) => readQuestion.objects(objects.parse(query), now),
    diff: (query) => readQuestion.diff(diff.parse(query), now),
    events: (query) => readQuestion.events(events.parse(query), now),
    why: (query) => readQuestion.why(why.parse(query), now),
    plan: (query) => readQuestion.plan(plan.parse(query), now),
    plans: (query) => readQuestion.plans(plans.parse(query), now),
  };

  it.each([
    ['objects', {}, { asks: 'objects', tree: false }],
    ['objects', { tree: 'true' }, { asks: 'objects', tree: true }],
    ['diff', {}, { asks: 'diff' }],
    ['plan', {}, { asks: 'plan', revision: undefined }],
    ['plan', { revision: 'feature/a' }, { asks: 'plan', revision: 'feature/a' }],
    ['plans', {}, { asks: 'plans', revision: undefined }],
    ['plans', { revision: 'v1' }, { asks: 'plans', revision: 'v1' }],
    ['plan', { pr: '7' }, { asks: 'plan', revision: undefined, pr: 7 }],
    ['plans', { pr: '7' }, { asks: 'plans', revision: undefined, pr: 7 }],
    ['events', {}, { asks: 'events', since: undefined }],
    ['events', { since: '1h' }, { asks: 'events', since: '2026-11-21T00:00:00.000Z' }],
    ['events', { since: '2026-11-20T23:00:00Z' }, { asks: 'events', since: '2026-11-20T23:00:00.000Z' }],
    ['why', { object: 'deploy/web' }, { asks: 'why', kind: 'deploy', name: 'web', namespace: undefined }],
    ['why', { object: 'a/b', namespace: 'c' }, { asks: 'why', kind: 'a', name: 'b', namespace: 'c' }],
  ])('for %s with %o is understood', (what, query, question) => {
    expect(read[what]?.(query)).toEqual(question);
  });

  it.each([
    ['objects', { tree: 'yes' }],
    ['objects', { since: '1h' }],
    ['events', { since: 'yesterday' }],
    ['events', { since: '99999999999d' }],
    ['why', {}],
    ['why', { object: 'web' }],
    ['why', { object: 'a/b/c' }],
    ['plan', { revision: '../main' }],
    ['plan', { revision: '--upload-pack=x' }],
    ['plan', { tree: 'true' }],
    ['plans', { revision: 'a b' }],
    ['plans', { class: 'staging' }],
  ])('for %s with %o is refused', (what, query) => {
    expect(() => read[what]?.(query)).toThrow(/./);
  });
});
