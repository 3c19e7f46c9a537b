import type { Config } from '../../shared/config/config.ts';
import type { Quotas, QuotaUse } from '../../shared/ports/quotas.ts';
import type { Context } from '../context.ts';
import { failed, lookInto, notAsked, ok, warning, type Finding } from './finding.ts';
import { isLocal } from './here.ts';

/** What each deployment lives on: functions, messages, objects, the schedule, secrets. */
const services = [
  'run.googleapis.com',
  'pubsub.googleapis.com',
  'storage.googleapis.com',
  'cloudscheduler.googleapis.com',
  'secretmanager.googleapis.com',
];

/** From this share of a limit it is a warning. */
const warned = 0.8;

/**
 * The quotas of the project of the functions, as Cloud Monitoring tells them: for each service that the pipeline lives on,
 * those whose limit and use it knows.
 */
export async function lookAtQuotas(context: Context, quotas: Quotas): Promise<readonly Finding[]> {
  const { config } = context;
  const about = { check: 'quota', subject: config.project };
  if (isLocal(context))
    return [notAsked(about, 'this pipeline runs on this machine, which has none', 'ask it of a deployment')];
  const asked = servicesOf(config);
  return await lookInto(about, async () => {
    const told = await quotas.read(asked, context.ports.now());
    switch (told.answer) {
      case 'refused':
        return notAsked(
          about,
          `Cloud Monitoring answered ${told.status}: ${told.message}`,
          `it takes roles/monitoring.viewer on ${config.project}, and monitoring.googleapis.com enabled there; ${page(config)} shows the same`,
        );
      case 'none':
        return notAsked(about, `Cloud Monitoring: ${told.why}`, `ask once more, or look at ${page(config)}`);
      case 'told':
        return asked.flatMap((service) =>
          judge(
            service,
            told.quotas.filter((one) => one.service === service),
            config,
          ),
        );
    }
  });
}

function servicesOf({ clusters }: Config): readonly string[] {
  const kinds = new Set(Object.values(clusters).map(({ kind }) => kind));
  return [
    ...services,
    ...(kinds.has('gke') ? ['container.googleapis.com'] : []),
    ...(kinds.has('gateway') ? ['connectgateway.googleapis.com'] : []),
  ];
}

function judge(service: string, quotas: readonly QuotaUse[], config: Config): readonly Finding[] {
  const about = { check: 'quota', subject: service };
  if (quotas.length === 0)
    return [notAsked(about, 'Cloud Monitoring knows of no use of its limits', `see ${page(config)}`)];
  const short = quotas.filter((quota) => quota.isExceeded || shareOf(quota) >= warned);
  const most = quotas.toSorted((a, b) => shareOf(b) - shareOf(a))[0];
  if (short.length === 0 && most !== undefined)
    return [ok(about, `${quotas.length} with their use; the most of ${nameOf(most)}: ${useOf(most)}`)];
  return short.map((quota) => {
    const of = { check: 'quota', subject: nameOf(quota) };
    const remedy = `ask Google for more, or use less: ${page(config)}`;
    if (quota.isExceeded) return failed(of, `something was refused for it in the last hour: ${useOf(quota)}`, remedy);
    return shareOf(quota) >= 1
      ? failed(of, `is used up: ${useOf(quota)}`, remedy)
      : warning(of, `is nearly used up: ${useOf(quota)}`, remedy);
  });
}

/** Of a limit of 0, which is what the project never asked for, nothing is missed until something is. */
function shareOf({ used, limit }: QuotaUse): number {
  return limit === 0 ? 0 : used / limit;
}

function nameOf({ metric, name, location }: QuotaUse): string {
  return `${metric} (${name === '' ? '' : `${name}, `}${location})`;
}

function useOf(quota: QuotaUse): string {
  return `${quota.used} of ${quota.limit} (${Math.floor(shareOf(quota) * 100)} %)`;
}

function page({ project }: Config): string {
  return `https://console.cloud.google.com/iam-admin/quotas?project=${project}`;
}
