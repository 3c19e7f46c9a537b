import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { afterAll, expect, it } from 'vitest';
import { createSigner } from '../../../shared/adapters/git/signer.ts';
import { createRepositories } from '../../../shared/adapters/git.ts';
import { kubeconfigAccess, kubeconfigFile } from '../../../shared/adapters/kubernetes/kubeconfig.ts';
import { createSignatures } from '../../../shared/adapters/signatures.ts';
import { createSinks } from '../../../shared/adapters/sinks.ts';
import { deliveryOf } from '../../sink-delivery.ts';
import { describeError } from '../../../shared/base/errors.ts';
import { configSchema } from '../../../shared/config/config.ts';
import type { Alert } from '../../../shared/events/alert.ts';
import { isUnreadable } from '../../../shared/pipeline/common/tell-unreadable.ts';
import { rejectionOf } from '../../refusal.ts';

const folder = mkdtempSync(join(tmpdir(), 'converge-secrets-'));
const absent = join(folder, 'absent');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A kubeconfig whose authority is in a file of its own. */
const kubeconfig = join(folder, 'kubeconfig');
writeFileSync(
  kubeconfig,
  dump({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'a' },
    clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1', 'certificate-authority': absent } }],
    users: [{ name: 'a', user: { token: 't' } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  }),
);

async function headWith(settings: object): Promise<unknown> {
  const repositories = configSchema.shape.repositories.parse({
    master: { url: 'https://127.0.0.1:1/master.git', bucket: 'family-master', ...settings },
  });
  const open = createRepositories({
    config: { repositories },
    author: { name: 'Converge', email: 'converge@example.com' },
    cacheFolder: join(folder, 'clones'),
    now: () => new Date(0),
  });
  return await open('master').head();
}

const alert: Alert = {
  topic: 'converged',
  data: {
    ...{ environment: 'acme', repository: 'master', cluster: 'sandbox', revision: 'main@sha1:9f2c' },
    ...{ incident: null, occurrence: null, since: null, cause: null, seconds: 1, policy: null },
    changes: { created: 1, configured: 0, unchanged: 0, pruned: 0 },
  },
};

it.each([
  { what: 'credentials of a Git host', read: async () => headWith({ credentials: { file: absent } }) },
  {
    what: 'the private key of a GitHub App',
    read: async () =>
      headWith({ credentials: { githubApp: { appId: '1', installationId: '2', privateKeyFile: absent } } }),
  },
  { what: 'the authority of a Git host', read: async () => headWith({ tls: { caFile: absent } }) },
  {
    what: 'the key that signs commits',
    read: async () =>
      createSigner({ name: 'C', email: 'c@example.com', signingKey: { file: absent } })?.(Buffer.from('commit')),
  },
  {
    what: 'whose signatures are trusted',
    read: async () =>
      createSignatures({
        repositories: configSchema.shape.repositories.parse({
          master: { url: 'https://x.example', bucket: 'family-master', verify: { allowedSignersFile: absent } },
        }),
      }).trustRoot('master'),
  },
  {
    what: 'a kubeconfig',
    read: async () => kubeconfigAccess({ name: 'a', source: kubeconfigFile(absent), identity: 'own' }).endpoint(),
  },
  {
    what: 'a file that a kubeconfig names',
    read: async () => kubeconfigAccess({ name: 'a', source: kubeconfigFile(kubeconfig), identity: 'own' }).endpoint(),
  },
  {
    what: 'the secret of a sink',
    read: async () =>
      createSinks().deliver(
        deliveryOf({ sink: { name: 'ops', webhook: { url: 'http://127.0.0.1:1/', secretFile: absent } }, alert }),
      ),
  },
])('$what, where its file cannot be read, may be readable later', async ({ read }) => {
  const refusal = await rejectionOf(read());
  expect(refusal).toMatchObject({ code: 'SecretUnavailable', disposition: 'retry', subject: absent });
  expect(refusal.message).toContain('ENOENT');
  expect(refusal.remedy).toContain('roles/secretmanager.secretAccessor');
});

const wrong = join(folder, 'wrong');
writeFileSync(wrong, 'canary, nothing of the kind');

it.each([
  {
    what: 'the private key of a GitHub App',
    read: async () =>
      headWith({ credentials: { githubApp: { appId: '1', installationId: '2', privateKeyFile: wrong } } }),
  },
  { what: 'the authority of a Git host', read: async () => headWith({ tls: { caFile: wrong } }) },
  { what: 'the address of a proxy', read: async () => headWith({ proxySecretFile: wrong }) },
  {
    what: 'the key that signs commits',
    read: async () =>
      createSigner({ name: 'C', email: 'c@example.com', signingKey: { file: wrong } })?.(Buffer.from('commit')),
  },
  {
    what: 'a kubeconfig',
    read: async () => kubeconfigAccess({ name: 'a', source: kubeconfigFile(wrong), identity: 'own' }).endpoint(),
  },
  {
    what: 'the address of a sink',
    read: async () =>
      createSinks().deliver(deliveryOf({ sink: { name: 'ops', webhook: { urlSecretFile: wrong } }, alert })),
  },
])(
  '$what, where its file holds something else, is mended by another version, and told until then',
  async ({ read }) => {
    const refusal = await rejectionOf(read());
    expect(refusal).toMatchObject({ code: 'SecretUnavailable', disposition: 'retry', subject: wrong });
    expect(isUnreadable(refusal)).toBe(true);
    expect(refusal.remedy).toMatch(/./);
    expect(describeError(refusal)).not.toContain('canary');
  },
);
