import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { generateKey } from 'openpgp';
import { afterAll, describe, expect, it } from 'vitest';
import { createSigner } from '../../../shared/adapters/git/signer.ts';
import { createRepositories } from '../../../shared/adapters/git.ts';
import { kubeconfigAccess, kubeconfigFile } from '../../../shared/adapters/kubernetes/kubeconfig.ts';
import { readSecretFile } from '../../../shared/adapters/secret-file.ts';
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

const { publicKey: openpgpKey } = await generateKey({ userIDs: [{ email: 'ana@example.com' }], type: 'ecc' });

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

async function deliverSigned(secretFile: string): Promise<void> {
  const sink = { name: 'ops', webhook: { url: 'http://127.0.0.1:1/', secretFile } };
  await createSinks().deliver(deliveryOf({ sink, alert }));
}

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
    read: async () => deliverSigned(absent),
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

it('that hangs costs each who reads it a time-out, and the process one thread', async () => {
  const hanging = join(folder, 'hanging');
  execFileSync('mkfifo', [hanging]);
  const reads = Array.from({ length: 6 }, async () => rejectionOf(readSecretFile(hanging, { answer: 200 })));
  for (const error of await Promise.all(reads))
    expect(error).toMatchObject({
      ...{ code: 'SecretUnavailable', disposition: 'retry', subject: hanging, problem: 'cannot be read (ETIMEDOUT)' },
    });
  // More than four that hang would keep all others from their files.
  const later = readSecretFile(hanging);
  await writeFile(hanging, 's3cret');
  expect(await later).toBe('s3cret');
});

const empty = join(folder, 'empty');
writeFileSync(empty, ' \n');

it.each([
  { what: 'the secret that signs alerts', read: async () => deliverSigned(empty) },
  { what: 'the credentials of a Git host', read: async () => headWith({ credentials: { file: empty } }) },
])('$what proves nothing where its file is empty: another version mends it', async ({ read }) => {
  const refusal = await rejectionOf(read());
  expect(refusal).toMatchObject({ code: 'SecretUnavailable', disposition: 'retry', subject: empty });
  expect(refusal.remedy).toMatch(/./);
});

describe('OpenPGP keys', () => {
  const { problemOfOpenpgpKeys } = createSignatures({ repositories: {} });
  const cutOff = `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\ncanary`;

  it.each([
    { what: 'nothing', keys: '', says: 'no armored public keys' },
    { what: 'keys of another kind', keys: 'ssh-ed25519 AAAA', says: 'no armored public keys' },
    { what: 'a private key', keys: cutOff.replaceAll('PUBLIC', 'PRIVATE'), says: 'no armored public keys' },
    { what: 'a block that is cut off', keys: cutOff, says: 'cut off' },
    { what: 'a block of no keys', keys: `${cutOff}\n-----END PGP PUBLIC KEY BLOCK-----`, says: 'cannot be read' },
    { what: 'a key, and a block that is cut off', keys: `${openpgpKey}\n${cutOff}`, says: 'cut off' },
  ])('are none where there is $what', async ({ keys, says }) => {
    const problem = await problemOfOpenpgpKeys(keys);
    expect(problem).toContain(says);
    expect(problem).not.toContain('canary');
  });

  it('are read where every block is one', async () => {
    expect(await problemOfOpenpgpKeys(`# Ana's\n${openpgpKey}\n${openpgpKey}`)).toBeUndefined();
  });
});
