import { ConvergeError } from '../base/errors.ts';
import { mayPass } from '../base/http-status.ts';
import { holdsLogin } from '../base/url-login.ts';
import type { HeartbeatConfig } from '../config/config.ts';
import type { Heartbeat } from '../ports/heartbeat.ts';
import { patience } from './patience.ts';
import { readSecretFile, unusableSecret } from './secret-file.ts';

const subject = 'alerts.heartbeat';

/** A GET, which each dead man's switch takes. No error tells its URL: whoever knows that may keep the switch quiet. */
export function createHeartbeat(
  { url, urlSecretFile }: HeartbeatConfig,
  { answer }: { readonly answer: number } = patience.heartbeat,
): Heartbeat {
  return {
    async beat() {
      const address = await addressOf({ url, urlSecretFile });
      let response: Response;
      try {
        response = await fetch(address, { signal: AbortSignal.timeout(answer) });
        await response.body?.cancel();
      } catch {
        throw new ConvergeError({ code: 'SinkUnavailable', subject, message: 'did not answer', disposition: 'retry' });
      }
      if (response.ok) return;
      const later = mayPass(response.status);
      throw new ConvergeError({
        code: later ? 'SinkUnavailable' : 'SinkRefused',
        subject,
        message: `answered ${response.status}`,
        disposition: later ? 'retry' : 'refuse',
      });
    },
  };
}

/** `fetch` takes no URL with a login, and would tell it. */
async function addressOf({ url, urlSecretFile }: HeartbeatConfig): Promise<string> {
  if (urlSecretFile === undefined) return url ?? '';
  const text = (await readSecretFile(urlSecretFile)).trim();
  const address = URL.parse(text);
  if (address !== null && /^https?:$/.test(address.protocol) && !holdsLogin(address)) return text;
  throw unusableSecret({
    subject: urlSecretFile,
    message: 'holds no URL without a login for the heartbeat',
    remedy: 'put the URL, and nothing else, into its secret',
  });
}
