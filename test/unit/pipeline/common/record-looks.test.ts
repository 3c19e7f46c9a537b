import { describe, expect, it } from 'vitest';
import { recordLooks, type Look } from '../../../../shared/pipeline/common/record-looks.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, stateInMemory } from '../ports.ts';

const path = 'looks/master/one.json';

/** One instance, what it wrote, and a way to have Storage fail or wait. */
function setUp() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(clock.now);
  const log = recordingLog();
  const written: string[] = [];
  const storage: { answer: () => Promise<void> } = { answer: async () => {} };
  const counted: StateStore = {
    ...state,
    write: async (write) => {
      written.push(write.path);
      await storage.answer();
      return await state.write(write);
    },
  };
  const recorder = recordLooks({ instance: 'one', state: counted, now: clock.now, log });
  const looked = async (environment: string, outcome: Look['outcome'] = 'checked', repository = 'master') =>
    recorder.looked({ repository, environment, at: clock.now(), outcome });
  return { ...{ clock, state, storage, log, written, looked }, recorder, told: () => state.valueAt(path) };
}

const at = (time: string): string => `2026-11-21T${time}.000Z`;
const checked = (time: string) => ({ checkedAt: at(time), attemptedAt: at(time) });

describe('the looks of an instance', () => {
  it('are one object of all, written before the first look is answered', async () => {
    const { looked, told, written } = setUp();
    await looked('acme');
    expect(told()).toEqual({ version: 1, at: at('01:00:00'), environments: { acme: checked('01:00:00') } });
    expect(written).toEqual([path]);
  });

  it('are written once in 10 s, however many there are, and then with all that came meanwhile', async () => {
    const { looked, told, written, clock } = setUp();
    for (let second = 0; second < 10; second++) {
      await looked(`environment-${second}`);
      clock.forward(1);
    }
    expect(written).toEqual([path]);
    await looked('last');
    expect(written).toEqual([path, path]);
    const environments = Object.fromEntries(
      Array.from({ length: 10 }, (_one, second) => [`environment-${second}`, checked(`01:00:0${second}`)] as const),
    );
    expect(told()).toEqual({
      version: 1,
      at: at('01:00:10'),
      environments: { ...environments, last: checked('01:00:10') },
    });
  });

  it('are told from then on where the clock of the instance is put back', async () => {
    const { looked, told, clock } = setUp();
    await looked('acme');
    clock.forward(-2_700);
    await looked('acme');
    expect(told()).toEqual({ version: 1, at: at('00:15:00'), environments: { acme: checked('00:15:00') } });
  });

  it('are an object for each repository', async () => {
    const { looked, written, state } = setUp();
    await looked('acme');
    await looked('acme', 'checked', 'staging');
    expect(written).toEqual([path, 'looks/staging/one.json']);
    expect(state.valueAt('looks/staging/one.json')).toMatchObject({ environments: { acme: checked('01:00:00') } });
  });

  it('tell of those that came to no end, and of the last that did', async () => {
    const { looked, told, clock } = setUp();
    await looked('acme');
    clock.forward(300);
    await looked('acme', 'attempted');
    expect(told()).toMatchObject({
      environments: { acme: { checkedAt: at('01:00:00'), attemptedAt: at('01:05:00') } },
    });
    await looked('globex', 'attempted');
    clock.forward(300);
    await looked('acme');
    expect(told()).toMatchObject({
      environments: { acme: checked('01:10:00'), globex: { attemptedAt: at('01:05:00') } },
    });
  });

  it('tell within a second what keeps one from looking, and that it does no more', async () => {
    const { clock, told, recorder } = setUp();
    const at = clock.now();
    const look = { repository: 'master', environment: 'acme', at, outcome: 'attempted' } as const;
    await recorder.looked({ ...look, outcome: 'checked' });
    const hindered = { generation: '7', reason: 'is empty' };
    for (const second of [0, 1]) {
      await recorder.looked({ ...look, hindered });
      expect(told()).toMatchObject({ environments: { acme: second === 0 ? checked('01:00:00') : { hindered } } });
      clock.forward(1);
    }
    await recorder.looked({ ...look, outcome: 'checked' });
    expect(told()).toMatchObject({ environments: { acme: checked('01:00:00') } });
    expect(JSON.stringify(told())).not.toContain('hindered');
  });

  it('leave out what is gone, and what nobody looked at for a day', async () => {
    const { looked, told, clock } = setUp();
    await looked('acme');
    await looked('old');
    clock.forward(3600);
    await looked('acme', 'gone');
    expect(told()).toMatchObject({ environments: { old: checked('01:00:00') } });
    clock.forward(23 * 3600 + 1);
    await looked('new');
    expect(Object.keys(Object(told()).environments)).toEqual(['new']);
  });

  it('are written with a later look where a write failed, which fails nobody', async () => {
    const { looked, told, clock, storage, log, written } = setUp();
    storage.answer = async () => Promise.reject(new Error('Cloud Storage answered 403'));
    await looked('acme');
    expect(log.lines).toEqual(['WARNING when environments were looked at could not be written']);
    storage.answer = async () => {};
    clock.forward(5);
    await looked('globex');
    expect(written).toHaveLength(1);
    clock.forward(5);
    await looked('initech');
    expect(told()).toMatchObject({
      environments: { acme: checked('01:00:00'), globex: checked('01:00:05'), initech: checked('01:00:10') },
    });
  });

  it('are written by one request at a time, and no look waits for that of another', async () => {
    const { looked, told, clock, storage, written } = setUp();
    const answer = Promise.withResolvers<undefined>();
    storage.answer = async () => answer.promise;
    const first = looked('acme');
    clock.forward(60);
    await looked('globex');
    expect(written).toHaveLength(1);
    answer.resolve(undefined);
    await first;
    expect(Object.keys(Object(told()).environments)).toEqual(['acme']);
    await looked('initech');
    expect(Object.keys(Object(told()).environments)).toEqual(['acme', 'globex', 'initech']);
  });

  it('are written though the clock was put back', async () => {
    const { looked, written, clock } = setUp();
    await looked('acme');
    clock.forward(-2700);
    await looked('acme');
    expect(written).toHaveLength(2);
  });
});
