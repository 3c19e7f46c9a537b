import { describe, expect, it } from 'vitest';
import { emptyMemory, type Memory } from '../../../../shared/memory/memory.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { keepVersions } from '../../../../shared/pipeline/common/kept-versions.ts';
import {
  recallMemories,
  recallSome,
  rememberedEnvironments,
} from '../../../../shared/pipeline/common/remembered-environments.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, stateInMemory } from '../ports.ts';

const clock = clockAt('2026-11-21T01:00:00Z');
const repository = 'master';
const pathOf = (environment: string): string => statePaths({ repository, environment }).memory;
const memoryAt = (cluster: string): Memory => ({ ...emptyMemory(clock.now()), cluster });

/** A state bucket of these environments, which counts what is asked of it. */
async function setUp(names: readonly string[]) {
  const state = stateInMemory(clock.now);
  const log = recordingLog();
  const write = async (environment: string, value: unknown): Promise<void> =>
    void (await state.write({ path: pathOf(environment), value, ifGeneration: 'any' }));
  for (const name of names) {
    await write(name, memoryAt(name));
    await state.write({ path: statePaths({ repository, environment: name }).lease, value: {}, ifGeneration: 'any' });
  }
  const asked: string[] = [];
  const counted: StateStore = {
    ...state,
    read: async (path) => {
      asked.push(`read ${path}`);
      return await state.read(path);
    },
    list: async (prefix, file) => {
      asked.push(`list ${prefix}*/${file}`);
      return await state.list(prefix, file);
    },
  };
  const ports = { now: clock.now, state: counted, log };
  return {
    ...{ state, counted, write, log, ports },
    /** What was asked since the last time. */
    asked: () => asked.splice(0),
    clusters: async () =>
      [...(await recallMemories({ repository }, ports))].map(([name, { memory, unreadable }]) => [
        name,
        unreadable ?? memory.cluster,
      ]),
  };
}

const list = 'list environments/master/*/memory.json';

describe('the memories of a repository', () => {
  it('are read once each, and then only listed while nothing changes', async () => {
    const { clusters, asked } = await setUp(['acme', 'globex']);
    const found = [
      ['acme', 'acme'],
      ['globex', 'globex'],
    ];
    expect(await clusters()).toEqual(found);
    expect(asked()).toEqual([list, `read ${pathOf('acme')}`, `read ${pathOf('globex')}`]);
    expect(await clusters()).toEqual(found);
    expect(asked()).toEqual([list]);
  });

  it('are read again where they were written, and nowhere else', async () => {
    const { clusters, asked, write } = await setUp(['acme', 'globex']);
    await clusters();
    asked();
    await write('globex', memoryAt('elsewhere'));
    expect(await clusters()).toContainEqual(['globex', 'elsewhere']);
    expect(asked()).toEqual([list, `read ${pathOf('globex')}`]);
  });

  it('are gone where they were deleted, and come back as what is written then', async () => {
    const { clusters, state, write } = await setUp(['acme', 'globex']);
    await clusters();
    const found = await state.read(pathOf('acme'));
    await state.delete({ path: pathOf('acme'), generation: found?.generation ?? '' });
    expect(await clusters()).toEqual([['globex', 'globex']]);
    await write('acme', memoryAt('new'));
    expect(await clusters()).toEqual([
      ['acme', 'new'],
      ['globex', 'globex'],
    ]);
  });

  it.each([
    ['is no JSON', '{'],
    ['is empty', ''],
    ['has an unknown shape', '{"version":1}'],
    [
      'was written by a newer Converge, in version 99 where this one knows 1 (deploy that again to keep it)',
      '{"version":99}',
    ],
  ])(
    'of which one %s: it is no memory, is read and told each time and logged once, and the others are as they were',
    async (unreadable, text) => {
      const { clusters, asked, state, log } = await setUp(['acme', 'globex']);
      await clusters();
      asked();
      state.spoil(pathOf('acme'), text);
      for (let times = 0; times < 2; times++) {
        expect(await clusters()).toEqual([
          ['acme', unreadable],
          ['globex', 'globex'],
        ]);
        expect(asked()).toEqual([list, `read ${pathOf('acme')}`]);
      }
      expect(log.lines).toHaveLength(1);
    },
  );

  it('that are written between the list and the read are kept for no generation that was listed', async () => {
    const { counted, write, ports } = await setUp(['acme']);
    const listed = await counted.list('environments/master/', 'memory.json');
    const state: StateStore = { ...counted, list: async () => listed };
    const clusterOf = async () =>
      (await recallMemories({ repository }, { ...ports, state })).get('acme')?.memory.cluster;
    for (const cluster of ['newer', 'newest']) {
      await write('acme', memoryAt(cluster));
      expect(await clusterOf()).toBe(cluster);
    }
  });

  it('are not those of a repository whose name begins alike, nor what lies deeper', async () => {
    const { state, clusters, ports } = await setUp(['acme']);
    for (const path of ['masters/other/memory.json', 'master/a/b/memory.json', 'master/never/lease.json'])
      await state.write({ path: `environments/${path}`, value: memoryAt('other'), ifGeneration: 'any' });
    expect(await clusters()).toEqual([['acme', 'acme']]);
    expect(await rememberedEnvironments({ repository, state: ports.state })).toEqual(['acme']);
  });

  it('throw what a read of one throws', async () => {
    const { ports, counted } = await setUp(['acme', 'globex']);
    const failure = new Error('Cloud Storage answered 503');
    const state: StateStore = {
      ...counted,
      read: async (path) => (path === pathOf('globex') ? Promise.reject(failure) : counted.read(path)),
    };
    await expect(recallMemories({ repository }, { ...ports, state })).rejects.toBe(failure);
  });
});

