import { describe, expect, it } from 'vitest';
import { showHistory } from '../../../cli/history.ts';
import { copyMessage } from '../../../shared/source/commit-message.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld, type World } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

async function textOf(world: World, since: number): Promise<string[]> {
  const { exit, lines } = await showHistory(contextOf(world), 'shop', { limit: 20, since });
  expect(exit).toBe(0);
  return lines.map(({ text }) => text);
}

async function converged(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')], ['deletion: prune']));
  await world.run();
  world.wait(60);
  return world;
}

describe('the history of an environment that was removed', () => {
  it('begins with when, and by which commit', async () => {
    const world = await converged();
    const at = world.ports.now().toISOString().slice(0, 19).replace('T', ' ');
    const { id } = world.git.add({ 'environments/shop.yaml': null });
    await world.run();
    const [first, second] = await textOf(world, 86_400_000);
    expect(first).toBe(`removed ${at} by ${id.slice(0, 12)}`);
    expect(second).toBe(`main@${id.slice(0, 12)}  ${at}  Removed`);
  });

  it('says where it is not through yet, and where it is longer ago than was looked at', async () => {
    const world = await converged();
    world.cluster.refusals.set('delete ConfigMap acme/colors', { status: 403, message: 'is protected' });
    world.git.add({ 'environments/shop.yaml': null });
    await world.run();
    world.wait(600);
    world.git.add({ 'README.md': 'of something else' });
    const [first] = await textOf(world, 1000);
    expect(first).toBe(
      'removed longer ago than was looked at: --since goes further back; converge status says what it waits for',
    );
  });
});

describe('the history of an environment', () => {
  it('says who uploaded each commit, or else who wrote it', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    world.wait(60);
    const message = copyMessage([
      {
        ...{ bucket: 'family-master', name: 'manifests/shop.tgz', generation: '1' },
        metadata: { 'converge-author': 'Ana \u001b[31m<ana@example.com>' },
      },
    ]);
    world.git.add(shop([configMap('colors', { color: 'blue' })]), { message });
    await world.run();
    const lines = await textOf(world, 86_400_000);
    expect(lines.filter((line) => line.startsWith('  author '))).toEqual([
      expect.stringContaining('<ana@example.com>'),
      expect.stringMatching(/^ {2}author +\S.*<\S+@\S+>$/),
    ]);
  });
});
