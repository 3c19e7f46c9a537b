import { setTimeout as sleep } from 'node:timers/promises';
import { request, type Dispatcher } from 'undici';
import { ConvergeError } from '../../base/errors.ts';
import { mayPass } from '../../base/http-status.ts';
import { parseJson } from '../../objects/exact-json.ts';
import { googleErrorOf } from '../google/api.ts';
import { backoff, inSeconds, patience } from '../patience.ts';
import { isSilence } from '../silence.ts';
import type { Access, Endpoint } from './access.ts';
import { failureIn, type Failure } from './status.ts';
import type { WriteFence } from '../../ports/kubernetes.ts';
import { explainImpersonation, impersonation, rbacRemedy, type ActingAs } from './identity.ts';

/** What an answer says of a later try of the same request. */
type Outlook =
  /** The API server takes no request now: nothing is known of the object. */
  | 'overloaded'
  /** This request failed, in the API server or in a webhook that it asks: the object may be the reason. */
  | 'failed'
  /** It would be answered so again. */
  | 'final';

const { firstPause, longestPause } = patience.kubernetes;
const triesBy: Readonly<Record<Outlook, number>> = patience.kubernetes.tries;
/** Of a connection that breaks, and of one that is silent. */
const triesWithoutAnswer = { broken: triesBy.overloaded, silent: patience.kubernetes.silentTries } as const;
/** Of those that may pass, what is said to all who ask, by the API server or what stands before it. */
const toAllRequests: ReadonlySet<number> = new Set([408, 425, 429, 502, 503, 504]);

/** The API server's answer: a `Status` (failures) or whatever was asked for. */
export interface ApiResponse {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
  /** The header in which it warns of what will not be served for ever. */
  readonly warning?: string | undefined;
}

export interface Connection {
  readonly name: string;
  readonly access: Access;
  /** The environment as which every request is made; undefined: as Converge itself. */
  readonly actingAs: ActingAs | undefined;
}

/** A request that changes something. */
export interface Write {
  readonly fence: WriteFence | undefined;
}

interface ApiRequest {
  /** `POST` is for reviews, which are answered and kept nowhere. */
  readonly method: 'GET' | 'PATCH' | 'DELETE' | 'POST';
  readonly path: string;
  readonly accept?: string;
  readonly contentType?: string;
  readonly body?: string;
  /** Absent: it changes nothing. */
  readonly write?: Write | undefined;
  /** Sent once, and given up beyond this; absent: as often and for as long as reads are. */
  readonly budget?: { readonly milliseconds: number; readonly bytes: number };
}

/**
 * One request, tried again a few times where the API server is overloaded, has failed or cannot be reached; once with
 * other credentials where it no longer takes these. A write is tried again behind its fence only.
 */
