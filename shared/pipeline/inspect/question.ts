import { ConvergeError } from '../../base/errors.ts';
import { durationPattern, parseDuration } from '../../environment/duration.ts';
import type { AskedObject } from './explain-objects.ts';

/** What somebody asks of one environment. */
export type Question =
  | { readonly asks: 'objects'; readonly tree: boolean }
  | { readonly asks: 'diff' }
  /** `since`: ISO 8601. */
  | { readonly asks: 'events'; readonly since: string | undefined }
  | ({ readonly asks: 'why' } & AskedObject)
  /** `revision`: a commit or a branch; undefined: the head of the branch. */
  | { readonly asks: 'plan'; readonly revision: string | undefined };

/** A question, and of which environment; `plans`: which of a class there are to plan. */
export type AskedQuestion = { readonly repository: string } & (
  | { readonly environment: string; readonly question: Question }
  | {
      readonly environment: undefined;
      readonly question: { readonly asks: 'plans'; readonly revision: string | undefined };
    }
);

/** A call, as far as it says what is asked. */
export interface Call {
  readonly method: string;
  readonly path: string;
  /** By name, a text; anything else where a name is given more than once. */
  readonly query: Readonly<Record<string, unknown>>;
  readonly now: Date;
}

const routes = '/v1/environments/<class>/<name>/objects, diff, events, why and plan, and /v1/plans/<class>';

/** What a call of `inspect` asks. Throws `BadRequest` (refuse). */
export function readQuestion({ method, path, query, now }: Call): AskedQuestion {
  if (method !== 'GET') throw badRequest(method, 'is not GET: nothing here does more than read');
  const [, planned] = /^\/v1\/plans\/([^/]+)\/?$/.exec(path) ?? [];
  if (planned !== undefined) {
    const revision = revisionIn(saidIn(query, 'revision'));
    return { repository: decoded(planned), environment: undefined, question: { asks: 'plans', revision } };
  }
  const [, repository, environment, what] = /^\/v1\/environments\/([^/]+)\/([^/]+)\/([a-z]+)\/?$/.exec(path) ?? [];
  if (repository === undefined || environment === undefined || what === undefined)
    throw badRequest(path, `is none of ${routes}`);
  return {
    repository: decoded(repository),
    environment: decoded(environment),
    question: questionOf(what, { now, said: (name) => saidIn(query, name) }),
  };
}

function questionOf(what: string, { now, said }: { now: Date; said: (name: string) => string | undefined }): Question {
  switch (what) {
    case 'objects':
      return { asks: 'objects', tree: said('tree') === 'true' };
    case 'diff':
      return { asks: 'diff' };
    case 'events':
      return { asks: 'events', since: sinceOf(said('since'), now) };
    case 'why':
      return { asks: 'why', ...objectOf(said('object') ?? ''), namespace: said('namespace') };
    case 'plan':
      return { asks: 'plan', revision: revisionIn(said('revision')) };
    default:
      throw badRequest(what, `is none of ${routes}`);
  }
}

function saidIn(query: Call['query'], name: string): string | undefined {
  const value = query[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'string') return value;
  throw badRequest(name, 'is given more than once');
}

function sinceOf(duration: string | undefined, now: Date): string | undefined {
  if (duration === undefined) return undefined;
  if (!durationPattern.test(duration)) throw badRequest(`since=${duration}`, 'is no duration, like 1h30m');
  const since = new Date(now.getTime() - parseDuration(duration));
  if (Number.isNaN(since.getTime())) throw badRequest(`since=${duration}`, 'is before all time');
  return since.toISOString();
}

/** A commit, or what git takes for the name of a branch or another ref. */
const revisionPattern = /^(?!.*(?:\.\.|\/\/|@\{|\.lock$|^[-/]|\/$))[A-Za-z0-9._/@+#-]{1,250}$/;

function revisionIn(revision: string | undefined): string | undefined {
  if (revision === undefined || revisionPattern.test(revision)) return revision;
  throw badRequest('revision', 'is no commit, and no name of a branch');
}

function objectOf(text: string): { kind: string; name: string } {
  const [kind = '', name = '', ...rest] = text.split('/');
  if (kind === '' || name === '' || rest.length > 0)
    throw badRequest(`object=${text}`, 'is no KIND/NAME, like deployment/web');
  return { kind, name };
}

/** What is not encoded as a URL has it is none of ours, and is found nowhere. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function badRequest(subject: string, message: string): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', subject, message, disposition: 'refuse' });
}
