import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { configSchema } from '../../../shared/config/config.ts';
import { freezeSchema } from '../../../shared/config/freeze.ts';
import { planAnswerSchema, type PlanAnswer } from '../../../shared/pipeline/inspect/answers.ts';
import { inspect } from '../../../shared/pipeline/inspect.ts';
import type { PlannedTree } from '../../../shared/pipeline/inspect/question.ts';
import { folderSchema, mostFolderBytes, mostFolderFiles } from '../../../shared/pipeline/inspect/planned-folder.ts';
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
} from './reconcile/runs/files.ts';
import type { Changes } from './reconcile/world/repository.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const limits = configSchema.shape.limits.parse({});

async function plan(world: World, revision?: string, of = 'shop'): Promise<PlanAnswer> {
  return await planTree(world, { revision }, of);
}

async function planTree(world: World, tree: PlannedTree, of = 'shop'): Promise<PlanAnswer> {
  return planAnswerSchema.parse(
    await inspect(
      {
        repository: 'master',
        environment: of,
        limits,
        freeze: world.freeze,
        question: { asks: 'plan', ...tree },
        repositories: { master: {} },
        shownTo: () => [],
      },
      world.ports,
    ),
  );
}

/** A commit of another branch, on top of this one. */
async function commitOf(world: World, changes: Changes): Promise<string> {
  const parent = await world.git.head();
  const made = await world.git.commit({
    ...{ parent, message: 'Propose' },
    changes: Object.entries(changes).map(([path, text]) => ({
      ...{ path, executable: false },
      content: text === null ? undefined : Buffer.from(text),
    })),
  });
  if (made === 'unchanged') throw new Error('the commit changes nothing');
  world.git.refs.set('refs/heads/proposal', made.id);
  return made.id;
}

async function planOf(world: World, changes: Changes): Promise<PlanAnswer> {
  return await plan(world, await commitOf(world, changes));
}

async function converged(changes: Changes): Promise<World> {
  const world = createWorld();
  world.git.add(changes);
  await world.run();
  world.wait(60);
  await world.run({ cause: 'schedule' });
  return world;
}
const shown = ({ objects }: PlanAnswer) =>
  objects.map(({ action, kind, name, verdict }) => [action, kind, name, verdict]);

