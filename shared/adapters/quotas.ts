import { z } from 'zod';
import type { Config } from '../config/config.ts';
import type { QuotaAnswer, Quotas, QuotaUse } from '../ports/quotas.ts';
import { askGoogle } from './google/api.ts';
import { createTokens, type Tokens } from './google/tokens.ts';

const hour = 3_600_000;

/**
 * Metrics of quotas, of the resource `consumer_quota`: the limits, what is held of quotas of allocation, what is taken of
 * quotas by time, and whether something was refused. Limits and what is held are sampled once a day.
 * https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-serviceruntime
 * https://docs.cloud.google.com/monitoring/alerts/using-quota-metrics
 */
const asked = {
  limit: { type: 'quota/limit', milliseconds: 48 * hour, period: '86400s', aligner: 'ALIGN_NEXT_OLDER' },
  held: { type: 'quota/allocation/usage', milliseconds: 48 * hour, period: '86400s', aligner: 'ALIGN_NEXT_OLDER' },
  // Of all methods together.
  taken: { type: 'quota/rate/net_usage', milliseconds: hour, period: '60s', aligner: 'ALIGN_SUM' },
  exceeded: { type: 'quota/exceeded', milliseconds: hour, period: '3600s', aligner: 'ALIGN_COUNT_TRUE' },
} as const;
type Asked = keyof typeof asked;

/** An int64 is a string in JSON. */
const valueSchema = z.object({ int64Value: z.coerce.number().optional(), doubleValue: z.number().optional() });
/** https://docs.cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list */
const pageSchema = z.object({
  timeSeries: z
    .array(
      z.object({
        metric: z.object({ labels: z.record(z.string(), z.string()).default({}) }),
        resource: z.object({ labels: z.record(z.string(), z.string()).default({}) }),
        points: z.array(z.object({ value: valueSchema })).default([]),
      }),
    )
    .default([]),
  executionErrors: z.array(z.object({ message: z.string().default('') })).default([]),
  nextPageToken: z.string().optional(),
});

interface Series {
  readonly service: string;
  readonly location: string;
  readonly metric: string;
  readonly name: string;
  /** The newest first. */
  readonly values: readonly number[];
}

const pageSize = 1_000;
const mostPages = 20;

/** Quotas of the project of the configuration, by `timeSeries.list` of Cloud Monitoring: `roles/monitoring.viewer`. */
export function createQuotas(
  { project, google }: { project: string; google: Pick<Config['google'], 'monitoring'> },
  tokens: Tokens = createTokens(),
): Quotas {
  const list = async (what: Asked, services: readonly string[], now: Date): Promise<Series[] | QuotaAnswer> => {
    const found: Series[] = [];
    let pageToken: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const query = new URLSearchParams(parametersOf(what, services, now));
      if (pageToken !== undefined) query.set('pageToken', pageToken);
      const answer = await askGoogle({
        url: `${google.monitoring}/v3/projects/${project}/timeSeries?${query.toString()}`,
        tokens,
      });
      if (answer.answer !== 'ok') return answer;
      const read = pageSchema.safeParse(answer.body);
      const [error] = read.data?.executionErrors ?? [];
      if (!read.success) return { answer: 'none', why: 'it answered in a way that it is not documented to' };
      if (error !== undefined) return { answer: 'none', why: `it could not tell all: ${error.message}` };
      found.push(...read.data.timeSeries.map(seriesOf));
      pageToken = read.data.nextPageToken;
      if (pageToken === undefined || pageToken === '') return found;
    }
    return { answer: 'none', why: `it had more than ${mostPages} pages` };
  };
  return {
    async read(services, now) {
      const answers = await Promise.all(
        (['limit', 'held', 'taken', 'exceeded'] as const).map(async (what) => list(what, services, now)),
      );
      const [failure] = answers.filter((answer): answer is QuotaAnswer => !Array.isArray(answer));
      if (failure !== undefined) return failure;
      const [limits = [], held = [], taken = [], exceeded = []] = answers.filter(Array.isArray);
      return { answer: 'told', quotas: limits.flatMap((limit) => useOf(limit, { held, taken, exceeded })) };
    },
  };
}

function parametersOf(what: Asked, services: readonly string[], now: Date): [string, string][] {
  const { type, milliseconds, period, aligner } = asked[what];
  const among = services.map((service) => JSON.stringify(service)).join(', ');
  const parameters = {
    filter: `metric.type="serviceruntime.googleapis.com/${type}" AND resource.type="consumer_quota" AND resource.labels.service=one_of(${among})`,
    'interval.startTime': new Date(now.getTime() - milliseconds).toISOString(),
    'interval.endTime': now.toISOString(),
    'aggregation.alignmentPeriod': period,
    'aggregation.perSeriesAligner': aligner,
    pageSize: String(pageSize),
  };
  if (what !== 'taken') return Object.entries(parameters);
  const kept = ['metric.labels.quota_metric', 'resource.labels.service', 'resource.labels.location'];
  return [
    ...Object.entries(parameters),
    ['aggregation.crossSeriesReducer', 'REDUCE_SUM'],
    ...kept.map((field): [string, string] => ['aggregation.groupByFields', field]),
  ];
}

function seriesOf({ metric, resource, points }: z.infer<typeof pageSchema>['timeSeries'][number]): Series {
  return {
    service: resource.labels['service'] ?? '',
    location: resource.labels['location'] ?? 'global',
    metric: metric.labels['quota_metric'] ?? '',
    name: metric.labels['limit_name'] ?? '',
    values: points.map(({ value: { int64Value, doubleValue } }) => int64Value ?? doubleValue ?? 0),
  };
}

/** A limit by the minute for the whole project; what is taken by one user alone, or in another time, is not told. */
const byMinute = /PerMinute(?!.*PerUser)/i;

function useOf(
  limit: Series,
  { held, taken, exceeded }: Readonly<Record<'held' | 'taken' | 'exceeded', readonly Series[]>>,
): readonly QuotaUse[] {
  const { service, location, metric, name } = limit;
  const isOf = (other: Series): boolean =>
    other.service === service && other.location === location && other.metric === metric;
  const [most] = limit.values;
  // No limit is -1, or the largest there is.
  if (most === undefined || most < 0 || most >= Number.MAX_SAFE_INTEGER) return [];
  const isExceeded = exceeded.some((other) => isOf(other) && other.name === name && other.values.some((n) => n > 0));
  const now = held.find(isOf)?.values[0];
  const minutes = byMinute.test(name) ? taken.filter(isOf).flatMap(({ values }) => values) : [];
  const used = now ?? (minutes.length > 0 ? Math.max(...minutes) : undefined);
  if (used === undefined && !isExceeded) return [];
  return [{ service, metric, name, location, limit: most, used: used ?? most, isExceeded }];
}