export async function call(connection: Connection, asked: ApiRequest): Promise<ApiResponse> {
  const { access } = connection;
  let renewed = false;
  let lookedAgain = false;
  for (let attempt = 1; ; attempt++) {
    const endpoint = await access.endpoint();
    const credentials = await access.credentials();
    let answer: ApiResponse;
    let retryAfter: number | undefined;
    await asked.write?.fence?.assertHeld();
    try {
      ({ answer, retryAfter } = await send(connection, {
        asked,
        server: endpoint.server,
        dispatcher: endpoint.dispatcher,
        credentials,
      }));
    } catch (error) {
      if (mayHaveBeenSent(error)) asked.write?.fence?.unanswered();
      if (!lookedAgain && asked.budget === undefined) {
        lookedAgain = true;
        await lookAgain(access, endpoint);
      }
      const tries = asked.budget === undefined ? triesWithoutAnswer[isSilence(error) ? 'silent' : 'broken'] : 1;
      if (attempt < tries) {
        await sleep(backoff({ firstPause, attempt }));
        continue;
      }
      throw unreachable({ connection, asked, tries, error });
    }
    if (isUndecided(answer)) asked.write?.fence?.unanswered();
    if (answer.status === 401 && !renewed) {
      renewed = true;
      if (await access.renewCredentials({ endpoint, credentials })) continue;
    }
    if (asked.budget === undefined && attempt < triesBy[outlookOf(answer)]) {
      await sleep(
        Number.isFinite(retryAfter) ? Math.min(retryAfter ?? 0, longestPause) : backoff({ firstPause, attempt }),
      );
      continue;
    }
    const said = answer.status < 400 ? undefined : googleErrorOf(answer.body);
    if (said !== undefined) {
      throw mayPass(answer.status)
        ? refused({ connection, method: asked.method, path: asked.path, answer })
        : access.explainFrontEnd({ status: answer.status, message: said });
    }
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
): Promise<{ answer: ApiResponse; retryAfter: number }> {
  const { method, accept = 'application/json', contentType, body } = asked;
  const response = await request(`${server}${pathOf(asked)}`, {
    method,
    dispatcher,
    signal: AbortSignal.timeout(wholeAnswer(asked)),
    headers: {
      'user-agent': 'converge',
      ...credentials,
      ...impersonation(actingAs),
      accept,
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = asked.budget === undefined ? await response.body.text() : await textWithin(response.body, asked.budget);
  const answer = {
    status: response.statusCode,
    text,
    body: isJson(response.headers['content-type']) ? parseJson(text) : undefined,
    warning: [response.headers['warning'] ?? []].flat().join(', '),
  };
  return { answer, retryAfter: Number(response.headers['retry-after'] ?? Number.NaN) * 1000 };
}

/** Throws where the answer is larger; what is left of it is not read. */
async function textWithin(body: AsyncIterable<Buffer>, { bytes }: { bytes: number }): Promise<string> {
  const parts: Buffer[] = [];
  let left = bytes;
  for await (const part of body) {
    left -= part.length;
    if (left < 0) throw new Error(`the answer has more than ${bytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Milliseconds until a request is answered to its end. */
function wholeAnswer({ write, budget }: ApiRequest): number {
  if (budget !== undefined) return budget.milliseconds;
  return write === undefined ? patience.kubernetes.wholeAnswer : patience.kubernetes.writeAnswer;
}

/** A write that the API server has not done by then, it does not do later. */
function pathOf({ path, write }: ApiRequest): string {
  if (write === undefined) return path;
  return `${path}${path.includes('?') ? '&' : '?'}timeout=${inSeconds(patience.kubernetes.write).replace(' ', '')}`;
}

/** Those before which no connection was there, so that nothing was sent. */
const unsent: ReadonlySet<unknown> = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
]);

function mayHaveBeenSent(error: unknown): boolean {
  return !(error instanceof Error && 'code' in error && unsent.has(error.code));
}

/** Whether an answer leaves open if a write was done, or will be. */
function isUndecided(answer: ApiResponse): boolean {
  return answer.status === 408 || (answer.status >= 500 && !isUntypable(answer) && !isOfAdmission(answer));
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
  tries,
  error,
}: {
  connection: Connection;
  asked: ApiRequest;
  tries: number;
  error: unknown;
}): ConvergeError {
  return new ConvergeError({
    code: 'ClusterUnavailable',
    subject: `cluster ${connection.name}`,
    message: `${asked.method} ${asked.path} got no answer in ${tries} tries${isSilence(error) ? ` of ${inSeconds(waited(asked, error))}` : ''}`,
    remedy: 'check that the API server is up and reachable from the functions',
    disposition: 'retry',
    cause: error,
  });
}

/** What aborts a request is its whole time; undici itself tells of what came too late of it. */
function waited(asked: ApiRequest, error: unknown): number {
  const isWhole = asked.write !== undefined || (error instanceof Error && error.name === 'TimeoutError');
  return isWhole ? wholeAnswer(asked) : patience.kubernetes.answer;
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType ?? '').includes('json');
}

/** The texts of a header of warnings: `299 - "…"`, with commas between them. https://www.rfc-editor.org/rfc/rfc7234#section-5.5 */
export function warningsOf({ warning = '' }: ApiResponse): string[] {
  const quoted = warning.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g);
  return [...quoted].map(([, text = '']) => text.replaceAll(/\\(.)/g, '$1'));
}

/**
 * Whether the API server says that there is no such object, or that it serves no such kind. A 404 of anything that
 * stands before it (Connect Gateway, a load balancer) says nothing about the cluster: "could not read" is never
 * "absent".
 */
export function isAbsent(answer: ApiResponse): boolean {
  return (
    isUnserved(answer) || (answer.status === 404 && (answer.body as { kind?: unknown } | undefined)?.kind === 'Status')
  );
}

/** Whether the API server says that it serves no such kind in that version. */
export function isUnserved({ status, text }: ApiResponse): boolean {
  return status === 404 && text.trim() === '404 page not found';
}

/** From it follow both how often a request is sent and, where it stays so, whether the message is retried. */
function outlookOf(answer: ApiResponse): Outlook {
  if (!mayPass(answer.status) || isUntypable(answer)) return 'final';
  if (isGivenUp(answer)) return 'failed';
  return toAllRequests.has(answer.status) ? 'overloaded' : 'failed';
}

/** What admits a write is asked before anything is stored. */
function isOfAdmission(answer: ApiResponse): boolean {
  return answer.status === 500 && failure(answer).message.includes('failed calling webhook');
}

/** The API server's own word that a request took too long: of a write, most often that its admission does not answer. */
function isGivenUp(answer: ApiResponse): boolean {
  return answer.status === 504 && failure(answer).reason === 'Timeout';
}

/** Whether the answer is about the cluster as a whole, and says nothing of the object. */
export function isOverloaded(answer: ApiResponse): boolean {
  return outlookOf(answer) === 'overloaded';
}

/**
 * The object does not fit the schema of its kind (an unknown field, one key twice in a list, a number for a string).
 * The API server answers 500 without a reason, so that only the text tells it from a failure that may pass: trying
 * again mends none of these.
 */
function isUntypable(answer: ApiResponse): boolean {
  const { reason, message } = failure(answer);
  return answer.status === 500 && reason === '' && message.includes('failed to create typed patch object');
}

/**
 * What the API server says about an object that it does not take; where rights are missing, also where they come from.
 */
export function rejection(connection: Connection, answer: ApiResponse): Failure & { status: number } {
  const { status, reason, message, causes } = failure(answer);
  return {
    status,
    reason,
    causes,
    message:
      status === 403 && connection.actingAs !== undefined ? `${message} (${rbacRemedy(connection.actingAs)})` : message,
  };
}

export function failure(answer: ApiResponse): Failure & { status: number } {
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
  answer: ApiResponse;
}): ConvergeError {
  const { status, message } = failure(answer);
  const unavailable = outlookOf(answer) !== 'final';
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
