import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { commitId, commitOrNone, headerOf, isSameSecret, parseBody, type Webhook, type WebhookCall } from './push.ts';

/**
 * https://docs.gitlab.com/user/project/integrations/webhook_events/#push-events, and of the system hooks, whose header
 * tells no kind.
 */
const pushSchema = z.object({
  object_kind: z.enum(['push', 'tag_push']).optional(),
  ref: z.string(),
  before: commitId,
  after: commitId,
  project: z.object({
    path_with_namespace: z.string().optional(),
    git_http_url: z.string().optional(),
    git_ssh_url: z.string().optional(),
    web_url: z.string().nullish(),
  }),
});
/** Older system hooks say it by `event_name` alone. */
const kindSchema = z.object({ object_kind: z.string().optional(), event_name: z.string().optional() });

const labelsSchema = z.array(z.object({ title: z.string() })).nullish();
/** https://docs.gitlab.com/user/project/integrations/webhook_events/#merge-request-events */
const pullSchema = z.object({
  object_attributes: z.object({
    iid: z.int().positive(),
    action: z.string().optional(),
    target_branch: z.string(),
    author_id: z.int().optional(),
    last_commit: z.object({ id: commitId }),
    /** The head before, where it moved. */
    oldrev: z.string().nullish(),
  }),
  changes: z
    .object({
      labels: z.object({ previous: labelsSchema, current: labelsSchema }).optional(),
      target_branch: z.unknown().optional(),
    })
    .optional(),
  /** Who did it. */
  user: z.object({ id: z.int().optional() }).optional(),
  project: pushSchema.shape.project,
});

/** What marks a signing token: the rest is the key as base64 (https://www.standardwebhooks.com). */
const signingTokenPrefix = 'whsec_';
/** As long as a delivery is remembered: what is older could be a replay. */
const signedMilliseconds = 24 * 3_600_000;

/**
 * GitLab sends the secret token as it is in `X-Gitlab-Token`; where the webhook has a signing token, it signs id, time
 * and body in `webhook-signature`. A secret that is a signing token is taken in no other way.
 */
export const gitlab: Webhook = {
  isFrom: (headers) => headers['x-gitlab-event'] !== undefined,
  signatureHeaders: ['x-gitlab-token', 'webhook-signature'],
  keyOf,
  isAuthentic(call) {
    if (call.secret === '') return false;
    if (hasValidSignature(call)) return true;
    return (
      !call.secret.startsWith(signingTokenPrefix) &&
      isSameSecret({ given: headerOf(call.headers, 'x-gitlab-token'), expected: call.secret })
    );
  },
  kindOf(headers) {
    const event = headerOf(headers, 'x-gitlab-event');
    if (event === 'Merge Request Hook') return 'pull';
    return event === 'Push Hook' || event === 'Tag Push Hook' || event === 'System Hook' ? 'push' : 'other';
  },
  // The key stays the same when GitLab tries again; before 17.4 there is only the event's id.
  deliveryOf: (headers) =>
    headerOf(headers, 'webhook-id') ?? headerOf(headers, 'idempotency-key') ?? headerOf(headers, 'x-gitlab-event-uuid'),
  parsePush(call) {
    const { object_kind, event_name } = parseBody(kindSchema, call);
    const kind = object_kind ?? event_name;
    const isPush = kind === 'push' || kind === 'tag_push';
    if (!isPush && headerOf(call.headers, 'x-gitlab-event') === 'System Hook')
      return { urls: [], fullName: undefined, refs: [], isDated: false };
    const { ref, before, after, project } = parseBody(pushSchema, call);
    return {
      urls: [project.git_http_url, project.git_ssh_url, project.web_url].flatMap((url) => url ?? []),
      fullName: project.path_with_namespace,
      refs: [{ ref, before: commitOrNone(before), after: commitOrNone(after) }],
      isDated: false,
    };
  },
  parsePull(call) {
    const { object_attributes: of, changes, project, user } = parseBody(pullSchema, call);
    const before = new Set((changes?.labels?.previous ?? []).map(({ title }) => title));
    // A guest of the project may label what they propose; old versions do not say who did.
    const isOwn = user?.id === undefined || of.author_id === undefined || user.id === of.author_id;
    const current = isOwn ? [] : (changes?.labels?.current ?? []);
    const labels = current.map(({ title }) => title).filter((title) => !before.has(title));
    const isMoved = (of.oldrev ?? '') !== '' || changes?.target_branch !== undefined;
    const isChanged = of.action === 'open' || of.action === 'reopen' || (of.action === 'update' && isMoved);
    return {
      urls: [project.git_http_url, project.git_ssh_url, project.web_url].flatMap((url) => url ?? []),
      fullName: project.path_with_namespace,
      ...{ number: of.iid, base: of.target_branch, head: of.last_commit.id },
      became: isChanged ? 'changed' : of.action === 'update' && labels.length > 0 ? 'labelled' : 'other',
      labels: of.action === 'update' ? labels : [],
    };
  },
};

/** `v1,<base64 of the HMAC>`, one or more with blanks between, over `<id>.<seconds>.<body>`. */
function hasValidSignature({ headers, rawBody, secret, now }: WebhookCall & { secret: string; now: Date }): boolean {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headerOf(headers, name),
  );
  if (id === undefined || timestamp === undefined || signatures === undefined || !/^\d{1,12}$/.test(timestamp))
    return false;
  if (Math.abs(now.getTime() - Number(timestamp) * 1000) > signedMilliseconds) return false;
  const key = keyOf(secret);
  if (key.length === 0) return false;
  const expected = `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest('base64')}`;
  return signatures.split(' ').some((given) => isSameSecret({ given, expected }));
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(signingTokenPrefix)
    ? Buffer.from(secret.slice(signingTokenPrefix.length), 'base64')
    : Buffer.from(secret);
}
