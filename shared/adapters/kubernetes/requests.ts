import { setTimeout as sleep } from 'node:timers/promises';
import { request, type Dispatcher } from 'undici';
import { ConvergeError } from '../../base/errors.ts';
import { parseJson } from '../../objects/exact-json.ts';
import { googleErrorOf } from '../google/api.ts';
import type { Access, Endpoint } from './access.ts';
import { failureIn, type Failure } from './status.ts';
import { explainImpersonation, impersonation, rbacRemedy, type ActingAs } from './identity.ts';

/** Milliseconds for which a `Retry-After` is waited for at most. */
const longestPause = 30_000;
const tries = 4;
/** The API server itself failed, or a webhook that it asks: more tries would rarely help. */
const triesAfterFailure = 3;

/** The API server's answer: a `Status` (failures) or whatever was asked for. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
}

export interface Connection {
  readonly name: string;
  readonly access: Access;
  /** The environment as which every request is made; undefined: as Converge itself. */
  readonly actingAs: ActingAs | undefined;
}

interface ApiRequest {
  readonly method: 'GET' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: string;
}

/**
 * One request, tried again a few times where the API server is overloaded, has failed or cannot be reached; once with other
 * credentials where it no longer takes these.
 */
export async function call(connection: Connection, asked: ApiRequest): Promise<Answer> {
  const { access } = connection;
  let renewed = false;
  let lookedAgain = false;
  for (let attempt = 1; ; attempt++) {
    const endpoint = await access.endpoint();
    const credentials = await access.credentials();
    let answer: Answer;
    let retryAfter: number | undefined;
    try {
      ({ answer, retryAfter } = await send(connection, {
        asked,
        server: endpoint.server,
        dispatcher: endpoint.dispatcher,
        credentials,
      }));
    } catch (error) {
      if (!lookedAgain) {
        lookedAgain = true;
        await lookAgain(access, endpoint);
      }
      if (attempt < tries) {
        await sleep(backoff(attempt));
        continue;
      }
      throw unreachable({ connection, asked, error });
    }
    if (answer.status === 401 && !renewed) {
      renewed = true;
      if (await access.renewCredentials({ endpoint, credentials })) continue;
    }
    if (attempt < triesFor(answer)) {
      await sleep(Number.isFinite(retryAfter) ? Math.min(retryAfter ?? 0, longestPause) : backoff(attempt));
      continue;
    }
    const said = answer.status < 400 ? undefined : googleErrorOf(answer.body);
    if (said !== undefined && !isOverloaded(answer))
      throw access.explainFrontEnd({ status: answer.status, message: said });
    const refusal =
      connection.actingAs === undefined
        ? undefined
        : explainImpersonation({ cluster: connection.name, actingAs: connection.actingAs, ...failure(answer) });
    if (refusal !== undefined) throw refusal;
    return answer;
  }
}

async function send(
  { actingAs }: Connection,
  {
    asked,
    server,
    dispatcher,
    credentials,
  }: { asked: ApiRequest; server: string; dispatcher: Dispatcher; credentials: Readonly<Record<string, string>> },
): Promise<{ answer: Answer; retryAfter: number }> {
  const { method, path, accept = 'application/json', contentType, body } = asked;
  const response = await request(`${server}${path}`, {
    method,
    dispatcher,
    headers: {
      'user-agent': 'converge',
      ...credentials,
      ...impersonation(actingAs),
      accept,
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.body.text();
  const answer = {
    status: response.statusCode,
    text,
    body: isJson(response.headers['content-type']) ? parseJson(text) : undefined,
  };
  return { answer, retryAfter: Number(response.headers['retry-after'] ?? Number.NaN) * 1000 };
}

/** What a later try may mend leaves the endpoint as it is: the next attempt goes there. */
async function lookAgain(access: Access, failed: Endpoint): Promise<void> {
  try {
    await access.lookAgain(failed);
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'refuse') throw error;
  }
}

function unreachable({
  connection,
  asked,
  error,
}: {
  connection: Connection;
  asked: ApiRequest;
  error: unknown;
}): ConvergeError {
  return new ConvergeError({
    code: 'ClusterUnavailable',
    subject: `cluster ${connection.name}`,
    message: `${asked.method} ${asked.path} got no answer in ${tries} tries`,
    remedy: 'check that the API server is up and reachable from the functions',
    disposition: 'retry',
    cause: error,
  });
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType ?? '').includes('json');
}

/**
 * Whether the API server says that there is no such object, or that it serves no such kind. A 404 of anything that stands before it
 * (Connect Gateway, a load balancer) says nothing about the cluster: "could not read" is never "absent".
 */
export function isAbsent(answer: Answer): boolean {
  return (
    isUnserved(answer) || (answer.status === 404 && (answer.body as { kind?: unknown } | undefined)?.kind === 'Status')
  );
}

/** Whether the API server says that it serves no such kind in that version. */
export function isUnserved({ status, text }: Answer): boolean {
  return status === 404 && text.trim() === '404 page not found';
}

/** How often a request that was answered so is sent, all in all. */
function triesFor(answer: Answer): number {
  if (isOverloaded(answer)) return tries;
  return answer.status === 500 && !isUntypable(answer) ? triesAfterFailure : 1;
}

export function isOverloaded({ status }: Answer): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

/**
 * The object does not fit the schema of its kind (an unknown field, one key twice in a list, a number for a string). The API
 * server answers 500 without a reason, so that only the text tells it from a failure that may pass: trying again mends none of these.
 */
function isUntypable(answer: Answer): boolean {
  const { reason, message } = failure(answer);
  return answer.status === 500 && reason === '' && message.includes('failed to create typed patch object');
}

/** Milliseconds before the next try: doubling, with jitter, so that many runs do not come back at once. */
function backoff(attempt: number): number {
  return 100 * 2 ** attempt * (0.5 + Math.random());
}

/** What the API server says about an object that it does not take; where rights are missing, also where they come from. */
export function rejection(connection: Connection, answer: Answer): Failure & { status: number } {
  const { status, reason, message, causes } = failure(answer);
  return {
    status,
    reason,
    causes,
    message:
      status === 403 && connection.actingAs !== undefined ? `${message} (${rbacRemedy(connection.actingAs)})` : message,
  };
}

export function failure(answer: Answer): Failure & { status: number } {
  return { status: answer.status, ...failureIn(answer) };
}

/** A request that failed. A failed read is never "absent". */
export function refused({
  connection,
  method = 'GET',
  path,
  answer,
}: {
  connection: Connection;
  method?: string;
  path: string;
  answer: Answer;
}): ConvergeError {
  const { status, message } = failure(answer);
  const unavailable = status >= 500 || status === 429;
  return new ConvergeError({
    code: unavailable ? 'ClusterUnavailable' : 'ClusterRefused',
    subject: `cluster ${connection.name}`,
    message: `${method} ${path} answered ${status}: ${message}`,
    ...(status === 401 || status === 403
      ? {
          remedy:
            status === 403 && connection.actingAs !== undefined
              ? rbacRemedy(connection.actingAs)
              : 'check the credentials and the RBAC rules of this cluster',
        }
      : {}),
    disposition: unavailable ? 'retry' : 'refuse',
  });
}
