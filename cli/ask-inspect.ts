import type { z } from 'zod';
import type { About } from '../shared/pipeline/inspect/answers.ts';
import { plainRevision, shortTime, type Line } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { ask, readStatus, type AskedFunction } from './read-status.ts';

const inspect: AskedFunction = {
  name: 'inspect',
  // As long as the function may take.
  milliseconds: 120_000,
  // A plan of all of a class asks of each environment.
  waits: 120_000,
  remedy: 'the operator names you in `access.people`, and among the invokers of the service',
};

/**
 * What the `inspect` function answers of an environment. Throws `CommandError`: 2 where nobody said where it answers, or
 * for an environment that is none, 1 where it does not answer, or refuses.
 *
 * @param asked.environment `<class>/<name>`, or the name alone, where one class has it
 */
export async function askInspect<T>(
  context: Context,
  asked: {
    environment: string;
    what: 'objects' | 'diff' | 'events' | 'why' | 'plan';
    query?: AskedQuery;
    schema: z.ZodType<T>;
    /** What is posted; absent: nothing is. */
    body?: object;
  },
): Promise<T> {
  urlOf(context);
  const { repository, name } = await findOne(context, asked.environment);
  return await askPath(context, { ...asked, path: ['environments', repository, name, asked.what] });
}

/**
 * What the function plans of a class: the names of the environments that its caller may see. Throws as `askInspect` does.
 */
export async function askPlans<T>(
  context: Context,
  { repository, ...asked }: { repository: string; query: AskedQuery; schema: z.ZodType<T> },
): Promise<T> {
  return await askPath(context, { ...asked, path: ['plans', repository] });
}

type AskedQuery = Readonly<Record<string, string | undefined>>;

async function askPath<T>(
  context: Context,
  asked: { path: readonly string[]; query?: AskedQuery; schema: z.ZodType<T>; body?: object },
): Promise<T> {
  const inspectUrl = urlOf(context);
  const path = ['v1', ...asked.path].map(encodeURIComponent).join('/');
  const url = `${inspectUrl.replace(/\/+$/, '')}/${path}`;
  const audience = context.config.inspect?.audience ?? inspectUrl.replace(/[/?#]*$/, '');
  const query = Object.entries(asked.query ?? {}).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return await ask({
    context,
    of: inspect,
    url,
    audience,
    query,
    schema: asked.schema,
    ...(asked.body === undefined ? {} : { body: asked.body }),
  });
}

function urlOf({ inspectUrl }: Context): string {
  if (inspectUrl !== undefined) return inspectUrl;
  throw new CommandError({
    subject: 'inspect',
    message: 'the configuration does not say where the function answers',
    remedy: 'set `inspect.url` (the output inspect_url of Terraform)',
  });
}

/** The class of an environment is asked for where there is more than one. */
async function findOne(context: Context, environment: string): Promise<{ repository: string; name: string }> {
  const classes = Object.keys(context.config.repositories);
  const [first = '', second, ...rest] = environment.split('/');
  if (second !== undefined && rest.length === 0 && classes.includes(first)) return { repository: first, name: second };
  if (second !== undefined)
    throw new CommandError({
      subject: environment,
      message: 'names no class of the configuration',
      remedy: `there are ${classes.join(', ')}`,
    });
  const [only, ...others] = classes;
  if (only !== undefined && others.length === 0) return { repository: only, name: first };
  const { environments } = await readStatus(context);
  const found = environments.filter(({ name }) => name === first);
  const [one, ...more] = found;
  if (one !== undefined && more.length === 0) return { repository: one.repository, name: first };
  throw new CommandError({
    subject: environment,
    message: one === undefined ? 'is no environment' : 'is an environment of more than one class',
    remedy:
      one === undefined
        ? `there are ${environments.map(({ name }) => name).join(', ') || 'none'}`
        : `say ${found.map(({ repository }) => `${repository}/${first}`).join(' or ')}`,
  });
}

/** `master/shop on sandbox, main@9f2c6a1b3d4e, 2026-11-21 01:02:05` */
export function aboutLine({ repository, environment, cluster, revision, at }: About): Line {
  return {
    text: `${repository}/${environment} on ${cluster}, ${plainRevision(revision)}, ${shortTime(at)}`,
    tone: 'heading',
  };
}

/** Whose values may stand in the answer. */
export function unhiddenNotes({ unhidden }: About): string[] {
  return unhidden.map(({ what, message }) => `${what} cannot be read, so that their values are not hidden: ${message}`);
}

/** What could not be looked at, which may be anything. */
export function unreadLines({ unread }: About): Line[] {
  return unread.map(({ what, message }) => ({ text: `${what} cannot be looked at: ${message}`, tone: 'bad' }));
}
