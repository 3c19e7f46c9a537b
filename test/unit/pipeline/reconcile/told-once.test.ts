import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { diffSchema, type Diff } from '../../../../shared/events/alert.ts';
import type { ChangeCommitted } from '../../../../shared/events/change-committed.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import { commitStatus } from '../../../../shared/pipeline/commit-status.ts';
import { fanOut } from '../../../../shared/pipeline/fan-out.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import { configMap, deployment, environment, list, shop } from './runs/files.ts';
import { unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

const colors = configMap('colors');
const files = 'manifests/shop/all.json';

const diffsOf = ({ published }: World): readonly Diff[] =>
  published.flatMap(({ topic, event: { data } }) => (topic === 'diff' ? [diffSchema.parse(data)] : []));

const reasonsOf = (world: World): readonly string[] => diffsOf(world).map(({ reason }) => reason);

/** Commits of others, each looked at by the schedule and by whoever announces it. */
async function passBy(world: World, commits = 5): Promise<void> {
  for (let index = 0; index < commits; index++) {
    world.git.add({
      [`environments/other-${index}.yaml`]: environment('shop').replace('name: shop', `name: other-${index}`),
    });
    world.wait(60);
    await world.run({ cause: 'commit' });
    world.wait(60);
    await world.run({ cause: 'schedule' });
  }
}

const announced = ({ git: { url, branch } }: World, commit: string): ChangeCommitted => ({
  ...{ repository: 'master', url, branch, commit, previous: null, artifacts: [] },
});

async function installed(spec: readonly string[] = []): Promise<World> {
  const world = createWorld();
  world.git.add(shop([colors], spec));
  await world.run();
  world.wait(60);
  return world;
}

interface Case {
  readonly name: string;
  readonly spec?: readonly string[];
  readonly breaks: (world: World) => void;
  readonly reason: string;
}

const cases: readonly Case[] = [
  {
    name: 'a file that does not parse',
    breaks: ({ git }) => void git.add({ 'environments/shop.yaml': 'kind: Nothing' }),
    reason: 'Failed',
  },
  {
    name: 'a cluster that is not configured',
    breaks: ({ git }) => void git.add({ 'environments/shop.yaml': environment('shop', ['cluster: nowhere']) }),
    reason: 'Failed',
  },
  { name: 'sources that do not render', breaks: ({ git }) => void git.add({ [files]: '{' }), reason: 'Failed' },
  { name: 'sources of nothing', breaks: ({ git }) => void git.add({ [files]: list() }), reason: 'Guarded' },
  {
    name: 'an object that is refused',
    breaks({ git, cluster }) {
      cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
      git.add({ [files]: list(colors, configMap('new')) });
    },
    reason: 'Failed',
  },
  {
    name: 'what does not become healthy',
    spec: ['timeout: 20s'],
    breaks({ git, cluster }) {
      cluster.statuses.set('Deployment acme/web', unready);
      git.add({ [files]: list(colors, deployment('web')) });
    },
    reason: 'Unhealthy',
  },
  {
    name: 'drift that is left',
    spec: ['selfHeal: false', 'diffAfter: 0s'],
    breaks: ({ cluster }) =>
      cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } })),
    reason: 'Drifted',
  },
];

