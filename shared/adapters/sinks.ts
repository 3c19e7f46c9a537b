import { createHmac } from 'node:crypto';
import { ConvergeError } from '../base/errors.ts';
import { mayPass } from '../base/http-status.ts';
import { policyWords } from '../environment/policy.ts';
import type { AlertSink } from '../config/config.ts';
import type { Sinks } from '../ports/messages.ts';
import { inSeconds, patience } from './patience.ts';
import { readSecretFile, unusableSecret } from './secret-file.ts';
import { isSilence } from './silence.ts';

/**
 * Delivers alerts to webhooks: a POST of the alert's JSON, with what is not by default in the environment's policy in
 * words, with `ce-id` and `ce-type`, by which a receiver recognises one it has seen, and `X-Converge-Signature-256:
 * sha256=<HMAC of the body>` where the sink has a secret.
 */
export function createSinks({ answer }: { readonly answer: number } = patience.sinks): Sinks {
  return {
    async deliver({ sink, alert, id }) {
      const body = JSON.stringify({ topic: alert.topic, ...alert.data, policies: policyWords(alert.data.policy) });
      const signature =
        sink.webhook.secretFile === undefined
          ? {}
          : { 'x-converge-signature-256': await sign({ body, secretFile: sink.webhook.secretFile }) };
      const { url, login } = await addressOf(sink);
      let response: Response;
      try {
        response = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'ce-id': id,
            'ce-type': `dev.converge.environment.${alert.topic}.v1`,
            ...login,
            ...signature,
          },
          body,
          redirect: 'error',
          signal: AbortSignal.timeout(answer),
        });
        await response.body?.cancel();
      } catch (error) {
        throw new ConvergeError({
          code: 'SinkUnavailable',
          subject: `alert sink ${sink.name}`,
          message: `the webhook did not answer${isSilence(error) ? ` in ${inSeconds(answer)}` : ''}`,
          disposition: 'retry',
          // A connection that was refused is not told from one that broke after the request: the id tells the receiver.
          unanswered: true,
          cause: error,
        });
      }
      if (response.ok) return undefined;
      const later = mayPass(response.status);
      throw new ConvergeError({
        code: later ? 'SinkUnavailable' : 'SinkRefused',
        subject: `alert sink ${sink.name}`,
        message: `the webhook answered ${response.status}`,
        disposition: later ? 'retry' : 'refuse',
      });
    },
  };
}

interface Address {
  readonly url: string;
  /** Empty, or the header that its user and password come to: `fetch` takes no URL with them, and would tell it. */
  readonly login: Readonly<Record<string, string>>;
}

async function addressOf({ name, webhook: { url, urlSecretFile } }: AlertSink): Promise<Address> {
  if (url !== undefined || urlSecretFile === undefined) return { url: url ?? '', login: {} };
  const address = parseAddress((await readSecretFile(urlSecretFile)).trim());
  if (address !== undefined) return address;
  // Not `fetch`, which would tell the text.
  throw unusableSecret({
    subject: urlSecretFile,
    message: `holds no URL for alert sink ${name}`,
    remedy: 'put the URL, and nothing else, into its secret',
  });
}

/** Undefined for what is no URL that can be posted to. */
function parseAddress(text: string): Address | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username === '' && url.password === '') return { url: text, login: {} };
  const login = loginOf(url);
  if (login === undefined) return undefined;
  [url.username, url.password] = ['', ''];
  return { url: url.href, login };
}

/** https://www.rfc-editor.org/rfc/rfc7617 */
function loginOf({ username, password }: URL): Address['login'] | undefined {
  try {
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
  } catch {
    return undefined;
  }
}

async function sign({ body, secretFile }: { body: string; secretFile: string }): Promise<string> {
  const secret = (await readSecretFile(secretFile)).trim();
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
}
