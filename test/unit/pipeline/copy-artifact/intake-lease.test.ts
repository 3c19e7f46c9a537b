import { describe, expect, it } from 'vitest';
import {
  claimLease,
  findLease,
  isFree,
  type IntakeLease,
} from '../../../../shared/pipeline/copy-artifact/intake-lease.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, stateInMemory } from '../ports.ts';

const path = 'intake/master/lease.json';
const seconds = 30;

function site() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const store = stateInMemory(clock.now);
  const writes: unknown[] = [];
  const state: StateStore = {
    ...store,
    async write(write) {
      writes.push(write.value);
      return store.write(write);
    },
  };
  const ports = { state, now: clock.now, log: recordingLog() };
  const find = async () => findLease({ path, seconds }, ports);
  const claim = async (instance: string, through = ports): Promise<IntakeLease> => {
    const claimed = await claimLease({ path, instance, seconds, found: await find() }, through);
    if (claimed === 'taken') throw new Error('is taken');
    return claimed;
  };
  return { clock, store, ports, writes, find, claim };
}

describe('an intake lease', () => {
  it('is asked for where the clock of its holder was put back: somebody else may have it', async () => {
    const { clock, ports, claim } = site();
    let isPutBack = false;
    const now = (): Date => new Date(clock.now().getTime() - (isPutBack ? 2_700_000 : 0));
    const lease = await claim('one', { ...ports, now });
    clock.forward(seconds + 1);
    isPutBack = true;
    await claim('two');
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'IntakeBusy' });
  });

  it('is free where nobody has it, where it was given back, where the ledger says its end, and after its time', async () => {
    const { clock, find, claim } = site();
    expect(isFree(await find(), undefined)).toBe(true);
    const first = await claim('one');
    expect([isFree(await find(), undefined), isFree(await find(), 'one/another claim')]).toEqual([false, false]);
    expect(isFree(await find(), first.holder)).toBe(true);
    await first.giveBack();
    expect(isFree(await find(), undefined)).toBe(true);
    await claim('one');
    clock.forward(seconds);
    expect(isFree(await find(), undefined)).toBe(false);
    clock.forward(1);
    expect(isFree(await find(), undefined)).toBe(true);
  });

  it('is got by one of two that found it free', async () => {
    const { ports, find, store } = site();
    const found = await find();
    const both = await Promise.all(
      ['one', 'two'].map(async (instance) => claimLease({ path, instance, seconds, found }, ports)),
    );
    expect(both.filter((claimed) => claimed === 'taken')).toHaveLength(1);
    expect(store.valueAt(path)).toMatchObject({ holder: expect.stringMatching(/^(one|two)\//), event: '', seconds });
  });

  it('is its own where the answer to the claim, or to what keeps it, was lost', async () => {
    const { clock, ports, claim, store, writes } = site();
    const losing: StateStore = {
      ...ports.state,
      async write(write) {
        await ports.state.write(write);
        return 'conflict';
      },
    };
    const lease = await claim('one', { ...ports, state: losing });
    expect(store.valueAt(path)).toMatchObject({ holder: lease.holder });
    clock.forward(20);
    await lease.keep();
    expect([lease.isLost(), writes.length]).toEqual([false, 2]);
  });

  it('is written once while it lasts, kept when most of its time is over, and lost to who took it after that', async () => {
    const { clock, writes, claim, store } = site();
    const lease = await claim('one');
    clock.forward(19);
    await lease.keep();
    expect(writes).toHaveLength(1);
    clock.forward(1);
    await lease.keep();
    clock.forward(19);
    await lease.keep();
    expect(writes).toHaveLength(2);
    clock.forward(31);
    const other = await claim('two');
    await lease.keep();
    await lease.giveBack();
    expect([lease.isLost(), other.isLost()]).toEqual([true, false]);
    expect(store.valueAt(path)).toMatchObject({ holder: other.holder });
  });

  it('of the version before is held for its own time, and free once given back', async () => {
    const { clock, store, find } = site();
    const last = { holder: '6f1f3c3e', event: '', seconds: 10 };
    await store.write({ path, value: last, ifGeneration: 'any' });
    expect(isFree(await find(), undefined)).toBe(false);
    clock.forward(11);
    expect(isFree(await find(), undefined)).toBe(true);
    await store.write({ path, value: { ...last, holder: null }, ifGeneration: 'any' });
    expect(isFree(await find(), undefined)).toBe(true);
  });

  it.each(['', '{"hold', 'null', '[]', '{"seconds":"x"}'])(
    'that is %j is taken after the time of one',
    async (text) => {
      const { clock, store, find } = site();
      store.spoil(path, text);
      expect(isFree(await find(), undefined)).toBe(false);
      clock.forward(seconds + 1);
      expect(isFree(await find(), undefined)).toBe(true);
    },
  );
});
