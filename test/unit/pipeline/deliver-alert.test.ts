import { describe, expect, it } from 'vitest';
import { ConvergeError, type Disposition } from '../../../shared/base/errors.ts';
import type { Alert } from '../../../shared/events/alert.ts';
import { deliverAlert } from '../../../shared/pipeline/deliver-alert.ts';
import { clockAt, recordingLog, stateInMemory } from './ports.ts';

const alert: Alert = {
  topic: 'converged',
  data: {
    ...{
      environment: 'acme',
      repository: 'master',
      cluster: 'sandbox',
      revision: 'main@sha1:9f2c',
      incident: null,
      occurrence: null,
      since: null,
      cause: null,
      seconds: 1,
    },
    changes: { created: 1, configured: 0, unchanged: 0, pruned: 0 },
    policy: null,
  },
};
const sink = (name: string) => ({ name, webhook: { url: `https://${name}.example.com/` } });

/** Sinks that answer, except the ones named here. */
async function deliver(
  names: readonly string[],
  failing: Readonly<Record<string, Disposition>> = {},
  only?: readonly string[],
) {
  const delivered: string[] = [];
  const log = recordingLog();
  const clock = clockAt('2026-11-21T01:02:05Z');
  const result = deliverAlert(
    { alert, id: 'event-7', time: '2026-11-21T01:02:04.000Z', sinks: names.map(sink), only },
    {
      log,
      state: stateInMemory(clock.now),
      now: clock.now,
      sleep: async (milliseconds) => clock.forward(milliseconds / 1000),
      sinks: {
        async deliver({ sink: { name }, id }, missed) {
          const disposition = failing[name];
          if (name === 'half') missed?.('ana@example.com: 550');
          if (disposition === undefined) {
            delivered.push(`${name} ${id}`);
            return undefined;
          }
          throw new ConvergeError({
            code: disposition === 'retry' ? 'SinkUnavailable' : 'SinkRefused',
            subject: name,
            message: 'no',
            disposition,
          });
        },
      },
    },
  );
  const outcome = await result.catch((error: unknown) => error);
  return { outcome, delivered, log };
}

describe('an alert', () => {
  it('goes to every sink under the id of its event', async () => {
    const { outcome, delivered } = await deliver(['ops', 'audit']);
    expect(outcome).toEqual({ delivered: ['ops', 'audit'] });
    expect(delivered).toEqual(['ops event-7', 'audit event-7']);
  });

  it('is done where nobody is configured', async () => {
    expect((await deliver([])).outcome).toEqual({ delivered: [] });
  });

  it('goes to the other sinks where one fails, and is then delivered again', async () => {
    const { outcome, delivered, log } = await deliver(['ops', 'audit', 'chat'], { ops: 'retry' });
    expect(delivered).toEqual(['audit event-7', 'chat event-7']);
    expect(outcome).toMatchObject({ code: 'SinkUnavailable', subject: 'ops', disposition: 'retry' });
    expect(log.lines).toEqual(['WARNING an alert was not delivered']);
  });

  it('is delivered where a sink took it for some alone, and it is said for whom it did not', async () => {
    const { outcome, log } = await deliver(['ops', 'half']);
    expect(outcome).toEqual({ delivered: ['ops', 'half'] });
    expect(log.lines).toEqual(['ERROR a sink took an alert, and not for all who were to have it']);
  });

  it('is refused where a sink refuses it for good', async () => {
    expect((await deliver(['ops', 'audit'], { audit: 'refuse' })).outcome).toMatchObject({
      code: 'SinkRefused',
      disposition: 'refuse',
    });
  });

  it('is refused in the name of every sink that refuses it, and of no other', async () => {
    const { outcome } = await deliver(['ops', 'audit', 'chat'], { ops: 'refuse', chat: 'refuse' });
    expect(outcome).toMatchObject({ code: 'SinkRefused', subject: 'ops', sinks: ['ops', 'chat'] });
  });

  it('that is sent again goes to the sinks that refused it alone', async () => {
    const { outcome, delivered } = await deliver(['ops', 'audit', 'chat'], {}, ['chat', 'ops']);
    expect(outcome).toEqual({ delivered: ['ops', 'chat'] });
    expect(delivered).toEqual(['ops event-7', 'chat event-7']);
  });

  it('that is sent again to a sink that is configured no more is refused for that one', async () => {
    const { outcome, delivered } = await deliver(['ops', 'audit'], {}, ['ops', 'pager']);
    expect(delivered).toEqual(['ops event-7']);
    expect(outcome).toMatchObject({
      ...{ code: 'SinkRefused', disposition: 'refuse', subject: 'alert sink pager', sinks: ['pager'] },
      problem: expect.stringContaining('configuration'),
    });
  });

  // Refused means acknowledged: the sink that would have answered later never gets the alert.
  it('is delivered again where one sink refuses it and another may answer later', async () => {
    expect((await deliver(['ops', 'audit'], { ops: 'refuse', audit: 'retry' })).outcome).toMatchObject({
      disposition: 'retry',
    });
  });
});
