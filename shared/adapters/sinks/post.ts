import { setTimeout as sleep } from 'node:timers/promises';
import { fetch as fetchBy, type Dispatcher } from 'undici';
import { ConvergeError } from '../../base/errors.ts';
import { mayPass } from '../../base/http-status.ts';
import { inSeconds, patience } from '../patience.ts';
import { isSilence } from '../silence.ts';
import type { HeardAnswer } from '../../ports/messages.ts';

/** One request to a sink. */
export interface SinkRequest {
  /** Absent: POST. */
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: none. */
  readonly body?: string;
  /** Statuses that are no failure, beside those of 2xx. */
  readonly unless?: readonly number[];
  /** Milliseconds that the sink wants to be left alone for, where it says so in a way of its own. */
  readonly pauseBy?: (answer: SinkAnswer) => number | undefined;
}

/** What a sink answered. */
export interface SinkAnswer {
  readonly status: number;
  /** Empty where it did not come whole, in time, or in an encoding that there is: the status stands without it. */
  readonly text: string;
  readonly headers: Pick<Headers, 'get'>;
}

/** Posts to one sink. Throws `SinkUnavailable` (retry) and `SinkRefused` (refuse), naming the sink, and no address. */
export type Post = (request: SinkRequest) => Promise<SinkAnswer>;

/** The sink that posts are for, and what answers in its name, for errors: `the webhook`. */
export interface PostOptions {
  readonly sink: string;
  readonly receiver: string;
  /** Milliseconds for each request. */
  readonly answer: number;
  /** Until when a sink wants no request, in milliseconds since 1970, by its name. */
  readonly pauses: Map<string, number>;
  /** How it is reached, where not as everything else is. */
  readonly connection?: Connection;
  /** Told each answer, whatever comes of it. */
  readonly heard?: ((answer: HeardAnswer) => void) | undefined;
}

/** Connections that are made of files, which may be renewed. */
export interface Connection {
  /** Throws `SecretUnavailable` (retry). */
  dispatcher(): Promise<Dispatcher>;
  /** It got no answer: the files are read anew before the next request. */
  forget(): void;
}

/** The longest pause that a sink asks for and that is waited here; a longer one is left to the next delivery. Milliseconds. */
const shortPause = patience.sinks.shortPause;
/** Of an answer. */
const largestAnswer = 4 * 1024 * 1024;

/**
 * How a sink is posted to: redirects are not followed, as they would take what is secret elsewhere; a pause that it asks
 * for is kept, by this instance for all that follows.
 */
export function posting({ sink, receiver, answer, pauses, connection, heard }: PostOptions): Post {
  const subject = `alert sink ${sink}`;
  return async (request) => {
    for (let tries = 1; ; tries++) {
      const until = pauses.get(sink) ?? 0;
      if (until > Date.now()) {
        const message = `${receiver} wants no request before ${new Date(until).toISOString()}`;
        throw new ConvergeError({ code: 'SinkUnavailable', subject, message, disposition: 'retry' });
      }
      const answered = await send({ request, subject, receiver, answer, connection });
      const { status } = answered;
      heard?.(answered);
      const own = request.pauseBy?.(answered);
      const isTaken = (status >= 200 && status < 300) || request.unless?.includes(status) === true;
      if (own === undefined && isTaken) return answered;
      const pause = own === undefined ? pauseOf(answered) : Math.min(Math.max(own, 0), patience.sinks.longestPause);
      if (pause !== undefined && pause <= shortPause && tries === 1) {
        await sleep(pause);
        continue;
      }
      if (pause !== undefined) pauses.set(sink, Date.now() + pause);
      throw refused({ subject, receiver, status, isLimit: own !== undefined });
    }
  };
}

async function send({
  request: { method = 'POST', url, headers, body },
  subject,
  receiver,
  answer,
  connection,
}: {
  request: SinkRequest;
  subject: string;
  receiver: string;
  answer: number;
  connection: Connection | undefined;
}): Promise<SinkAnswer> {
  const dispatcher = await connection?.dispatcher();
  try {
    const signal = AbortSignal.timeout(answer);
    const content = body === undefined ? {} : { body };
    const asked = { method, headers, ...content, redirect: 'manual', signal } as const;
    const response = dispatcher === undefined ? await fetch(url, asked) : await fetchBy(url, { ...asked, dispatcher });
    return { status: response.status, text: await textOf(response).catch(() => ''), headers: response.headers };
  } catch (error) {
    connection?.forget();
    throw silent({ error, subject, receiver, answer });
  }
}

async function textOf({ body }: { readonly body: AsyncIterable<Uint8Array> | null }): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.length;
    if (bytes > largestAnswer) break;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** Milliseconds. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function pauseOf({ status, headers }: SinkAnswer): number | undefined {
  const said = headers.get('retry-after');
  if (said === null || !mayPass(status)) return undefined;
  const pause = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - Date.now();
  return Number.isNaN(pause) ? undefined : Math.min(Math.max(pause, 0), patience.sinks.longestPause);
}

function refused({
  subject,
  receiver,
  status,
  isLimit,
}: {
  subject: string;
  receiver: string;
  status: number;
  isLimit: boolean;
}): ConvergeError {
  const later = isLimit || mayPass(status);
  const redirects = status >= 300 && status < 400 ? ', which is not followed' : '';
  return new ConvergeError({
    code: later ? 'SinkUnavailable' : 'SinkRefused',
    subject,
    message: `${receiver} answered ${status}${redirects}`,
    disposition: later ? 'retry' : 'refuse',
    // What failed behind it may have failed after it was done.
    unanswered: status >= 500,
  });
}

const unsent =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|CERT_\w+|\w+_CERT\w*|UNABLE_TO_\w+|ERR_TLS_\w+|ERR_SSL_\w+|EPROTO)$/;
const ofCertificate = /^(CERT_\w+|\w+_CERT\w*|UNABLE_TO_\w+|ERR_TLS_CERT\w*)$/;

function silent({
  error,
  subject,
  receiver,
  answer,
}: {
  error: unknown;
  subject: string;
  receiver: string;
  answer: number;
}): ConvergeError {
  const code = codeOf(error);
  const why = ofCertificate.test(code)
    ? ` with a certificate that is trusted (${code})`
    : isSilence(error)
      ? ` in ${inSeconds(answer)}`
      : '';
  return new ConvergeError({
    code: 'SinkUnavailable',
    subject,
    message: `${receiver} did not answer${why}`,
    disposition: 'retry',
    unanswered: !isUnsent(code),
    cause: error,
  });
}

/** Where no connection was made, or the other side did not prove who it is, nothing was sent; by the error's code. */
export function isUnsent(code: string): boolean {
  return unsent.test(code);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return codeOf(error.cause);
}