describe('one cause at unchanged inputs', () => {
  it.each(cases)('is told once, whatever is committed beside it: $name', async ({ spec, breaks, reason }) => {
    const world = await installed(spec);
    breaks(world);
    const cause = (await world.git.head()) ?? '';
    await world.run();
    world.wait(60);
    await world.run({ cause: 'schedule' });
    await passBy(world);
    expect(reasonsOf(world)).toEqual([reason]);
    expect(diffsOf(world)[0]?.cause).toMatchObject({ commit: cause });
    const [open] = openIncidents(await world.memoryOf('shop'));
    expect(open).toMatchObject({ told: true, occurrence: 1, since: diffsOf(world)[0]?.since });
  });

  it('is told again where the inputs are others, and where it came back', async () => {
    const world = await installed();
    world.git.add({ [files]: '{' });
    await world.run();
    await passBy(world, 1);
    world.git.add({ [files]: '{{' });
    await world.run();
    await passBy(world, 1);
    world.git.add({ [files]: list(colors) });
    await world.run();
    world.git.add({ [files]: '{' });
    await world.run();
    await passBy(world, 1);
    expect(diffsOf(world).map(({ occurrence }) => occurrence)).toEqual([1, 1, 2]);
    expect(new Set(diffsOf(world).map(({ incident }) => incident)).size).toBe(1);
  });

  it('is told again for another reason', async () => {
    const world = await installed(['timeout: 20s']);
    world.cluster.statuses.set('Deployment acme/web', unready);
    world.cluster.refusals.set('apply Deployment acme/web', { status: 403, message: 'exceeded quota' });
    world.git.add({ [files]: list(colors, deployment('web')) });
    await world.run();
    await passBy(world, 1);
    world.cluster.refusals.clear();
    await passBy(world, 2);
    expect(reasonsOf(world)).toEqual(['Failed', 'Unhealthy']);
  });

  it('is not told again by a memory of the version before, nor where that was lost', async () => {
    const world = await installed();
    world.git.add({ [files]: '{' });
    await world.run();
    const { incident, cause } = await world.memoryOf('shop');
    if (incident === undefined || cause === undefined) throw new Error('nothing was told');
    const { cause: _cause, ...former } = incident;
    const { head: _head, ...found } = cause;
    await world.remember('shop', { incident: former, cause: found });
    await passBy(world, 2);
    await world.forget('shop');
    await passBy(world, 2);
    expect(reasonsOf(world)).toEqual(['Failed']);
  });
});

describe('a look that finds nothing to do at a commit of others', () => {
  /** Renders that read a file which the environment does not name. */
  const reading = (world: World): ReconcilePorts => ({
    ...world.ports,
    renderer: {
      ...world.ports.renderer,
      async render(request) {
        const render = await world.ports.renderer.render(request);
        return { ...render, reads: [...render.reads, 'bases/shared.json'].sort() };
      },
    },
  });

  it('forgets no file that the render read beside what is named', async () => {
    const world = createWorld();
    world.git.add({ ...shop([colors, deployment('web')], ['timeout: 20s']), 'bases/shared.json': '1' });
    const ports = reading(world);
    await world.run({}, ports);
    const { attempted } = await world.memoryOf('shop');
    world.cluster.breakDown('Deployment acme/web', unready);
    for (let look = 0; look < 3; look++) {
      world.git.add({ 'README.md': `${look}` });
      world.wait(60);
      await world.run({ cause: 'schedule' }, ports);
    }
    const { attempted: later } = await world.memoryOf('shop');
    expect(later?.inputs).toEqual(attempted?.inputs);
    const { id: head } = world.git.add({ 'bases/shared.json': '2' });
    expect((await fanOut(announced(world, head), ports)).due).toEqual(['shop']);
  });

  it('tells once what broke by itself, though the version before noted no cause', async () => {
    const world = createWorld();
    world.git.add(shop([deployment('web')], ['timeout: 20s']));
    await world.run();
    await world.remember('shop', { cause: undefined });
    world.cluster.breakDown('Deployment acme/web', unready);
    await passBy(world);
    expect(reasonsOf(world)).toEqual(['Unhealthy']);
  });
});

