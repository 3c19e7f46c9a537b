import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import type { Memory } from '../../../../shared/memory/memory.ts';
import { configMap, environment, list, shop } from './runs/files.ts';
import { createWorld, type World } from './world/world.ts';

const manifests = list(configMap('colors'));
/** Two ways in which an environment fails before it comes to own anything. */
const broken = {
  'of an unknown cluster': (name: string) => environment(name, ['cluster: nowhere']),
  'whose file is wrong': (name: string) => environment(name, ['sourcess: []']),
} as const;

const storyOf = ({ published }: World): readonly string[] =>
  published.flatMap(({ topic, event: { data } }) => {
    if (topic === 'diff') return [`diff ${diffSchema.parse(data).reason}`];
    return topic === 'converged' ? [`the end of ${convergedSchema.parse(data).incident === null ? 'none' : 'it'}`] : [];
  });
const keptOf = (world: World, name: string): string[] =>
  [...world.state.keys()].filter((path) => path.startsWith(`environments/master/${name}/`));

describe('an environment that failed before it came to own anything', () => {
  it.each(Object.entries(broken))('is forgotten once its file is removed: %s', async (_how, file) => {
    const world = createWorld();
    world.git.add({ 'environments/shop.yaml': file('shop'), 'manifests/shop/all.json': manifests });
    expect(await world.run()).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    world.wait(60);
    world.git.add({ 'environments/shop.yaml': null });
    expect(await world.run()).toEqual({ outcome: 'absent' });
    expect(storyOf(world)).toEqual(['diff Failed', 'the end of it']);
    expect(keptOf(world, 'shop')).toEqual([]);
  });

  it.each(Object.entries(broken))('is no part of a mass that is removed at once: 13 %s', async (_how, file) => {
    const world = createWorld();
    const names = Array.from({ length: 13 }, (_one, index) => `broken-${index}`);
    world.git.add({
      ...shop([configMap('colors')]),
      ...Object.fromEntries(names.map((name) => [`environments/${name}.yaml`, file(name)])),
    });
    await world.run();
    for (const name of names) await world.run({ environment: name });
    world.wait(60);
    world.git.add(Object.fromEntries(names.map((name) => [`environments/${name}.yaml`, null])));
    for (const name of names) expect(await world.run({ environment: name }), name).toEqual({ outcome: 'absent' });
    expect(names.flatMap((name) => keptOf(world, name))).toEqual([]);
  });

  it('hides no mass of others', async () => {
    const world = createWorld();
    const owning = Array.from({ length: 10 }, (_one, index) => `other-${index}`);
    const names = ['shop', 'broken'];
    world.git.add({
      ...shop([configMap('colors')]),
      'environments/broken.yaml': broken['of an unknown cluster']('broken'),
      ...Object.fromEntries(owning.map((name) => [`environments/${name}.yaml`, environment(name)])),
    });
    for (const environment of names) await world.run({ environment });
    for (const name of owning) await world.remember(name, { cluster: 'sandbox' });
    world.wait(60);
    world.git.add(Object.fromEntries([...names, ...owning].map((name) => [`environments/${name}.yaml`, null])));
    expect(await world.run()).toMatchObject({
      ...{ outcome: 'diverged', reason: 'Guarded' },
      summary: expect.stringContaining('the files of 11 of 11 environments are gone at once'),
    });
    expect(await world.run({ environment: 'broken' })).toEqual({ outcome: 'absent' });
  });

  it.each([
    ['something was written for it', { cluster: 'nowhere' }],
    ['a run of it died that may have written', { suspects: { '*': '2026-11-21T01:00:00.000Z' } }],
  ] satisfies [string, Partial<Memory>][])('is not taken for one where %s', async (_why, remembered) => {
    const world = createWorld();
    world.git.add({ 'environments/shop.yaml': environment('shop', ['cluster: nowhere']) });
    await world.run();
    await world.remember('shop', remembered);
    world.wait(60);
    world.git.add({ 'environments/shop.yaml': null });
    expect(await world.run()).toMatchObject({ outcome: 'diverged', reason: 'Failed' });
    expect(keptOf(world, 'shop')).not.toEqual([]);
  });
});
