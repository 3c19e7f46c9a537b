import { describe, expect, it } from 'vitest';
import type { AlertSink } from '../../../shared/config/sinks.ts';
import type { Alert, Diff } from '../../../shared/events/alert.ts';
import { readEvent } from '../../../shared/events/read-event.ts';
import type { RedrivenMessage } from '../../../shared/events/found-letter.ts';
import { encodeReceivedAlert, parseReceivedAlert, type ReceivedAlert } from '../../../shared/events/received-alert.ts';
import { uploadIncident } from '../../../shared/events/upload-alert.ts';
import { sinksOf } from '../../../shared/events/refused-sinks.ts';
import { heldFolder } from '../../../shared/notices/held-alert.ts';
import { askHeld } from '../../../shared/pipeline/ask-held.ts';
import { acknowledgementPath, writeAcknowledgement } from '../../../shared/pipeline/common/acknowledgements.ts';
import { deliverAlert } from '../../../shared/pipeline/deliver-alert.ts';
import type { SinkDelivery } from '../../../shared/ports/messages.ts';
import { clockAt, recordingLog, stateInMemory } from './ports.ts';

const repeat = 4 * 3_600_000;
const chat: AlertSink = {
  ...{ name: 'chat', repeat },
  slack: { tokenSecretFile: '/s', channel: 'C1', api: 'https://slack.com/api' },
};
const mail: AlertSink = {
  ...{ name: 'mail', repeat },
  email: { host: 'smtp.example.com', port: 587, tls: 'starttls', from: 'c@example.com', to: ['o@example.com'] },
};
const sinks = [chat, mail];
const minutes = 60;
const hours = 3_600;

const keyOf = (environment: number): string => environment.toString(16).padStart(16, '0');

function common(environment: number) {
  const facts = { repository: 'master', cluster: 'eu', policy: null, revision: 'main@sha1:9f2c' };
  return { ...facts, environment: `acme-${environment}`, incident: keyOf(environment) };
}

function failing(environment: number, { since, commit = 'c0ffee' }: { since: string; commit?: string }): Alert {
  const cause = { commit, subject: 'Break it', author: null, artifact: null, build: null, restores: null };
  const data: Diff = {
    ...{ ...common(environment), reason: 'Failed', cause, subject: '', since, occurrence: 1 },
    ...{ summary: 'values.yaml: no such key', action: 'none', objects: [], omitted: 0, rollback: null },
  };
  return { topic: 'diff', data };
}

function ended(environment: number, since: string): Alert {
  const changes = { created: 0, configured: 1, unchanged: 0, pruned: 0 };
  return {
    topic: 'converged',
    data: { ...common(environment), cause: null, occurrence: 1, since, seconds: 1, changes },
  };
}

function world() {
  const clock = clockAt('2026-11-23T10:00:00Z');
  const state = stateInMemory(clock.now);
  const received: SinkDelivery[] = [];
  const whileSent: (() => Promise<void>)[] = [];
  const ports = {
    ...{ log: recordingLog(), now: clock.now, state },
    sleep: async (milliseconds: number) => clock.forward(milliseconds / 1000),
    sinks: {
      async deliver(delivery: SinkDelivery) {
        await whileSent.shift()?.();
        received.push(delivery);
        return { ts: String(received.length) };
      },
    },
  };
  const again = async ({ attributes, data }: RedrivenMessage): Promise<void> => {
    const event = readEvent({ headers: attributes, body: data });
    const alert = parseReceivedAlert(event);
    await deliverAlert({ alert, id: event.id, time: event.time, sinks, only: sinksOf(event) }, ports);
  };
  return {
    ...{ clock, state, received, whileSent, since: clock.now().toISOString() },
    async deliver(alert: ReceivedAlert) {
      const time = clock.now().toISOString();
      const { id } = encodeReceivedAlert(alert, clock.now());
      await deliverAlert({ alert, id, time, sinks, only: undefined }, ports);
    },
    async tick() {
      clock.forward(2 * minutes);
      const sent: RedrivenMessage[] = [];
      await askHeld(sinks, { ...ports, redrive: async (message) => void sent.push(message) });
      for (const message of sent) await again(message);
      return sent.length;
    },
    async say(environment: number, { since, until = null, by = 'Ana' }: Said) {
      const said = { version: 1, by, at: clock.now().toISOString(), until, comment: 'on it', since } as const;
      await writeAcknowledgement({ incident: keyOf(environment), said }, { state });
    },
    told: (sink: string) => received.flatMap(({ sink: { name }, notice }) => (name === sink ? [notice.state] : [])),
  };
}

interface Said {
  readonly since: string;
  readonly until?: string | null;
  readonly by?: string;
}

