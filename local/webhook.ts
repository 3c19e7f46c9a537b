import { createHmac, randomUUID } from 'node:crypto';
import { post } from './http-post.ts';
import type { Push } from './parts/git.ts';

const answerMilliseconds = 30_000;
const nothing = '0'.repeat(40);

/**
 * Announces a push as GitHub's `push` webhook does, signed with the shared secret.
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads#push
 *
 * Throws where the receiver does not answer 2xx. Nothing is sent twice: a lost announcement is the schedule's to find.
 */
export async function sendPushWebhook(webhook: {
  url: string;
  secret: string;
  push: Push;
  signal?: AbortSignal;
}): Promise<void> {
  const { push } = webhook;
  const body = Buffer.from(
    JSON.stringify({
      ref: push.ref,
      before: push.before,
      after: push.after,
      created: push.before === nothing,
      deleted: push.after === nothing,
      repository: {
        name: push.repository,
        full_name: `local/${push.repository}`,
        clone_url: push.url,
        default_branch: 'main',
      },
      pusher: { name: 'local' },
    }),
  );
  const signature = createHmac('sha256', webhook.secret).update(body).digest('hex');
  const answer = await post({
    url: webhook.url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/local',
      'x-github-event': 'push',
      'x-github-delivery': randomUUID(),
      'x-hub-signature-256': `sha256=${signature}`,
    },
    body,
    signal: AbortSignal.any([
      AbortSignal.timeout(answerMilliseconds),
      ...(webhook.signal === undefined ? [] : [webhook.signal]),
    ]),
  });
  if (!answer.accepted) throw new Error(`the webhook was answered ${answer.status}: ${answer.text.slice(0, 200)}`);
}