describe('the plan of a commit', () => {
  it('is nothing where the commit changes nothing', async () => {
    const world = await converged(shop([configMap('a'), deployment('web')]));
    expect(await plan(world)).toMatchObject({ outcome: 'planned', objects: [], unchanged: 2, wouldChange: false });
    const other = await planOf(world, { 'README.md': 'hello' });
    expect(other).toMatchObject({ objects: [], wouldChange: false, revision: expect.stringContaining('commit@sha1:') });
  });

  it('is nothing where the API server would store what it has, whatever Git says', async () => {
    const world = createWorld();
    world.cluster.webhooks.set('ConfigMap acme/a', (object) => ({ ...object, data: { v: 'rewritten' } }));
    world.git.add(shop([configMap('a', { v: '1' })]));
    await world.run();
    world.wait(60);
    const planned = await planOf(world, shop([configMap('a', { v: '2' })]));
    expect(planned).toMatchObject({ objects: [], unchanged: 1, wouldChange: false });
  });

  it('tells what is made, changed by field, and pruned, and which Pods restart', async () => {
    const world = await converged(shop([configMap('a', { v: '1' }), configMap('b'), deployment('web')]));
    const writes = world.cluster.writes.length;
    const state = JSON.stringify([...world.state]);
    const planned = await planOf(
      world,
      shop([configMap('a', { v: '2' }), configMap('c'), deployment('web', { image: 'shop:2' })]),
    );
    expect(shown(planned)).toEqual([
      ['update', 'ConfigMap', 'a', 'accepted'],
      ['create', 'ConfigMap', 'c', 'accepted'],
      ['update', 'Deployment', 'web', 'accepted'],
      ['prune', 'ConfigMap', 'b', 'accepted'],
    ]);
    expect(planned.objects[0]?.fields).toMatchObject([{ path: '/data/v', desired: '2', observed: '1' }]);
    expect(planned.objects.map(({ restarts }) => restarts)).toEqual([null, null, 1, null]);
    expect(planned.objects[3]?.message).toContain('last');
    expect(planned).toMatchObject({ wouldChange: true, unchanged: 0, cluster: 'sandbox' });
    expect(world.cluster.writes).toHaveLength(writes);
    expect(JSON.stringify([...world.state])).toBe(state);
  });

  it('asks the server about each create, update and prune, and tells what it refuses in its words', async () => {
    const world = await converged(shop([configMap('a'), configMap('b')]));
    for (const call of ['dry-run ConfigMap acme/c', 'dry-run delete ConfigMap acme/b', 'dry-run ConfigMap acme/a'])
      world.cluster.refusals.set(call, { status: 403, message: `policy says no to ${call.split(' ').at(-1)}` });
    const created = await planOf(world, shop([configMap('a'), configMap('b'), configMap('c')]));
    expect(created.objects).toMatchObject([
      { name: 'c', action: 'create', verdict: 'rejected', message: 'policy says no to acme/c' },
    ]);
    expect(created.objects[0]?.source).toBe('manifests/shop/all.json');
    const pruned = await planOf(world, shop([configMap('a')]));
    expect(pruned.objects).toMatchObject([
      { name: 'b', action: 'prune', verdict: 'rejected', message: expect.stringContaining('policy says no') },
    ]);
    const both = await planOf(world, shop([configMap('a', { v: 'other' })]));
    expect(both.objects).toMatchObject([
      { name: 'a', action: 'update', verdict: 'rejected' },
      { name: 'b', action: 'left', message: expect.stringContaining('while something of the revision fails') },
    ]);
  });

  it('leaves undecided what is of a kind or in a namespace that the commit makes, and never calls it fine', async () => {
    const world = await converged(shop([configMap('a')]));
    const widget = { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'w' }, spec: {} };
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'annex' } };
    const planned = await planOf(
      world,
      shop([configMap('a'), definition, widget, namespace, configMap('inside', {}, { namespace: 'annex' })]),
    );
    expect(shown(planned)).toEqual([
      ['create', 'Namespace', 'annex', 'accepted'],
      ['create', 'CustomResourceDefinition', 'widgets.example.com', 'accepted'],
      ['create', 'ConfigMap', 'inside', 'undecided'],
      ['create', 'Widget', 'w', 'undecided'],
    ]);
    expect(planned.objects[2]?.message).toContain('annex');
  });

  it('tells what is replaced, and refuses what needs it and may not be', async () => {
    const world = await converged(shop([configMap('a', { v: '1' })]));
    world.cluster.immutable.add('ConfigMap acme/a');
    expect((await planOf(world, shop([configMap('a', { v: '2' })]))).objects).toMatchObject([
      { action: 'update', verdict: 'rejected', message: expect.stringContaining('needs replacement') },
    ]);
    const allowed = { annotations: { 'converge.dev/replace': 'true' } };
    expect((await planOf(world, shop([configMap('a', { v: '2' }, allowed)]))).objects).toMatchObject([
      {
        action: 'replace',
        verdict: 'accepted',
        fields: expect.arrayContaining([expect.objectContaining({ desired: '2' })]),
      },
    ]);
  });

  it('tells whose object is adopted, and which fields are taken over', async () => {
    const world = await converged(shop([configMap('a')]));
    world.cluster.put({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'old', namespace: 'acme' },
      data: { v: '1' },
    });
    const planned = await planOf(world, shop([configMap('a'), configMap('old', { v: '2' })]));
    expect(planned.objects).toMatchObject([
      {
        action: 'update',
        name: 'old',
        adoptedFrom: 'kubectl-create',
        takesOver: [{ manager: 'kubectl-create', fields: ['/data/v'] }],
      },
    ]);
  });

  it('leaves a Pod undecided that needs what the commit or a hook makes, and not what makes Pods', async () => {
    const world = await converged(release([configMap('a')]));
    // The world serves what somebody defines.
    const names = { kind: 'ServiceAccount', plural: 'serviceaccounts' };
    world.cluster.put({
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'accounts' } },
      ...{ spec: { group: '', names, versions: [{ name: 'v1' }] }, status: {} },
    });
    const account = (metadata: object): Declared => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
    const pod = (metadata: object, serviceAccountName: string): Declared => ({
      ...{ apiVersion: 'v1', kind: 'Pod', metadata },
      spec: { serviceAccountName, containers: [{ name: 'a', image: 'a:1' }] },
    });
    const hook = (name: string, weight: string) => ({
      ...{ name, annotations: { 'helm.sh/hook': 'pre-upgrade', 'helm.sh/hook-weight': weight } },
    });
    for (const name of ['solo', 'hooked'])
      world.cluster.refusals.set(`dry-run Pod acme/${name}`, { status: 403, message: 'looking up service account' });
    const { spec, ...web } = deployment('web') as { spec: { template: { spec: object } } };
    const template = { ...spec.template, spec: { ...spec.template.spec, serviceAccountName: 'robot' } };
    const planned = await planOf(
      world,
      release([
        ...[configMap('a'), account({ name: 'robot' }), pod({ name: 'solo' }, 'robot')],
        { ...web, spec: { ...spec, template } },
        ...[account(hook('helper', '-1')), pod(hook('hooked', '0'), 'helper')],
      ]),
    );
    expect(shown(planned)).toEqual([
      ['create', 'ServiceAccount', 'robot', 'accepted'],
      ['create', 'Pod', 'solo', 'undecided'],
      ['create', 'Deployment', 'web', 'accepted'],
    ]);
    expect(planned.objects[1]?.message).toBe('ServiceAccount acme/robot is made by the same commit');
    expect(planned.hooks.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['helper', 'accepted'],
      ['hooked', 'undecided'],
    ]);
  });

  it('tells what the guards leave', async () => {
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: {} };
    const world = await converged(shop([configMap('a'), claim]));
    const planned = await planOf(world, shop([configMap('a')]));
    expect(planned.objects).toMatchObject([
      { action: 'left', name: 'data', message: expect.stringContaining('converge.dev/prune') },
    ]);
    expect(planned.wouldChange).toBe(false);
    const many = Array.from({ length: 12 }, (_one, index) => configMap(`c${index}`));
    const mass = await planOf(await converged(shop(many)), shop(many.slice(0, 3)));
    expect(mass.objects.map(({ action }) => action)).toEqual(Array.from({ length: 9 }, () => 'left'));
    expect(mass.objects[0]?.message).toContain('9 of 12 objects');
  });

  it('tells the hooks that would run', async () => {
    const world = await converged(
      release([configMap('a', { v: '1' }), hookJob('migrate', 'pre-upgrade'), hookJob('smoke', 'post-upgrade')]),
    );
    world.cluster.refusals.set('dry-run Job acme/smoke', { status: 403, message: 'no Jobs here' });
    const planned = await planOf(
      world,
      release([configMap('a', { v: '2' }), hookJob('migrate', 'pre-upgrade'), hookJob('smoke', 'post-upgrade')]),
    );
    expect(planned.hooks).toMatchObject([
      { release: 'shop', event: 'pre-upgrade', kind: 'Job', name: 'migrate', verdict: 'accepted' },
      { event: 'post-upgrade', name: 'smoke', verdict: 'rejected', message: 'no Jobs here' },
    ]);
  });

  it('shows no value of a Secret', async () => {
    const secret = (password: string): Declared => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys' },
      stringData: { password },
    });
    const world = await converged(shop([secret('correct-horse-battery'), configMap('a', { v: '1' })]));
    world.cluster.refusals.set('dry-run ConfigMap acme/a', { status: 403, message: 'no another-horse-battery here' });
    const planned = await planOf(
      world,
      shop([secret('another-horse-battery'), configMap('a', { v: 'another-horse-battery' })]),
    );
    expect(planned.objects).toHaveLength(2);
    expect(JSON.stringify(planned)).not.toMatch(/horse/);
    expect(planned.objects.find(({ kind }) => kind === 'ConfigMap')?.message).toBe('no *** here');
  });

  it('shows no value of a Secret in what it fails with, as an answer or an error', async () => {
    const secret = (name: string, password: string): Declared => ({
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { password } },
    });
    const world = await converged(shop([secret('keys', 'correct-horse-battery'), configMap('a', { v: '1' })]));
    const id = await commitOf(world, shop([secret('keys', 'another-horse-battery'), configMap('a', { v: '2' })]));
    const says = (code: 'RenderFailed' | 'ClusterUnavailable') =>
      new ConvergeError({
        ...{ code, subject: 'shop', message: 'no correct-horse-battery, no another-horse-battery' },
        ...{ remedy: 'mend correct-horse-battery', disposition: code === 'RenderFailed' ? 'refuse' : 'retry' },
      });
    const { ports } = world;
    const renderer = { ...ports.renderer, render: async () => Promise.reject(says('RenderFailed')) };
    world.git.reset(id);
    const planned = await plan({ ...world, ports: { ...ports, renderer } }, id);
    expect(planned.message).toBe('RenderFailed: shop: no ***, no another-horse-battery (mend ***)');
    const cluster: typeof ports.cluster = async (asked) => ({
      ...(await ports.cluster(asked)),
      apply: async () => Promise.reject(says('ClusterUnavailable')),
    });
    await expect(plan({ ...world, ports: { ...ports, cluster } }, id)).rejects.toMatchObject({
      ...{ code: 'ClusterUnavailable', problem: 'no ***, no ***', remedy: 'mend ***' },
    });
  });
});

