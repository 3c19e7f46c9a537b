import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import type { AlertSink } from '../../../shared/config/sinks.ts';
import { alertId, type Alert, type Diff } from '../../../shared/events/alert.ts';
import { deliveryFolder, deliverySchema } from '../../../shared/notices/delivery-record.ts';
import { deliverAlert } from '../../../shared/pipeline/deliver-alert.ts';
import type { SinkDelivery } from '../../../shared/ports/messages.ts';
import type { StateStore } from '../../../shared/ports/storage.ts';
import type { Selector } from '../../../shared/routing/selector.ts';
import { clockAt, recordingLog, stateInMemory } from './ports.ts';

/** `lost`: it has the alert, and its answer does not come. */
type Mood = 'well' | 'away' | 'refuses' | 'lost';

interface Told {
  readonly alert: Alert;
  readonly time: string;
}

const common = {
  ...{ environment: 'acme', repository: 'master', cluster: 'sandbox', cause: null, policy: null },
  ...{ incident: '4be0d1a2c3f40516', revision: 'main@sha1:9f2c' },
};
const timeAt = (second: number): string => new Date(Date.UTC(2026, 10, 21, 1, 0, second)).toISOString();

interface When {
  readonly began?: number;
  readonly at?: number;
}

/** Opened, or changed, in the occurrence that began then. */
function diff({ began = 0, at, summary = 'web: image differs' }: When & { summary?: string } = {}): Told {
  const found = at ?? began;
  const data: Diff = {
    ...{ ...common, reason: 'Drifted', subject: 'Deployment web', since: timeAt(began), occurrence: 1, summary },
    ...{ action: 'none', objects: [], omitted: 0, rollback: null, revision: `main@sha1:${found}` },
  };
  return { time: timeAt(found), alert: { topic: 'diff', data } };
}

function end({ began = 0, at }: When): Told {
  const changes = { created: 0, configured: 1, unchanged: 0, pruned: 0 };
  const data = { ...common, occurrence: 1, since: timeAt(began), seconds: 1, changes };
  return { time: timeAt(at ?? began), alert: { topic: 'converged', data } };
}

const news = (revision: string): Told => {
  const { alert, time } = end({});
  if (alert.topic === 'diff') throw new Error('is an end');
  const data = { ...alert.data, incident: null, occurrence: null, since: null, revision };
  return { time, alert: { topic: 'converged', data } };
};

type Step = { readonly which: number; readonly mood: Mood; readonly storage: StorageMood };

/** `CONVERGE_CASES` draws more. */
const sequences = Number(process.env['CONVERGE_CASES'] ?? 1_000);

type Received = Pick<SinkDelivery, 'id' | 'message' | 'perhaps' | 'notice' | 'sink'>;

interface Given {
  readonly state?: StateStore;
  readonly clock?: ReturnType<typeof clockAt>;
  readonly sinks?: readonly AlertSink[];
  /** Where what the sinks are told is written down. */
  readonly received?: Received[];
}

function world(
  names: readonly string[] = ['ops'],
  { state: given, clock = clockAt('2026-11-21T01:00:00Z'), ...more }: Given = {},
) {
  const state = given ?? oneWriteASecond(stateInMemory(clock.now), clock.now);
  const moods = new Map<string, Mood>();
  const received = more.received ?? [];
  const log = recordingLog();
  const ports = {
    ...{ log, state, now: clock.now },
    sleep: async (milliseconds: number) => {
      clock.forward(milliseconds / 1000);
      await Promise.resolve();
    },
    sinks: {
      async deliver(delivery: SinkDelivery) {
        const mood = moods.get(delivery.sink.name) ?? 'well';
        const facts = { subject: delivery.sink.name, message: 'no' } as const;
        if (mood === 'refuses') throw new ConvergeError({ code: 'SinkRefused', ...facts, disposition: 'refuse' });
        if (mood === 'away') throw new ConvergeError({ code: 'SinkUnavailable', ...facts, disposition: 'retry' });
        received.push(delivery);
        if (mood === 'lost')
          throw new ConvergeError({ code: 'SinkUnavailable', ...facts, disposition: 'retry', unanswered: true });
        return { ts: String(received.length) };
      },
    },
  };
  const sinks = more.sinks ?? names.map((name) => ({ name, webhook: { url: `https://${name}.example.com/` } }));
  return {
    ...{ clock, state, log, moods, received },
    async tell({ alert, time }: Told, only?: readonly string[]) {
      return deliverAlert({ alert, id: alertId(alert), time, sinks, only }, ports).catch((error: unknown) => error);
    },
    /** What each sink was told, in order. */
    told: () => received.map(({ sink, notice }) => `${sink.name} ${notice.state}`),
  };
}

