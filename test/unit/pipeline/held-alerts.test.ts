import { setImmediate as immediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import type { AlertSink } from '../../../shared/config/sinks.ts';
import { alertId, type Alert, type Diff } from '../../../shared/events/alert.ts';
import { readEvent } from '../../../shared/events/read-event.ts';
import type { RedrivenMessage } from '../../../shared/events/found-letter.ts';
import { parseReceivedAlert } from '../../../shared/events/received-alert.ts';
import { sinksOf } from '../../../shared/events/refused-sinks.ts';
import { causeMetadata, heldCauseSchema, heldFolder } from '../../../shared/notices/held-alert.ts';
import { askHeld } from '../../../shared/pipeline/ask-held.ts';
import { inParallel } from '../../../shared/pipeline/common/parallel.ts';
import { deliverAlert } from '../../../shared/pipeline/deliver-alert.ts';
import { emptyMemory } from '../../../shared/memory/memory.ts';
import type { SinkDelivery } from '../../../shared/ports/messages.ts';
import type { StateStore } from '../../../shared/ports/storage.ts';
import { incidentOf } from '../report/reported.ts';
import { clockAt, recordingLog, stateInMemory } from './ports.ts';

const slack: AlertSink = {
  name: 'chat',
  slack: { tokenSecretFile: '/s', channel: 'C1', api: 'https://slack.com/api' },
};
const mail: AlertSink = {
  name: 'mail',
  email: { host: 'smtp.example.com', port: 587, tls: 'starttls', from: 'c@example.com', to: ['o@example.com'] },
};
const night = { from: 22 * 60, to: 7 * 60, zone: 'Europe/Berlin' };
const quietHours = [
  { ...night, days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const, except: ['critical'] as const },
].map(({ days, except, ...hours }) => ({ ...hours, days: [...days], except: [...except] }));

interface Of {
  readonly environment: number;
  readonly at: Date;
  readonly since?: string;
  readonly reason?: Diff['reason'];
  readonly commit?: string;
}

function common({ environment }: Of) {
  const incident = environment.toString(16).padStart(16, '0');
  const name = `acme-${environment}`;
  return { environment: name, repository: 'master', cluster: 'eu', policy: null, incident, revision: 'main@sha1:9f2c' };
}

function failing({ reason = 'Failed', commit = 'c0ffee', since, ...of }: Of): Alert {
  const cause = { commit, subject: 'Break it', author: null, artifact: null, build: null, restores: null };
  const data: Diff = {
    ...{ ...common(of), reason, cause, subject: '', since: since ?? of.at.toISOString(), occurrence: 1 },
    ...{ summary: 'values.yaml: no such key', action: 'none', objects: [], omitted: 0, rollback: null },
  };
  return { topic: 'diff', data };
}

function ended({ since, ...of }: Of & { since: string }): Alert {
  const changes = { created: 0, configured: 1, unchanged: 0, pruned: 0 };
  return { topic: 'converged', data: { ...common(of), cause: null, occurrence: 1, since, seconds: 1, changes } };
}

function world(
  sinks: readonly AlertSink[],
  start = '2026-11-23T10:00:00Z',
  limited = (state: StateStore, _now: () => Date): StateStore => state,
) {
  const clock = clockAt(start);
  const kept = stateInMemory(clock.now);
  const state = { ...kept, ...limited(kept, clock.now) };
  const log = recordingLog();
  const received: SinkDelivery[] = [];
  const away = new Set<string>();
  let lists = 0;
  let writes = 0;
  /** Milliseconds by which the clock of who delivers is ahead of Storage's. */
  const skew = { ahead: 0 };
  const now = (): Date => new Date(clock.now().getTime() + skew.ahead);
  const ports = {
    ...{ log, now, sleep: sleepTogether(clock) },
    state: {
      ...state,
      list: async (prefix: string) => ((lists += 1), state.list(prefix)),
      write: async (write: Parameters<typeof state.write>[0]) => ((writes += 1), state.write(write)),
    },
    sinks: {
      async deliver(delivery: SinkDelivery) {
        const facts = { code: 'SinkUnavailable', subject: delivery.sink.name, message: 'no' } as const;
        if (away.has(delivery.sink.name)) throw new ConvergeError({ ...facts, disposition: 'retry' });
        received.push(delivery);
        return { ts: String(received.length) };
      },
    },
  };
  const deliver = async (alert: Alert, time = clock.now().toISOString()) =>
    deliverAlert({ alert, id: alertId(alert), time, sinks, only: undefined }, ports).catch((error: unknown) => error);
  const again = async ({ attributes, data }: RedrivenMessage): Promise<void> => {
    const event = readEvent({ headers: attributes, body: data });
    const alert = parseReceivedAlert(event);
    await deliverAlert({ alert, id: event.id, time: event.time, sinks, only: sinksOf(event) }, ports);
  };
  return {
    ...{ clock, skew, state, log, received, away, deliver },
    /** The schedule, and what comes of it. Returns how many messages it sent. */
    async tick() {
      const sent: RedrivenMessage[] = [];
      await askHeld(sinks, { ...ports, redrive: async (message) => void sent.push(message) });
      for (const message of sent) await again(message);
      return sent.length;
    },
    requests: () => ({ lists, writes }),
    told: (sink: string) =>
      received.flatMap(({ sink: { name }, notice }) => (name === sink ? [`${notice.state} ${notice.title}`] : [])),
  };
}

/** Many sleep at once, and time goes on when all do. */
function sleepTogether({ now, forward }: ReturnType<typeof clockAt>): (milliseconds: number) => Promise<void> {
  const asleep: { readonly until: number; readonly wake: () => void }[] = [];
  let isWatched = false;
  async function watch(): Promise<void> {
    isWatched = true;
    while (asleep.length > 0) {
      await immediate();
      const next = asleep.sort((a, b) => a.until - b.until).shift();
      const pause = (next?.until ?? 0) - now().getTime();
      if (pause > 0) forward(pause / 1000);
      next?.wake();
    }
    isWatched = false;
  }
  return async (milliseconds) => {
    const until = now().getTime() + milliseconds;
    const awake = new Promise<void>((wake) => asleep.push({ until, wake }));
    if (!isWatched) void watch();
    await awake;
  };
}

/** Storage's rule: one mutation a second of one name. */
function withWriteLimit(state: StateStore, now: () => Date): { readonly state: StateStore; refusals: () => number } {
  const last = new Map<string, number>();
  let refusals = 0;
  const mutate = (path: string): void => {
    const at = now().getTime();
    if (at - (last.get(path) ?? 0) >= 1_000) return void last.set(path, at);
    refusals += 1;
    const message = 'exceeded the rate limit for object mutation operations';
    throw new ConvergeError({ code: 'StorageUnavailable', subject: path, message, disposition: 'retry' });
  };
  return {
    refusals: () => refusals,
    state: {
      ...state,
      async write(write) {
        mutate(write.path);
        return state.write(write);
      },
      async delete(of) {
        mutate(of.path);
        return state.delete(of);
      },
    },
  };
}

/**
 * The answer of the so-many-th write of one name is lost, and the client asks again by itself, as Google's does: what it
 * is answered then is that its condition does not hold, for the write was made.
 */
function withLostAnswer(state: StateStore, { ordinal, path }: { ordinal: number; path: RegExp }): StateStore {
  let count = 0;
  return {
    ...state,
    async write(write) {
      const written = await state.write(write);
      return path.test(write.path) && ++count === ordinal ? 'conflict' : written;
    },
  };
}

/** So many calls of five instances, ten at a time each. */
const atOnce = 50;
const minutes = 60;
const hours = 3_600;

describe('what comes of one cause', () => {
  it('is two messages a sink for a thousand environments, and one end when the last has ended', async () => {
    const { deliver, tick, told, received, clock, state } = world([slack, mail]);
    const at = clock.now();
    const since = at.toISOString();
    const all = Array.from({ length: 1_000 }, (_, environment) => ({ environment, at, since }));
    await inParallel(all, async (of) => deliver(failing(of)), atOnce);
    expect([told('chat').length, told('mail').length]).toEqual([1, 1]);
    clock.forward(2 * minutes);
    expect(await tick()).toBe(2);
    expect(await tick()).toBe(0);
    expect(told('mail')).toHaveLength(2);
    expect(told('mail')[1]).toMatch(/^changed 1000 alike: master\/acme-\d+ Failed/);
    expect(received.at(-1)?.notice.lines[0]).toMatch(/^1000 open: master\/acme-.* and 990 more$/);
    clock.forward(10 * minutes);
    await inParallel(all.slice(1), async (of) => deliver(ended(of)), atOnce);
    await tick();
    clock.forward(10 * minutes);
    await tick();
    expect(told('mail')).toHaveLength(2);
    expect(told('chat').every((line) => !line.startsWith('closed'))).toBe(true);
    await deliver(ended({ environment: 0, at, since }));
    expect(told('mail')).toHaveLength(3);
    expect([told('mail').at(-1), told('chat').at(-1)]).toEqual([
      expect.stringMatching(/^closed 1000 alike/),
      expect.stringMatching(/^closed 1000 alike/),
    ]);
    expect(new Set(received.map(({ notice }) => notice.incident?.key)).size).toBeLessThanOrEqual(2);
    expect(await state.list(heldFolder)).toEqual([]);
  }, 60_000);

  it('is as much where Storage takes one write a second of one name', async () => {
    let refusals = (): number => 0;
    const { deliver, tick, told, clock, state, log } = world([slack, mail], '2026-11-23T10:00:00Z', (all, now) => {
      const limited = withWriteLimit(all, now);
      ({ refusals } = limited);
      return limited.state;
    });
    const since = clock.now().toISOString();
    const all = Array.from({ length: 1_000 }, (_, environment) => ({ environment, at: clock.now(), since }));
    const failures: unknown[] = [];
    const outcome = async (of: Promise<unknown>) => {
      const result = await of;
      if (result instanceof Error) failures.push(result.message);
    };
    await inParallel(all, async (of) => outcome(deliver(failing(of))), atOnce);
    clock.forward(2 * minutes);
    await tick();
    clock.forward(10 * minutes);
    await inParallel(all, async (of) => outcome(deliver(ended(of))), atOnce);
    for (let minute = 0; minute < 5; minute++) {
      clock.forward(minutes);
      await tick();
    }
    expect(failures).toEqual([]);
    expect(told('mail').map((line) => line.replace(/ .*/, ''))).toEqual(['opened', 'changed', 'closed']);
    expect(told('chat').at(-1)).toMatch(/^closed 1000 alike/);
    expect(told('chat').filter((line) => line.startsWith('opened'))).toHaveLength(1);
    expect(await state.list(heldFolder)).toEqual([]);
    expect(refusals()).toBeGreaterThan(0);
    expect(log.lines).toEqual([]);
  }, 60_000);

  it.each([/^held\//, /^sinks\//].flatMap((path) => [1, 2, 3].map((ordinal) => ({ path, ordinal }))))(
    'is told at once, and once, where the answer of write $ordinal below $path is lost',
    async ({ path, ordinal }) => {
      for (const sink of [slack, mail]) {
        const { deliver, told, clock } = world([sink], '2026-11-23T10:00:00Z', (state) =>
          withLostAnswer(state, { ordinal, path }),
        );
        const since = clock.now().toISOString();
        await deliver(failing({ environment: 1, at: clock.now(), since }));
        expect(told(sink.name)).toHaveLength(1);
        clock.forward(minutes);
        await deliver(ended({ environment: 1, at: clock.now(), since }));
        expect(told(sink.name).map((line) => line.replace(/ .*/, ''))).toEqual(['opened', 'closed']);
      }
    },
  );

  it('is closed where the object of the cause was lost after its first incident had ended', async () => {
    for (const sink of [slack, mail]) {
      const { deliver, tick, received, clock, state } = world([sink]);
      const since = clock.now().toISOString();
      for (const environment of [1, 2, 3]) await deliver(failing({ environment, at: clock.now(), since }));
      clock.forward(2 * minutes);
      await tick();
      await deliver(ended({ environment: 1, at: clock.now(), since }));
      clock.forward(5 * minutes);
      await tick();
      for (const { path, generation } of await state.list(`${heldFolder}sinks/${sink.name}/causes/`))
        await state.delete({ path, generation });
      clock.forward(5 * minutes);
      await tick();
      for (const environment of [2, 3]) await deliver(ended({ environment, at: clock.now(), since }));
      clock.forward(5 * minutes);
      await tick();
      const opened = received.filter(({ notice }) => notice.state === 'opened');
      const closed = received.filter(({ notice }) => notice.state === 'closed');
      expect(opened.map(({ notice }) => notice.incident?.key)).toEqual([
        common({ environment: 1, at: clock.now() }).incident,
      ]);
      expect(closed.map(({ notice }) => notice.incident?.key)).toEqual(
        opened.map(({ notice }) => notice.incident?.key),
      );
      expect(await state.list(heldFolder)).toEqual([]);
    }
  });

  it('is closed where its object was lost, and the last incidents ended before anybody looked', async () => {
    const { deliver, tick, received, clock, state } = world([mail]);
    const since = clock.now().toISOString();
    for (const environment of [1, 2, 3]) await deliver(failing({ environment, at: clock.now(), since }));
    clock.forward(2 * minutes);
    await tick();
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    for (const { path, generation } of await state.list(`${heldFolder}sinks/mail/causes/`))
      await state.delete({ path, generation });
    for (const environment of [2, 3]) await deliver(ended({ environment, at: clock.now(), since }));
    clock.forward(5 * minutes);
    await tick();
    expect(received.map(({ notice }) => notice.state)).toEqual(['opened', 'changed', 'closed']);
    expect(new Set(received.map(({ notice }) => notice.incident?.key)).size).toBe(1);
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('of one incident alone is told once, and looked at by no tick for ever, where its object was lost', async () => {
    for (const sink of [slack, mail]) {
      const { deliver, tick, received, clock, state } = world([sink]);
      const since = clock.now().toISOString();
      await deliver(failing({ environment: 1, at: clock.now(), since }));
      for (const { path, generation } of await state.list(`${heldFolder}sinks/${sink.name}/causes/`))
        await state.delete({ path, generation });
      clock.forward(5 * minutes);
      await tick();
      clock.forward(1 * minutes);
      expect(await tick()).toBe(0);
      await deliver(ended({ environment: 1, at: clock.now(), since }));
      expect(received.map(({ notice }) => notice.state)).toEqual(['opened', 'closed']);
      expect(await state.list(heldFolder)).toEqual([]);
    }
  });

  describe('where nobody can read what its sink was told', () => {
    const spoilAll = async (state: ReturnType<typeof world>['state'], sink: string) => {
      for (const { path } of await state.list(`sinks/${sink}/`)) state.spoil(path, 'half of {');
    };

    it.each([1, 3])('is ended, with %i incidents, each closed once and none opened twice', async (count) => {
      for (const sink of [slack, mail]) {
        for (const isHeadLost of [false, true]) {
          const { deliver, tick, received, clock, state } = world([sink]);
          const since = clock.now().toISOString();
          const all = Array.from({ length: count }, (_, index) => index + 1);
          for (const environment of all) await deliver(failing({ environment, at: clock.now(), since }));
          clock.forward(2 * minutes);
          await tick();
          await spoilAll(state, sink.name);
          if (isHeadLost)
            for (const { path } of await state.list(`${heldFolder}sinks/${sink.name}/causes/`)) state.spoil(path, '{');
          clock.forward(5 * minutes);
          await tick();
          for (const environment of all) {
            await deliver(ended({ environment, at: clock.now(), since }));
            clock.forward(5 * minutes);
            await tick();
          }
          const sure = received.filter(({ perhaps }) => !perhaps).map(({ notice }) => notice.state);
          expect(sure.filter((state) => state === 'opened')).toHaveLength(1);
          const shown = new Map(received.map(({ notice }) => [notice.incident?.key, notice.state]));
          expect([...shown]).toEqual([[expect.any(String), 'closed']]);
          expect(received.filter(({ notice }) => notice.state === 'closed')).toHaveLength(1);
          expect(await state.list(heldFolder)).toEqual([]);
        }
      }
    });

    it('is not opened by what comes again once it has ended, nor counted where it joins', async () => {
      for (const sink of [slack, mail]) {
        const { deliver, tick, received, clock, state } = world([sink]);
        const since = clock.now().toISOString();
        const first = failing({ environment: 1, at: clock.now(), since });
        await deliver(first);
        const time = clock.now().toISOString();
        clock.forward(5 * minutes);
        await deliver(ended({ environment: 1, at: clock.now(), since }));
        state.spoil(`sinks/${sink.name}/${common({ environment: 1, at: clock.now() }).incident}.json`, 'half of {');
        clock.forward(1 * minutes);
        await deliver(first, time);
        clock.forward(5 * minutes);
        await tick();
        expect(received.map(({ notice }) => notice.state)).toEqual(['opened', 'closed']);
        expect(await state.list(heldFolder)).toEqual([]);
      }
    });
  });

  it('is known by its list in a sink of any name', async () => {
    const odd = { ...mail, name: 'ops.json/a b' };
    const { deliver, tick, told, clock, state } = world([{ ...odd, repeat: 4 * hours * 1000 }]);
    const since = clock.now().toISOString();
    await deliver(failing({ environment: 1, at: clock.now(), since }));
    expect(await tick()).toBe(0);
    clock.forward(4 * hours);
    expect(await tick()).toBe(1);
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    expect(told(odd.name)).toHaveLength(3);
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('is told by itself where it is another', async () => {
    const { deliver, told, clock } = world([mail]);
    await deliver(failing({ environment: 1, at: clock.now() }));
    await deliver(failing({ environment: 2, at: clock.now(), commit: 'feed' }));
    await deliver(failing({ environment: 3, at: clock.now(), reason: 'Unhealthy' }));
    expect(told('mail')).toHaveLength(3);
  });

  it('shrinks in place as its incidents end, where the sink can show that', async () => {
    const { deliver, tick, told, clock } = world([slack, mail]);
    const since = clock.now().toISOString();
    for (const environment of [1, 2, 3]) await deliver(failing({ environment, at: clock.now(), since }));
    clock.forward(2 * minutes);
    await tick();
    clock.forward(5 * minutes);
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    await tick();
    expect(told('mail')).toHaveLength(2);
    expect(told('chat')).toHaveLength(3);
    expect(told('chat').at(-1)).toMatch(/^changed 2 alike/);
  });

  it('is told to a sink that was away for an hour as it is then', async () => {
    const { deliver, tick, told, clock, away } = world([mail]);
    const since = clock.now().toISOString();
    away.add('mail');
    for (const environment of [1, 2, 3]) await deliver(failing({ environment, at: clock.now(), since }));
    for (let minute = 0; minute < 60; minute++) {
      clock.forward(minutes);
      await tick();
    }
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    away.clear();
    clock.forward(1 * hours);
    await tick();
    expect(told('mail')).toEqual([expect.stringMatching(/^opened 2 alike/)]);
  });

  it('is told nothing of, where it ended while the sink was away', async () => {
    const { deliver, tick, told, clock, away, state } = world([mail]);
    const since = clock.now().toISOString();
    away.add('mail');
    for (const environment of [1, 2]) await deliver(failing({ environment, at: clock.now(), since }));
    clock.forward(10 * minutes);
    for (const environment of [1, 2]) await deliver(ended({ environment, at: clock.now(), since }));
    away.clear();
    clock.forward(2 * hours);
    await tick();
    for (const environment of [1, 2]) await deliver(failing({ environment, at: clock.now(), since }), since);
    expect(told('mail')).toEqual([]);
    expect(await state.list(heldFolder)).toEqual([]);
  });
});

describe('quiet hours', () => {
  const quiet = { ...mail, quietHours };

  it('hold what begins in them until they end, and what is critical does not wait', async () => {
    const { deliver, tick, told, clock } = world([quiet], '2026-11-23T22:00:00Z');
    await deliver(failing({ environment: 1, at: clock.now() }));
    await tick();
    expect(told('mail')).toEqual([]);
    await deliver(failing({ environment: 2, at: clock.now(), reason: 'Unhealthy' }));
    expect(told('mail')).toHaveLength(1);
    clock.forward(7 * hours + 59 * minutes);
    await tick();
    expect(told('mail')).toHaveLength(1);
    clock.forward(1 * minutes);
    await tick();
    expect(told('mail').at(-1)).toMatch(/^opened master\/acme-1 Failed/);
  });

  it('say nothing of what began and ended within them', async () => {
    const { deliver, tick, told, clock, state } = world([quiet], '2026-11-23T22:00:00Z');
    const since = clock.now().toISOString();
    await deliver(failing({ environment: 1, at: clock.now(), since }));
    clock.forward(1 * hours);
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    clock.forward(12 * hours);
    await tick();
    expect(told('mail')).toEqual([]);
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('hold the end of what was told before them', async () => {
    const { deliver, tick, told, clock } = world([quiet], '2026-11-23T20:00:00Z');
    const since = clock.now().toISOString();
    await deliver(failing({ environment: 1, at: clock.now(), since }));
    clock.forward(3 * hours);
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    await tick();
    expect(told('mail')).toHaveLength(1);
    clock.forward(12 * hours);
    await tick();
    expect(told('mail').at(-1)).toMatch(/^closed/);
  });

  it('are for programs, too, each incident by itself', async () => {
    const hook = { name: 'hook', webhook: { url: 'https://ops.example.com/' }, quietHours };
    const { deliver, tick, told, clock } = world([hook], '2026-11-23T22:00:00Z');
    for (const environment of [1, 2]) await deliver(failing({ environment, at: clock.now() }));
    clock.forward(12 * hours);
    await tick();
    expect(told('hook')).toHaveLength(2);
  });
});

describe('what is held of a sink', () => {
  const hook = { name: 'hook', webhook: { url: 'https://ops.example.com/' } };

  it('that has no quiet hours any more is told, and held no longer', async () => {
    const sinks: AlertSink[] = [{ ...hook, quietHours }, mail];
    const { deliver, tick, told, clock, state } = world(sinks, '2026-11-23T22:00:00Z');
    const since = clock.now().toISOString();
    await deliver(failing({ environment: 1, at: clock.now(), since }));
    expect(told('hook')).toEqual([]);
    sinks[0] = hook;
    clock.forward(1 * minutes);
    await tick();
    await tick();
    expect(told('hook')).toEqual([expect.stringMatching(/^opened master\/acme-1/)]);
    expect(await state.list(`${heldFolder}sinks/hook/`)).toEqual([]);
    clock.forward(1 * minutes);
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    expect(told('hook')).toHaveLength(2);
  });

  it('that nobody can read stays, and is told once it can be read', async () => {
    const sinks: AlertSink[] = [{ ...hook, quietHours }, mail];
    const { deliver, tick, told, clock, state, log } = world(sinks, '2026-11-23T22:00:00Z');
    await deliver(failing({ environment: 1, at: clock.now() }));
    const [held, ...others] = await state.list(`${heldFolder}sinks/hook/`);
    if (held === undefined) throw new Error('is held');
    expect(others).toEqual([]);
    const kept = await state.read(held.path);
    if (kept === undefined || 'unreadable' in kept) throw new Error('is readable');
    await state.write({ path: held.path, value: { version: 2 }, ifGeneration: 'any', metadata: held.metadata });
    const cause = `${heldFolder}sinks/hook/causes/c.json`;
    await state.write({ path: cause, value: { version: 2 }, ifGeneration: 'any' });
    sinks[0] = hook;
    clock.forward(1 * minutes);
    await tick();
    await tick();
    expect((await state.list(`${heldFolder}sinks/hook/`)).map(({ path }) => path)).toEqual([cause, held.path]);
    expect(log.lines.filter((line) => line.startsWith('ERROR'))).toHaveLength(2);
    await state.write({ path: held.path, value: kept.value, ifGeneration: 'any', metadata: held.metadata });
    await tick();
    expect(told('hook')).toEqual([expect.stringMatching(/^opened master\/acme-1/)]);
    await tick();
    expect((await state.list(`${heldFolder}sinks/hook/`)).map(({ path }) => path)).toEqual([cause]);
  });

  it('is told, too, where no other sink is told anything later', async () => {
    const sinks: AlertSink[] = [{ ...hook, quietHours }];
    const { deliver, tick, told, clock, state } = world(sinks, '2026-11-23T22:00:00Z');
    await deliver(failing({ environment: 1, at: clock.now() }));
    sinks[0] = hook;
    clock.forward(1 * minutes);
    await tick();
    expect(told('hook')).toEqual([expect.stringMatching(/^opened master\/acme-1/)]);
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('that is configured no more is forgotten after a month, also where there is no other', async () => {
    const sinks: AlertSink[] = [slack];
    const { deliver, tick, clock, state } = world(sinks);
    await deliver(failing({ environment: 1, at: clock.now() }));
    sinks.shift();
    clock.forward(32 * 24 * hours);
    await tick();
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('that is configured no more is kept for a month, as it may come back, and no longer', async () => {
    const sinks: AlertSink[] = [slack, mail];
    const { deliver, tick, clock, state } = world(sinks);
    await deliver(failing({ environment: 1, at: clock.now() }));
    const held = async () => (await state.list(`${heldFolder}sinks/chat/`)).length;
    sinks.shift();
    clock.forward(30 * 24 * hours);
    await tick();
    expect(await held()).toBe(2);
    clock.forward(24 * hours + 1);
    await tick();
    expect(await held()).toBe(0);
    expect(await state.list(`${heldFolder}sinks/mail/`)).toHaveLength(2);
  });
});

describe('what is still open', () => {
  it('is told again after pauses that grow, and not once it has ended', async () => {
    const { deliver, tick, told, clock } = world([{ ...mail, repeat: 4 * hours * 1000 }]);
    const since = clock.now().toISOString();
    await deliver(failing({ environment: 1, at: clock.now(), since }));
    const heard: number[] = [];
    for (let hour = 1; hour <= 30; hour++) {
      clock.forward(1 * hours);
      if ((await tick()) > 0) heard.push(hour);
    }
    expect(heard).toEqual([4, 12, 28]);
    expect(told('mail')).toHaveLength(4);
    await deliver(ended({ environment: 1, at: clock.now(), since }));
    clock.forward(100 * hours);
    expect(await tick()).toBe(0);
    expect(told('mail').at(-1)).toMatch(/^closed/);
  });

  it.each([
    { what: 'has ended', isOpen: false, told: ['opened', 'closed'] },
    { what: 'is open', isOpen: true, told: ['opened', 'changed', 'changed'] },
  ])(
    'is told again as it is: it $what, and the sink was not there to hear of that',
    async ({ isOpen, told: states }) => {
      const sinks: AlertSink[] = [{ ...slack, repeat: 4 * hours * 1000 }, mail];
      const { deliver, tick, clock, received, state } = world(sinks);
      const since = clock.now().toISOString();
      await deliver(failing({ environment: 1, at: clock.now(), since }));
      const [first] = sinks.splice(0, 1);
      clock.forward(1 * hours);
      const incident = incidentOf({ id: '1'.padStart(16, '0'), since, reason: 'Failed' });
      const { id, reason, revision, summary } = incident;
      const until = clock.now().toISOString();
      const past = {
        from: since,
        incidents: [{ id, reason, since, until, times: 1, revision, summary, by: [], healed: false, cause: null }],
        convergences: [],
      };
      const value = { ...emptyMemory(clock.now()), ...(isOpen ? { incident } : { past }) };
      await state.write({ path: 'environments/master/acme-1/memory.json', value, ifGeneration: 'absent' });
      await deliver(ended({ environment: 1, at: clock.now(), since }));
      if (first !== undefined) sinks.push(first);
      for (let hour = 0; hour < 12; hour++) {
        clock.forward(1 * hours);
        await tick();
      }
      const heard = received.filter(({ sink }) => sink.name === 'chat').map(({ notice }) => notice);
      expect(heard.map((notice) => notice.state)).toEqual(states);
      if (isOpen) return;
      expect(heard.at(-1)?.lines[0]).toBe(`It had differed since ${since}`);
      expect(await state.list(`${heldFolder}sinks/chat/`)).toEqual([]);
    },
  );

  it('is not told again where the sink does not ask for it', async () => {
    const { deliver, tick, clock } = world([mail]);
    await deliver(failing({ environment: 1, at: clock.now() }));
    clock.forward(1_000 * hours);
    expect(await tick()).toBe(0);
  });
});

describe('a tick where nothing is due', () => {
  it('costs one list and no write, also where no sink is told anything later', async () => {
    const busy = world([mail]);
    await busy.deliver(failing({ environment: 1, at: busy.clock.now() }));
    const before = busy.requests();
    await busy.tick();
    expect(busy.requests()).toEqual({ lists: before.lists + 1, writes: before.writes });
    const plain = world([{ name: 'hook', webhook: { url: 'https://ops.example.com/' } }]);
    await plain.tick();
    expect(plain.requests()).toEqual({ lists: 1, writes: 0 });
  });
});

describe('a clock that is wrong by 45 minutes', () => {
  const wrong = [45 * 60_000, -45 * 60_000];

  it.each(wrong)('(%d ms) makes no storm of one cause, and holds back nothing of it', async (ahead) => {
    const { deliver, tick, told, clock, skew } = world([mail]);
    const since = clock.now().toISOString();
    skew.ahead = ahead;
    for (let environment = 1; environment <= 20; environment++) {
      await deliver(failing({ environment, at: clock.now(), since }));
      clock.forward(3);
    }
    expect(told('mail')).toHaveLength(1);
    skew.ahead = 0;
    clock.forward(2 * minutes);
    await tick();
    expect(told('mail').slice(1)).toEqual([expect.stringMatching(/^(opened|changed) 20 alike/)]);
  });

  it.each(wrong)('(%d ms) of one that died at its work keeps the end waiting for a minute', async (ahead) => {
    const { deliver, told, clock, skew, state } = world([mail]);
    const since = clock.now().toISOString();
    await deliver(failing({ environment: 1, at: clock.now(), since }));
    clock.forward(10);
    const [head] = (await state.list(`${heldFolder}sinks/mail/causes/`)).map(({ path }) => path);
    const path = head ?? '';
    const known = heldCauseSchema.parse(state.valueAt(path));
    const claim = { writer: 'dead', at: clock.now().getTime() + ahead, tries: 1, state: 'under-way' as const };
    const value = { ...known, claim };
    await state.write({ path, value, ifGeneration: 'any', metadata: causeMetadata(value) });
    clock.forward(61);
    expect(await deliver(ended({ environment: 1, at: clock.now(), since }))).toEqual({ delivered: ['mail'] });
    expect(told('mail').at(-1)).toMatch(/^closed/);
    // And who reads it by a wrong clock.
    await deliver(failing({ environment: 2, at: clock.now(), since, commit: 'feed' }));
    clock.forward(61);
    skew.ahead = ahead;
    expect(await deliver(ended({ environment: 2, at: clock.now(), since }))).toEqual({ delivered: ['mail'] });
    expect(await state.list(`${heldFolder}sinks/mail/`)).toEqual([]);
  });
});

describe('whatever is doubled, disordered and away', () => {
  it('each cause is opened once and closed once, and nothing is held for ever', async () => {
    const step = fc.record({
      environment: fc.nat({ max: 3 }),
      isEnd: fc.boolean(),
      pause: fc.constantFrom(0, 1, 30, 130, 3_700),
      isAway: fc.boolean(),
      isTick: fc.boolean(),
    });
    const kinds = fc.constantFrom<AlertSink>(
      slack,
      mail,
      { ...mail, quietHours },
      { ...slack, repeat: 4 * hours * 1000 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), kinds, async (steps, sink) => {
        const { deliver, tick, received, clock, away, state } = world([sink], '2026-11-23T19:00:00Z');
        const since = clock.now().toISOString();
        const end = new Date(clock.now().getTime() + 1_000).toISOString();
        for (const { environment, isEnd, pause, isAway, isTick } of steps) {
          if (isAway) away.add(sink.name);
          else away.clear();
          const of = { environment, at: clock.now(), since };
          // Nobody hears the end of what they were not told to begin.
          if (isEnd && (await state.read(`sinks/${sink.name}/${common(of).incident}.json`)) === undefined) continue;
          await (isEnd ? deliver(ended(of), end) : deliver(failing(of), since));
          clock.forward(pause);
          if (isTick) await tick();
        }
        away.clear();
        for (const environment of [0, 1, 2, 3]) await deliver(failing({ environment, at: clock.now(), since }), since);
        for (const environment of [0, 1, 2, 3]) await deliver(ended({ environment, at: clock.now(), since }), end);
        for (let hour = 0; hour < 15; hour++) {
          clock.forward(1 * hours);
          await tick();
        }
        expect(await state.list(heldFolder)).toEqual([]);
        const shows = new Map<string, string>();
        for (const { notice } of received) {
          const [key, before] = [notice.incident?.key ?? '', shows.get(notice.incident?.key ?? '') ?? 'closed'];
          if (notice.state === 'opened') expect(before).toBe('closed');
          else expect(before).not.toBe('closed');
          shows.set(key, notice.state === 'closed' ? 'closed' : 'open');
        }
        expect([...shows.values()].filter((state) => state !== 'closed')).toEqual([]);
      }),
      { numRuns: Number(process.env['CONVERGE_CASES'] ?? 300) },
    );
  }, 300_000);
});
