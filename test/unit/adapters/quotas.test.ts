import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createQuotas } from '../../../shared/adapters/quotas.ts';
import type { Tokens } from '../../../shared/adapters/google/tokens.ts';
import { startReceiver, type Receiver } from './sinks/receiver.ts';

const tokens: Tokens = { current: async () => 'first', renew: async () => 'second' };
const now = new Date('2026-11-21T12:00:00.000Z');
let receiver: Receiver;
beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => receiver.stop());

/** As the API shows a series. https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v3/TimeSeries */
function series(metric: string, name: string | undefined, values: readonly number[], location = 'europe-west3') {
  const labels = { quota_metric: metric, ...(name === undefined ? {} : { limit_name: name }) };
  const service = metric.split('/')[0];
  return {
    metric: { type: 'serviceruntime.googleapis.com/quota/limit', labels },
    resource: { type: 'consumer_quota', labels: { project_id: 'family', service, location } },
    points: values.map((value) => ({ interval: {}, value: { int64Value: String(value) } })),
  };
}

const typeOf = (path: string): string =>
  /quota\/[a-z_/]+/.exec(new URL(path, 'http://there').searchParams.get('filter') ?? '')?.[0] ?? '';

function answer(by: Readonly<Record<string, readonly object[]>>): void {
  receiver.answers = ({ path }) => ({ body: { timeSeries: by[typeOf(path)] ?? [] } });
}

const read = async () =>
  createQuotas({ project: 'family', google: { monitoring: receiver.url } }, tokens).read(
    ['run.googleapis.com', 'pubsub.googleapis.com'],
    now,
  );

describe('quotas', () => {
  it('are limits with what is held now, or taken in the busiest minute', async () => {
    answer({
      'quota/limit': [
        series('run.googleapis.com/cpu_allocation', 'CpuAllocPerProjectRegion', [20_000, 10_000]),
        series('pubsub.googleapis.com/regionalpublisher', 'RegionalPublisherPerMinutePerRegion', [600]),
        series('run.googleapis.com/read', 'ReadPerMinutePerProjectPerUser', [60]),
        series('run.googleapis.com/unlimited', 'AllPerProject', [-1]),
        series('run.googleapis.com/unused', 'UnusedPerProject', [5]),
      ],
      'quota/allocation/usage': [
        series('run.googleapis.com/cpu_allocation', undefined, [17_000, 1]),
        series('run.googleapis.com/cpu_allocation', undefined, [1], 'europe-west1'),
        series('run.googleapis.com/unlimited', undefined, [5]),
      ],
      'quota/rate/net_usage': [
        series('pubsub.googleapis.com/regionalpublisher', undefined, [10, 480, 20]),
        series('run.googleapis.com/read', undefined, [70]),
      ],
      'quota/exceeded': [series('run.googleapis.com/unused', 'UnusedPerProject', [2])],
    });
    const of = { location: 'europe-west3', isExceeded: false };
    expect(await read()).toEqual({
      answer: 'told',
      quotas: [
        {
          ...{ ...of, service: 'run.googleapis.com', metric: 'run.googleapis.com/cpu_allocation' },
          ...{ name: 'CpuAllocPerProjectRegion', limit: 20_000, used: 17_000 },
        },
        {
          ...{ ...of, service: 'pubsub.googleapis.com', metric: 'pubsub.googleapis.com/regionalpublisher' },
          ...{ name: 'RegionalPublisherPerMinutePerRegion', limit: 600, used: 480 },
        },
        {
          ...{ ...of, service: 'run.googleapis.com', metric: 'run.googleapis.com/unused' },
          ...{ name: 'UnusedPerProject', limit: 5, used: 5, isExceeded: true },
        },
      ],
    });
    const taken = receiver.calls
      .map(({ path }) => new URL(path, 'http://there'))
      .find(({ href }) => /net_usage/.test(href));
    expect(taken?.pathname).toBe('/v3/projects/family/timeSeries');
    expect(taken?.searchParams.get('filter')).toContain(
      'resource.labels.service=one_of("run.googleapis.com", "pubsub.googleapis.com")',
    );
    expect(taken?.searchParams.getAll('aggregation.groupByFields')).toHaveLength(3);
    expect(receiver.calls.every(({ headers }) => headers.authorization === 'Bearer first')).toBe(true);
  });

  it('are read page by page', async () => {
    receiver.answers = ({ path }) => {
      const isSecond = path.includes('pageToken=next');
      const name = isSecond ? 'b' : 'a';
      const body =
        typeOf(path) === 'quota/exceeded' ? {} : { timeSeries: [series(`run.googleapis.com/${name}`, name, [4])] };
      return { body: { ...body, ...(isSecond ? {} : { nextPageToken: 'next' }) } };
    };
    expect(await read()).toMatchObject({ answer: 'told', quotas: [{ name: 'a', used: 4 }, { name: 'b' }] });
  });

  it('are not told where whoever asks may not, or not all came', async () => {
    const error = { code: 403, message: 'Permission monitoring.timeSeries.list denied', status: 'PERMISSION_DENIED' };
    receiver.answers = () => ({ status: 403, body: { error } });
    expect(await read()).toEqual({ answer: 'refused', status: 403, message: error.message });
    receiver.answers = () => ({ body: { timeSeries: [], executionErrors: [{ code: 4, message: 'too slow' }] } });
    expect(await read()).toEqual({ answer: 'none', why: 'it could not tell all: too slow' });
    receiver.answers = () => ({ body: { timeSeries: 'many' } });
    expect(await read()).toMatchObject({ answer: 'none' });
  });
});
