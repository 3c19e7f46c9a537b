import type { WebhookHost } from '../../config/config.ts';
import { bitbucket } from './bitbucket.ts';
import { gitea } from './gitea.ts';
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';
import type { Webhook, WebhookCall } from './push.ts';

/** How each host calls. */
const webhooks: Readonly<Record<WebhookHost, Webhook>> = { github, gitlab, bitbucket, gitea };

/** Where a call of any host carries what proves that its sender knows the secret, in lower case. */
export const signatureHeaders: readonly string[] = Object.values(webhooks).flatMap(
  (webhook) => webhook.signatureHeaders,
);

/** Whether a call of the host can prove by this secret that its sender knows it: everybody knows an empty one. */
export function provesKnowing({ host, secret }: { host: WebhookHost; secret: string }): boolean {
  return webhooks[host].keyOf(secret).length > 0;
}

/** The host that a call is from by its headers, of those that are configured. Undefined: none of them. */
export function webhookOf({
  headers,
  configured,
}: {
  headers: WebhookCall['headers'];
  configured: readonly WebhookHost[];
}): { readonly host: WebhookHost; readonly webhook: Webhook } | undefined {
  const callers = configured.filter((host) => webhooks[host].isFrom(headers));
  // Others send GitHub's headers beside their own, for receivers that know no other.
  const host = callers.find((caller) => caller !== 'github') ?? callers[0];
  return host === undefined ? undefined : { host, webhook: webhooks[host] };
}
