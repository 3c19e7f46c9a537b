import { setTimeout as sleep } from 'node:timers/promises';
import { request, type Dispatcher } from 'undici';
import { ConvergeError } from '../../errors.ts';
import { parseJson } from '../../objects/exact-json.ts';

export const requestTimeout = 30_000;
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
  readonly server: string;
  readonly dispatcher: Dispatcher;
  readonly headers: () => Record<string, string>;
}

/** One request, tried again a few times where the API server is overloaded, has failed or cannot be reached. */
export async function call(
  connection: Connection,
  { method, path, accept = 'application/json', contentType, body }: { method: 'GET' | 'PATCH' | 'DELETE'; path: string; accept?: string; contentType?: string; body?: string },
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    let answer: Answer;
    let retryAfter: number | undefined;
    try {
      const response = await request(`${connection.server}${path}`, {
        method,
        dispatcher: connection.dispatcher,
        headers: { ...connection.headers(), accept, ...(contentType === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.body.text();
      answer = { status: response.statusCode, text, body: isJson(response.headers['content-type']) ? parseJson(text) : undefined };
      retryAfter = Number(response.headers['retry-after'] ?? Number.NaN) * 1000;
    } catch (error) {
      if (attempt < tries) {
        await sleep(backoff(attempt));
        continue;
      }
      throw new ConvergeError({
        code: 'ClusterUnavailable',
        subject: `cluster ${connection.name}`,
        message: `${method} ${path} got no answer in ${tries} tries`,
        remedy: 'check that the API server is up and reachable from the functions',
        disposition: 'retry',
        cause: error,
      });
    }
    if (attempt >= triesFor(answer)) return answer;
    await sleep(Number.isFinite(retryAfter) ? Math.min(retryAfter, requestTimeout) : backoff(attempt));
  }
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType ?? '').includes('json');
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
 * server answers 500 without a reason, so that only the text tells it from a failure that may pass (rule 14).
 */
function isUntypable(answer: Answer): boolean {
  const { reason, message } = failure(answer);
  return answer.status === 500 && reason === '' && message.includes('failed to create typed patch object');
}

/** Milliseconds before the next try: doubling, with jitter, so that many runs do not come back at once. */
function backoff(attempt: number): number {
  return 100 * 2 ** attempt * (0.5 + Math.random());
}

export function failure(answer: Answer): { status: number; reason: string; message: string } {
  const status = answer.body as { reason?: string; message?: string } | undefined;
  return { status: answer.status, reason: status?.reason ?? '', message: status?.message ?? answer.text.slice(0, 500) };
}

/** A request that failed. A failed read is never "absent". */
export function refused({ connection, method = 'GET', path, answer }: { connection: Connection; method?: string; path: string; answer: Answer }): ConvergeError {
  const { status, message } = failure(answer);
  const unavailable = status >= 500 || status === 429;
  return new ConvergeError({
    code: unavailable ? 'ClusterUnavailable' : 'ClusterRefused',
    subject: `cluster ${connection.name}`,
    message: `${method} ${path} answered ${status}: ${message}`,
    ...(status === 401 || status === 403 ? { remedy: 'check the credentials and the RBAC rules of this cluster' } : {}),
    disposition: unavailable ? 'retry' : 'refuse',
  });
}
