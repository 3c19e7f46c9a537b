import { z } from 'zod';
import { diffReasons } from '../base/diff-reasons.ts';
import { causeSchema, revertedSchema } from './alert.ts';
import { eventId, eventSource, parseEventData, type IncomingEvent, type OutgoingEvent } from './cloud-event.ts';

export const reportType = 'dev.converge.report.v1';

/** ISO 8601, in UTC. */
const time = (what: string) => z.string().describe(what);
const environment = z.string().describe('`<class>/<name>`');
const cause = causeSchema
  .nullable()
  .default(null)
  .describe('The last commit that changed what the environment is made of; null: not known');

const changeSchema = z.object({
  object: z.string().describe('Like `Deployment acme/web`'),
  change: z.string().describe('What became of it, as in an alert: `modified`, `missing`, `unexpected`, …'),
  path: z.string().describe('The field that differs, as an alert shows it; empty: the object as a whole'),
  desired: z.string().nullable().describe('Its value in Git, as text and cut; null: none, or not known'),
  observed: z.string().nullable().describe('Its value in the cluster, as text and cut; null: none, or not known'),
  by: z.string().nullable().describe('The field manager that wrote it last; null: not known'),
  at: z.string().nullable().describe('When that manager wrote last, ISO 8601; it wrote this at that time or before'),
  message: z.string().describe('What is to be said of the object, where no field differs'),
});

const incident = {
  id: z.string().describe('The incident, as in alerts'),
  environment,
  cluster: z.string().describe('Empty where it is not known'),
  reason: z.enum(diffReasons).describe('As in alerts'),
  object: z.string().nullable().describe('What it is of; empty: the environment as a whole; null: not known'),
  since: time('When it began: ISO 8601'),
  occurrence: z.number().int().positive().describe('How often it came, each time soon after its last end'),
  revision: z.string().describe('At which it was found last'),
  summary: z.string(),
  by: z.array(z.string()).describe('The field managers that made it differ, as far as they are known'),
  cause,
};

const findingSchema = z.object({
  ...incident,
  changes: z.array(changeSchema).describe('The first fields and objects that differ'),
  more: z.number().int().nonnegative().describe('How many more fields and objects differ'),
  news: z
    .enum(['new', 'still', 'again'])
    .nullable()
    .describe('Against the report before: it was not there, was there, or ended and came again; null: there is none'),
});

const pastSchema = z.object({
  ...incident,
  until: time('When it ended: ISO 8601'),
  healed: z.boolean().describe('Whether Converge brought back what Git says; else it ended by itself or by a commit'),
  reverted: revertedSchema.optional().describe('Who asked that it is undone, why and when; absent: nobody did'),
});

const rollbackSchema = z.object({
  environment,
  revision: z.string().describe('What failed, and was rolled back'),
  reason: z.string().describe('Why'),
  at: time('When: ISO 8601'),
  commit: z
    .string()
    .nullable()
    .describe('The commit that brought the state before; null: there is none yet, or none at all'),
  refused: z.string().nullable().describe('Why there is none'),
  stands: z.boolean().describe('Whether the revision is still kept from coming back by an upload'),
});

const refusedText = (what: string) => z.string().nullable().default(null).describe(`${what}; null: not known`);

const refusedSchema = z.object({
  class: z.string(),
  upload: z.string().describe('`<name>#<generation>` in the bucket of its class'),
  since: refusedText('When the first of its name was made that was refused, with none accepted since: ISO 8601'),
  reason: refusedText('The code of the error'),
  message: refusedText('What is wrong, in one sentence'),
  remedy: refusedText('What to do about it'),
  author: refusedText('Who uploaded it, as they said'),
  build: refusedText('Of which build'),
});

const undeclaredSchema = z.object({
  environment,
  cluster: z.string(),
  namespace: z.string(),
  kind: z.string().describe('Like `ConfigMap`, `Deployment.apps`'),
  count: z.number().int(),
  names: z.array(z.string()).describe('The first of them'),
});

const deprecatedSchema = z.object({
  environment,
  cluster: z.string(),
  version: z.string().describe('Of its API server, like `v1.31.4`'),
  apiVersion: z.string(),
  kind: z.string(),
  removedIn: z.string().nullable().describe('The version that does not serve it any more, like `1.32`; null: not said'),
  use: z.string().nullable().describe('What to write instead; null: not said'),
  message: z.string().describe('As the API server says it'),
  count: z.number().int().describe('How many objects of the environment are written in it'),
  names: z.array(z.string()).describe('The first of them'),
});

const secondsSchema = z.number().nonnegative();

const countsSchema = z
  .object({
    environments: z.number().int(),
    converged: z.number().int().describe('As Git says, all of it healthy'),
    differing: z.number().int().describe('With at least one incident that is open'),
    suspended: z.number().int(),
    notLookedAt: z.number().int().describe('Of which nobody knows how they are now'),
  })
  .describe('Of all environments of the report, also of those that its lists leave out');

