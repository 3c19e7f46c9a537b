import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { shortened } from '../../base/shortened.ts';

/** @param headers lower-case names, as Node.js gives them */
export interface WebhookCall {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The bytes that were signed. */
  readonly rawBody: Uint8Array;
}

/**
 * A branch, tag or other ref that a push moved, by its full name. Without a commit before it is new, without one after
 * it is gone.
 */
export interface MovedRef {
  readonly ref: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** A push as a host tells it. */
export interface Push {
  /** Every way in which the host writes the repository's address. */
  readonly urls: readonly string[];
  /** `owner/name`, with as many folders as the host has. */
  readonly fullName: string | undefined;
  readonly refs: readonly MovedRef[];
  /** Whether the body says when it was pushed: then no two pushes have the same body. */
  readonly isDated: boolean;
}

/** A pull request as a host tells that something became of it. */
export interface Pull extends Pick<Push, 'urls' | 'fullName'> {
  readonly number: number;
  /** The branch that it is to be merged into. */
  readonly base: string;
  readonly head: string;
  /**
   * `changed`: it was opened, once more, or what it proposes is another. `labelled`: somebody put labels on it. `other`:
   * nothing that a plan is made of.
   */
  readonly became: 'changed' | 'labelled' | 'other';
  /** The labels that were put on it; those that are on it, where the host does not say which were put now. */
  readonly labels: readonly string[];
}

/** How one host calls. What it says of itself in headers is believed once the call is authentic. */
export interface Webhook {
  /** Whether the call's headers are this host's. */
  isFrom(headers: WebhookCall['headers']): boolean;
  /** In lower case: where a call may carry what proves that its sender knows the secret. */
  readonly signatureHeaders: readonly string[];
  /** What a secret signs with. */
  keyOf(secret: string): Buffer;
  /** Whether whoever sent the call knows the secret, compared in constant time. */
  isAuthentic(call: WebhookCall & { readonly secret: string; readonly now: Date }): boolean;
  kindOf(headers: WebhookCall['headers']): 'push' | 'pull' | 'ping' | 'other';
  /** By which a delivery that comes twice is recognised. */
  deliveryOf(headers: WebhookCall['headers']): string | undefined;
  /** Throws `BadRequest` (refuse) for a body that is no push. */
  parsePush(call: WebhookCall): Push;
  /** Throws `BadRequest` (refuse) for a body that tells of no pull request. Absent: of those, nothing is heard. */
  parsePull?(call: WebhookCall): Pull;
}

/** Characters of what is wrong with a body, which may be wrong in thousands of places. */
const longestMessage = 500;

export const commitId = z.string().regex(/^[0-9a-f]{40}$/);
const noCommit = '0'.repeat(40);

/** Hosts write zeros where there is no commit. */
export function commitOrNone(id: string): string | undefined {
  return id === noCommit ? undefined : id;
}

/** A header that is there once. */
export function headerOf(headers: WebhookCall['headers'], name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** `sha256=<hex>` of the body, as GitHub made it common, or the hex alone where the prefix is empty. */
export function isSigned({
  signature,
  body,
  secret,
  prefix,
}: {
  signature: string | undefined;
  body: Uint8Array;
  secret: string;
  prefix: string;
}): boolean {
  const expected = `${prefix}${createHmac('sha256', secret).update(body).digest('hex')}`;
  return isSameSecret({ given: signature, expected });
}

/** Compares in constant time. An empty secret would make every caller a right one, and is none. */
export function isSameSecret({ given, expected }: { given: string | undefined; expected: string }): boolean {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(expected)];
  return b.length > 0 && a.length === b.length && timingSafeEqual(a, b);
}

/** Throws `BadRequest` (refuse). */
export function parseBody<T>(schema: z.ZodType<T>, { rawBody }: WebhookCall): T {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(rawBody).toString('utf8'));
  } catch (error) {
    throw badRequest({
      message: 'is no JSON',
      remedy: 'set the content type of the webhook to application/json',
      cause: error,
    });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const message = z.prettifyError(parsed.error).replaceAll('\n', ' ');
  throw badRequest({ message: shortened(message, longestMessage) });
}

function badRequest(facts: { message: string; remedy?: string; cause?: unknown }): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', subject: 'webhook call', disposition: 'refuse', ...facts });
}
