import { z } from 'zod';
import { commitId, commitOrNone, headerOf, isSigned, parseBody, type Webhook } from './push.ts';

/** https://docs.gitea.com/usage/webhooks */
const pushSchema = z.object({
  ref: z.string(),
  before: commitId,
  after: commitId,
  repository: z.object({
    full_name: z.string().optional(),
    clone_url: z.string().optional(),
    ssh_url: z.string().optional(),
    html_url: z.string().optional(),
  }),
});

const userSchema = z.object({ id: z.int() });

/**
 * The events `pull_request` of https://docs.gitea.com/usage/webhooks, as `PullRequestPayload` of Gitea's
 * `modules/structs/hook.go` has them.
 */
const pullSchema = z.object({
  action: z.string(),
  number: z.int().positive(),
  pull_request: z.object({
    user: userSchema.nullish(),
    labels: z.array(z.object({ name: z.string() })).nullish(),
    head: z.object({ sha: commitId }),
    base: z.object({ ref: z.string() }),
  }),
  /** Of what was edited, what it was before; `ref`: the branch that it is to be merged into. */
  changes: z.object({ ref: z.unknown().optional() }).nullish(),
  sender: userSchema.nullish(),
  repository: pushSchema.shape.repository,
});

/** Gitea, and Forgejo, which calls by Gitea's headers, too. Both also send those of GitHub. */
export const gitea: Webhook = {
  isFrom: (headers) => headers['x-gitea-event'] !== undefined,
  signatureHeaders: ['x-gitea-signature', 'x-hub-signature-256'],
  keyOf: (secret) => Buffer.from(secret),
  isAuthentic({ headers, rawBody: body, secret }) {
    if (secret === '') return false;
    if (isSigned({ signature: headerOf(headers, 'x-gitea-signature'), body, secret, prefix: '' })) return true;
    return isSigned({ signature: headerOf(headers, 'x-hub-signature-256'), body, secret, prefix: 'sha256=' });
  },
  kindOf(headers) {
    const event = headerOf(headers, 'x-gitea-event');
    if (event === 'pull_request') return 'pull';
    return event === 'push' ? 'push' : 'other';
  },
  deliveryOf: (headers) => headerOf(headers, 'x-gitea-delivery'),
  parsePush(call) {
    const { ref, before, after, repository } = parseBody(pushSchema, call);
    const { clone_url, ssh_url, html_url, full_name } = repository;
    return {
      urls: [clone_url, ssh_url, html_url].flatMap((url) => url ?? []),
      fullName: full_name,
      refs: [{ ref, before: commitOrNone(before), after: commitOrNone(after) }],
      isDated: false,
    };
  },
  parsePull(call) {
    const { action, number, pull_request: pull, changes, sender, repository } = parseBody(pullSchema, call);
    const { clone_url, ssh_url, html_url, full_name } = repository;
    // Whoever opens one by the API may label it, with no right to.
    const isOwn = sender === null || sender === undefined || sender.id === pull.user?.id;
    const labels = action === 'label_updated' && !isOwn ? (pull.labels ?? []).map(({ name }) => name) : [];
    const isMoved = action === 'edited' && changes?.ref !== undefined && changes.ref !== null;
    const isChanged = isMoved || ['opened', 'reopened', 'synchronized'].includes(action);
    return {
      urls: [clone_url, ssh_url, html_url].flatMap((url) => url ?? []),
      fullName: full_name,
      ...{ number, base: pull.base.ref, head: pull.head.sha },
      became: isChanged ? 'changed' : labels.length > 0 ? 'labelled' : 'other',
      labels,
    };
  },
};
