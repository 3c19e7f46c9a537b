import { vi } from 'vitest';
import { ConvergeError } from '../../../../shared/base/errors.ts';
import { createSinks } from '../../../../shared/adapters/sinks.ts';
import { deliverByMail, type MailTransport } from '../../../../shared/adapters/sinks/email.ts';
import { encodeAlert } from '../../../../shared/events/alert.ts';
import type { IncomingEvent } from '../../../../shared/events/cloud-event.ts';
import { parseReceivedAlert } from '../../../../shared/events/received-alert.ts';
import type { AlertInOutbox } from '../../../../shared/memory/outbox.ts';
import { readEvent } from '../../../../shared/events/read-event.ts';
import type { RedrivenMessage } from '../../../../shared/events/found-letter.ts';
import { sinksOf } from '../../../../shared/events/refused-sinks.ts';
import { askHeld } from '../../../../shared/pipeline/ask-held.ts';
import { acknowledgementPath, writeAcknowledgement } from '../../../../shared/pipeline/common/acknowledgements.ts';
import { deliverAlert } from '../../../../shared/pipeline/deliver-alert.ts';
import type { DeliverPorts } from '../../../../shared/pipeline/common/deliver-to-sink.ts';
import type { StateStore } from '../../../../shared/ports/storage.ts';
import { stateInMemory } from '../ports.ts';
import type { Reply, Service } from './services.ts';

/**
 * How a service takes what it is asked. `busy`: it does nothing and says that it failed. `lost`, `lost later`: it does it
 * all, and the answer of its first or second request does not come.
 */
export const moods = ['well', 'away', 'refuses', 'busy', 'limits', 'lost', 'lost later'] as const;
export type Mood = (typeof moods)[number];
/** `silent`: a write is done, and its answer does not come. `dies`: the first write of a delivery is the last. */
export const storageMoods = ['well', 'unreadable', 'unwritable', 'silent', 'dies'] as const;
export type StorageMood = (typeof storageMoods)[number];

/** An alert that Pub/Sub has, which of those that were published it is, counted from 1, and to which sinks alone it goes. */
export interface Pending {
  readonly event: IncomingEvent;
  readonly order: number;
  readonly only: readonly string[] | undefined;
}

export interface Trouble {
  /** Of the delivery of one incident to one sink: `<sink> <incident>`. How many answers it lost, or requests it failed. */
  readonly answers: ReadonlyMap<string, number>;
  /** The same where its record could not be read or written. */
  readonly records: ReadonlyMap<string, number>;
  /**
   * `<sink> <incident>` of which something older, or the same, came after something newer, where a record could not be read
   * or written: whoever is asked to tell it cannot know then what was told, and tells it, until the next alert of the
   * incident. A Chat app, which cannot ask for a message, also where an answer was lost.
   */
  readonly disordered: ReadonlySet<string>;
}

/** The message that an alert is published as, as it is received. */
export function messageOf({ time, ...alert }: AlertInOutbox, order: number): Pending {
  const { time: made, data, ...event } = encodeAlert(alert, new Date(time));
  const received: unknown = JSON.parse(JSON.stringify(data));
  return { event: { ...event, time: made.toISOString(), data: received }, order, only: undefined };
}

export function forward(milliseconds: number): void {
  vi.setSystemTime(Date.now() + milliseconds);
}
const now = (): Date => new Date();

