import { z } from 'zod';
import { commitId, commitOrNone, headerOf, isSigned, parseBody, type Webhook } from './push.ts';

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads#push */
const pushSchema = z.object({
  ref: z.string(),
  before: commitId,
  after: commitId,
  repository: z.object({
    full_name: z.string().optional(),
    clone_url: z.string().optional(),
    ssh_url: z.string().optional(),
    html_url: z.string().optional(),
    pushed_at: z.union([z.number(), z.string()]).nullish(),
  }),
});

/** https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request */
const pullSchema = z.object({
  action: z.string(),
  number: z.int().positive(),
  pull_request: z.object({ head: z.object({ sha: commitId }), base: z.object({ ref: z.string() }) }),
  label: z.object({ name: z.string() }).optional(),
  /** Of what was edited, what it was before. */
  changes: z.object({ base: z.unknown().optional() }).optional(),
  repository: pushSchema.shape.repository,
});

/**
 * GitHub, and GitHub Enterprise Server. Signed as
 * https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries says.
 */
export const github: Webhook = {
  isFrom: (headers) => headers['x-github-event'] !== undefined,
  signatureHeaders: ['x-hub-signature-256'],
  keyOf: (secret) => Buffer.from(secret),
  isAuthentic: ({ headers, rawBody, secret }) =>
    secret !== '' &&
    isSigned({ signature: headerOf(headers, 'x-hub-signature-256'), body: rawBody, secret, prefix: 'sha256=' }),
  kindOf(headers) {
    const event = headerOf(headers, 'x-github-event');
    if (event === 'pull_request') return 'pull';
    return event === 'push' || event === 'ping' ? event : 'other';
  },
  deliveryOf: (headers) => headerOf(headers, 'x-github-delivery'),
  parsePush(call) {
    const { ref, before, after, repository } = parseBody(pushSchema, call);
    const { clone_url, ssh_url, html_url, full_name, pushed_at } = repository;
    return {
      urls: [clone_url, ssh_url, html_url].flatMap((url) => url ?? []),
      fullName: full_name,
      refs: [{ ref, before: commitOrNone(before), after: commitOrNone(after) }],
      isDated: pushed_at !== undefined && pushed_at !== null,
    };
  },
  parsePull(call) {
    const { action, number, pull_request: pull, label, changes, repository } = parseBody(pullSchema, call);
    const { clone_url, ssh_url, html_url, full_name } = repository;
    const isMoved = action === 'edited' && changes?.base !== undefined;
    const isLabelled = action === 'labeled' && label !== undefined;
    return {
      urls: [clone_url, ssh_url, html_url].flatMap((url) => url ?? []),
      fullName: full_name,
      ...{ number, base: pull.base.ref, head: pull.head.sha },
      became: isLabelled
        ? 'labelled'
        : isMoved || ['opened', 'reopened', 'synchronize'].includes(action)
          ? 'changed'
          : 'other',
      labels: isLabelled ? [label.name] : [],
    };
  },
};
