import { z } from 'zod';
import packageFile from '../../package.json' with { type: 'json' };
import { reportSchema } from '../../shared/events/report.ts';
import { commitStatus, commitStatusSchema, parseAgain } from '../../shared/pipeline/commit-status.ts';
import { environmentStatusSchema, statusSchema } from '../../shared/pipeline/common/environment-status.ts';
import { sinceOf, sinceSchema, sinceWords } from '../../shared/pipeline/common/since.ts';
import { waitWords } from '../../shared/pipeline/common/wait-words.ts';
import { chosenEnvironments, classesOf, oneEnvironment } from '../../shared/pipeline/environments.ts';
import { listedIncidentSchema, listIncidents, unreadSchema } from '../../shared/pipeline/incidents.ts';
import { keptReportSchema, listReports, readReport } from '../../shared/pipeline/kept-reports.ts';
import { statusNow } from '../../shared/pipeline/status.ts';
import { besideHappened, happenedSchema, longestAgo, whatHappened } from '../../shared/pipeline/what-happened.ts';
import { loadConfig, now, wire } from '../wiring.ts';
import { badParameter, listRoute, route, type Route } from './route.ts';

const classParameter = {
  class: z.array(z.string()).default([]).describe('Only of these classes, `*` being any text; may be repeated'),
};
const labelPattern = /^([^=]+)=(.*)$/;
/** How far back events are told where nobody says: a week. Milliseconds. */
const usuallyAgo = 7 * 86_400_000;

const environments = listRoute({
  list: 'environments',
  path: '/v1/environments',
  summary: 'Every environment, by class and name',
  entry: environmentStatusSchema,
  beside: {
    unreadable: statusSchema.shape.unreadable.describe(
      'Repositories that could not be read: there may be more of them',
    ),
  },
  parameters: {
    ...classParameter,
    label: z
      .array(z.string().regex(labelPattern, 'is no LABEL=VALUE, like customer=acme'))
      .default([])
      .describe('Only those whose file says so, `customer=acme`; may be repeated: all of them'),
    problems: z
      .enum(['true', 'false'], 'is neither true nor false')
      .optional()
      .describe('`true`: only those that are Diverged, Failed, Stale or Unknown'),
  },
  position: ({ repository, name }) => [repository, name],
  isNewestFirst: false,
  async handle({ query }) {
    const labels = query.label.map((text) => {
      const [, label = '', value = ''] = labelPattern.exec(text) ?? [];
      return [label, value] as const;
    });
    const chosen = { classes: query.class, labels, isOfProblems: query.problems === 'true' };
    const found = await chosenEnvironments(loadConfig(), chosen, await wire('repository', 'state'));
    return { entries: found.environments, beside: { unreadable: found.unreadable } };
  },
});

const environment = route({
  name: 'environment',
  path: '/v1/environments/{class}/{name}',
  summary: 'One environment',
  query: z.strictObject({}),
  answer: environmentStatusSchema,
  handle: async ({ path: { class: repository = '', name = '' } }) =>
    oneEnvironment(loadConfig(), { repository, environment: name }, await wire('repository', 'state')),
});

const incidents = listRoute({
  list: 'incidents',
  path: '/v1/incidents',
  summary: 'What is open, and what ended in the last weeks, the newest first',
  entry: listedIncidentSchema,
  beside: { unread: unreadSchema.describe('What could not be read: there may be incidents of it') },
  parameters: {
    ...classParameter,
    state: z.enum(['open', 'closed'], 'is neither open nor closed').optional().describe('Absent: both'),
  },
  position: ({ since, about, id }) => [since, about, id],
  isNewestFirst: true,
  async handle({ query: { class: classes, state } }) {
    const found = await listIncidents({ repositories: classesOf(loadConfig(), classes) }, await wire('state'));
    const entries = found.incidents.filter(
      ({ until }) => state === undefined || (state === 'open') === (until === null),
    );
    return { entries, beside: { unread: found.unread } };
  },
});

const reports = listRoute({
  list: 'reports',
  path: '/v1/reports',
  summary: 'The reports that are kept, the newest first',
  entry: keptReportSchema,
  beside: {},
  parameters: { name: z.string().optional().describe('Only those of this name') },
  position: ({ id }) => [id],
  isNewestFirst: true,
  async handle({ query: { name } }) {
    const kept = await listReports(loadConfig().state, await wire('state'));
    return { entries: kept.filter((one) => name === undefined || one.name === name), beside: {} };
  },
});

const report = route({
  name: 'report',
  path: '/v1/reports/{id}',
  summary: 'One report as it is kept',
  query: z.strictObject({}),
  answer: reportSchema,
  handle: async ({ path: { id = '' } }) => readReport({ id }, await wire('state')),
});

const events = listRoute({
  list: 'events',
  path: '/v1/events',
  summary: 'What happened: commits, convergences and incidents, the newest first',
  entry: happenedSchema,
  beside: besideHappened,
  parameters: {
    ...classParameter,
    since: sinceSchema.optional().describe(`Since when: ${sinceWords}; absent: 7 days ago`),
  },
  position: ({ at, id }) => [at, id],
  isNewestFirst: true,
  async handle({ query: { class: classes, since: text } }) {
    const at = now();
    const since = text === undefined ? new Date(at.getTime() - usuallyAgo) : sinceOf(text, at);
    if (at.getTime() - since.getTime() > longestAgo)
      throw badParameter(
        'since',
        `is longer ago than ${longestAgo / 86_400_000} days, after which nothing is remembered`,
      );
    const { events: entries, ...beside } = await whatHappened(
      { repositories: classesOf(loadConfig(), classes), since },
      await wire('repository', 'state'),
    );
    return { entries, beside };
  },
});

/** What the command asks. */
const whole = route({
  name: 'status',
  path: '/',
  summary:
    'All environments, uploads and dependencies at once; with `repository` and `commit`, what became of that commit',
  query: z.looseObject({
    repository: z.string().optional().describe('The class of the commit'),
    commit: z.string().optional().describe('Its id'),
    artifact: z.array(z.string()).optional().describe('Uploads whose content it had, `gs://…`; may be repeated'),
  }),
  answer: z.union([statusSchema, commitStatusSchema]),
  statusOf: (body) => ('unreadable' in body && body.unreadable.length > 0 ? 503 : 200),
  async handle({ query: { repository, commit, artifact } }) {
    const ports = await wire('repository', 'state');
    if (repository === undefined || commit === undefined) return await statusNow(loadConfig(), ports);
    const asked = { repository, commit, again: parseAgain(artifact) };
    return await commitStatus({ ...asked, waits: waitWords(asked, ports) }, ports);
  },
});

const version = route({
  name: 'version',
  path: '/version',
  summary: 'Which version the functions are of',
  query: z.looseObject({}),
  answer: z.object({ version: z.string() }),
  isFree: true,
  handle: async () => ({ version: packageFile.version }),
});

const healthz = route({
  name: 'health',
  path: '/healthz',
  summary: 'Whether this function can serve at all',
  query: z.looseObject({}),
  answer: z.object({ status: z.literal('ok'), repositories: z.array(z.string()) }),
  isFree: true,
  handle: async () => ({ status: 'ok' as const, repositories: Object.keys(loadConfig().repositories).sort() }),
});

/** All that `status` answers: by Git and the state bucket. */
export const statusRoutes: readonly Route[] = [
  ...[whole, version, healthz],
  ...[environments, environment, incidents, reports, report, events],
];
