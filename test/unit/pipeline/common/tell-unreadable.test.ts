import { describe, expect, it } from 'vitest';
import { ConvergeError, type ErrorCode } from '../../../../shared/base/errors.ts';
import { unreadablePath } from '../../../../shared/memory/unreadable.ts';
import { isUnreadable, tellUnreadable } from '../../../../shared/pipeline/common/tell-unreadable.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, stateInMemory } from '../ports.ts';

const after = 10 * 60_000;
const told = 'ERROR something cannot be read, and messages wait for it';

const unreadable = (subject = '/secrets/git-master/value', code: ErrorCode = 'SecretUnavailable') =>
  new ConvergeError({ code, subject, message: 'cannot be read (EIO)', remedy: 'see', disposition: 'retry' });

/** Any number of instances and functions: they share the state bucket alone. */
function world(changes: (state: StateStore) => Partial<StateStore> = () => ({})) {
  const clock = clockAt('2026-11-28T05:00:00Z');
  const state = stateInMemory(clock.now);
  const log = recordingLog();
  const ports = { now: clock.now, log, state: { ...state, ...changes(state) } };
  const meet = async (error = unreadable()) => tellUnreadable({ error, after }, ports);
  return { clock, state, log, meet };
}

describe('what cannot be read', () => {
  it('is told once, by whichever instance meets it when it has lasted ten minutes', async () => {
    const { clock, log, meet } = world();
    for (let minute = 0; minute < 10; minute++) {
      expect(await meet()).toBe(true);
      clock.forward(60);
    }
    expect(log.lines).toEqual([]);
    await Promise.all([meet(), meet(), meet()]);
    for (let minute = 0; minute < 120; minute += 7) {
      clock.forward(7 * 60);
      await meet();
    }
    expect(log.lines).toEqual([told]);
  });

  it('is told in time where the clock of who met it first is ahead', async () => {
    const { clock, state, log, meet } = world();
    const ahead = (): Date => new Date(clock.now().getTime() + 45 * 60_000);
    await tellUnreadable({ error: unreadable(), after }, { now: ahead, log, state });
    for (let minute = 0; minute <= 10; minute++) {
      await meet();
      clock.forward(60);
    }
    expect(log.lines).toEqual([told]);
  });

  it('for a moment is not told', async () => {
    const { clock, log, meet } = world();
    await meet();
    clock.forward(31 * 60);
    await meet();
    clock.forward(9 * 60);
    await meet();
    expect(log.lines).toEqual([]);
  });

  it('is told again where it could be read in between', async () => {
    const { clock, log, meet } = world();
    for (const pause of [0, 601, 3600, 601]) {
      clock.forward(pause);
      await meet();
    }
    expect(log.lines).toEqual([told, told]);
  });

  it('is written down rarely: at first, each five minutes, and as it is told', async () => {
    let writes = 0;
    const { clock, meet } = world((state) => ({
      write: async (write) => {
        writes += 1;
        return await state.write(write);
      },
    }));
    for (let second = 0; second < 900; second += 10) {
      await meet();
      clock.forward(10);
    }
    expect(writes).toBe(3);
  });

  it('is told where the answer to the write was lost', async () => {
    let isLost = false;
    const { clock, log, meet } = world((state) => ({
      write: async (write) => {
        const written = await state.write(write);
        return isLost ? 'conflict' : written;
      },
    }));
    await meet();
    isLost = true;
    clock.forward(601);
    await meet();
    expect(log.lines).toEqual([told]);
  });

  it('of a bucket is one trouble, however many objects are asked for', async () => {
    const { clock, log, meet, state } = world();
    const denied = (name: string) => unreadable(`gs://family-master/${name}`, 'StorageRefused');
    await meet(denied('a'));
    clock.forward(601);
    await meet(denied('b'));
    await meet(denied('c'));
    expect(log.lines).toEqual([told]);
    expect([...state.objects.keys()]).toEqual([
      unreadablePath({ code: 'StorageRefused', subject: 'gs://family-master' }),
    ]);
  });

  it('and cannot be noted either fails nothing', async () => {
    const { log, meet } = world(() => ({ read: async () => Promise.reject(new Error('no answer')) }));
    expect(await meet()).toBe(false);
    expect(log.lines).toEqual(['WARNING what cannot be read could not be noted']);
  });

  it('is begun anew where nobody can read what is noted', async () => {
    const { clock, log, meet, state } = world();
    const { code, subject } = unreadable();
    state.spoil(unreadablePath({ code, subject }), '{');
    clock.forward(5);
    await meet();
    clock.forward(601);
    await meet();
    expect(log.lines.at(-1)).toBe(told);
  });
});

it('is told from what is refused, and from a host that does not answer', () => {
  const refused = { code: 'BadConfiguration', subject: 'a', message: 'b', disposition: 'refuse' } as const;
  expect(isUnreadable(unreadable())).toBe(true);
  // The issuer's keys: no message says anything about them.
  expect(isUnreadable(unreadable('https://issuer.example/keys', 'IssuerUnavailable'))).toBe(true);
  expect(isUnreadable(new ConvergeError(refused))).toBe(false);
  expect(isUnreadable(new ConvergeError({ ...refused, code: 'ClusterRefused' }))).toBe(false);
  expect(isUnreadable(new ConvergeError({ ...refused, code: 'GitUnavailable', disposition: 'retry' }))).toBe(false);
  expect(isUnreadable(new Error('a'))).toBe(false);
});