/** `silent`: a write is done, and its answer does not come. */
type StorageMood = 'well' | 'unreadable' | 'unwritable' | 'silent';

function moodyStorage(state: StateStore): { mood: StorageMood; readonly state: StateStore } {
  const fails = (): never => {
    const facts = { code: 'StorageUnavailable', subject: 'gs://state', message: 'no answer' } as const;
    throw new ConvergeError({ ...facts, disposition: 'retry' });
  };
  const storage = {
    mood: 'well' as StorageMood,
    state: {
      ...state,
      read: async (path: string) => (storage.mood === 'unreadable' ? fails() : state.read(path)),
      async write(write: Parameters<StateStore['write']>[0]) {
        if (storage.mood === 'unwritable' || storage.mood === 'unreadable') fails();
        const written = await state.write(write);
        return storage.mood === 'silent' ? fails() : written;
      },
    },
  };
  return storage;
}

/** As Storage: more than a write a second of a name fails. */
function oneWriteASecond(state: StateStore, now: () => Date): StateStore {
  const last = new Map<string, number>();
  return {
    ...state,
    async write(write) {
      const time = now().getTime();
      if (time - (last.get(write.path) ?? 0) < 1_000)
        throw new ConvergeError({
          ...{ code: 'StorageUnavailable', subject: write.path, message: 'Cloud Storage answered 429' },
          disposition: 'retry',
        });
      const written = await state.write(write);
      if (written !== 'conflict') last.set(write.path, time);
      return written;
    },
  };
}

describe('a sink that has an alert', () => {
  it('is not told it again because another sink is away', async () => {
    const { tell, moods, told } = world(['ops', 'chat']);
    moods.set('chat', 'away');
    expect(await tell(diff())).toMatchObject({ code: 'SinkUnavailable', subject: 'chat' });
    expect(await tell(diff())).toMatchObject({ code: 'SinkUnavailable', subject: 'chat' });
    moods.set('chat', 'well');
    expect(await tell(diff())).toEqual({ delivered: ['chat'] });
    expect(await tell(diff())).toEqual({ delivered: [] });
    expect(told()).toEqual(['ops opened', 'chat opened']);
  });

  it('is not told it again by a redriven letter', async () => {
    const { tell, told } = world(['ops', 'chat']);
    await tell(diff());
    expect(await tell(diff(), ['chat'])).toEqual({ delivered: [] });
    expect(told()).toHaveLength(2);
  });

  it('is told what follows with the message that it has', async () => {
    const { tell, received, told } = world();
    await tell(diff());
    await tell(diff({ at: 10 }));
    await tell(end({ at: 20 }));
    expect(told()).toEqual(['ops opened', 'ops changed', 'ops closed']);
    expect(received.map(({ message }) => message)).toEqual([undefined, { ts: '1' }, { ts: '2' }]);
    expect(received.every(({ perhaps }) => !perhaps)).toBe(true);
  });

  it('is told nothing older', async () => {
    const { tell, told } = world();
    await tell(diff({ at: 10 }));
    await tell(diff({ at: 5 }));
    await tell(end({ at: 20 }));
    await tell(diff({ at: 15 }));
    expect(told()).toEqual(['ops opened', 'ops closed']);
  });

  it('is told the beginning before the end that overtook it', async () => {
    const { tell, told } = world();
    await Promise.all([tell(end({ at: 2 })), tell(diff())]);
    expect(told()).toEqual(['ops opened', 'ops closed']);
  });

  it('is told an end whose beginning does not come', async () => {
    const { tell, told, clock } = world();
    const asked = clock.now().getTime();
    await tell(end({ at: 2 }));
    expect(told()).toEqual(['ops closed']);
    expect(clock.now().getTime() - asked).toBeLessThanOrEqual(6_000);
  });

  it('is told that the incident came back', async () => {
    const { tell, told } = world();
    await tell(diff());
    await tell(end({ at: 20 }));
    await tell(diff({ began: 30 }));
    await tell(end({ began: 30, at: 40 }));
    expect(told()).toEqual(['ops opened', 'ops closed', 'ops opened', 'ops closed']);
  });

  it('is told an end though the clock of the instance that found it was behind', async () => {
    const { tell, told } = world();
    await tell(diff({ at: 3 }));
    await tell(end({ at: 1 }));
    expect(told()).toEqual(['ops opened', 'ops closed']);
  });

  it('is told of each revision that converged, once', async () => {
    const { tell, told } = world();
    await tell(news('main@sha1:a'));
    await tell(news('main@sha1:b'));
    await tell(news('main@sha1:a'));
    expect(told()).toEqual(['ops closed', 'ops closed']);
  });
});