describe('what somebody takes care of', () => {
  it('is shown where that can be changed, told to nobody again, and ends as ever', async () => {
    const { deliver, tick, say, told, received, clock, state, since } = world();
    await deliver(failing(1, { since }));
    await say(1, { since });
    expect(await tick()).toBe(1);
    expect([told('chat'), told('mail')]).toEqual([['opened', 'acknowledged'], ['opened']]);
    expect(received.at(-1)?.notice.lines[0]).toBe('acknowledged by Ana until it ends: on it');
    for (let day = 0; day < 14; day++) {
      clock.forward(24 * hours);
      expect(await tick()).toBe(0);
    }
    await deliver(ended(1, since));
    expect([told('chat'), told('mail')]).toEqual([
      ['opened', 'acknowledged', 'closed'],
      ['opened', 'closed'],
    ]);
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('may be a refused upload, which ends as ever', async () => {
    const { deliver, tick, state, told, clock, since } = world();
    const artifact = 'gs://family-master/charts/shop.tgz#7';
    const incident = uploadIncident('gs://family-master/charts/shop.tgz');
    const facts = { repository: 'master', artifact, incident, since };
    const why = { reason: 'InvalidArchive', message: 'holds a link', remedy: null, author: null, build: null };
    await deliver({ kind: 'upload', topic: 'diff', data: { ...facts, ...why } });
    const said = { version: 1, by: 'Ana', at: since, until: null, comment: null, since } as const;
    await writeAcknowledgement({ incident, said }, { state });
    await tick();
    clock.forward(9 * hours);
    await tick();
    expect([told('chat'), told('mail')]).toEqual([['opened', 'acknowledged'], ['opened']]);
    const end = { outcome: 'committed' as const, commit: null, unused: [], omitted: 0 };
    await deliver({ kind: 'upload', topic: 'converged', data: { ...facts, ...end } });
    expect(told('mail')).toEqual(['opened', 'closed']);
    expect(await state.list(heldFolder)).toEqual([]);
  });

  it('is told again once the time is over', async () => {
    const { deliver, tick, say, told, clock, since } = world();
    await deliver(failing(1, { since }));
    await say(1, { since, until: new Date(clock.now().getTime() + 8 * hours * 1000).toISOString() });
    await tick();
    clock.forward(7 * hours);
    expect(await tick()).toBe(0);
    clock.forward(1 * hours);
    expect(await tick()).toBe(2);
    expect(told('chat')).toEqual(['opened', 'acknowledged', 'changed']);
    expect(await tick()).toBe(0);
  });

  it('is told as open first, where nobody was told before', async () => {
    const { deliver, tick, say, told, since } = world();
    await say(1, { since });
    await deliver(failing(1, { since }));
    await tick();
    expect(told('chat')).toEqual(['opened', 'acknowledged']);
  });

  it('is shown with whoever said so last, and as open where they take it back', async () => {
    const { deliver, tick, say, told, received, state, since } = world();
    await deliver(failing(1, { since }));
    await say(1, { since });
    await tick();
    await say(1, { since, by: 'Ben' });
    await tick();
    expect(received.at(-1)?.notice.lines[0]).toMatch(/^acknowledged by Ben/);
    const path = acknowledgementPath(keyOf(1));
    await state.delete({ path, generation: (await state.generationOf(path)) ?? '' });
    await tick();
    expect(told('chat')).toEqual(['opened', 'acknowledged', 'acknowledged', 'changed']);
    expect(await tick()).toBe(0);
  });

  it('is found where it was said while a message was under way', async () => {
    const { deliver, tick, say, told, whileSent, since } = world();
    whileSent.push(async () => say(1, { since }));
    await deliver(failing(1, { since }));
    expect(told('chat')).toEqual(['opened']);
    await tick();
    expect(told('chat')).toEqual(['opened', 'acknowledged']);
  });

  it('shows what is found of it meanwhile, as acknowledged, and loses nothing of it', async () => {
    const { deliver, tick, say, told, clock, since } = world();
    await deliver(failing(1, { since }));
    await say(1, { since });
    await tick();
    clock.forward(10 * minutes);
    await deliver(failing(1, { since, commit: 'feed' }));
    await tick();
    expect(told('chat').filter((state) => state !== 'acknowledged')).toEqual(['opened']);
    await deliver(ended(1, since));
    expect(told('chat').at(-1)).toBe('closed');
  });

  it('is that occurrence alone: one that comes back is told', async () => {
    const { deliver, tick, say, told, clock, since } = world();
    await deliver(failing(1, { since }));
    await say(1, { since });
    await tick();
    await deliver(ended(1, since));
    await say(1, { since });
    clock.forward(1 * hours);
    await deliver(failing(1, { since: clock.now().toISOString() }));
    await tick();
    clock.forward(4 * hours);
    await tick();
    expect(told('chat')).toEqual(['opened', 'acknowledged', 'closed', 'opened', 'changed']);
  });

  it('says nothing of how many there are, of a cause one of whose incidents it is', async () => {
    const { deliver, tick, say, told, clock, since } = world();
    for (const environment of [1, 2, 3]) await deliver(failing(environment, { since }));
    await tick();
    await say(2, { since });
    await tick();
    const before = told('chat');
    expect(before.at(-1)).toBe('acknowledged');
    clock.forward(5 * minutes);
    await deliver(ended(1, since));
    clock.forward(24 * hours);
    await tick();
    expect(told('chat')).toEqual(before);
    for (const environment of [2, 3]) await deliver(ended(environment, since));
    expect(told('chat').at(-1)).toBe('closed');
  });

  it('is not acknowledged by what nobody can read', async () => {
    const { deliver, tick, state, told, clock, since } = world();
    await deliver(failing(1, { since }));
    const path = acknowledgementPath(keyOf(1));
    await state.write({ path, value: 'half', ifGeneration: 'any', metadata: { facts: '%7B%' } });
    expect(await tick()).toBe(0);
    clock.forward(4 * hours);
    expect(await tick()).toBe(2);
    expect(told('chat')).toEqual(['opened', 'changed']);
  });
});
