import { z } from 'zod';
import { assertShown } from '../../shared/access/people.ts';
import { inspect } from '../../shared/pipeline/inspect.ts';
import {
  diffAnswerSchema,
  eventsAnswerSchema,
  objectsAnswerSchema,
  whyAnswerSchema,
} from '../../shared/pipeline/inspect/answers.ts';
import { questionParameters, readQuestion, type Question } from '../../shared/pipeline/inspect/question.ts';
import { loadConfig, now, wire } from '../wiring.ts';
import { route, type Route } from './route.ts';

/** A route that asks one thing of the cluster of an environment, for whoever may see that. */
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
    async handle({ path: { class: repository = '', name: environment = '' }, query: said, caller }) {
      const { repositories, limits, access } = loadConfig();
      const asked = { repository, environment, question: read(said, now()) };
      // Before anything is read: whether there is such an environment is nobody else's business.
      assertShown({ access, caller, ...asked });
      const ports = await wire('state', 'repository', 'cluster', 'renderer', 'signatures');
      return answer.parse(await inspect({ ...asked, repositories, limits }, ports));
    },
    // Whoever looks again and finds the same has the same answer, though of a later time.
    essenceOf: (body) => ({ ...body, at: undefined }),
  });
}

const healthz = route({
  name: 'health',
  path: '/healthz',
  summary: 'Whether this function can serve at all',
  query: z.looseObject({}),
  answer: z.object({ status: z.literal('ok') }),
  isFree: true,
  async handle() {
    loadConfig();
    return { status: 'ok' as const };
  },
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
];
