import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createWebhookSecrets } from '../../../shared/adapters/webhook-secrets.ts';
import { parseConfig, type WebhookHost } from '../../../shared/config/config.ts';
import type { WebhookSecrets } from '../../../shared/ports/webhook-secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-webhooks-'));
const fileOf = (host: WebhookHost): string => join(folder, host);
beforeEach(() => rmSync(fileOf('github'), { force: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (seconds: number): Date => new Date(seconds * 1000);
const known = (secret: string) => ({ kind: 'known', secret });
const unknown = (subject: string) => ({
  kind: 'unknown',
  error: expect.objectContaining({ code: 'SecretUnavailable', disposition: 'retry', subject }),
});

describe('the secret of a webhook', () => {
  it('is read again after a minute, so that a new one is taken by an instance that lives', async () => {
    const secrets = secretsOf('github');
    write('github', 'first\n');
    expect(await secrets.read(at(0))).toEqual({ secrets: { github: known('first') }, failures: [] });
    write('github', 'second\n');
    expect((await secrets.read(at(59))).secrets).toEqual({ github: known('first') });
    expect((await secrets.read(at(61))).secrets).toEqual({ github: known('second') });
  });

  it('that cannot be read for a moment is the one that was read before, and that is told once for each read', async () => {
    const secrets = secretsOf('github');
    write('github', 'first\n');
    await secrets.read(at(0));
    rmSync(fileOf('github'));
    const read = await secrets.read(at(61));
    expect(read).toEqual({ secrets: { github: known('first') }, failures: [unknown(fileOf('github')).error] });
    expect(await secrets.read(at(62))).toEqual({ secrets: { github: known('first') }, failures: [] });
  });

  it('that was never read is unknown, and read by the next call', async () => {
    const secrets = secretsOf('github');
    const read = await secrets.read(at(0));
    expect(read.secrets).toEqual({ github: unknown(fileOf('github')) });
    expect(read.failures).toHaveLength(1);
    write('github', 'first\n');
    expect((await secrets.read(at(1))).secrets).toEqual({ github: known('first') });
  });

  it('that cannot be read keeps no other host out', async () => {
    const secrets = secretsOf('github', 'gitlab');
    write('gitlab', 'first\n');
    expect((await secrets.read(at(0))).secrets).toEqual({ github: unknown(fileOf('github')), gitlab: known('first') });
  });

  it.each([
    { host: 'github', holds: '\n' },
    { host: 'gitlab', holds: ' ' },
    { host: 'gitlab', holds: 'whsec_\n' },
    { host: 'gitlab', holds: 'whsec_!' },
    { host: 'bitbucket', holds: '' },
    { host: 'gitea', holds: '' },
  ] as const)('of $host that is empty ($holds) is none: it is read again by the next call', async ({ host, holds }) => {
    const secrets = secretsOf(host);
    write(host, holds);
    const { failures } = await secrets.read(at(0));
    expect(failures).toEqual([
      expect.objectContaining({
        ...{ code: 'SecretUnavailable', disposition: 'retry', subject: fileOf(host) },
        problem: expect.stringContaining(host),
      }),
    ]);
    write(host, 'first\n');
    expect((await secrets.read(at(1))).secrets).toEqual({ [host]: known('first') });
  });

  it('that becomes empty is the one that was read before', async () => {
    const secrets = secretsOf('github');
    write('github', 'first\n');
    await secrets.read(at(0));
    write('github', '\n');
    expect((await secrets.read(at(61))).secrets).toEqual({ github: known('first') });
  });

  it('is of no host where none is configured', async () => {
    await expect(secretsOf().read(at(0))).rejects.toMatchObject({ code: 'BadConfiguration', disposition: 'refuse' });
  });
});

function write(host: WebhookHost, content: string): void {
  writeFileSync(fileOf(host), content);
}

function secretsOf(...hosts: readonly WebhookHost[]): WebhookSecrets {
  const webhooks = Object.fromEntries(hosts.map((host) => [host, { secretFile: fileOf(host) }]));
  const text = `project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}\nwebhooks: ${JSON.stringify(webhooks)}\n`;
  return createWebhookSecrets(parseConfig({ file: 'converge.yaml', text }).webhooks);
}
