import { ConvergeError } from '../base/errors.ts';
import type {
  DiffAnswer,
  EventsAnswer,
  ExplainedObject,
  ObjectsAnswer,
  PlanAnswer,
  PlansAnswer,
  WhyAnswer,
} from './inspect/answers.ts';
import { showDiff } from './inspect/diff.ts';
import { showEvents } from './inspect/events.ts';
import { explainObjects, type Explained } from './inspect/explain-objects.ts';
import { aboutOf, showObjects } from './inspect/objects.ts';
import { hidesOf, openlyOf, type Hides } from './inspect/hides.ts';
import { readKnownSecrets } from './inspect/known-secrets.ts';
import { openInspection, type Inspected, type Inspection, type InspectPorts } from './inspect/open-inspection.ts';
import type { AskedQuestion, Question } from './inspect/question.ts';
import { renderDesired, type DesiredState } from './reconcile/render/desired-state.ts';
import { toAsk } from './reconcile/render/render-cache.ts';
import { whatItWaitsFor } from './inspect/waits.ts';
import { listPlanned, planCommit } from './plan-commit.ts';
import { listProposed, planPullRequest } from './plan-proposed.ts';
import { trace } from './trace.ts';

/** How far behind the branch's head the last change of an input is looked for. */
const traced = 90 * 86_400_000;

export type Answer = ObjectsAnswer | DiffAnswer | EventsAnswer | WhyAnswer | PlanAnswer | PlansAnswer;

type Asked = AskedQuestion & {
  readonly limits: Inspected['limits'];
  readonly freeze?: Inspected['freeze'];
  readonly repositories: object;
  readonly shownTo: (environments: readonly string[]) => string[];
};

/**
 * Looks into the cluster of an environment for a person, as the environment's own user where the configuration says so.
 * Nothing is written, in the cluster or the state, and no lease is taken; values of Secrets are hidden in every answer and in
 * every error once the cluster was looked at.
 *
 * Throws as `openInspection` does, `NotFound` (refuse) for a class that the configuration lacks, `BadRequest` (refuse) where `why`
 * is asked of what is no object of the environment, what a render throws, and as `planCommit` and `planPullRequest` do.
 *
 * @param asked.repositories of the configuration, by class
 * @param asked.shownTo those of some environments of the class that whoever asks may see
 */
export async function inspect({ repositories, shownTo, ...asked }: Asked, ports: InspectPorts): Promise<Answer> {
  const { repository } = asked;
  if (!Object.hasOwn(repositories, repository)) throw noClass(repository);
  if (asked.environment === undefined) {
    const { revision, pr: number } = asked.question;
    const plans =
      number === undefined
        ? await listPlanned({ repository, revision }, ports)
        : await listProposed({ repository, number }, ports);
    return { ...plans, environments: shownTo(plans.environments) };
  }
  const { question, ...inspected } = asked;
  if (question.asks === 'plan') {
    const { asks: _asks, ...tree } = question;
    return 'pr' in tree && tree.pr !== undefined
      ? await planPullRequest({ ...inspected, number: tree.pr }, ports)
      : await planCommit({ ...inspected, tree }, ports);
  }
  const inspection = await openInspection(inspected, ports);
  const desired = await attempt(renderDesired(inspection.target, toAsk));
  const known = await readKnownSecrets(inspection, desired instanceof ConvergeError ? undefined : desired);
  const hides = hidesOf(known, openlyOf(inspection));
  try {
    return hides.answer(await answerTo({ ...inspected, question }, { inspection, desired, hides }, ports));
  } catch (error) {
    throw hides.error(error);
  }
}

/** What a render throws is an answer, too: of what can be seen without it, people are told all the same. */
async function attempt<T>(work: Promise<T>): Promise<T | ConvergeError> {
  return await work.catch((error: unknown) => {
    if (error instanceof ConvergeError) return error;
    throw error;
  });
}

async function answerTo(
  { question, ...inspected }: Inspected & { readonly question: Exclude<Question, { asks: 'plan' }> },
  seen: { inspection: Inspection; desired: DesiredState | ConvergeError; hides: Hides },
  ports: InspectPorts,
): Promise<Answer> {
  const { inspection, desired, hides } = seen;
  switch (question.asks) {
    case 'objects':
      return await showObjects(inspection, { ...question, hides });
    case 'diff':
      if (desired instanceof ConvergeError) throw desired;
      return await showDiff(inspection, { desired, hides });
    case 'events':
      return await showEvents(inspection, { ...question, hides });
    case 'why': {
      const { objects, unread } = await explainObjects(inspection, { ...question, hides });
      if (objects.length === 0) throw noObject({ ...inspected, ...question });
      const about = aboutOf(inspection, { unread, hides });
      const traced: ExplainedObject[] = [];
      for (const object of objects) traced.push({ ...object, inputs: await inputsOf({ ...inspected, object }, ports) });
      return { ...about, objects: traced, waitsFor: await whatItWaitsFor(inspection) };
    }
  }
}

/** What an object is made of; what the environment's objects own is made of nothing in Git. */
async function inputsOf(
  { repository, environment, object }: Inspected & { object: Explained },
  ports: InspectPorts,
): Promise<ExplainedObject['inputs']> {
  const { kind, name, namespace } = object;
  const group = object.apiVersion.includes('/') ? `.${object.apiVersion.slice(0, object.apiVersion.indexOf('/'))}` : '';
  const found = await trace(
    {
      ...{ kind: `${kind}${group}`, name, namespace: namespace ?? '' },
      ...{ environment: `${repository}/${environment}`, repositories: [repository], milliseconds: traced },
    },
    ports,
  );
  return found
    .flatMap(({ inputs }) => inputs)
    .map(({ path, lastChange }) => {
      if (lastChange === null) return { path, lastChange };
      const { commit, subject, committedAt, author, artifacts } = lastChange;
      return { path, lastChange: { commit, subject, committedAt, author, artifacts: [...artifacts] } };
    });
}

function noClass(subject: string): ConvergeError {
  const message = 'is no class of the configuration';
  return new ConvergeError({ code: 'NotFound', subject, message, disposition: 'refuse' });
}

function noObject({
  repository,
  environment,
  kind,
  name,
}: {
  repository: string;
  environment: string;
  kind: string;
  name: string;
}): ConvergeError {
  return new ConvergeError({
    code: 'BadRequest',
    subject: `${kind}/${name}`,
    message: `is no object of ${repository}/${environment}, nor of what its workloads make`,
    remedy: '`converge get` lists them; see kind, name and --namespace',
    disposition: 'refuse',
  });
}
