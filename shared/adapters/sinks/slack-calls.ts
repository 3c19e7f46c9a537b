import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import type { Post } from './post.ts';

interface Tolerant<T> {
  readonly schema: z.ZodType<T>;
  /** The errors that are no failure: the answer is undefined then. */
  readonly unless: readonly string[];
}

/**
 * Methods of Slack's Web API. They throw as `Post` does, and for an error that Slack answers with status 200.
 * https://docs.slack.dev/apis/web-api/
 */
export interface SlackCall {
  write<T>(method: string, args: object, schema: z.ZodType<T>): Promise<T>;
  tried<T>(method: string, args: object, tolerant: Tolerant<T>): Promise<T | undefined>;
  /** Methods that read take a form. */
  read<T>(method: string, args: Readonly<Record<string, string>>, tolerant: Tolerant<T>): Promise<T | undefined>;
}

export function slackCalls({
  sink,
  api,
  token,
  post,
}: {
  sink: string;
  api: string;
  token: string;
  post: Post;
}): SlackCall {
  const subject = `alert sink ${sink}`;
  const authorization = `Bearer ${token}`;
  const json = { authorization, 'content-type': 'application/json; charset=utf-8' };
  const form = { authorization, 'content-type': 'application/x-www-form-urlencoded' };
  const send = async (method: string, headers: Record<string, string>, body: string): Promise<string> =>
    (await post({ url: `${api}/${method}`, headers, body })).text;
  return {
    async write(method, args, schema) {
      const text = await send(method, json, JSON.stringify(args));
      const read = readAnswer({ subject, method, text }, { schema, unless: [] });
      if (read === undefined) throw answered({ subject, method, word: '' });
      return read;
    },
    async tried(method, args, tolerant) {
      return readAnswer({ subject, method, text: await send(method, json, JSON.stringify(args)) }, tolerant);
    },
    async read(method, args, tolerant) {
      const text = await send(method, form, new URLSearchParams(args).toString());
      return readAnswer({ subject, method, text }, tolerant);
    },
  };
}

const okSchema = z.object({ ok: z.boolean(), error: z.string().default('') });

function readAnswer<T>(
  { subject, method, text }: { subject: string; method: string; text: string },
  { schema, unless }: Tolerant<T>,
): T | undefined {
  const said = parseJson(text);
  const { ok, error: word } = okSchema.safeParse(said).data ?? { ok: false, error: '' };
  if (!ok && unless.includes(word)) return undefined;
  const read = ok ? schema.safeParse(said) : undefined;
  if (read?.success !== true) throw answered({ subject, method, word });
  return read.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** https://docs.slack.dev/reference/methods/chat.postMessage#errors; an answer that says nothing we know may pass, too. */
const passing: ReadonlySet<string> = new Set([
  ...['', 'ratelimited', 'rate_limited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout'],
  ...['accesslimited', 'team_added_to_org', 'message_limit_exceeded'],
]);

function answered({ subject, method, word }: { subject: string; method: string; word: string }): ConvergeError {
  const later = passing.has(word);
  const named = /^[a-z0-9_]{1,60}$/.test(word) ? word : 'what is no answer of its own';
  return new ConvergeError({
    code: later ? 'SinkUnavailable' : 'SinkRefused',
    subject,
    message: `Slack answered ${method} with ${named}`,
    disposition: later ? 'retry' : 'refuse',
    unanswered: later && !word.includes('limited'),
  });
}
