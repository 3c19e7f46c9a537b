import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { request as send, type Dispatcher } from 'undici';
import { ConvergeError } from '../../base/errors.ts';
import type { RepositoryConfig } from '../../config/config.ts';
import { createDispatcher } from './dispatcher.ts';
import { createCredentials, type Credentials, type Login } from './credentials.ts';
import { connectionError, gitRefused, statusError, systemCode, tooLarge } from './errors.ts';
import { inSeconds, patience } from '../patience.ts';
import { largestAnswer } from './memory.ts';

const { longestPauseSeconds, pauses: mostPauses } = patience.git;

/** Milliseconds without anything of an answer, and of a whole request. */
export interface GitPatience {
  readonly answer: number;
  readonly whole: number;
}

/** That one request follows. */
const mostRedirects = 3;

export interface GitRequest {
  readonly method: 'GET' | 'POST';
  /** Below the repository's URL: `/info/refs?…`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Made anew for each attempt. */
  readonly body?: () => Buffer | Readable;
}

/**
 * Sends a request and returns the whole answer of a success; throws what the tables of `errors.ts` make of everything
 * else.
 */
export type GitHttp = (request: GitRequest) => Promise<Buffer>;

interface GitResponse {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Buffer;
}

/** @param url without credentials: the subject of errors */
export function createGitHttp({
  settings,
  url,
  now,
  times = patience.git,
  mostBytes = largestAnswer(),
}: {
  settings: RepositoryConfig;
  url: string;
  now: () => Date;
  times?: GitPatience;
  mostBytes?: number;
}): GitHttp {
  const line: Line = {
    ...{ settings, url, now, times, mostBytes, secrets: new Set() },
    ...{ base: url.replace(/\/$/, ''), dispatcher: undefined },
  };
  const credentials = createCredentials({ settings, request: async (asked) => requestApi(line, asked), now });
  return async (request) => requestGit(line, { credentials, request });
}

/** What requests to one host share. */
interface Line {
  readonly settings: RepositoryConfig;
  readonly url: string;
  readonly now: () => Date;
  readonly times: GitPatience;
  /** Of one answer. */
  readonly mostBytes: number;
  /** Every secret that was sent: none may come back in an error. */
  readonly secrets: Set<string>;
  /** Where the repository is by now: it may have been redirected. */
  base: string;
  dispatcher: Promise<Dispatcher> | undefined;
}

interface Sending {
  readonly to: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Record<string, string>;
  readonly body?: GitRequest['body'];
}

async function requestGit(
  line: Line,
  { credentials, request }: { credentials: Credentials; request: GitRequest },
): Promise<Buffer> {
  const { url, secrets, now } = line;
  let login = await credentials.login();
  let isRenewed = false;
  let pauses = 0;
  let redirects = 0;
  for (;;) {
    if (login !== undefined) secrets.add(login.password).add(basic(login));
    const headers: Record<string, string> = { 'user-agent': 'git/2.0 (converge)', ...request.headers };
    if (login !== undefined) headers['authorization'] = `Basic ${basic(login)}`;
    const answer = await exchange(line, { ...request, to: line.base + request.path, headers });
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    if (login !== undefined && !isRenewed && mayBeOfLogin(answer)) {
      isRenewed = true;
      const newer = await credentials.renew(login);
      login = newer ?? login;
      if (newer !== undefined) continue;
    }
    const pause = pauseSeconds({ answer, now: now() });
    if (pause !== undefined && pause <= longestPauseSeconds && pauses < mostPauses) {
      pauses += 1;
      await sleep(pause * 1000);
      continue;
    }
    const moved = redirected(line, answer, request);
    if (moved === undefined || redirects >= mostRedirects) throw failure(line, { answer, subject: url });
    redirects += 1;
    line.base = moved;
  }
}

/**
 * A login that was given another right, or that an app was installed for since, may need another token: hosts hide by 404
 * what one may not see.
 */
function mayBeOfLogin({ status, headers }: GitResponse): boolean {
  return status === 401 || ((status === 403 || status === 404) && headers['retry-after'] === undefined);
}

