import { describe, expect, it } from 'vitest';
import { configMap, environment, list, shop } from './runs/files.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

/** Converged, and not written back, since the host took no push then. */
async function unwritten(): Promise<{ world: World; commit: string }> {
  const world = createWorld();
  const { id } = world.git.add(shop([configMap('colors')], ['deletion: prune']));
  const { writeNotes } = world.git;
  world.git.writeNotes = async () => {
    throw new Error('the host takes no push');
  };
  await world.run();
  world.git.writeNotes = writeNotes;
  world.wait(60);
  world.git.add({ 'environments/shop.yaml': null });
  return { world, commit: id };
}

describe('what converged and is not in Git yet', () => {
  it('is written back before its environment is forgotten, and its ref is gone', async () => {
    const { world, commit } = await unwritten();
    expect(await world.run()).toMatchObject({ outcome: 'removed' });
    expect([...world.git.notes.keys()]).toEqual([commit]);
    expect([...world.git.refs]).toEqual([]);
  });

  it('is so too where a run dies anywhere on the way', async () => {
    for (let diesBefore = 1; ; diesBefore++) {
      const { world, commit } = await unwritten();
      const { ports, life } = mortalPorts(world.ports, { diesBefore });
      const first = await world.run({}, ports, 'dies').catch((error: unknown) => error);
      if (!(first instanceof Killed) && life.effects < diesBefore - 1) break;
      for (let tick = 0; tick < 3; tick++) {
        world.wait(60);
        await world.run({ cause: 'schedule' });
      }
      expect([diesBefore, [...world.git.notes.keys()]]).toEqual([diesBefore, [commit]]);
      expect([diesBefore, [...world.git.refs]]).toEqual([diesBefore, []]);
    }
  });

  it('is written back before a new name takes its environment over', async () => {
    const { world, commit } = await unwritten();
    world.git.add({
      'environments/store.yaml': environment('store', ['deletion: prune'], { previously: 'shop' }),
      'manifests/shop/all.json': null,
      'manifests/store/all.json': list(configMap('colors')),
    });
    expect(await world.run({ environment: 'store' })).toMatchObject({ outcome: 'converged' });
    expect([...world.git.notes.keys()]).toContain(commit);
    expect([...world.git.refs.keys()]).toEqual(['refs/converge/store']);
  });

  it('keeps no environment whose host takes no push', async () => {
    const { world } = await unwritten();
    world.git.writeNotes = async () => {
      throw new Error('the host takes no push');
    };
    expect(await world.run()).toMatchObject({ outcome: 'removed' });
  });
});
