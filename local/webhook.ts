import { createHmac, randomUUID } from 'node:crypto';
import { post } from './http-post.ts';
import type { Push } from './parts/git.ts';
import type { PullEvent } from './parts/pull-requests.ts';

const answerMilliseconds = 30_000;
const nothing = '0'.repeat(40);

/** What is announced: by it the receiver tells a push from a pull request. */
export type Announcement =
  | { readonly event: 'push'; readonly push: Push }
  | ({ readonly event: 'pull_request'; readonly url: string } & PullEvent);

/**
 * Announces a push or a pull request as GitHub's webhooks do, signed with the shared secret.
 * https://docs.github.com/en/webhooks/webhook-events-and-payloads
 *
 * Throws where the receiver does not answer 2xx. Nothing is sent twice: a lost announcement is the schedule's to find.
 */
export async function sendWebhook(webhook: {
  url: string;
  secret: string;
  announcement: Announcement;
  signal?: AbortSignal;
}): Promise<void> {
  const { announcement } = webhook;
  const body = Buffer.from(JSON.stringify(bodyOf(announcement)));
  const signature = createHmac('sha256', webhook.secret).update(body).digest('hex');
  const answer = await post({
    url: webhook.url,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/local',
      'x-github-event': announcement.event,
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

function bodyOf(announcement: Announcement): object {
  if (announcement.event === 'push') {
    const { ref, before, after, repository, url } = announcement.push;
    const moved = { ref, before, after, created: before === nothing, deleted: after === nothing };
    return { ...moved, repository: repositoryOf(repository, url), pusher: { name: 'local' } };
  }
  const { action, pull, repository, url } = announcement;
  const { number, title, state, head, from, into, mergeCommit } = pull;
  return {
    action,
    number,
    pull_request: {
      ...{ number, title, state: state === 'open' ? 'open' : 'closed', merge_commit_sha: mergeCommit },
      head: { ref: from, sha: head },
      base: { ref: into },
    },
    repository: repositoryOf(repository, url),
  };
}

function repositoryOf(name: string, url: string): object {
  return { name, full_name: `local/${name}`, clone_url: url, default_branch: 'main' };
}