/** Delivers to services by the real adapters, one instance of the function after another. */
export function createDelivery(services: readonly Service[]) {
  const conditions: Conditions = {
    mood: 'well',
    hit: new Set(),
    storage: 'well',
    written: new Set(),
    calls: new Map(),
  };
  const stored = stateInMemory(now);
  const moodOf = (service: Service): Mood => (conditions.hit.has(service.sink.name) ? conditions.mood : 'well');
  const [answers, records] = [new Map<string, number>(), new Map<string, number>()];
  const orders = new Map<string, number>();
  const [newest, disordered] = [new Map<string, number>(), new Set<string>()];
  const state = moodyStorage(stored, conditions);
  const instance = (): DeliverPorts => instanceOf({ state: { ...state }, conditions, services, moodOf });
  let ports = instance();
  return {
    trouble: { answers, records, disordered } satisfies Trouble,
    restart: () => void (ports = instance()),
    /** What `fetch` comes to. */
    async request(url: string, { method = 'GET', headers = {}, body = '' }: FetchOptions): Promise<Response> {
      const [address, service] = [new URL(url), services.find(({ host }) => host === new URL(url).host)];
      if (service === undefined) throw new Error(`nobody is at ${url}`);
      const take = (): Reply => service.take({ method, url: address, headers, body });
      const { status, body: said, retryAfter } = reply({ service, mood: moodOf(service), conditions, take });
      const pause: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
      return new Response(JSON.stringify(said), { status, headers: pause });
    },
    /** What a person says, of whatever sinks know by then. */
    async acknowledge({ id, since }: { id: string; since: string }, { isUndone }: { isUndone: boolean }) {
      const path = acknowledgementPath(id);
      const generation = await stored.generationOf(path);
      if (isUndone && generation !== undefined) await stored.delete({ path, generation });
      const said = { version: 1, by: 'Ana', at: now().toISOString(), until: null, comment: null, since } as const;
      if (!isUndone) await writeAcknowledgement({ incident: id, said }, { state: stored });
    },
    /** What the schedule sends of what is held and due. */
    async tick(): Promise<readonly Pending[]> {
      Object.assign(conditions, {
        mood: 'well',
        hit: new Set(),
        storage: 'well',
        written: new Set(),
        calls: new Map(),
      });
      const sent: RedrivenMessage[] = [];
      await askHeld(
        services.map(({ sink }) => sink),
        { ...ports, redrive: async (message) => void sent.push(message) },
      );
      return sent.map(({ attributes, data }) => {
        const event = readEvent({ headers: attributes, body: data });
        return { event, order: orders.get(event.id) ?? 0, only: sinksOf(event) };
      });
    },
    /** What is still to come of the message: itself, a letter for those that refused, or nothing. */
    async deliver(pending: Pending, at: { mood: Mood; hit: ReadonlySet<string>; storage: StorageMood }) {
      Object.assign(conditions, at, { written: new Set(), calls: new Map() });
      const { id, time } = pending.event;
      orders.set(id, pending.order);
      const alert = parseReceivedAlert(pending.event);
      const incident = alert.kind === undefined ? (alert.data.incident ?? '') : '';
      const isLate = pending.order <= (newest.get(incident) ?? 0);
      newest.set(incident, Math.max(pending.order, newest.get(incident) ?? 0));
      for (const { name } of services.map(({ sink }) => sink)) {
        const label = `${name} ${incident}`;
        if (at.hit.has(name) && /^(busy|lost)/.test(at.mood)) answers.set(label, (answers.get(label) ?? 0) + 1);
        if (at.storage !== 'well') records.set(label, (records.get(label) ?? 0) + 1);
        if (isLate && (records.has(label) || (name === 'app' && answers.has(label)))) disordered.add(label);
      }
      const sinks = services.map(({ sink }) => sink);
      try {
        await deliverAlert({ alert, id, time, sinks, only: pending.only }, ports);
        return undefined;
      } catch (error) {
        if (!(error instanceof ConvergeError)) throw error;
        return error.disposition === 'refuse' ? { ...pending, only: error.sinks } : pending;
      } finally {
        if (at.storage === 'dies') ports = instance();
      }
    },
  };
}

export interface FetchOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Of one delivery: `hit` are the sinks that have the mood; `written`, what was written by now; `calls`, of each service. */
interface Conditions {
  readonly mood: Mood;
  readonly hit: ReadonlySet<string>;
  readonly storage: StorageMood;
  readonly written: Set<string>;
  readonly calls: Map<string, number>;
}

const lostAt: Readonly<Partial<Record<Mood, number>>> = { lost: 1, 'lost later': 2 };

