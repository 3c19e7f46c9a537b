import { describe, expect, it } from 'vitest';
import { acquireLease, isTaken, type Lease } from '../../../../shared/pipeline/common/lease.ts';
import { clockAt, stateInMemory } from '../ports.ts';

const path = 'environments/master/acme/lease.json';

function setUp() {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const storage = clockAt('2026-11-21T01:00:00Z');
  const state = stateInMemory(storage.now);
  const acquire = async (holder: string) =>
    acquireLease({ path, holder, event: `for ${holder}`, seconds: 60 }, { state, now: clock.now });
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
    const { acquire, state, forward } = setUp();
    await state.write({ path, value: 'nonsense', ifGeneration: 'any' });
    // Whoever held what stood there before finds out at its next look, and may be writing until then.
    expect(isTaken(await acquire('first'))).toBe(true);
    forward(61);
    expect(isTaken(await acquire('first'))).toBe(false);
  });
});

describe('the holder of a lease', () => {
  it('keeps it for as long as it goes on', async () => {
    const { acquire, acquired, forward } = setUp();
    const lease = await acquired('slow');
    for (let look = 1; look <= 5; look++) {
      forward(59);
      await lease.assertHeld();
    }
    expect(isTaken(await acquire('second'))).toBe(true);
    forward(61);
    expect(isTaken(await acquire('second'))).toBe(false);
  });

  it('writes it no more often than every few seconds, however many of its workers ask', async () => {
    const { acquired, state, forward } = setUp();
    const lease = await acquired('busy');
    const generation = async () => Number((await state.read(path))?.generation);
    const before = await generation();
    forward(4);
    await lease.assertHeld();
    expect(await generation()).toBe(before);
    forward(1);
    await Promise.all([1, 2, 3, 4].map(async () => lease.assertHeld()));
    expect(await generation()).toBe(before + 1);
  });

  it('that was frozen beyond its end goes on where nobody took over', async () => {
    const { acquire, acquired, forward } = setUp();
    const lease = await acquired('frozen');
    forward(3600);
    await expect(lease.assertHeld()).resolves.toBeUndefined();
    expect(isTaken(await acquire('second'))).toBe(true);
  });

  it('that was frozen beyond its end learns that another run took over, also where that one is done', async () => {
    const { acquired, forward } = setUp();
    const lease = await acquired('frozen');
    forward(61);
    await (await acquired('second')).release();
    await expect(lease.assertHeld()).rejects.toMatchObject({ code: 'LeaseLost', disposition: 'retry', subject: path });
  });

  it('learns that another run took over, though its own clock stood still', async () => {
    const { acquired, storage } = setUp();
    const lease = await acquired('frozen');
    storage.forward(61);
    await acquired('second');
    await expect(lease.assertHeld()).resolves.toBeUndefined();
    await expect(lease.assertHeld('now')).rejects.toMatchObject({ code: 'LeaseLost' });
  });

  it('that was frozen in the middle of a renewal does not go on on the strength of it', async () => {
    const { clock, state } = setUp();
    let frozen = 0;
    const freezing: typeof state = {
      ...state,
      write: async (write) => {
        const written = await state.write(write);
        if (frozen++ === 1) clock.forward(3600);
        return written;
      },
    };
    const lease = await acquireLease(
      { path, holder: 'frozen', event: '', seconds: 60 },
      { state: freezing, now: clock.now },
    );
    if (isTaken(lease)) throw new Error('the lease is taken');
    clock.forward(5);
    await lease.assertHeld();
    expect(frozen).toBe(3);
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
