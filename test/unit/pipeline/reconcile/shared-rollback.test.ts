import { expect, it } from 'vitest';
import { quarantinePath } from '../../../../shared/memory/quarantine.ts';
import { refuseQuarantined } from '../../../../shared/pipeline/rollback/refuse-quarantined.ts';
import { deployment, environment, list } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { isRefused } from './world/refused-upload.ts';
import { createWorld, type World } from './world/world.ts';

const asking = 'rollback: { onFailure: revert }';
const file = (name: string, ...spec: readonly string[]): string =>
  environment(name, ['timeout: 20s', `namespace: ${name}`, 'sources: [{ manifests: manifests/pair }]', ...spec]);
const web = (image: string) => ({ 'manifests/pair/all.json': list(deployment('web', { image })) });

async function look(world: World, name: string, times = 1): Promise<void> {
  for (let time = 0; time < times; time++) {
    world.wait(60);
    await world.run({ environment: name, cause: 'schedule' });
  }
}

/** Two environments are made of one manifest, which fails; the second asks for its rollback only then. */
async function failedPair(): Promise<World> {
  const world = createWorld();
  for (const namespace of ['left', 'right'])
    world.cluster.statuses.set(`Deployment ${namespace}/web`, (object) =>
      JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
    );
  world.git.add({
    'environments/left.yaml': file('left', asking),
    'environments/right.yaml': file('right'),
    ...web('shop:1'),
  });
  await look(world, 'left');
  await look(world, 'right');
  world.git.add(web('shop:bad'));
  await look(world, 'left', 3);
  await look(world, 'right', 3);
  expect((await world.memoryOf('left')).quarantine).toBeUndefined();
  world.git.add({ 'environments/right.yaml': file('right', asking) });
  return world;
}

it.each([
  ['left', 'right'],
  ['right', 'left'],
])('what %s rolls back is uploaded by nobody again, also once %s has seen it', async (first, second) => {
  const world = await failedPair();
  await look(world, first, 3);
  const reverted = (await world.memoryOf(first)).quarantine?.revert;
  expect(reverted).toBe(await world.git.head());
  await look(world, second);
  expect((await world.memoryOf(second)).converged?.commit).toBe(reverted);
  expect(await isRefused(world, web('shop:bad'))).toBe(true);
  expect(await isRefused(world, web('shop:2'))).toBe(false);
});

it('is remembered by whom asked for it, too, until there is other content', async () => {
  const world = await failedPair();
  await look(world, 'right', 3);
  await look(world, 'left');
  const { quarantine } = await world.memoryOf('left');
  expect(quarantine).toMatchObject({ revert: await world.git.head(), reason: 'it was rolled back with right' });
  expect(world.state.get(quarantinePath({ repository: 'master', environment: 'left' }))).toEqual(quarantine);
  world.git.add(web('shop:2'));
  await look(world, 'left');
  expect((await world.memoryOf('left')).quarantine).toBeUndefined();
});

it('what a person rolls back may be uploaded again', async () => {
  const world = await failedPair();
  world.git.add(web('shop:1'));
  await look(world, 'left');
  expect((await world.memoryOf('left')).quarantine).toBeUndefined();
  expect(await isRefused(world, web('shop:bad'))).toBe(false);
});

it('is none of what waited for the one whose rollback it was: that tried nothing', async () => {
  const world = createWorld();
  world.cluster.statuses.set('Deployment left/web', (object) =>
    JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
  );
  world.git.add({
    'environments/left.yaml': file('left', asking),
    'environments/right.yaml': file('right', asking, 'dependsOn: [left]'),
    ...web('shop:1'),
  });
  await look(world, 'left');
  await look(world, 'right');
  world.git.add(web('shop:bad'));
  await look(world, 'right');
  expect(await world.memoryOf('right')).toMatchObject({ held: { message: expect.stringContaining('left') as string } });
  await look(world, 'left', 3);
  expect((await world.memoryOf('left')).quarantine?.revert).toBe(await world.git.head());
  await look(world, 'right');
  expect((await world.memoryOf('right')).quarantine).toBeUndefined();
  // The same manifest, and what made it fail mended in the file of the one that failed.
  const head = await world.git.fetchHead();
  const { id } = world.git.add({ ...web('shop:bad'), 'environments/left.yaml': file('left', asking, 'prune: false') });
  const commit = await world.git.findCommit(id);
  if (head === undefined || commit === undefined) throw new Error('the branch is gone');
  await refuseQuarantined({ subject: 'an upload', commit, head, repository: world.git, state: world.ports.state });
});

it.each([
  ['right', 'it was rolled back with right'],
  ['\u001b[31mright\u202e', undefined],
  [`right ${'x'.repeat(10_000)}`, undefined],
])('takes the words of a commit for nothing that name no environment: %j', async (name, reason) => {
  const world = await failedPair();
  const message = `Go back\n\nEnvironment: ${name}\nRolled-Back-By: Converge (rollback.onFailure)\n`;
  world.git.add(web('shop:1'), { message });
  await look(world, 'left');
  expect((await world.memoryOf('left')).quarantine?.reason).toBe(reason);
});
