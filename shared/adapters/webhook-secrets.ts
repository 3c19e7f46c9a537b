import { ConvergeError } from '../base/errors.ts';
import { webhookHosts, type Config, type WebhookHost } from '../config/config.ts';
import { provesKnowing } from '../events/push/webhooks.ts';
import type { WebhookSecret, WebhookSecrets } from '../ports/webhook-secrets.ts';
import { readSecretFile, unusableSecret } from './secret-file.ts';

/**
 * Milliseconds for which the secret of a host is not read again: whoever calls with a wrong one must not be a read each
 * time.
 */
const keptFor = { known: 60_000, unknown: 1_000 };

/** Reads the secrets from their files, each on its own: one that cannot be read keeps no other host out. */
export function createWebhookSecrets(webhooks: Config['webhooks']): WebhookSecrets {
  const files = webhookHosts.flatMap((host) => {
    const { secretFile } = webhooks[host] ?? {};
    return secretFile === undefined ? [] : [{ host, secretFile }];
  });
  const kept = new Map<WebhookHost, { readonly read: WebhookSecret; readonly at: number }>();

  async function readOne({ host, secretFile }: (typeof files)[number], at: number): Promise<ConvergeError[]> {
    const before = kept.get(host);
    if (before !== undefined && at - before.at < keptFor[before.read.kind]) return [];
    const read = await readSecret({ host, secretFile });
    const stands = read.kind === 'unknown' && before?.read.kind === 'known' ? before.read : read;
    kept.set(host, { read: stands, at });
    return read.kind === 'unknown' ? [read.error] : [];
  }

  return {
    async read(calledAt) {
      if (files.length === 0) throw nothingConfigured();
      const failures = await Promise.all(files.map(async (file) => readOne(file, calledAt.getTime())));
      return {
        secrets: Object.fromEntries([...kept].map(([host, { read }]) => [host, read])),
        failures: failures.flat(),
      };
    },
  };
}

async function readSecret(file: { host: WebhookHost; secretFile: string }): Promise<WebhookSecret> {
  const { host, secretFile } = file;
  try {
    const secret = (await readSecretFile(secretFile)).trim();
    if (provesKnowing({ host, secret })) return { kind: 'known', secret };
    const error = unusableSecret({
      subject: secretFile,
      message: `is empty, and the webhook of ${host} is to be verified by it`,
      remedy: `put the secret that ${host} signs its calls with into it`,
    });
    return { kind: 'unknown', error };
  } catch (error) {
    if (error instanceof ConvergeError) return { kind: 'unknown', error };
    throw error;
  }
}

function nothingConfigured(): ConvergeError {
  return new ConvergeError({
    code: 'BadConfiguration',
    subject: 'webhooks',
    message: 'no Git host is configured, so no call can be verified',
    disposition: 'refuse',
  });
}
