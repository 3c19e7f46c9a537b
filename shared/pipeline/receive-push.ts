import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { ConvergeError } from '../errors.ts';
import { encodeChangeCommitted } from '../events/change-committed.ts';
import type { Ports } from './ports.ts';

export interface ReceivePushSettings {
  /** The secret shared with the Git host. */
  readonly secret: string;
  readonly repositories: Config['repositories'];
}

/** What a webhook call meant. */
export type PushOutcome =
  | { readonly outcome: 'pong' }
  | { readonly outcome: 'announced'; readonly repository: string; readonly commit: string }
  /** Nothing of interest to the pipeline; `reason` says why. */
  | { readonly outcome: 'ignored'; readonly reason: string };

/**
 * The part of GitHub's push event that is used
 * (https://docs.github.com/en/webhooks/webhook-events-and-payloads#push).
 */
const commitId = z.string().regex(/^[0-9a-f]{40}$/);
const pushSchema = z.object({
  ref: z.string(),
  before: commitId,
  after: commitId,
  repository: z.object({ full_name: z.string().optional(), clone_url: z.string().optional() }),
});
type Push = z.infer<typeof pushSchema>;

const noCommit = '0'.repeat(40);

/**
 * Announces a push to the branch of a configured repository; our own pushes come by here too, and their announcement is
 * the same event.
 *
 * @param call.headers lower-case names, as Node.js gives them
 * @param call.rawBody the bytes that were signed
 * Throws `BadSignature` (refuse) before anything of the body is read, `BadRequest` (refuse) for a signed body that is no push.
 */
export async function receivePush(
  call: { readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>; readonly rawBody: Uint8Array },
  ports: Pick<Ports, 'now' | 'topics'>,
  settings: ReceivePushSettings,
): Promise<PushOutcome> {
  verifySignature({ signature: call.headers['x-hub-signature-256'], body: call.rawBody, secret: settings.secret });
  const event = call.headers['x-github-event'];
  if (event === 'ping') return { outcome: 'pong' };
  if (event !== 'push') return { outcome: 'ignored', reason: `the event ${String(event)} is no push` };

  const push = parsePush(call.rawBody);
  const candidates = Object.entries(settings.repositories).filter(([, { url }]) => isSameRepository({ url, pushed: push.repository }));
  if (candidates.length === 0) return { outcome: 'ignored', reason: `${nameOf(push)} is no configured repository` };
  const match = candidates.find(([, { branch }]) => push.ref === `refs/heads/${branch}`);
  if (match === undefined) return { outcome: 'ignored', reason: `${push.ref} is not the branch of ${candidates[0]?.[0] ?? ''}` };
  const [repository, { url, branch }] = match;
  if (push.after === noCommit) return { outcome: 'ignored', reason: `the branch ${branch} was deleted` };

  const previous = push.before === noCommit ? null : push.before;
  const change = { repository, url: withoutCredentials(url), branch, commit: push.after, previous, artifacts: [] };
  await ports.topics.publish('change-committed', encodeChangeCommitted(change, ports.now()));
  return { outcome: 'announced', repository, commit: push.after };
}

/** GitHub's scheme: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries */
function verifySignature({ signature, body, secret }: {
  signature: string | readonly string[] | undefined;
  body: Uint8Array;
  secret: string;
}): void {
  // An empty secret would make every caller's signature a right one.
  const expected = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  const given = Buffer.from(typeof signature === 'string' ? signature : '');
  if (secret !== '' && given.length === expected.length && timingSafeEqual(given, expected)) return;
  throw new ConvergeError({
    code: 'BadSignature',
    subject: 'webhook call',
    message: signature === undefined ? 'has no signature' : 'has a wrong signature',
    remedy: 'the secret of the webhook must be the one of webhooks.github.secretFile',
    disposition: 'refuse',
  });
}

function parsePush(body: Uint8Array): Push {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw badRequest({ message: 'is no JSON', remedy: 'set the content type of the webhook to application/json', cause: error });
  }
  const parsed = pushSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw badRequest({ message: z.prettifyError(parsed.error).replaceAll('\n', ' ') });
}

function badRequest(facts: { message: string; remedy?: string; cause?: unknown }): ConvergeError {
  return new ConvergeError({ code: 'BadRequest', subject: 'webhook call', disposition: 'refuse', ...facts });
}

/** By clone URL; behind a proxy or over another protocol, by the `owner/name` that the URL ends with. */
function isSameRepository({ url, pushed }: { url: string; pushed: Push['repository'] }): boolean {
  if (pushed.clone_url !== undefined && plainUrl(pushed.clone_url) === plainUrl(url)) return true;
  return pushed.full_name !== undefined && pushed.full_name.includes('/') && plainUrl(url).endsWith(`/${pushed.full_name.toLowerCase()}`);
}

function plainUrl(url: string): string {
  const plain = URL.canParse(url) ? withoutCredentials(url) : url;
  return plain.toLowerCase().replace(/\/+$/, '').replace(/\.git$/, '');
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}

function nameOf({ repository }: Push): string {
  return repository.clone_url ?? repository.full_name ?? 'an unnamed repository';
}
