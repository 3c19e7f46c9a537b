import { describe, expect, it } from 'vitest';
import { acquireLease, isTaken, type Lease } from '../../../shared/pipeline/lease.ts';
import { clockAt, stateInMemory } from './ports.ts';

const path = 'environments/master/acme/lease.json';

function setUp() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const storage = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(storage.now);
  const acquire = async (holder: string) => acquireLease({ path, holder, event: `for ${holder}` }, { state, now: clock.now });
  const acquired = async (holder: string): Promise<Lease> => {
    const lease = await acquire(holder);
    if (isTaken(lease)) throw new Error('the lease is taken');
    return lease;
  };
  const forward = (seconds: number) => [clock, storage].forEach((one) => one.forward(seconds));
  return { clock, storage, state, acquire, acquired, forward };
}

describe('a lease', () => {
  it('is one run’s at a time', async () => {
    const { acquire, acquired, state } = setUp();
    await acquired('first');
    expect(isTaken(await acquire('second'))).toBe(true);
    expect(state.objects.get(path)).toEqual({ holder: 'first', event: 'for first', seconds: 60 });
  });

  it('goes to one of many that try at once', async () => {
    const { acquire } = setUp();
    const tries = await Promise.all(['a', 'b', 'c', 'd'].map(acquire));
    expect(tries.filter((lease) => !isTaken(lease))).toHaveLength(1);
  });

  it('goes to one of many that find the same one run out', async () => {
    const { acquire, acquired, forward } = setUp();
    await acquired('killed');
    forward(61);
    const tries = await Promise.all(['a', 'b', 'c', 'd'].map(acquire));
    expect(tries.filter((lease) => !isTaken(lease))).toHaveLength(1);
  });

  it('is free again when it was given back', async () => {
    const { acquire, acquired } = setUp();
    await (await acquired('first')).release();
    expect(isTaken(await acquire('second'))).toBe(false);
  });

  it('of a killed run is free when its time is over, and not before', async () => {
    const { acquire, acquired, storage } = setUp();
    await acquired('killed');
    storage.forward(60);
    expect(isTaken(await acquire('second'))).toBe(true);
    storage.forward(1);
    expect(isTaken(await acquire('second'))).toBe(false);
  });

  it('ends by Storage’s clock, not by that of whoever asks', async () => {
    const { acquire, acquired, clock } = setUp();
    await acquired('first');
    clock.forward(3600);
    expect(isTaken(await acquire('second'))).toBe(true);
  });

  it('is taken over where something else stands in its place', async () => {
    const { acquire, state } = setUp();
    await state.write({ path, value: 'nonsense', ifGeneration: 'any' });
    expect(isTaken(await acquire('first'))).toBe(false);
  });
});

describe('a lease that was asked to last longer', () => {
  it('does, by Storage’s clock', async () => {
    const { acquire, acquired, forward } = setUp();
    await (await acquired('slow')).lastFor(300);
    forward(300);
    expect(isTaken(await acquire('second'))).toBe(true);
    forward(1);
    expect(isTaken(await acquire('second'))).toBe(false);
  });

  it('lasts as long the next time, and is written once then', async () => {
    const { acquired, state, forward } = setUp();
    const first = await acquired('first');
    await first.lastFor(300);
    await first.release();
    forward(1);
    const second = await acquired('second');
    expect(state.objects.get(path)).toEqual({ holder: 'second', event: 'for second', seconds: 300 });
    const before = await state.read(path);
    await second.lastFor(300);
    expect((await state.read(path))?.generation).toBe(before?.generation);
  });

  it('is lost where another run took over in between', async () => {
    const { acquired, storage } = setUp();
    const lease = await acquired('frozen');
    storage.forward(61);
    await acquired('second');
    await expect(lease.lastFor(300)).rejects.toMatchObject({ code: 'LeaseLost' });
  });
});

describe('the holder of a lease', () => {
  it('is not lost while its time lasts', async () => {
    const { acquired, forward } = setUp();
    const lease = await acquired('first');
    forward(59);
    await expect(lease.assertHeld()).resolves.toBeUndefined();
  });

  it('learns that its time is over', async () => {
    const { acquired, clock } = setUp();
    const lease = await acquired('first');
    clock.forward(60);
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'LeaseLost', disposition: 'retry', subject: path });
  });

  it('learns that another run took over, though its own clock stood still', async () => {
    const { acquired, clock, storage } = setUp();
    const lease = await acquired('frozen');
    storage.forward(61);
    await acquired('second');
    clock.forward(5);
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'LeaseLost' });
  });

  it('does not give back what another run holds by now', async () => {
    const { acquired, acquire, storage, state } = setUp();
    const lease = await acquired('frozen');
    storage.forward(61);
    await acquired('second');
    await lease.release();
    expect(state.objects.get(path)).toMatchObject({ holder: 'second' });
    expect(isTaken(await acquire('third'))).toBe(true);
  });
});