describe('a sink that cannot update what it told', () => {
  const mail: AlertSink = {
    name: 'mail',
    email: { host: 'smtp.example.com', port: 587, tls: 'starttls', from: 'c@example.com', to: ['o@example.com'] },
  };

  it('is told the beginning and the end, and nothing between', async () => {
    const { tell, told } = world([], { sinks: [mail] });
    await tell(diff());
    expect(await tell(diff({ at: 10 }))).toEqual({ delivered: [] });
    await tell(end({ at: 20 }));
    await tell(diff({ at: 10 }));
    expect(told()).toEqual(['mail opened', 'mail closed']);
  });

  it('is told that an incident came back whose end it was not told', async () => {
    const { tell, moods, told } = world([], { sinks: [mail] });
    await tell(diff());
    moods.set('mail', 'away');
    await tell(end({ at: 20 }));
    moods.set('mail', 'well');
    await tell(diff({ began: 30 }));
    expect(told()).toHaveLength(2);
  });

  it('is told nothing of a revision that ends no incident', async () => {
    const { tell, told, state } = world([], { sinks: [mail] });
    expect(await tell(news('main@sha1:a'))).toEqual({ delivered: [] });
    expect([told(), await state.list('sinks/')]).toEqual([[], []]);
  });
});

describe('a sink that was away', () => {
  it('is told the present state, not the backlog', async () => {
    const { tell, moods, received, told } = world();
    moods.set('ops', 'away');
    await tell(diff());
    await tell(diff({ at: 10, summary: 'web: image and replicas differ' }));
    moods.set('ops', 'well');
    expect(await tell(diff())).toEqual({ delivered: [] });
    await tell(diff({ at: 10, summary: 'web: image and replicas differ' }));
    expect(told()).toEqual(['ops opened']);
    expect(received[0]?.notice.title).toContain('replicas');
  });

  it('is told nothing of what opened and ended meanwhile', async () => {
    const { tell, moods, told } = world();
    moods.set('ops', 'away');
    await tell(diff());
    await tell(end({ at: 20 }));
    moods.set('ops', 'well');
    expect(await tell(end({ at: 20 }))).toEqual({ delivered: [] });
    expect(await tell(diff())).toEqual({ delivered: [] });
    expect(told()).toEqual([]);
  });

  it('is told the end of what it shows', async () => {
    const { tell, moods, told } = world();
    await tell(diff());
    moods.set('ops', 'away');
    await tell(end({ at: 20 }));
    await tell(diff({ began: 30 }));
    await tell(end({ began: 30, at: 40 }));
    moods.set('ops', 'well');
    await tell(end({ began: 30, at: 40 }));
    await tell(end({ at: 20 }));
    expect(told()).toEqual(['ops opened', 'ops closed']);
  });

  it('is told an end of which nothing else is known: a version without records told the beginning', async () => {
    const { tell, moods, told } = world();
    moods.set('ops', 'away');
    await tell(end({ at: 20 }));
    moods.set('ops', 'well');
    await tell(end({ at: 20 }));
    expect(told()).toEqual(['ops closed']);
  });

  it('that refused an alert is told it when its letter is sent again, unless it has ended', async () => {
    const { tell, moods, told } = world();
    moods.set('ops', 'refuses');
    expect(await tell(diff())).toMatchObject({ code: 'SinkRefused', sinks: ['ops'] });
    moods.set('ops', 'well');
    await tell(diff(), ['ops']);
    await tell(end({ at: 20 }));
    await tell(diff(), ['ops']);
    expect(told()).toEqual(['ops opened', 'ops closed']);
  });
});

