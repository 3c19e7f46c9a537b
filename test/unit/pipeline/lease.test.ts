import { describe, expect, it } from 'vitest';
import { acquireLease, type Lease } from '../../../shared/pipeline/lease.ts';
import { clockAt, stateInMemory } from './ports.ts';

const path = 'environments/master/acme/lease.json';

function setUp() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const storage = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(storage.now);
  const acquire = async (holder: string) => acquireLease({ path, holder, seconds: 60 }, { state, now: clock.now });
  const acquired = async (holder: string): Promise<Lease> => {
    const lease = await acquire(holder);
    if (lease === 'taken') throw new Error('the lease is taken');
    return lease;
  };
  const forward = (seconds: number) => [clock, storage].forEach((one) => one.forward(seconds));
  return { clock, storage, state, acquire, acquired, forward };
}

describe('a lease', () => {
  it('is one run’s at a time', async () => {
    const { acquire, acquired, state } = setUp();
    await acquired('first');
    expect(await acquire('second')).toBe('taken');
    expect(state.objects.get(path)).toEqual({ holder: 'first', seconds: 60 });
  });

  it('goes to one of many that try at once', async () => {
    const { acquire } = setUp();
    const tries = await Promise.all(['a', 'b', 'c', 'd'].map(acquire));
    expect(tries.filter((lease) => lease !== 'taken')).toHaveLength(1);
  });

  it('goes to one of many that find the same one run out', async () => {
    const { acquire, acquired, forward } = setUp();
    await acquired('killed');
    forward(61);
    const tries = await Promise.all(['a', 'b', 'c', 'd'].map(acquire));
    expect(tries.filter((lease) => lease !== 'taken')).toHaveLength(1);
  });

  it('is free again when it was given back', async () => {
    const { acquire, acquired } = setUp();
    await (await acquired('first')).release();
    expect(await acquire('second')).not.toBe('taken');
  });

  it('of a killed run is free when its time is over, and not before', async () => {
    const { acquire, acquired, storage } = setUp();
    await acquired('killed');
    storage.forward(60);
    expect(await acquire('second')).toBe('taken');
    storage.forward(1);
    expect(await acquire('second')).not.toBe('taken');
  });

  it('ends by Storage’s clock, not by that of whoever asks', async () => {
    const { acquire, acquired, clock } = setUp();
    await acquired('first');
    clock.forward(3600);
    expect(await acquire('second')).toBe('taken');
  });

  it('is taken over where something else stands in its place', async () => {
    const { acquire, state } = setUp();
    await state.write({ path, value: 'nonsense', ifGeneration: 'any' });
    expect(await acquire('first')).not.toBe('taken');
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
    expect(await acquire('third')).toBe('taken');
  });
});
