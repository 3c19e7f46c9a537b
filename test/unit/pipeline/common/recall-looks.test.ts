import { describe, expect, it } from 'vitest';
import { clearOldLooks, recallLooks } from '../../../../shared/pipeline/common/recall-looks.ts';
import { recordLooks } from '../../../../shared/pipeline/common/record-looks.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, stateInMemory } from '../ports.ts';

const repository = 'master';

function setUp() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(clock.now);
  const log = recordingLog();
  const asked: string[] = [];
  const counted: StateStore = {
    ...state,
    read: async (path) => {
      asked.push(`read ${path}`);
      return await state.read(path);
    },
    list: async (prefix, file) => {
      asked.push(`list ${prefix}`);
      return await state.list(prefix, file);
    },
    delete: async (object) => {
      asked.push(`delete ${object.path}`);
      return await state.delete(object);
    },
  };
  const instance = (name: string) => recordLooks({ instance: name, state, now: clock.now, log });
  return {
    ...{ clock, state, counted, log, asked: () => asked.splice(0) },
    look: async (by: string, environment: string) =>
      instance(by).looked({ repository, environment, at: clock.now(), outcome: 'checked' }),
    checkedAt: async (environment: string) =>
      (await recallLooks({ repository }, { state: counted, log })).get(environment)?.checkedAt,
    clear: async (through = counted) => clearOldLooks({ repository }, { state: through, log, now: clock.now }),
  };
}

describe('when the environments of a repository were looked at', () => {
  it('is by one list, and by what an instance wrote since', async () => {
    const { look, checkedAt, asked, clock } = setUp();
    await look('one', 'acme');
    await look('two', 'globex');
    expect(await checkedAt('acme')).toBe('2026-11-21T01:00:00.000Z');
    expect(asked()).toEqual(['list looks/master/', 'read looks/master/one.json', 'read looks/master/two.json']);
    expect(await checkedAt('globex')).toBe('2026-11-21T01:00:00.000Z');
    expect(asked()).toEqual(['list looks/master/']);
    clock.forward(300);
    await look('two', 'acme');
    expect(await checkedAt('acme')).toBe('2026-11-21T01:05:00.000Z');
    expect(asked()).toEqual(['list looks/master/', 'read looks/master/two.json']);
  });

  it.each(['', '{', 'null', '[]', '{"version":9}', `"${'x'.repeat(65 * 2 ** 20)}"`])(
    'is what others wrote where one is %.20s',
    async (text) => {
      const { look, checkedAt, state, log } = setUp();
      await look('one', 'acme');
      state.spoil('looks/master/two.json', text);
      expect(await checkedAt('acme')).toBe('2026-11-21T01:00:00.000Z');
      expect(log.lines).toEqual(['ERROR a state object cannot be read: it is taken for lost']);
    },
  );
});

describe('what an instance left behind', () => {
  it('is deleted after a day, and nothing else, once an hour at most', async () => {
    const { look, state, clock, clear, asked } = setUp();
    await look('old', 'acme');
    await state.write({ path: 'looks/staging/old.json', value: {}, ifGeneration: 'any' });
    clock.forward(24 * 3600 + 1);
    await look('new', 'acme');
    await clear();
    expect([...state.objects.keys()].toSorted()).toEqual(['looks/master/new.json', 'looks/staging/old.json']);
    expect(asked()).toEqual(['list looks/master/', 'delete looks/master/old.json']);
    await clear();
    clock.forward(3599);
    await clear();
    expect(asked()).toEqual([]);
    clock.forward(1);
    await clear();
    expect(asked()).toEqual(['list looks/master/']);
  });

  it('stays where it was written since it was listed', async () => {
    const { look, state, counted, clock, clear } = setUp();
    await look('back', 'acme');
    clock.forward(24 * 3600 + 1);
    const late: StateStore = {
      ...counted,
      list: async (prefix) => {
        const listed = await state.list(prefix);
        await look('back', 'globex');
        return listed;
      },
    };
    await clear(late);
    expect(state.valueAt('looks/master/back.json')).toMatchObject({ environments: { globex: {} } });
  });

  it('fails nobody where it cannot be cleared', async () => {
    const { clear, counted, log } = setUp();
    await clear({ ...counted, list: async () => Promise.reject(new Error('Cloud Storage answered 403')) });
    expect(log.lines).toEqual(['WARNING what is known of looks long ago could not be cleared']);
  });
});
