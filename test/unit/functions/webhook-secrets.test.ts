import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'converge-webhooks-'));
const secretFile = join(folder, 'webhook');
afterAll(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  const file = join(folder, 'converge.yaml');
  writeFileSync(file, configOf('github'));
  vi.stubEnv('CONVERGE_CONFIG', file);
  // The configuration is kept while an instance lives.
  vi.resetModules();
});
const at = (seconds: number): Date => new Date(seconds * 1000);

describe('the secret of a webhook', () => {
  it('is read again after a minute, so that a new one is taken by an instance that lives', async () => {
    const { webhookSecrets } = await import('../../../functions/wiring.ts');
    writeFileSync(secretFile, 'first\n');
    expect(await webhookSecrets(at(0))).toEqual({ github: 'first' });
    writeFileSync(secretFile, 'second\n');
    expect(await webhookSecrets(at(59))).toEqual({ github: 'first' });
    expect(await webhookSecrets(at(61))).toEqual({ github: 'second' });
  });

  it('that cannot be read for a moment is the one that was read before', async () => {
    const { webhookSecrets } = await import('../../../functions/wiring.ts');
    writeFileSync(secretFile, 'first\n');
    await webhookSecrets(at(0));
    rmSync(secretFile);
    expect(await webhookSecrets(at(61))).toEqual({ github: 'first' });
  });

  it('that was never read is unreadable, and read by the next call', async () => {
    const { webhookSecrets } = await import('../../../functions/wiring.ts');
    rmSync(secretFile, { force: true });
    await expect(webhookSecrets(at(0))).rejects.toMatchObject({ code: 'SecretUnavailable', disposition: 'retry' });
    writeFileSync(secretFile, 'first\n');
    expect(await webhookSecrets(at(1))).toEqual({ github: 'first' });
  });

  it.each([
    { host: 'github', holds: '\n' },
    { host: 'gitlab', holds: ' ' },
    { host: 'gitlab', holds: 'whsec_\n' },
    { host: 'gitlab', holds: 'whsec_!' },
    { host: 'bitbucket', holds: '' },
    { host: 'gitea', holds: '' },
  ])('of $host that is empty ($holds) is none: it is read again by the next call', async ({ host, holds }) => {
    writeFileSync(join(folder, 'converge.yaml'), configOf(host));
    const { webhookSecrets } = await import('../../../functions/wiring.ts');
    writeFileSync(secretFile, holds);
    await expect(webhookSecrets(at(0))).rejects.toMatchObject({
      ...{ code: 'SecretUnavailable', disposition: 'retry', subject: secretFile },
      problem: expect.stringContaining(host),
    });
    writeFileSync(secretFile, 'first\n');
    expect(await webhookSecrets(at(1))).toEqual({ [host]: 'first' });
  });

  it('that becomes empty is the one that was read before', async () => {
    const { webhookSecrets } = await import('../../../functions/wiring.ts');
    writeFileSync(secretFile, 'first\n');
    await webhookSecrets(at(0));
    writeFileSync(secretFile, '\n');
    expect(await webhookSecrets(at(61))).toEqual({ github: 'first' });
  });
});

function configOf(host: string): string {
  const webhooks = `{ ${host}: { secretFile: ${JSON.stringify(secretFile)} } }`;
  return `project: p\nstate: { bucket: s }\nrepositories: {}\nclusters: {}\nwebhooks: ${webhooks}\n`;
}