describe('a sink that is told some alerts alone', () => {
  const only = (selector: Selector): AlertSink[] => [
    { name: 'ops', webhook: { url: 'https://ops.example.com/' } },
    { name: 'pager', webhook: { url: 'https://pager.example.com/' }, only: [selector] },
  ];

  it('is told those, and their ends, which say less of themselves', async () => {
    const { tell, told } = world([], { sinks: only({ classes: ['master'], severities: ['warning'] }) });
    await tell(diff());
    await tell(end({ at: 20 }));
    expect(told()).toEqual(['ops opened', 'pager opened', 'ops closed', 'pager closed']);
  });

  it('is told no others, nor their ends', async () => {
    const { tell, told, state } = world([], { sinks: only({ severities: ['critical', 'error'] }) });
    expect(await tell(diff())).toEqual({ delivered: ['ops'] });
    await tell(end({ at: 20 }));
    await tell(news('main@sha1:1'));
    expect(told()).toEqual(['ops opened', 'ops closed', 'ops closed']);
    expect(await state.list(deliveryFolder('pager'))).toEqual([]);
  });

  it('is told the end also where nobody could read for a while what it shows', async () => {
    const clock = clockAt('2026-11-21T01:00:00Z');
    const storage = moodyStorage(stateInMemory(clock.now));
    const given = { state: storage.state, clock, sinks: only({ severities: ['warning'] }) };
    const first = world([], given);
    await first.tell(diff());
    clock.forward(60);
    storage.mood = 'unreadable';
    expect(await world([], given).tell(end({ at: 20 }))).toMatchObject({ disposition: 'retry' });
    storage.mood = 'well';
    clock.forward(60);
    const later = world([], given);
    await later.tell(end({ at: 20 }));
    expect(later.told()).toContain('pager closed');
  });
});

describe('a sink whose answer was lost', () => {
  it('is asked again as one that may have the alert', async () => {
    const { tell, moods, received } = world();
    moods.set('ops', 'lost');
    await tell(diff());
    moods.set('ops', 'away');
    await tell(diff());
    moods.set('ops', 'well');
    await tell(diff());
    expect(received.map(({ perhaps, notice }) => [notice.state, perhaps])).toEqual([
      ['opened', false],
      ['opened', true],
    ]);
  });

  it('is told the end, as it may show the beginning', async () => {
    const { tell, moods, told } = world();
    moods.set('ops', 'lost');
    await tell(diff());
    moods.set('ops', 'well');
    await tell(end({ at: 20 }));
    expect(told()).toEqual(['ops opened', 'ops closed']);
  });

  it('is one whose instance died before it wrote down what became of it', async () => {
    const { tell, received, clock, state } = world();
    await tell(diff());
    const [{ path, generation } = { path: '', generation: '' }] = await state.list('sinks/');
    const found = await state.read(path);
    const record = deliverySchema.parse(found !== undefined && 'value' in found ? found.value : undefined);
    const attempt = { id: record.newest.id, writer: 'of the dead', state: 'under-way' as const };
    clock.forward(2);
    await state.write({
      path,
      value: { ...record, delivered: null, shows: 'closed', attempt },
      ifGeneration: { generation },
    });
    expect(await tell(diff())).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
    clock.forward(60);
    await tell(diff());
    expect(received.map(({ perhaps }) => perhaps)).toEqual([false, true]);
  });
});

describe('an alert whose record', () => {
  it('nobody can read is delivered, marked, and its record is written anew', async () => {
    const clock = clockAt('2026-11-21T00:00:00Z');
    const state = stateInMemory(clock.now);
    state.spoil('sinks/ops/4be0d1a2c3f40516.json', 'half of {');
    const { tell, received } = world(['ops'], { state });
    clock.forward(60);
    await tell(diff());
    clock.forward(60);
    await tell(diff());
    expect(received.map(({ perhaps }) => perhaps)).toEqual([true]);
  });

  it('nobody can read once it has ended is not told again to be open, and its return and end are', async () => {
    const clock = clockAt('2026-11-21T01:00:00Z');
    const state = stateInMemory(clock.now);
    const { tell, told } = world(['ops'], { state, clock });
    const later = async (what: Told) => {
      clock.forward(60);
      await tell(what);
    };
    await later(diff());
    await later(end({ at: 10 }));
    const spoil = () => state.spoil('sinks/ops/4be0d1a2c3f40516.json', 'half of {');
    spoil();
    await later(diff());
    expect(told()).toEqual(['ops opened', 'ops closed']);
    await later(diff({ began: 300 }));
    spoil();
    await later(end({ began: 300, at: 310 }));
    expect(told()).toEqual(['ops opened', 'ops closed', 'ops opened', 'ops closed']);
  });

  it.each(['read', 'write'] as const)('cannot be %s is delivered all the same, once, and marked', async (what) => {
    const clock = clockAt('2026-11-21T00:00:00Z');
    const fails = async (): Promise<never> => {
      const facts = { code: 'StorageRefused', subject: 'gs://state', message: 'Cloud Storage answered 403' } as const;
      throw new ConvergeError({ ...facts, disposition: 'retry' });
    };
    const { tell, received, log } = world([`ops-${what}`], { state: { ...stateInMemory(clock.now), [what]: fails } });
    expect(await tell(diff())).toEqual({ delivered: [`ops-${what}`] });
    expect(await tell(diff())).toEqual({ delivered: [] });
    expect(received.map(({ perhaps }) => perhaps)).toEqual([true]);
    expect(log.lines).toContain('ERROR a delivery cannot be recorded: the alert may be told twice');
  });
});