function reply({
  service,
  mood,
  conditions,
  take,
}: {
  service: Service;
  mood: Mood;
  conditions: Conditions;
  take: () => Reply;
}): Reply & { readonly retryAfter?: string } {
  const fails = (code: string): never => {
    throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
  };
  switch (mood) {
    case 'away':
      return fails('ECONNREFUSED');
    case 'refuses':
      return service.refusal;
    case 'busy':
      return { status: 503, body: {} };
    case 'limits':
      return { status: 429, body: {}, retryAfter: '120' };
    case 'well':
      return take();
    case 'lost':
    case 'lost later': {
      const taken = take();
      const calls = (conditions.calls.get(service.host) ?? 0) + 1;
      conditions.calls.set(service.host, calls);
      if (calls >= (lostAt[mood] ?? 1)) fails('ECONNRESET');
      return taken;
    }
  }
}

function instanceOf({
  state,
  conditions,
  services,
  moodOf,
}: {
  state: StateStore;
  conditions: Conditions;
  services: readonly Service[];
  moodOf: (service: Service) => Mood;
}): DeliverPorts {
  const sinks = createSinks({ answer: 5_000, chatToken: async () => 'token' });
  const mail = services.find(({ sink }) => sink.email !== undefined);
  return {
    ...{ now, log: () => {}, state },
    async sleep(milliseconds) {
      forward(milliseconds);
    },
    sinks: {
      async deliver(delivery) {
        const { email } = delivery.sink;
        if (email === undefined || mail === undefined) return sinks.deliver(delivery);
        const connect = (): MailTransport => transportTo(mail, { moodOf, conditions });
        return deliverByMail(delivery, email, { answer: 5_000, connect });
      },
    },
  };
}

/** With nodemailer's own errors. */
function transportTo(
  mail: Service,
  { moodOf, conditions }: { moodOf: (service: Service) => Mood; conditions: Conditions },
): MailTransport {
  const url = new URL('smtp://mail.example.com');
  return {
    close: () => {},
    async sendMail(message) {
      const take = (): Reply => mail.take({ method: 'DATA', url, headers: {}, body: JSON.stringify(message) });
      const mood = moodOf(mail);
      if (mood === 'away') throw Object.assign(new Error('refused'), { code: 'ESOCKET', syscall: 'connect' });
      if (mood === 'busy' || mood === 'limits')
        throw Object.assign(new Error('451'), { code: 'EENVELOPE', responseCode: 451 });
      const { status } = mood === 'well' ? take() : lost({ mail, mood, conditions, take });
      if (status >= 500) throw Object.assign(new Error(String(status)), { code: 'EMESSAGE', responseCode: status });
    },
  };
}

function lost({
  mail,
  mood,
  conditions,
  take,
}: {
  mail: Service;
  mood: Mood;
  conditions: Conditions;
  take: () => Reply;
}): Reply {
  try {
    return reply({ service: mail, mood, conditions, take });
  } catch (error) {
    throw Object.assign(new Error('closed', { cause: error }), { code: 'ECONNECTION' });
  }
}

/** One write a second of a name, as Storage takes them, and what fails by the mood. */
function moodyStorage(state: StateStore, conditions: Conditions): StateStore {
  const last = new Map<string, number>();
  const fails = (message: string): never => {
    throw new ConvergeError({ code: 'StorageUnavailable', subject: 'gs://state', message, disposition: 'retry' });
  };
  return {
    ...state,
    read: async (path) => (conditions.storage === 'unreadable' ? fails('no answer') : state.read(path)),
    async write(write) {
      if (conditions.storage === 'unwritable' || conditions.storage === 'unreadable') fails('no answer');
      if (conditions.storage === 'dies' && conditions.written.has(write.path)) fails('no answer');
      if (Date.now() - (last.get(write.path) ?? 0) < 1_000) fails('Cloud Storage answered 429');
      const written = await state.write(write);
      if (written !== 'conflict') last.set(write.path, Date.now());
      conditions.written.add(write.path);
      return conditions.storage === 'silent' ? fails('no answer') : written;
    },
  };
}