/** What differs, what was healed and what was taken back, in the environments of a report and its time. */
export const reportSchema = z.object({
  name: z.string().describe('Of the configuration; empty: asked for by a command'),
  at: time('When it was made: ISO 8601'),
  due: time('For when it was due by its schedule: ISO 8601'),
  from: time('What it tells of has happened since: ISO 8601'),
  before: z.string().nullable().describe('When the report that it is compared with was made; null: there is none'),
  chosen: z
    .object({
      classes: z.array(z.string()).describe('Empty: all'),
      environments: z.array(z.string()).describe('Empty: all'),
      labels: z.record(z.string(), z.string()).describe('Empty: whatever they are'),
    })
    .describe('Which environments it is of: all that is said of one is so'),
  counts: countsSchema,
  oldest: z
    .object({ environment, since: time('ISO 8601'), seconds: secondsSchema, summary: z.string() })
    .nullable()
    .describe('What differs for longest; null: nothing does'),
  timeToConverge: z
    .object({
      count: z.number().int().describe('How many convergences are known'),
      median: secondsSchema.nullable(),
      percentile95: secondsSchema.nullable(),
    })
    .describe('Seconds from when a run set out for a revision until all of it was healthy'),
  differing: z.array(findingSchema).describe('What differs from Git now, what has differed for longest first'),
  gone: z
    .array(z.object({ ...incident, until: z.string().nullable().describe('When it ended; null: not known') }))
    .describe('What differed in the report before, and does not any more'),
  drifted: z.array(pastSchema).describe('What drifted and ended since `from`, the last first'),
  ended: z.array(pastSchema).describe('What failed, or was not healthy, and ended since `from`'),
  rolledBack: z.array(rollbackSchema).describe('What was rolled back since `from`, or stands'),
  refused: z.array(refusedSchema).describe('Uploads that were refused, and that nothing has replaced'),
  undone: z
    .array(z.object({ environment, what: z.array(z.string()).describe('Like `suspend: true`, `2 ignored paths`') }))
    .describe('What the files of environments leave undone on purpose'),
  undeclared: z
    .array(undeclaredSchema)
    .default([])
    .describe('What is in the namespaces of environments and nobody declares, by kind'),
  deprecated: z
    .array(deprecatedSchema)
    .default([])
    .describe('API versions of their objects that clusters will not serve for ever, what goes first, first'),
  notLookedAt: z
    .array(
      z.object({
        environment,
        state: z.string(),
        checkedAt: z.string().nullable().describe('When the last look began that came to an end; null: not known'),
        message: z.string(),
      }),
    )
    .describe('Of which nobody knows how they are now'),
  unreadable: z
    .array(z.object({ repository: z.string(), message: z.string() }))
    .describe('Repositories that could not be read'),
  limits: z.array(z.string()).describe('What this report cannot know, for people'),
  omitted: z
    .record(z.string(), z.number().int())
    .describe('How many are left out at the end of a list, by its key; absent: none'),
  kept: z
    .object({ html: z.string(), markdown: z.string(), json: z.string() })
    .nullable()
    .describe('`gs://` names of the whole report; null: it is kept nowhere'),
});

export type Report = Readonly<z.infer<typeof reportSchema>>;
export type Finding = Report['differing'][number];
export type PastIncident = Report['drifted'][number];
export type FindingChange = Finding['changes'][number];

/** Bytes of the JSON of a report as it is published: who reads topics is told the first of it, and where all of it is. */
const largestReport = 256_000;

/** Throws `InvalidEvent` (refuse). */
export function parseReport(event: IncomingEvent): Report {
  return parseEventData(reportSchema, event);
}

/** Named by the report and when it was due: one that is published twice is recognised. */
export function encodeReport(report: Report, time: Date): OutgoingEvent {
  const subject = `report/${report.name}`;
  return {
    ...{ id: eventId(reportType, report.name, report.due), type: reportType, source: eventSource, subject, time },
    data: boundedReport(report),
  };
}

/** The same, with lists as long as there is room for. */
function boundedReport(report: Report): Report {
  let bounded = report;
  for (
    let most = 250;
    Buffer.byteLength(JSON.stringify(bounded)) > largestReport && most > 0;
    most = Math.floor(most / 2)
  )
    bounded = withListsCut(bounded, most);
  return bounded;
}

/** Each list with so many entries at most; what is left out is added to what was before. */
export function withListsCut(report: Report, most: number): Report {
  const omitted = { ...report.omitted };
  const first = <T>(key: keyof Report, all: readonly T[]): T[] => {
    if (all.length > most) omitted[key] = (omitted[key] ?? 0) + all.length - most;
    return all.slice(0, most);
  };
  return {
    ...report,
    differing: first('differing', report.differing),
    gone: first('gone', report.gone),
    drifted: first('drifted', report.drifted),
    ended: first('ended', report.ended),
    rolledBack: first('rolledBack', report.rolledBack),
    refused: first('refused', report.refused),
    undone: first('undone', report.undone),
    undeclared: first('undeclared', report.undeclared),
    deprecated: first('deprecated', report.deprecated),
    notLookedAt: first('notLookedAt', report.notLookedAt),
    unreadable: first('unreadable', report.unreadable),
    omitted,
  };
}
