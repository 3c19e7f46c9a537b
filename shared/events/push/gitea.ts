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
  kindOf: (headers) => (headerOf(headers, 'x-gitea-event') === 'push' ? 'push' : 'other'),
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
};
