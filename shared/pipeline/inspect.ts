import { ConvergeError } from '../base/errors.ts';
import type { DiffAnswer, EventsAnswer, ExplainedObject, ObjectsAnswer, WhyAnswer } from './inspect/answers.ts';
import { showDiff } from './inspect/diff.ts';
import { showEvents } from './inspect/events.ts';
import { explainObjects, type Explained } from './inspect/explain-objects.ts';
import { aboutOf, showObjects } from './inspect/objects.ts';
import { openInspection, type Inspected, type InspectPorts } from './inspect/open-inspection.ts';
import type { AskedQuestion } from './inspect/question.ts';
import { whatItWaitsFor } from './inspect/waits.ts';
import { trace } from './trace.ts';

/** How far behind the branch's head the last change of an input is looked for. */
const traced = 90 * 86_400_000;

export type Answer = ObjectsAnswer | DiffAnswer | EventsAnswer | WhyAnswer;

/**
 * Looks into the cluster of an environment for a person, as the environment's own user where the configuration says so.
 * Nothing is written, in the cluster or the state, and no lease is taken; values of Secrets are hidden in every answer.
 *
 * Throws as `openInspection` does, `NotFound` (refuse) for a class that the configuration lacks, `BadRequest` (refuse) where `why` is asked of
 * what is no object of the environment, and what a render throws.
 *
 * @param asked.repositories of the configuration, by class
 */
export async function inspect(
  { question, repositories, ...inspected }: Inspected & AskedQuestion & { readonly repositories: object },
  ports: InspectPorts,
): Promise<Answer> {
  if (!Object.hasOwn(repositories, inspected.repository)) throw noClass(inspected.repository);
  const inspection = await openInspection(inspected, ports);
  switch (question.asks) {
    case 'objects':
      return await showObjects(inspection, question);
    case 'diff':
      return await showDiff(inspection);
    case 'events':
      return await showEvents(inspection, question);
    case 'why': {
      const { objects, unread } = await explainObjects(inspection, question);
      if (objects.length === 0) throw noObject({ ...inspected, ...question });
      const about = aboutOf(inspection, unread);
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