describe('two instances at once', () => {
  it('tell an alert once', async () => {
    const { tell, told } = world();
    await Promise.all([tell(diff()), tell(diff()), tell(diff())]);
    expect(told()).toEqual(['ops opened']);
  });

  it('leave nothing open that has ended', async () => {
    const { tell, told } = world();
    await Promise.all([tell(end({ at: 20 })), tell(diff()), tell(end({ at: 20 })), tell(diff())]);
    expect(told().at(-1)).toBe('ops closed');
    expect(new Set(told()).size).toBe(told().length);
  });
});

describe('records of long ago', () => {
  it('are cleared by who writes, but for those of incidents that are open', async () => {
    const { tell, clock, state } = world();
    await tell(diff());
    await tell(end({ at: 20 }));
    await tell({ ...diff(), alert: { topic: 'diff', data: { ...Object(diff().alert.data), incident: 'feed' } } });
    expect((await state.list('sinks/')).map(({ path }) => path)).toEqual([
      'sinks/ops/4be0d1a2c3f40516.json',
      'sinks/ops/ended/4be0d1a2c3f40516.json',
      'sinks/ops/feed.json',
    ]);
    clock.forward(32 * 24 * 3600);
    await tell(news('main@sha1:a'));
    const left = (await state.list('sinks/')).map(({ path }) => path);
    expect(left).toHaveLength(2);
    expect(left).toContain('sinks/ops/feed.json');
  });

  it('of a sink of any name are in a folder of its own', () => {
    expect(deliveryFolder('a/../b')).toBe('sinks/a%2F..%2Fb/');
    expect(deliveryFolder('ü'.repeat(500))).toMatch(/^sinks\/[0-9a-f]{32}\/$/);
  });
});

