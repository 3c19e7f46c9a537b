import { holdsLogin } from '../base/url-login.ts';

/**
 * Hosts of webhooks whose URL is the secret: whoever knows it may post.
 * https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 * https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
 * https://developers.google.com/workspace/chat/quickstart/webhooks
 * https://core.telegram.org/bots/api#making-requests
 * https://open.larksuite.com/document/client-docs/bot-v3/add-custom-bot
 */
export const secretHosts: readonly string[] = [
  'hooks.slack.com',
  'webhook.office.com',
  'outlook.office.com',
  'logic.azure.com',
  'api.powerplatform.com',
  'chat.googleapis.com',
  'discord.com',
  'discordapp.com',
  'events.pagerduty.com',
  'hooks.zapier.com',
  'hooks.slack-gov.com',
  'api.telegram.org',
  'open.larksuite.com',
  'open.feishu.cn',
  'oapi.dingtalk.com',
  'alert.victorops.com',
  'maker.ifttt.com',
];

/** Why a URL is not to be written where everybody reads it; undefined where nothing of it is known to be secret. */
export function secretInUrl(url: string): string | undefined {
  const parsed = new URL(url);
  if (holdsLogin(parsed)) return 'it holds credentials';
  // A dot at its end is the root of all names, and the host the same.
  const hostname = parsed.hostname.replace(/\.$/, '');
  return secretHosts.some((host) => hostname === host || hostname.endsWith(`.${host}`))
    ? `whoever knows a URL of ${hostname} may post to it`
    : undefined;
}
