import { z } from 'zod';
import { convergedSchema, convergedType, diffSchema, diffType } from '../events/alert.ts';
import {
  dependencyReachableSchema,
  dependencyUnreachableSchema,
  reachableType,
  unreachableType,
} from '../events/dependency-alert.ts';
import {
  uploadAcceptedSchema,
  uploadAcceptedType,
  uploadRefusedSchema,
  uploadRefusedType,
} from '../events/upload-alert.ts';
import { reportSchema, reportType } from '../events/report.ts';
import { severities } from '../routing/selector.ts';
import type { Notice } from './notice.ts';

const noticeSchema = z
  .object({
    incident: z
      .object({
        key: z.string().describe('The same for as long as the incident is one'),
        occurrence: z.int(),
        since: z.string().nullable().describe('When this occurrence began: ISO 8601; null: not known'),
      })
      .nullable()
      .describe('Null: of no incident'),
    state: z.enum(['opened', 'changed', 'acknowledged', 'closed']),
    severity: z.enum(severities),
    about: z.string().describe('What it is of: `master/acme-production`'),
    title: z.string().describe('At most 200 characters'),
    lines: z.array(z.string()).readonly().describe('At most 12, of at most 300 characters each'),
    links: z
      .array(z.object({ title: z.string(), url: z.string() }))
      .readonly()
      .optional()
      .describe('The commit, the build, what that uploaded, of http or https; absent: none'),
  })
  .describe('The same for people: plain text, not escaped for where it goes') satisfies z.ZodType<Notice>;

/** Keys that stand beside those of each kind of alert. */
const beside = { notice: noticeSchema };
const policies = z.array(z.string()).describe('What is not by default in the policy of its environment, in words');

function bodyOf<T extends string, D extends z.ZodType>(type: T, data: D) {
  return z.object({
    specversion: z.literal('1.0'),
    id: z.string().describe('The same whenever it is sent; `webhook-id`, too'),
    type: z.literal(type),
    source: z.string(),
    subject: z.string().describe('What it is of: `<class>/<environment>`, `cluster/<name>`, the name of an upload'),
    time: z.string().optional().describe('When the alert was made: ISO 8601'),
    sentbefore: z
      .literal('perhaps')
      .optional()
      .describe('It may have been sent before: an answer was lost, or nothing can be remembered'),
    datacontenttype: z.literal('application/json'),
    data,
  });
}

/** What a webhook with `body: cloudevents` is posted, by the type of the event. */
export const webhookBodySchema = z.discriminatedUnion('type', [
  bodyOf(diffType, diffSchema.extend({ ...beside, policies })),
  bodyOf(convergedType, convergedSchema.extend({ ...beside, policies })),
  bodyOf(unreachableType, dependencyUnreachableSchema.extend(beside)),
  bodyOf(reachableType, dependencyReachableSchema.extend(beside)),
  bodyOf(uploadRefusedType, uploadRefusedSchema.extend(beside)),
  bodyOf(uploadAcceptedType, uploadAcceptedSchema.extend(beside)),
  bodyOf(reportType, reportSchema.extend(beside)),
]);