describe('whatever is lost, doubled and disordered', () => {
  /** Three occurrences of an incident, as they were found. */
  const story = [0, 30, 60].flatMap((began) => [
    diff({ began }),
    diff({ began, at: began + 5 }),
    end({ began, at: began + 10 }),
  ]);
  const step = fc.record({
    which: fc.nat({ max: story.length - 1 }),
    mood: fc.constantFrom<Mood>('well', 'away', 'refuses', 'lost'),
    storage: fc.constantFrom<StorageMood>('well', 'well', 'unreadable', 'unwritable', 'silent'),
  });
  const kinds = fc.constantFrom<AlertSink>(
    { name: 'ops', webhook: { url: 'https://ops.example.com/' } },
    { name: 'ops', slack: { tokenSecretFile: '/s', channel: 'C1', api: 'https://slack.com/api' } },
    { name: 'ops', googleChat: { urlSecretFile: '/s', api: 'https://chat.googleapis.com' } },
    { name: 'ops', googleChat: { space: 'spaces/AAAA', api: 'https://chat.googleapis.com' } },
    { name: 'ops', pagerduty: { routingKeySecretFile: '/s', api: 'https://events.pagerduty.com' } },
  );

  async function play({ steps, last, kind }: { steps: readonly Step[]; last: number; kind: AlertSink }) {
    const clock = clockAt('2026-11-21T00:00:00Z');
    const storage = moodyStorage(oneWriteASecond(stateInMemory(clock.now), clock.now));
    const { tell, moods, received } = world([], { state: storage.state, clock, sinks: [kind] });
    const happened = story.slice(0, last + 1);
    for (const { which, mood, storage: next } of steps) {
      moods.set('ops', mood);
      storage.mood = next;
      const found = happened[which];
      if (found !== undefined) await tell(found);
      // Nobody takes what is under way for lost before a minute is over.
      clock.forward(60);
    }
    moods.set('ops', 'well');
    storage.mood = 'well';
    for (const found of happened.toReversed()) await tell(found);
    return { received, isOpen: happened.at(-1)?.alert.topic === 'diff', last: happened.at(-1) };
  }

  it('tells again what an older alert without an answer may stand in place of, also where that try died', async () => {
    const kind = { name: 'ops', googleChat: { urlSecretFile: '/s', api: 'https://chat.googleapis.com' } };
    const steps: readonly Step[] = [
      { which: 6, mood: 'well', storage: 'well' },
      { which: 5, mood: 'lost', storage: 'unreadable' },
      { which: 0, mood: 'refuses', storage: 'well' },
      { which: 0, mood: 'well', storage: 'silent' },
    ];
    const { received } = await play({ steps, last: 6, kind });
    expect(received.map(({ notice, perhaps }) => [notice.state, perhaps])).toEqual([
      ['opened', false],
      ['closed', true],
      ['changed', true],
    ]);
  });

  it('shows each sink the newest state in the end, and marks what it may tell twice', async () => {
    const rounds = fc.record({
      steps: fc.array(step, { maxLength: 12 }),
      last: fc.nat({ max: story.length - 1 }),
      kind: kinds,
    });
    await fc.assert(
      fc.asyncProperty(rounds, async (round) => {
        const { received, isOpen } = await play(round);
        const shows = received.at(-1)?.notice.state ?? 'closed';
        expect(shows !== 'closed').toBe(isOpen);
        const again = received.filter(({ id }, index) => received.findIndex((other) => other.id === id) < index);
        expect(again.filter(({ perhaps }) => !perhaps)).toEqual([]);
      }),
      { numRuns: sequences },
    );
  }, 300_000);

  it('tells each alert once where no answer is lost, and every end once', async () => {
    const calm = step.map(({ which, mood }): Step => ({
      which,
      mood: mood === 'lost' ? 'away' : mood,
      storage: 'well',
    }));
    const rounds = fc.record({
      steps: fc.array(calm, { maxLength: 12 }),
      last: fc.nat({ max: story.length - 1 }),
      kind: kinds,
    });
    await fc.assert(
      fc.asyncProperty(rounds, async (round) => {
        const { received } = await play(round);
        const ids = received.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        const ends = received.filter(({ notice }) => notice.state === 'closed').length;
        const beginnings = received.filter(({ notice }) => notice.state === 'opened').length;
        expect(ends - beginnings).toBeLessThanOrEqual(1);
      }),
      { numRuns: sequences },
    );
  }, 300_000);

  it('tells each alert once, and leaves nothing open that has ended, where instances meet', async () => {
    const call = fc.record({ which: fc.nat({ max: story.length - 1 }), instance: fc.nat({ max: 1 }) });
    const meetings = fc.array(fc.array(call, { minLength: 2, maxLength: 4 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(meetings, fc.nat({ max: story.length - 1 }), kinds, async (rounds, last, sink) => {
        const clock = clockAt('2026-11-21T00:00:00Z');
        const state = oneWriteASecond(stateInMemory(clock.now), clock.now);
        const order: Received[] = [];
        const given = () => ({ state: { ...state }, clock, sinks: [sink], received: order });
        const instances = [world([], given()), world([], given())];
        const happened = story.slice(0, last + 1);
        const tellAll = async (calls: readonly { which: number; instance: number }[]): Promise<unknown> =>
          Promise.all(
            calls.map(async ({ which, instance }) => {
              const found = happened[which];
              return found === undefined ? undefined : instances[instance]?.tell(found);
            }),
          );
        for (const calls of rounds) await tellAll(calls);
        for (const which of happened.keys()) await tellAll([{ which, instance: which % 2 }]);
        expect(new Set(order.map(({ id }) => id)).size).toBe(order.length);
        expect((order.at(-1)?.notice.state ?? 'closed') !== 'closed').toBe(happened.at(-1)?.alert.topic === 'diff');
      }),
      { numRuns: sequences },
    );
  }, 300_000);
});
