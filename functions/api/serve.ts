import { createHash } from 'node:crypto';
import type { Request, Response } from '@google-cloud/functions-framework';
import type { Caller } from '../../shared/access/people.ts';
import { ConvergeError, describeError } from '../../shared/base/errors.ts';
import { problemOf, problemType, type Problem } from '../../shared/base/problem.ts';
import type { Log } from '../../shared/ports/ports.ts';
import { readBody } from '../body.ts';
import { largestBodies } from '../sizes.ts';
import { openApiRoute } from './open-api.ts';
import { limitRate, rates } from './rate-limit.ts';
import { matchPath, type Answer, type Route } from './route.ts';

/** The functions that people and CI ask over HTTP. */
export type AskedFunction = keyof typeof rates;

const statusOfCode: Partial<Record<ConvergeError['code'], number>> = {
  BadRequest: 400,
  UnreadableBody: 400,
  NotAllowed: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  ActionConflict: 409,
  RollbackConflict: 409,
  PreconditionFailed: 412,
  TooLarge: 413,
  UnsupportedMediaType: 415,
  TooManyCalls: 429,
};

/** What is wrong with an environment and stays wrong is told to whoever asks: its own runs tell it to those who must know. */
const statusOfRefusal: Readonly<Record<AskedFunction, 422 | 500>> = { status: 500, inspect: 422, act: 422 };

/** Answers whoever was let in by the table of a function. What is wrong with a call wakes nobody. */
export function serve({
  stage,
  routes,
  log,
  turnedAway,
}: {
  stage: AskedFunction;
  routes: readonly Route[];
  log: Log;
  /** How the log says that somebody was not let in. */
  turnedAway: string;
}): (request: Request, response: Response, caller: Caller) => Promise<void> {
  const table = [...routes, openApiRoute({ stage, routes })];
  const limit = limitRate(rates[stage]);
  return async (request, response, caller) => {
    try {
      const { rows, path } = routesOf(table, request.path);
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const found = rows.find((one) => one.method === method);
      if (found === undefined) {
        const taken = rows.flatMap((one) => (one.method === 'GET' ? ['GET', 'HEAD'] : [one.method]));
        response.set('allow', taken.join(', '));
        throw refused('MethodNotAllowed', {
          subject: request.method,
          message: `is none of ${taken.join(', ')}: that path takes no other`,
        });
      }
      const wait = found.isFree || caller.kind === 'anybody' ? 0 : limit(caller.email, performance.now());
      if (wait > 0) {
        response.set('retry-after', String(wait));
        throw tooMany(stage, wait);
      }
      const header = (name: string): string | undefined => request.get(name);
      const json = async (): Promise<unknown> => readJson(stage, request);
      send(response, await found.respond({ path, query: request.query, caller, header, json }), request);
    } catch (error) {
      const problem = problemOfError(stage, error);
      const facts = { stage, code: problem.code, error: describeError(error) };
      const isPassing = error instanceof ConvergeError && error.disposition === 'retry';
      if (problem.status === 403) log('INFO', turnedAway, facts);
      // Terraform wakes somebody where a WARNING of what failed lasts, and a program may ask the wrong thing all day.
      else if (problem.status < 500) log('INFO', `${stage} refused a call`, facts);
      else log(isPassing ? 'WARNING' : 'ERROR', `${stage} failed`, facts);
      sendProblem(response, problem);
    }
  };
}

async function readJson(stage: AskedFunction, request: Request): Promise<unknown> {
  const [type = ''] = (request.get('content-type') ?? '').split(';');
  if (type.trim().toLowerCase() !== 'application/json')
    throw refused('UnsupportedMediaType', {
      subject: 'content-type',
      message: type === '' ? 'is not given' : `is ${type.slice(0, 80)}`,
      remedy: 'send application/json',
    });
  if (stage === 'status') throw refused('MethodNotAllowed', { subject: request.method, message: 'takes no body' });
  const body = await readBody(request, { limit: largestBodies[stage] });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    throw new ConvergeError({
      ...{ code: 'BadRequest', subject: 'body', message: 'is no JSON in UTF-8', disposition: 'refuse', cause: error },
    });
  }
}

/** The rows of a path, one for each method that it takes. */
function routesOf(
  table: readonly Route[],
  path: string,
): { rows: readonly Route[]; path: Readonly<Record<string, string>> } {
  for (const found of table) {
    const parameters = matchPath(found, path);
    if (parameters !== undefined) return { rows: table.filter((one) => one.path === found.path), path: parameters };
  }
  throw refused('NotFound', {
    subject: path,
    message: 'is no path of this function',
    remedy: `there are ${[...new Set(table.map((one) => one.path))].join(', ')}`,
  });
}

/**
 * An ETag is strong where it is of the bytes that are sent, and weak where what changes with each call (when it was looked)
 * is left out of it. Express would answer 304 by it, too, but to no call of `fetch`, which says `no-cache` beside
 * `If-None-Match`: https://fetch.spec.whatwg.org/#http-network-or-cache-fetch
 */
function send(response: Response, { status, body, essence, next }: Answer, request: Request): void {
  if (next !== null) response.set('link', `<${nextPage(request.originalUrl, next)}>; rel="next"`);
  // What is only half of it is not to be kept, and nothing is the same as it.
  const isKept = status === 200 && request.method !== 'POST';
  response.set('cache-control', isKept ? 'private, no-cache' : 'no-store');
  if (isKept) {
    const etag = etagOf(essence ?? body);
    response.set('etag', essence === undefined ? etag : `W/${etag}`);
    if (isKnown(request.headers['if-none-match'], etag)) {
      response.status(304).end();
      return;
    }
  }
  response.status(status).json(body);
}

export function etagOf(body: object): string {
  return `"${createHash('sha256').update(JSON.stringify(body)).digest('base64url').slice(0, 22)}"`;
}

/** By the weak comparison: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 */
function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const known: readonly string[] = ifNoneMatch.match(/"[^"]*"/g) ?? [];
  return ifNoneMatch.trim() === '*' || known.includes(etag);
}

/** Relative to what was asked: by which host and path the function is reached, it does not know. */
function nextPage(url: string, cursor: string): string {
  const { searchParams } = new URL(url, 'http://localhost');
  searchParams.set('cursor', cursor);
  return `?${searchParams.toString()}`;
}

export function sendProblem(response: Response, problem: Problem): void {
  response.set('cache-control', 'no-store');
  response.status(problem.status).type(problemType).json(problem);
}

function problemOfError(stage: AskedFunction, error: unknown): Problem {
  if (!(error instanceof ConvergeError))
    return problemOf({ status: 503, code: 'Internal', detail: 'an unexpected error; the log says more' });
  const { code, subject, problem: detail, remedy, disposition } = error;
  const status = disposition === 'retry' ? 503 : (statusOfCode[code] ?? statusOfRefusal[stage]);
  return problemOf({ status, code, detail, subject, remedy: remedy ?? null });
}

function tooMany(stage: AskedFunction, wait: number): ConvergeError {
  const { burst, perSecond } = rates[stage];
  return refused('TooManyCalls', {
    subject: stage,
    message: `an instance takes ${burst} calls of one caller at once, and ${perSecond} more a second`,
    remedy: `come again in ${wait} s`,
  });
}

function refused(
  code: 'NotFound' | 'MethodNotAllowed' | 'UnsupportedMediaType' | 'TooManyCalls',
  facts: { subject: string; message: string; remedy?: string },
): ConvergeError {
  return new ConvergeError({ code, ...facts, disposition: 'refuse' });
}
