import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { mayPass } from '../../base/http-status.ts';
import { backoff, inSeconds, patience } from '../patience.ts';
import { isSilence } from '../silence.ts';
import type { Tokens } from './tokens.ts';

/** What one of Google's APIs said: `none` where it did not answer, or failed itself, however often it was asked. */
export type GoogleResponse =
  | { readonly answer: 'ok'; readonly body: unknown }
  | { readonly answer: 'refused'; readonly status: number; readonly message: string }
  | { readonly answer: 'none'; readonly why: string };

/** Errors of Google's APIs: https://cloud.google.com/apis/design/errors#http_mapping */
const errorSchema = z.object({
  error: z.object({ code: z.number(), message: z.string(), status: z.string().default('') }),
});

/** Google's own words, where an answer is an error of one of its APIs; undefined for anything else. */
export function googleErrorOf(body: unknown): string | undefined {
  return errorSchema.safeParse(body).data?.error.message;
}

/** One GET of a resource, as `askGoogle` asks. */
export async function getResource(asked: { url: string; tokens: Tokens }): Promise<GoogleResponse> {
  return await askGoogle(asked);
}

/**
 * One question to an API that changes nothing: a GET, or where there is a body a POST of it as JSON. A token that is not
 * accepted is renewed once; a failure is tried again after growing pauses. Throws what `tokens` throw.
 */
export async function askGoogle({
  url,
  tokens,
  body,
}: {
  url: string;
  tokens: Tokens;
  body?: unknown;
}): Promise<GoogleResponse> {
  let renewed = false;
  let token = await tokens.current();
  for (let tries = 1; ; tries++) {
    const answer = await attempt({ url, token, body });
    if (answer.answer === 'ok' || (answer.answer === 'none' && tries >= patience.google.tries)) return answer;
    if (answer.answer === 'refused') {
      if (answer.status !== 401 || renewed) return answer;
      renewed = true;
      token = await tokens.renew(token);
      continue;
    }
    await sleep(backoff({ firstPause: patience.google.firstPause, attempt: tries }));
    token = await tokens.current();
  }
}

async function attempt({ url, token, body }: { url: string; token: string; body: unknown }): Promise<GoogleResponse> {
  try {
    const response = await fetch(url, {
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
      headers: {
        ...{ authorization: `Bearer ${token}`, accept: 'application/json', 'user-agent': 'converge' },
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      redirect: 'error',
      signal: AbortSignal.timeout(patience.google.answer),
    });
    const text = await response.text();
    if (response.ok) return { answer: 'ok', body: JSON.parse(text) as unknown };
    const message = googleErrorOf(parsed(text)) ?? text.slice(0, 300);
    if (mayPass(response.status)) return { answer: 'none', why: `it answered ${response.status}: ${message}` };
    return { answer: 'refused', status: response.status, message };
  } catch (error) {
    if (isSilence(error)) return { answer: 'none', why: `no answer in ${inSeconds(patience.google.answer)}` };
    return {
      answer: 'none',
      why: error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error),
    };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
