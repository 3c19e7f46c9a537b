import { expect, it } from 'vitest';
import { createLedgerWriter } from '../../../../shared/pipeline/copy-artifact/ledger-writer.ts';
import { readLedger, writeLedger } from '../../../../shared/pipeline/copy-artifact/ledger.ts';
import type { LastWrites } from '../../../../shared/pipeline/copy-artifact/queue.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { emptyLedger, ledgerPath, type Ledger } from '../../../../shared/source/ledger.ts';
import { clockAt, commitId, recordingLog, stateInMemory } from '../ports.ts';

const settings = { repositoryClass: 'master' };
const path = ledgerPath(settings);
const times = { writePause: 1_000, longestWritePause: 4_000 };

function news(...names: readonly string[]): Ledger {
  const entry = { generation: '1', commit: commitId('a'), at: '2026-11-21T01:00:00.000Z', content: null };
  return { ...emptyLedger, copied: new Map(names.map((name) => [name, { name, ...entry }])) };
}

/** A ledger written long ago; its writes, each with the seconds since the beginning. Sleeping moves the clock. */
async function site({ state: change }: { state?: (state: StateStore) => StateStore } = {}) {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const begin = clock.now().getTime();
  const store = stateInMemory(clock.now);
  await store.write({ path, value: { version: 1, copied: [], refused: [] }, ifGeneration: 'absent' });
  clock.forward(60);
  const writes: number[] = [];
  const counting: StateStore = {
    ...store,
    async write(write) {
      const written = await store.write(write);
      if (written !== 'conflict') writes.push((clock.now().getTime() - begin) / 1000 - 60);
      return written;
    },
  };
  const state = change?.(counting) ?? counting;
  const sleep = async (milliseconds: number) => clock.forward(milliseconds / 1000);
  const ports = { state, log: recordingLog(), now: clock.now, sleep };
  const lastWrites: LastWrites = {};
  const open = async () =>
    createLedgerWriter({ recorded: await readLedger({ ports, settings }), lastWrites, times, ports, settings });
  return { clock, store, ports, writes, open };
}

const settled = async (writer: Awaited<ReturnType<Awaited<ReturnType<typeof site>>['open']>>, added: Ledger) => {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  writer.add({ news: added, settle: (failure) => resolve(failure?.error ?? 'settled') });
  return promise;
};

it('writes a single piece of news at once, with the end of the lease', async () => {
  const { open, writes, store } = await site();
  const writer = await open();
  const told = settled(writer, news('a'));
  expect(writer.written().copied.size + writer.known().copied.size).toBe(1);
  expect(await writer.end('one')).toBe('ended');
  expect(await told).toBe('settled');
  expect(writes).toEqual([0]);
  expect(store.valueAt(path)).toMatchObject({ copied: [{ name: 'a' }], ended: 'one' });
});

it('writes what is collected after pauses that double, and what is left after the shortest', async () => {
  const { open, writes } = await site();
  const writer = await open();
  for (const name of ['a', 'b', 'c', 'd']) {
    const told = settled(writer, news(name));
    writer.begin();
    expect(await told).toBe('settled');
  }
  const told = settled(writer, news('e'));
  expect(await writer.end('one')).toBe('ended');
  await told;
  expect(writes).toEqual([0, 2, 6, 10, 11]);
});

it('waits for no more than a pause where the clock of this instance is put back', async () => {
  const { open, writes, clock } = await site();
  const writer = await open();
  const first = settled(writer, news('a'));
  writer.begin();
  await first;
  clock.forward(-2_700);
  const told = settled(writer, news('b'));
  await writer.end('one');
  await told;
  expect(writes).toEqual([0, 1 - 2_700]);
});

it('writes twice in a second neither after another instance nor after itself', async () => {
  const { open, writes, clock } = await site();
  const first = await open();
  void settled(first, news('a'));
  await first.end('one');
  clock.forward(0.4);
  const second = await open();
  void settled(second, news('b'));
  await second.end('two');
  expect(writes).toEqual([0, 1]);
});

it('says of a write that failed that it failed, and goes on', async () => {
  let fails = true;
  const { open, store } = await site({
    state: (state) => ({
      ...state,
      async write(write) {
        if (!fails) return state.write(write);
        fails = false;
        throw new Error('Storage is away');
      },
    }),
  });
  const writer = await open();
  const first = settled(writer, news('a'));
  writer.begin();
  expect(await first).toMatchObject({ message: 'Storage is away' });
  const second = settled(writer, news('b'));
  await writer.end('one');
  expect(await second).toBe('settled');
  expect(store.valueAt(path)).toMatchObject({ copied: [{ name: 'b' }], ended: 'one' });
});

it('leaves the lease open where nothing was to be written', async () => {
  const { open, writes } = await site();
  expect(await (await open()).end('one')).toBe('open');
  expect(writes).toEqual([]);
});

it('recognises its own write whose answer was lost, and leaves the end of a later lease as it is', async () => {
  let isLost = true;
  const { ports, writes, store } = await site({
    state: (state) => ({
      ...state,
      async write(write) {
        const written = await state.write(write);
        if (!isLost) return written;
        isLost = false;
        return 'conflict';
      },
    }),
  });
  const recorded = await readLedger({ ports, settings });
  await writeLedger({ recorded, news: { ...news('a'), ended: 'one' }, ports, settings });
  expect(writes).toHaveLength(1);
  const later = await readLedger({ ports, settings });
  await writeLedger({ recorded: later, news: { ...news('b'), ended: 'two' }, ports, settings });
  await writeLedger({ recorded: later, news: { ...news('c'), ended: 'late' }, ports, settings });
  expect(store.valueAt(path)).toMatchObject({ copied: [{ name: 'a' }, { name: 'b' }, { name: 'c' }], ended: 'two' });
});

it('knows what it is about to have written, and counts on it once it is', async () => {
  const seen: { readonly known: string[]; readonly collected: string[] }[] = [];
  const namesIn = ({ copied }: Ledger): string[] => [...copied.keys()];
  let fails = false;
  const { open } = await site({
    state: (state) => ({
      ...state,
      async write(write) {
        seen.push({ known: namesIn(writer.known()), collected: namesIn(writer.collected()) });
        if (fails) throw new Error('Storage does not answer');
        return await state.write(write);
      },
    }),
  });
  const writer = await open();
  const first = settled(writer, news('a'));
  writer.begin();
  expect(await first).toBe('settled');
  fails = true;
  expect(await Promise.all([settled(writer, news('b')), writer.end('one')])).toEqual([expect.any(Error), 'open']);
  expect(seen).toEqual([
    { known: ['a'], collected: [] },
    { known: ['a', 'b'], collected: ['a'] },
  ]);
  expect(namesIn(writer.known())).toEqual(['a']);
});