describe('the memories of some environments', () => {
  const names = Array.from({ length: 20 }, (_one, index) => `environment-${String(index).padStart(2, '0')}`);
  const reads = (environments: readonly string[]) => environments.map((name) => `read ${pathOf(name)}`);

  it('are read one by one where they are few, whatever the repository has', async () => {
    const { asked, ports } = await setUp(names);
    const recall = recallSome({ repository }, ports);
    const some = ['environment-07', 'never'];
    const found = await Promise.all(some.map(async (name) => [name, (await recall(name)).memory.cluster]));
    expect(found).toEqual([
      ['environment-07', 'environment-07'],
      ['never', ''],
    ]);
    expect(asked()).toEqual(reads(some));
  });

  it('are listed where they are many, and none is read but those', async () => {
    const { asked, ports } = await setUp(names.slice(1));
    const many = names.slice(0, 11).toReversed();
    const find = async () => {
      const recall = recallSome({ repository }, ports);
      return await Promise.all(many.map(async (name) => [name, (await recall(name)).memory.cluster]));
    };
    const found = many.map((name) => [name, name === names[0] ? '' : name]);
    expect(await find()).toEqual(found);
    expect(asked().toSorted()).toEqual([list, ...reads(many.slice(0, -1))].toSorted());
    expect(await find()).toEqual(found);
    expect(asked().toSorted()).toEqual([list, ...reads(many.slice(0, 8))].toSorted());
  });
});

describe('what an instance keeps', () => {
  const kept = (limit: number) => {
    const versions = keepVersions<string>({ limit });
    const keep = (path: string, generation: string, bytes: number): void =>
      versions.keep({ path, generation, bytes, value: `${path}${generation}` });
    const find = (path: string, generation: string) => versions.find({ path, generation });
    return { versions, keep, find };
  };
  const listed = (path: string, generation: string) => ({
    ...{ path, generation, bytes: 1, updatedAt: clock.now(), metadata: {} },
  });

  it('is of that generation alone', () => {
    const { keep, find } = kept(100);
    keep('a', '1', 10);
    expect([find('a', '1'), find('a', '2'), find('b', '1')]).toEqual(['a1', undefined, undefined]);
    keep('a', '2', 10);
    expect([find('a', '1'), find('a', '2')]).toEqual([undefined, 'a2']);
  });

  it('is no more than the limit: those that came first stay', () => {
    const { keep, find } = kept(100);
    for (const path of ['a', 'b', 'c']) keep(path, '1', 40);
    expect([find('a', '1'), find('b', '1'), find('c', '1')]).toEqual(['a1', 'b1', undefined]);
    keep('c', '1', 20);
    keep('a', '2', 90);
    expect([find('a', '1'), find('a', '2'), find('c', '1')]).toEqual([undefined, undefined, 'c1']);
  });

  it('makes room for others where it was written anew or deleted', () => {
    const { versions, keep, find } = kept(100);
    for (const path of ['x/a', 'x/b', 'y/a']) keep(path, '1', 30);
    versions.forgetOthers({ folder: 'x/', listed: [listed('x/a', '2')] });
    expect([find('x/a', '1'), find('x/b', '1'), find('y/a', '1')]).toEqual([undefined, undefined, 'y/a1']);
    keep('x/a', '2', 70);
    expect(find('x/a', '2')).toBe('x/a2');
  });
});