describe('an environment that no run would touch', () => {
  it('leaves alone what says so, and says that it differs', async () => {
    const disabled = { annotations: { 'converge.dev/reconcile': 'disabled' } };
    const world = await converged(shop([configMap('a', { color: 'red' }, disabled), configMap('b')]));
    const planned = await planOf(world, shop([configMap('a', { color: 'blue' }, disabled), configMap('b')]));
    expect(planned).toMatchObject({
      objects: [
        {
          action: 'left',
          name: 'a',
          message: expect.stringContaining('left alone by converge.dev/reconcile: disabled'),
        },
      ],
      ...{ outcome: 'planned', wouldChange: false, unchanged: 1 },
    });
  });

  it('is told in words: suspended, wrong, moved, unsigned, of no file', async () => {
    const world = await converged(shop([configMap('a')]));
    expect(await planOf(world, shop([configMap('b')], ['suspend: true']))).toMatchObject({
      ...{
        outcome: 'suspended',
        objects: [],
        wouldChange: false,
        message: expect.stringContaining('suspend: true in its file'),
      },
    });
    expect(await planOf(world, shop([configMap('b')], ['suspendUntil: 2999-01-01T00:00:00Z']))).toMatchObject({
      ...{ outcome: 'suspended', message: expect.stringContaining('suspendUntil: 2999-01-01T00:00:00Z in its file') },
    });
    expect(await planOf(world, { 'environments/shop.yaml': 'kind: Environment' })).toMatchObject({
      ...{ outcome: 'refused', wouldChange: true, message: expect.stringContaining('InvalidEnvironment') },
    });
    expect(await planOf(world, shop([configMap('a')], ['namespace: elsewhere']))).toMatchObject({
      ...{ outcome: 'refused', message: expect.stringContaining('spec.namespace from acme') },
    });
    expect(await plan(world, undefined, 'nobody')).toMatchObject({ outcome: 'absent', wouldChange: false });
    world.trust.root = { allowedSigners: '', openpgpKeys: undefined };
    expect(await plan(world)).toMatchObject({
      outcome: 'refused',
      message: expect.stringMatching(/Untrusted.*not signed/),
    });
  });

  it('is told to be frozen until when, by which window, and what it would do then, of which it does nothing', async () => {
    const world = await converged(shop([configMap('a')]));
    const writes = world.cluster.writes.length;
    const state = JSON.stringify([...world.state]);
    const night = { name: 'night', cron: '0 0 * * *', length: '6h', zone: 'Etc/UTC' };
    const proposed = await planOf(
      world,
      shop([configMap('b')], [`freeze: [{ name: ${night.name}, cron: "${night.cron}", length: ${night.length} }]`]),
    );
    expect(proposed).toMatchObject({
      ...{ outcome: 'frozen', wouldChange: true, cluster: 'sandbox' },
      message: expect.stringMatching(
        /^frozen until 20\S+Z by night; commit@sha1:\S+ waits: nothing is applied, pruned, healed or given up until that ends/,
      ),
    });
    expect(shown(proposed)).toEqual([
      ['create', 'ConfigMap', 'b', 'accepted'],
      ['prune', 'ConfigMap', 'a', 'accepted'],
    ]);
    world.freeze = freezeSchema.parse([{ ...night, name: 'year-end', reason: 'inventory', classes: ['master'] }]);
    expect(await plan(world)).toMatchObject({
      ...{ outcome: 'frozen', objects: [], unchanged: 1, wouldChange: false },
      message: expect.stringMatching(/^frozen until 20\S+Z by year-end \(inventory\): nothing is applied/),
    });
    expect(await planOf(world, { 'environments/shop.yaml': null })).toMatchObject({
      ...{ outcome: 'frozen', objects: [{ action: 'release', name: 'a' }], wouldChange: true },
      message: expect.stringMatching(/^frozen until 20\S+Z by year-end .* waits: .*; its file goes: its objects are/),
    });
    world.freeze = freezeSchema.parse([{ ...night, classes: ['other'] }]);
    expect(await planOf(world, shop([configMap('c')]))).toMatchObject({ outcome: 'planned', wouldChange: true });
    expect(world.cluster.writes).toHaveLength(writes);
    expect(JSON.stringify([...world.state])).toBe(state);
  });

  it('is planned for the end of its freeze, by when what is left alone until then is not', async () => {
    const untilThree = {
      annotations: { 'converge.dev/reconcile': 'disabled', 'converge.dev/reconcile-until': '2026-11-21T03:00:00Z' },
    };
    const world = await converged(shop([configMap('a', { color: 'red' })]));
    const changes = shop([configMap('a', { color: 'blue' }, untilThree)]);
    expect((await planOf(world, changes)).objects).toMatchObject([{ action: 'left', name: 'a' }]);
    world.freeze = freezeSchema.parse([{ name: 'night', cron: '0 0 * * *', length: '6h' }]);
    expect((await planOf(world, changes)).objects).toMatchObject([{ action: 'update', name: 'a' }]);
  });

  it('is told with whom it waits for, and what it then does', async () => {
    const world = await converged({
      ...shop([configMap('a')], ['dependsOn: [base]']),
      ...{
        'environments/base.yaml': environment('base', ['namespace: base']),
        'manifests/base/all.json': list(configMap('b')),
      },
    });
    const changes = shop([configMap('a', { v: '2' })], ['dependsOn: [base]']);
    const planned = await planOf(world, changes);
    expect(planned.waitsFor.join()).toContain('base');
    expect((await plan(world, undefined, 'base')).dependents).toEqual(['shop']);
  });

  it('is planned as removed, by what its deletion says', async () => {
    const gone = { 'environments/shop.yaml': null };
    const released = await planOf(await converged(shop([configMap('a')])), gone);
    expect(released).toMatchObject({
      outcome: 'removed',
      objects: [{ action: 'release', name: 'a' }],
      wouldChange: true,
    });
    const world = await converged(shop([configMap('a'), configMap('b')], ['deletion: prune']));
    world.cluster.refusals.set('dry-run delete ConfigMap acme/b', { status: 403, message: 'stays' });
    const pruned = await planOf(world, gone);
    expect(shown(pruned)).toEqual([
      ['prune', 'ConfigMap', 'a', 'accepted'],
      ['prune', 'ConfigMap', 'b', 'rejected'],
    ]);
  });

  it('is nobody’s where the commit is none', async () => {
    const world = await converged(shop([configMap('a')]));
    await expect(plan(world, 'no-such-branch')).rejects.toMatchObject({ code: 'BadRequest' });
  });
});

