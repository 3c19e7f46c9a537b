import { z } from 'zod';
import { degraded, healthy } from './health.ts';
import { part, rule } from './observed-shape.ts';

/** Kubernetes writes these times in UTC and to the second, so that their order is the order of their text. */
const time = z.iso.datetime({ precision: 0 }).optional();

const cronJobSchema = z.object({
  spec: part({ suspend: z.boolean().default(false) }),
  status: part({ active: z.array(z.unknown()).default([]), lastScheduleTime: time, lastSuccessfulTime: time }),
});

/** A CronJob that never ran is healthy, and so is one that was suspended on purpose; its last run decides otherwise. */
export const assessCronJob = rule(cronJobSchema, ({ spec, status }) => {
  if (spec.suspend) return healthy('it is suspended');
  if (status.active.length > 0) return healthy(`${status.active.length} jobs are running`);
  const { lastScheduleTime, lastSuccessfulTime } = status;
  if (lastScheduleTime === undefined || lastSuccessfulTime === undefined)
    return healthy('no run has succeeded or failed yet');
  if (lastSuccessfulTime < lastScheduleTime) return degraded('its last run did not succeed');
  return healthy('its last run succeeded');
});
