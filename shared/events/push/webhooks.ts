import { bitbucket } from './bitbucket.ts';
import { gitea } from './gitea.ts';
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';
import type { Webhook, WebhookCall, WebhookHost } from './push.ts';

/** GitHub is last: Gitea sends its headers beside its own. */
const webhooks: readonly (readonly [WebhookHost, Webhook])[] = [
  ['gitea', gitea],
  ['gitlab', gitlab],
  ['bitbucket', bitbucket],
  ['github', github],
];

/** The host that a call is from by its headers, of those that are configured. Undefined: none of them. */
export function webhookOf({
  headers,
  configured,
}: {
  headers: WebhookCall['headers'];
  configured: readonly WebhookHost[];
}): { readonly host: WebhookHost; readonly webhook: Webhook } | undefined {
  const found = webhooks.find(([host, webhook]) => configured.includes(host) && webhook.isFrom(headers));
  return found === undefined ? undefined : { host: found[0], webhook: found[1] };
}
