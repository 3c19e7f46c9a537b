import { describe, expect, it } from 'vitest';
import { trace, type Trace } from '../../../shared/pipeline/trace.ts';
import { copyMessage } from '../../../shared/source/commit-message.ts';
import { configMap, deployment, environment, list, shop } from './reconcile/runs/files.ts';
import { readied, unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const day = 86_400_000;
const colors = 'manifests/shop/colors.json';
const web = 'manifests/shop/web.json';
const image = (name: string) => list(deployment('web', { image: name }));

async function traceOf(world: World, written = 'deployment/web'): Promise<Trace | undefined> {
  const [kind = '', name = ''] = written.split('/');
  const repository = { ...world.git, fetchRef: async () => undefined };
  const request = {
    kind,
    name,
    namespace: undefined,
    environment: 'shop',
    repositories: ['master'],
    milliseconds: day,
  };
  return (await trace(request, { ...world.ports, repository: () => repository }))[0];
}

const upload = (name: string, build: string) => ({
  message: copyMessage([
    {
      ...{ bucket: 'family-master', name, generation: '1' },
      metadata: { 'converge-build': build, 'converge-author': `${build}@example.com` },
    },
  ]),
});

/** Two files, each of one object, and a commit of others after each change. */
async function installed(): Promise<{ world: World; first: string }> {
  const world = createWorld();
  world.cluster.statuses.set('Deployment acme/web', (object) =>
    JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
  );
  world.git.add({
    'environments/shop.yaml': environment('shop', ['timeout: 20s']),
    [colors]: list(configMap('colors')),
  });
  const { id: first } = world.git.add({ [web]: image('shop:1') }, upload(web, 'first'));
  await world.run();
  world.wait(60);
  return { world, first };
}

async function commit(world: World, changes: Record<string, string>, build: string, path = web): Promise<string> {
  const { id } = world.git.add(changes, upload(path, build));
  world.git.add({ 'README.md': `after ${build}` });
  await world.run();
  world.wait(60);
  return id;
}

describe('the trace of an object', () => {
  it('lists the files that it was made of, and no other input', async () => {
    const { world, first } = await installed();
    const found = await traceOf(world);
    expect(found).toMatchObject({ revision: `main@sha1:${first}`, state: 'Converged', attempted: null });
    expect(found?.inputs).toMatchObject([
      { path: 'environments/shop.yaml', lastChange: { author: 'Somebody <somebody@example.com>' } },
      { path: web, lastChange: { commit: first, builds: ['first'], author: 'first@example.com' } },
    ]);
    expect((await traceOf(world, 'configmap/colors'))?.inputs.map(({ path }) => path)).toEqual([
      'environments/shop.yaml',
      colors,
    ]);
  });

  it('names what the cluster runs, of an attempt that failed, too', async () => {
    const { world } = await installed();
    const bad = await commit(world, { [web]: image('shop:bad') }, 'bad');
    const found = await traceOf(world);
    expect(found).toMatchObject({
      ...{ revision: `main@sha1:${(await world.git.head()) ?? ''}`, state: 'Failed', converged: [] },
      attempted: { failure: { reason: 'Unhealthy' } },
    });
    expect(found?.inputs[1]).toMatchObject({ path: web, lastChange: { commit: bad, builds: ['bad'] } });
  });

  it('names what converged, of an object that the attempt left as it was or could not apply', async () => {
    const { world, first } = await installed();
    const converged = { revision: `main@sha1:${first}`, state: 'Converged' };
    world.cluster.refusals.set('apply Deployment acme/web', { status: 403, message: 'exceeded quota' });
    await commit(world, { [web]: image('shop:2'), [colors]: list(configMap('colors', { color: 'blue' })) }, 'second');
    expect(await traceOf(world)).toMatchObject({ ...converged, attempted: { failure: { reason: 'Failed' } } });
    expect(await traceOf(world, 'configmap/colors')).toMatchObject({ state: 'Failed' });
    await commit(world, { [colors]: '{' }, 'third');
    expect(await traceOf(world)).toMatchObject(converged);
    const later = await traceOf(world, 'configmap/colors');
    expect(later?.revision).not.toBe(converged.revision);
    expect(later?.inputs[1]?.lastChange?.builds).toEqual([]);
  });

  it('keeps artifact, build and author through a revert', async () => {
    const { world, first } = await installed();
    const bad = await commit(world, { [web]: image('shop:bad') }, 'bad');
    const { id } = world.git.add({ [web]: image('shop:1') }, { message: `Revert\n\nThis reverts commit ${bad}.\n` });
    await world.run();
    expect(await traceOf(world)).toMatchObject({ state: 'Converged', revision: `main@sha1:${id}` });
    expect((await traceOf(world))?.inputs[1]?.lastChange).toMatchObject({
      ...{ commit: id, builds: ['first'], author: 'first@example.com' },
      ...{ artifacts: [`gs://family-master/${web}#1`], restores: { commit: first } },
    });
  });

  it('lists all inputs where the version before remembered no source', async () => {
    const { world } = await installed();
    const { objects } = await world.memoryOf('shop');
    const former = Object.entries(objects).map(([key, { source: _source, ...object }]) => [key, object] as const);
    await world.remember('shop', { objects: Object.fromEntries(former) });
    expect((await traceOf(world))?.inputs.map(({ path }) => path)).toEqual([
      'environments/shop.yaml',
      'manifests/shop',
    ]);
  });

  it('of what never converged is of the attempt that applied it', async () => {
    const world = createWorld();
    world.cluster.statuses.set('Deployment acme/web', unready);
    const { id } = world.git.add(shop([deployment('web')], ['timeout: 20s']));
    await world.run();
    expect(await traceOf(world)).toMatchObject({ revision: `main@sha1:${id}`, state: 'Failed' });
  });
});
