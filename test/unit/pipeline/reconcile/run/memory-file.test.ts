import { describe, expect, it } from 'vitest';
import { emptyMemory } from '../../../../../shared/memory/memory.ts';
import { leftoversKept } from '../../../../../shared/memory/transitions/end.ts';
import { openMemory } from '../../../../../shared/pipeline/reconcile/run/memory-file.ts';
import { clockAt, stateInMemory } from '../../ports.ts';

const path = 'environments/master/shop/memory.json';
const some = { left: ['/ConfigMap/acme/old'], pending: undefined };

function setUp() {
  const { now } = clockAt('2026-11-21T02:00:00.000Z');
  const state = stateInMemory(now);
  return { state, now, open: async () => openMemory({ path, state, log: () => {}, now }) };
}

describe('the memory of a run', () => {
  it('is what a transition makes of it, and is written', async () => {
    const { state, now, open } = setUp();
    const file = await open();
    await file.remember(leftoversKept, some);
    expect(file.memory()).toEqual({ ...emptyMemory(now()), ...some });
    expect(state.valueAt(path)).toEqual(file.memory());
    expect((await open()).memory()).toEqual(file.memory());
  });

  it('is not written where nothing differs', async () => {
    const { state, open } = setUp();
    await (await open()).remember(leftoversKept, some);
    const first = (await state.read(path))?.generation;
    const file = await open();
    await file.remember(leftoversKept, some);
    await file.remember(leftoversKept, some);
    expect((await state.read(path))?.generation).toBe(first);
  });

  it('is lost to a run that wrote meanwhile', async () => {
    const { open } = setUp();
    const [one, other] = [await open(), await open()];
    await one.remember(leftoversKept, some);
    await expect(other.remember(leftoversKept, { ...some, left: [] })).rejects.toMatchObject({ code: 'LeaseLost' });
    const third = await open();
    await one.remember(leftoversKept, { ...some, left: [] });
    await expect(third.remove()).rejects.toMatchObject({ code: 'LeaseLost' });
  });
});
