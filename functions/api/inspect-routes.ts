import type { z } from 'zod';
import { assertShown, shownOf, type Caller } from '../../shared/access/people.ts';
import { inspect, type Answer } from '../../shared/pipeline/inspect.ts';
import {
  diffAnswerSchema,
  eventsAnswerSchema,
  objectsAnswerSchema,
  planAnswerSchema,
  plansAnswerSchema,
  whyAnswerSchema,
} from '../../shared/pipeline/inspect/answers.ts';
import {
  questionParameters,
  readQuestion,
  type AskedQuestion,
  type Question,
} from '../../shared/pipeline/inspect/question.ts';
import { folderSchema } from '../../shared/pipeline/inspect/planned-folder.ts';
import { loadConfig, now, wire } from '../wiring.ts';
import { healthz } from './health-route.ts';
import { postRoute, route, type Route } from './route.ts';

/** What is answered to whoever may see it. Throws `NotAllowed` (refuse) before anything is read, and as `inspect` does. */
async function show(asked: AskedQuestion, caller: Caller): Promise<Answer> {
  const { repositories, limits, freeze, access } = loadConfig();
  // Whether there is such an environment is nobody else's business.
  assertShown({ access, caller, ...asked });
  const shownTo = (environments: readonly string[]) => shownOf({ access, caller, ...asked, environments });
  const ports = await wire('state', 'repository', 'cluster', 'renderer', 'signatures');
  return await inspect({ ...asked, repositories, limits, freeze, shownTo }, ports);
}

/** A route that asks one thing of the cluster of an environment. */
function questionRoute<Q extends z.ZodObject, A extends z.ZodType<object>>({
  asks,
  summary,
  query,
  answer,
  read,
}: {
  asks: Question['asks'];
  summary: string;
  query: Q;
  answer: A;
  read: (said: z.output<Q>, now: Date) => Question;
}): Route {
  return route({
    ...{ name: asks, path: `/v1/environments/{class}/{name}/${asks}`, summary, query, answer, problems: [422] },
    handle: async ({ path: { class: repository = '', name: environment = '' }, query: said, caller }) =>
      answer.parse(await show({ repository, environment, question: read(said, now()) }, caller)),
    // Whoever looks again and finds the same has the same answer, though of a later time.
    essenceOf: (body) => ({ ...body, at: undefined }),
  });
}

const planFolder = postRoute({
  name: 'planFolder',
  path: '/v1/environments/{class}/{name}/plan',
  summary: 'What the files of a folder would do to the cluster: nothing is kept of them',
  body: folderSchema,
  answer: planAnswerSchema,
  problems: [413, 422],
  handle: async ({ path: { class: repository = '', name: environment = '' }, body: folder, caller }) =>
    planAnswerSchema.parse(await show({ repository, environment, question: { asks: 'plan', folder } }, caller)),
});

const plans = route({
  name: 'plans',
  path: '/v1/plans/{class}',
  summary: 'The environments of a class that the branch or a commit declares, and the caller may see',
  query: questionParameters.plans,
  answer: plansAnswerSchema,
  problems: [422],
  handle: async ({ path: { class: repository = '' }, query, caller }) =>
    plansAnswerSchema.parse(
      await show({ repository, environment: undefined, question: readQuestion.plans(query, now()) }, caller),
    ),
});

/** All that `inspect` answers: by the cluster of one environment. */
export const inspectRoutes: readonly Route[] = [
  healthz,
  questionRoute({
    ...{ asks: 'objects', query: questionParameters.objects, answer: objectsAnswerSchema, read: readQuestion.objects },
    summary: 'All objects of the inventory',
  }),
  questionRoute({
    ...{ asks: 'diff', query: questionParameters.diff, answer: diffAnswerSchema, read: readQuestion.diff },
    summary: 'What differs from Git',
  }),
  questionRoute({
    ...{ asks: 'events', query: questionParameters.events, answer: eventsAnswerSchema, read: readQuestion.events },
    summary: 'The events of its objects, the newest last',
  }),
  questionRoute({
    ...{ asks: 'why', query: questionParameters.why, answer: whyAnswerSchema, read: readQuestion.why },
    summary: 'Why an object is as it is',
  }),
  questionRoute({
    ...{ asks: 'plan', query: questionParameters.plan, answer: planAnswerSchema, read: readQuestion.plan },
    summary: 'What a commit would do to the cluster',
  }),
  planFolder,
  plans,
];