describe('what failed', () => {
  const fails: readonly { readonly name: string; readonly breaks: (world: World) => void }[] = [
    { name: 'does not render', breaks: ({ git }) => void git.add({ [files]: '{' }) },
    {
      name: 'is refused',
      breaks({ git, cluster }) {
        cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
        git.add({ [files]: list(colors, configMap('new')) });
      },
    },
  ];

  it.each(fails)('and $name rests until its pause is over, whatever is committed beside it', async ({ breaks }) => {
    const world = await installed();
    breaks(world);
    await world.run();
    for (let look = 0; look < 60; look++) {
      world.git.add({ 'README.md': `${look}` });
      world.wait(60);
      await world.run({ cause: 'schedule' });
    }
    // At once, and after 1, 2, 4, 8, 16 and 30 minutes.
    expect((await world.memoryOf('shop')).retry?.count).toBe(7);
    world.cluster.refusals.clear();
    world.git.add({ [files]: list(colors) });
    await world.run({ cause: 'schedule' });
    expect(await world.memoryOf('shop')).toMatchObject({ retry: undefined, health: 'Healthy' });
  });

  it.each([
    ['a file that does not parse', { 'environments/shop.yaml': 'kind: Nothing' }],
    ['sources that do not render', { [files]: '{' }],
    [
      'sources that are not there',
      { 'environments/shop.yaml': environment('shop', ['sources: [{ manifests: gone }]']) },
    ],
    ['sources of nothing', { [files]: list() }],
    ['two objects of one name', { [files]: list(colors, colors) }],
  ])('is no business of a commit that changes nothing that was read: %s', async (_name, broken) => {
    const world = await installed();
    world.git.add(broken);
    await world.run();
    const { id: head } = world.git.add({ 'README.md': 'nothing of it', 'manifests/other/all.json': '[]' });
    const { due } = await fanOut(announced(world, head), world.ports);
    expect(due).toEqual([]);
    world.git.add(shop([configMap('colors', { color: 'blue' })]));
    const mended = await fanOut(announced(world, head), world.ports);
    expect(mended.due).toEqual(['shop']);
  });

  it('is what an upload is told that changes what is read no more, though nobody tries it again for that', async () => {
    const world = await installed();
    world.git.add({ 'environments/shop.yaml': 'kind: Nothing' });
    await world.run();
    const statusOf = async (commit: string) => await commitStatus({ repository: 'master', commit }, world.ports);
    const { id: beside } = world.git.add({ [files]: list(configMap('colors', { color: 'blue' })) });
    const failed = { name: 'shop', state: 'Failed', diff: { reason: 'Failed' } };
    expect((await statusOf(beside)).environments).toMatchObject([failed]);
    const { id: mends } = world.git.add({ 'environments/shop.yaml': environment('shop') });
    expect((await statusOf(mends)).environments).toMatchObject([{ name: 'shop', state: 'Converging', diff: null }]);
  });

  it('names no commit as its cause that changed what it reads no more', async () => {
    const world = await installed();
    const moved = { 'environments/shop.yaml': environment('shop', ['sources: [{ manifests: moved }]']) };
    const { id: cause } = world.git.add({ ...moved, 'moved/all.json': '{' });
    await world.run();
    world.git.add({ [files]: list(configMap('colors', { color: 'blue' })) });
    world.wait(3600);
    await world.run({ cause: 'schedule' });
    expect(diffsOf(world).map((diff) => diff.cause?.commit)).toEqual([cause]);
    expect((await world.memoryOf('shop')).cause?.found).toMatchObject({ commit: cause });
  });

  it('was set out for by no run where it could not be rendered, though all of it was read', async () => {
    const world = await installed();
    world.git.add({ 'manifests/shop/more.json': '[]' });
    const reads = ['manifests/shop/all.json', 'manifests/shop/more.json'];
    const late: ReconcilePorts = {
      ...world.ports,
      renderer: {
        ...world.ports.renderer,
        async render() {
          throw new ConvergeError({
            ...{ code: 'RenderFailed', subject: 'manifests', message: 'took too long', disposition: 'refuse', reads },
          });
        },
      },
    };
    expect(await world.run({ cause: 'commit' }, late)).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    const lease = (): unknown => world.state.get(statePaths({ repository: 'master', environment: 'shop' }).lease);
    const before = structuredClone(lease());
    expect(await world.run()).toMatchObject({ outcome: 'converged' });
    expect(lease()).toMatchObject({ event: 'job-3' });
    expect(lease()).not.toEqual(before);
  });
});