/** A request to the host's API, for a token. */
async function requestApi(
  line: Line,
  { url: to, authorization }: { url: string; authorization: string },
): Promise<unknown> {
  line.secrets.add(authorization.replace('Bearer ', ''));
  const headers = {
    authorization,
    accept: 'application/vnd.github+json',
    'user-agent': 'converge',
    'content-length': '0',
  };
  const answer = await exchange(line, { to, method: 'POST', headers });
  if (answer.status >= 300) throw failure(line, { answer, subject: to });
  try {
    return JSON.parse(answer.body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * The certificates and the proxy's address are files that may have been renewed since they were read: what was refused
 * for them, before anything was sent, is asked once more with what they say now.
 */
async function exchange(line: Line, sending: Sending): Promise<GitResponse> {
  const before = line.dispatcher;
  try {
    return await exchangeBy(line, sending);
  } catch (error) {
    if (before === undefined || !readsFiles(line) || !isRefusal(error)) throw error;
    if (line.dispatcher === before) {
      line.dispatcher = undefined;
      // Others may still be answered by it.
      void before.then(async (old) => old.close()).catch(() => undefined);
    }
    return await exchangeBy(line, sending);
  }
}

function readsFiles({ settings: { tls, proxySecretFile } }: Line): boolean {
  return tls !== undefined || proxySecretFile !== undefined;
}

function isRefusal(error: unknown): boolean {
  return error instanceof ConvergeError && error.code === 'GitRefused';
}

async function exchangeBy(line: Line, sending: Sending): Promise<GitResponse> {
  line.dispatcher ??= createDispatcher({ ...line, answer: line.times.answer }).catch((error: unknown) => {
    line.dispatcher = undefined;
    throw error;
  });
  const dispatcher = await line.dispatcher;
  try {
    try {
      return await sendOnce(line, dispatcher, sending);
    } catch (error) {
      // A frozen instance that thaws finds its kept-alive connection closed.
      if (!['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].includes(systemCode(error) ?? '')) throw error;
      return await sendOnce(line, dispatcher, sending);
    }
  } catch (error) {
    const { answer, whole } = line.times;
    const waited = error instanceof Error && error.name === 'TimeoutError' ? whole : answer;
    throw connectionError({ subject: line.url, error: proxyError(line, error) ?? error, waited: inSeconds(waited) });
  }
}

async function sendOnce(
  line: Line,
  dispatcher: Dispatcher,
  { to, method, headers, body }: Sending,
): Promise<GitResponse> {
  const signal = AbortSignal.timeout(line.times.whole);
  const content = body === undefined ? null : body();
  const response = await send(to, { method, headers, dispatcher, signal, body: content });
  return { status: response.statusCode, headers: response.headers, body: await bodyOf(line, response.body) };
}

async function bodyOf({ url, mostBytes }: Line, body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // To leave the loop destroys the body, and with it the connection.
  for await (const part of body) {
    bytes += part.length;
    if (bytes > mostBytes) throw tooLarge({ url, bytes: mostBytes });
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}

/** undici tells of a proxy that opens no tunnel by a sentence alone. */
function proxyError({ url }: Line, error: unknown): unknown {
  const status = error instanceof Error ? /Proxy response \((\d+)\)/.exec(error.message)?.[1] : undefined;
  if (status === '407') return statusError({ subject: url, status: 407, words: '', asksToWait: false });
  if (status === undefined) return undefined;
  return gitRefused({
    subject: url,
    message: `the proxy opens no tunnel to the Git host (HTTP ${status})`,
    remedy: 'let the proxy connect to it',
    cause: error,
  });
}

function failure({ secrets }: Line, { answer, subject }: { answer: GitResponse; subject: string }): Error {
  const isPage = String(answer.headers['content-type'] ?? '').startsWith('text/html');
  let words = isPage ? '' : answer.body.toString('utf8').trim().slice(0, 500);
  for (const secret of secrets) words = words.replaceAll(secret, '…');
  return statusError({
    subject,
    status: answer.status,
    words,
    asksToWait: answer.headers['retry-after'] !== undefined,
  });
}

/** The place on the same host that a renamed or moved repository redirects to. */
function redirected({ url, base }: Line, answer: GitResponse, request: GitRequest): string | undefined {
  const location = answer.headers.location;
  if (answer.status < 300 || answer.status >= 400 || typeof location !== 'string') return undefined;
  const target = new URL(location, base);
  const from = new URL(base);
  const isUpgrade = from.protocol === 'http:' && target.protocol === 'https:';
  if (target.hostname !== from.hostname || (target.origin !== from.origin && !isUpgrade)) {
    throw statusError({ subject: url, status: answer.status, words: target.origin, asksToWait: false });
  }
  const whole = `${target.origin}${target.pathname}${target.search}`;
  return whole.endsWith(request.path) ? whole.slice(0, -request.path.length) : undefined;
}

function basic({ user, password }: Login): string {
  return Buffer.from(`${user}:${password}`).toString('base64');
}

/** How long the host asks us to wait: seconds, or a date. */
function pauseSeconds({ answer, now }: { answer: GitResponse; now: Date }): number | undefined {
  const header = answer.headers['retry-after'];
  if (typeof header !== 'string' || ![403, 429, 503].includes(answer.status)) return undefined;
  if (/^\d+$/.test(header)) return Number.parseInt(header, 10);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now.getTime()) / 1000);
}