describe('the plan of a folder', () => {
  const filesOf = (changes: Changes) =>
    Object.entries(changes).map(([path, text]) =>
      text === null
        ? ({ path, is: 'deleted' } as const)
        : ({ path, is: 'file', content: Buffer.from(text).toString('base64') } as const),
    );
  const headOf = async ({ git }: World): Promise<string> => (await git.head()) ?? '';
  const planFolder = async (world: World, changes: Changes, base?: string | null) =>
    planTree(world, { folder: { base: base === undefined ? await headOf(world) : base, files: filesOf(changes) } });

  it('is that of a commit of its files, which nobody has afterwards', async () => {
    const world = await converged(shop([configMap('a', { v: '1' }), configMap('b')]));
    const changes = shop([configMap('a', { v: '2' }), configMap('c')]);
    const refs = [await headOf(world), [...world.git.refs]];
    const { revision, ...planned } = await planFolder(world, changes);
    expect([await headOf(world), [...world.git.refs]]).toEqual(refs);
    expect(revision).toMatch(/^working-tree@sha1:/);
    const { revision: _of, ...committed } = await planOf(world, changes);
    expect(planned).toEqual(committed);
    expect(shown(await planTree(world, { revision: undefined }))).toEqual([]);
  });

  it('is that of all its files alone, where they are no difference', async () => {
    const world = await converged({ ...shop([configMap('a')]), 'README.md': 'hello' });
    expect(await planFolder(world, shop([configMap('b')]), null)).toMatchObject({
      objects: [
        { action: 'create', name: 'b' },
        { action: 'prune', name: 'a' },
      ],
    });
    expect(await planFolder(world, { 'README.md': 'alone' }, null)).toMatchObject({ outcome: 'removed' });
  });

  it('is nothing where nothing differs, and takes a folder that became a file', async () => {
    const world = await converged(shop([configMap('a')]));
    expect(await planFolder(world, {})).toMatchObject({ outcome: 'planned', wouldChange: false });
    const changes = { 'manifests/shop/all.json': null, 'manifests/shop': list(configMap('a')) };
    expect(await planFolder(world, changes)).toMatchObject({ outcome: 'planned', objects: [], wouldChange: false });
  });

  it('is refused where signatures are asked for, though this installation signs what it commits', async () => {
    const world = await converged(shop([configMap('a')]));
    world.trust.root = { allowedSigners: '', openpgpKeys: undefined };
    expect(await planFolder(world, shop([configMap('b')]))).toMatchObject({
      ...{ outcome: 'refused', objects: [] },
      message: expect.stringMatching(/^UntrustedRevision: files that nobody signed are not planned/),
    });
  });

  it.each([
    ['another cluster', ['cluster: other'], {}, /spec.cluster sandbox there/],
    ['another namespace', ['namespace: elsewhere'], {}, /spec.namespace acme there/],
    ['other names before', [], { previously: 'payroll' }, /other metadata.previousNames/],
    ['with more to look up', ['lookup: cluster'], {}, /spec.lookup own there/],
  ])('asks no cluster where the branch has the environment elsewhere: %s', async (_what, spec, named, message) => {
    const world = await converged(shop([configMap('a')]));
    const cluster = async () => Promise.reject(new Error('a cluster was asked'));
    const changes = { 'environments/shop.yaml': environment('shop', spec, named) };
    const planned = await planFolder({ ...world, ports: { ...world.ports, cluster } }, changes);
    expect(planned).toMatchObject({ outcome: 'refused', message: expect.stringMatching(message) });
  });

  it('asks no cluster for an environment that the branch has not', async () => {
    const world = await converged(shop([configMap('a')]));
    const folder = { base: await headOf(world), files: filesOf({ 'environments/new.yaml': environment('new') }) };
    expect(await planTree(world, { folder }, 'new')).toMatchObject({
      ...{ outcome: 'refused', message: expect.stringMatching(/^NotAllowed: .*is not declared by the branch yet/) },
    });
  });

  it('shows nothing of what others have in the cluster', async () => {
    const world = await converged(shop([configMap('a')]));
    const metadata = { name: 'theirs', namespace: 'acme' };
    world.cluster.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { v: 'salaries' } }, 'kubectl');
    const changes = shop([configMap('a'), configMap('theirs', { v: '1' })]);
    const [committed, planned] = [await planOf(world, changes), await planFolder(world, changes)];
    expect(JSON.stringify(committed)).toContain('salaries');
    expect(JSON.stringify(planned)).not.toContain('salaries');
    expect(planned.objects).toMatchObject([{ name: 'theirs', action: 'update', fields: [], omittedFields: 4 }]);
  });

  it('shows nothing that its templates may have written a secret into, nor does a commit that is not on the branch', async () => {
    const asking = configMap('asking', { seen: '$lookup(Secret acme/login color)' });
    const spec = ['lookup: cluster'];
    const world = createWorld();
    const metadata = { name: 'login', namespace: 'acme' };
    world.cluster.put({ apiVersion: 'v1', kind: 'Secret', metadata, ...{ data: { color: 'aHVudGVyMg==' } } });
    world.git.add(release([asking], spec));
    await world.run();
    world.wait(60);
    const changes = release([configMap('asking', { v: 'spelt', drawn: '$random' }), configMap('spelt')], spec);
    for (const planned of [await planFolder(world, changes), await planOf(world, changes)]) {
      expect(planned).toMatchObject({
        ...{ outcome: 'planned', message: expect.stringContaining('its templates are told what is secret') },
        objects: [
          { action: 'update', name: 'asking', fields: [], omittedFields: 0 },
          { action: 'create', name: '(hidden)' },
        ],
      });
      expect(JSON.stringify(planned)).not.toContain('spelt');
    }
    const before = await headOf(world);
    world.git.add(changes);
    for (const revision of [before, undefined])
      expect((await planTree(world, { revision })).message).not.toContain('told what is secret');
  });

  it.each([
    ['a path that leaves it', { '../x': 'y' }, 'BadRequest'],
    ['what is Git’s own', { '.git/config': 'y' }, 'BadRequest'],
    ['a file below a file', { a: 'y', 'a/b': 'y' }, 'BadRequest'],
    ['too much', { a: 'x'.repeat(mostFolderBytes + 1) }, 'TooLarge'],
  ])('is refused for %s', async (_what, changes, code) => {
    const world = await converged(shop([configMap('a')]));
    await expect(planFolder(world, changes)).rejects.toMatchObject({ code, disposition: 'refuse' });
  });

  it('is of a difference to a commit that the repository has, and of no more files than are taken', async () => {
    const world = await converged(shop([configMap('a')]));
    await expect(planFolder(world, {}, '0'.repeat(40))).rejects.toMatchObject({ code: 'BadRequest' });
    const deleted = { path: 'a', is: 'deleted' };
    expect(folderSchema.safeParse({ base: null, files: Array(mostFolderFiles).fill(deleted) }).success).toBe(true);
    for (const wrong of [
      { base: null, files: Array(mostFolderFiles + 1).fill(deleted) },
      { base: 'main', files: [] },
      { base: null, files: [{ path: 'a', is: 'file', content: 'no base64' }] },
      { base: null, files: [], more: 1 },
    ])
      expect(folderSchema.safeParse(wrong).success).toBe(false);
  });
});

describe('which environments of a class there are to plan', () => {
  it('are those of the commit and of the branch, as far as they are shown', async () => {
    const world = await converged({ ...shop([configMap('a')]), 'environments/base.yaml': environment('base') });
    const revision = await commitOf(world, {
      'environments/shop.yaml': null,
      'environments/added.yaml': environment('added'),
    });
    const answer = await inspect(
      {
        ...{ repository: 'master', environment: undefined, question: { asks: 'plans', revision }, limits },
        ...{
          repositories: { master: {} },
          shownTo: (names: readonly string[]) => names.filter((name) => name !== 'base'),
        },
      },
      world.ports,
    );
    expect(answer).toEqual({
      repository: 'master',
      revision: `commit@sha1:${revision}`,
      environments: ['added', 'shop'],
    });
  });
});
