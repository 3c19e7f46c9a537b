import { expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import type { AlertSink } from '../../../shared/config/sinks.ts';
import { encodeReport } from '../../../shared/events/report.ts';
import { encodeReceivedAlert, parseReceivedAlert } from '../../../shared/events/received-alert.ts';
import { deliverAlert } from '../../../shared/pipeline/deliver-alert.ts';
import type { SinkDelivery } from '../../../shared/ports/messages.ts';
import { environmentOf, incidentOf, reportOf } from '../report/reported.ts';
import { clockAt, recordingLog, stateInMemory } from './ports.ts';

const week = reportOf([environmentOf({ state: 'Diverged', incidents: [incidentOf()] })], {
  chosen: { classes: ['master'], environments: [], labels: { customer: 'acme' } },
});
const api = 'https://example.com';
const kinds: readonly AlertSink[] = [
  { name: 'hook', webhook: { url: 'https://example.com/' } },
  { name: 'chat', slack: { tokenSecretFile: 'token', channel: 'C123', api } },
  { name: 'space', googleChat: { urlSecretFile: 'url', api } },
  { name: 'pager', pagerduty: { routingKeySecretFile: 'key', api } },
  { name: 'mail', email: { host: 'h', port: 25, tls: 'none', from: 'c@example.com', to: ['o@example.com'] } },
];

const sent = encodeReport(week, new Date('2026-11-22T06:00:02Z'));
const arrived = { ...sent, time: sent.time.toISOString() };

function world(sinks: readonly AlertSink[]) {
  const clock = clockAt('2026-11-22T06:00:02Z');
  const received: SinkDelivery[] = [];
  const failures: ConvergeError[] = [];
  const sleep = async (milliseconds: number) => {
    clock.forward(milliseconds / 1000);
    await Promise.resolve();
  };
  const deliver = async (delivery: SinkDelivery) => {
    await Promise.resolve();
    received.push(delivery);
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    return undefined;
  };
  const ports = { state: stateInMemory(clock.now), log: recordingLog(), now: clock.now, sleep, sinks: { deliver } };
  return {
    ...{ received, failures, clock },
    async tell() {
      clock.forward(10);
      const alert = parseReceivedAlert(arrived);
      return deliverAlert({ alert, id: arrived.id, time: '2026-11-22T06:00:02.000Z', sinks, only: undefined }, ports);
    },
  };
}

it('is read as the event that it came as', () => {
  expect(encodeReceivedAlert(parseReceivedAlert(arrived), sent.time)).toEqual(sent);
});

it('goes to whoever has a place for it', async () => {
  expect(await world(kinds).tell()).toEqual({ delivered: ['hook', 'chat', 'space', 'mail'] });
});

it.each([
  [[{ kinds: ['report' as const] }], true],
  [[{ kinds: ['environment' as const] }], false],
  [[{ classes: ['master'] }], true],
  [[{ classes: ['develop'] }], false],
  [[{ labels: { customer: 'acme' } }], true],
  [[{ labels: { customer: 'globex' } }], false],
  [[{ environments: ['*'] }], false],
  [[{ severities: ['warning' as const] }], true],
  [[{ severities: ['critical' as const] }], false],
])('goes to a sink with only %j: %s', async (only, isTold) => {
  const sinks = kinds.map((sink) => ({ ...sink, only }));
  expect(await world(sinks).tell()).toEqual({ delivered: isTold ? ['hook', 'chat', 'space', 'mail'] : [] });
});

it('is told once, however often it is published', async () => {
  const { received, tell } = world(kinds.slice(0, 1));
  await tell();
  expect(await tell()).toEqual({ delivered: [] });
  expect(received).toHaveLength(1);
});

it('is told again, and marked, where an answer was lost; and unmarked where the sink cannot have it', async () => {
  const { received, failures, tell } = world(kinds.slice(1, 2));
  const facts = { code: 'SinkUnavailable', subject: 'chat', message: 'no', disposition: 'retry' } as const;
  failures.push(new ConvergeError(facts), new ConvergeError({ ...facts, unanswered: true }));
  await expect(tell()).rejects.toThrow('no');
  await expect(tell()).rejects.toThrow('no');
  expect(await tell()).toEqual({ delivered: ['chat'] });
  expect(received.map(({ perhaps }) => perhaps)).toEqual([false, false, true]);
});
