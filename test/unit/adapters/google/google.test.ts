import { createPublicKey, verify } from 'node:crypto';
import { CRC32C } from '@google-cloud/storage';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { accessSecret } from '../../../../shared/adapters/google/secret-manager.ts';
import { createTokens, type Tokens } from '../../../../shared/adapters/google/tokens.ts';
import { startGoogleApis, type GoogleApis } from '../../../../local/parts/google-apis.ts';
import { onGoogleCloud } from '../../../google/surroundings.ts';
import { rejectionOf } from '../../../refusal.ts';

let google: GoogleApis;
let tokens: Tokens;
let undo: () => void;
beforeAll(async () => {
  google = await startGoogleApis();
  undo = onGoogleCloud(google.variables);
});
beforeEach(() => {
  tokens = createTokens();
  google.fail(() => undefined);
});
afterAll(async () => {
  undo();
  await google.stop();
});

describe('access tokens', () => {
  it('are kept while they are good, and renewed where one is not accepted', async () => {
    const first = await tokens.current();
    expect(google.isGood(first)).toBe(true);
    expect(await tokens.current()).toBe(first);
    const renewed = await Promise.all([tokens.renew(first), tokens.renew(first)]);
    expect(renewed[0]).toBe(renewed[1]);
    expect(renewed[0]).not.toBe(first);
    expect(await tokens.renew(first)).toBe(renewed[0]);
  });

  it('are asked for with the scopes that Google and a cluster know the account by', async () => {
    const scopes = google.scopesOf(await tokens.current());
    expect(scopes).toEqual([
      'https://www.googleapis.com/auth/cloud-platform',
      'https://www.googleapis.com/auth/userinfo.email',
    ]);
  });

  it('that end within minutes are asked for again', async () => {
    const brief = await startGoogleApis({ tokenSeconds: 120 });
    const undoBrief = onGoogleCloud(brief.variables);
    try {
      const own = createTokens();
      expect(await own.current()).not.toBe(await own.current());
    } finally {
      undoBrief();
      await brief.stop();
    }
  });

  it('are told to be missing where the metadata server has none, and asked for again by the next try', async () => {
    google.fail((request) =>
      request.includes('/computeMetadata/') ? { status: 404, message: 'no service account' } : undefined,
    );
    const refusal = await rejectionOf(tokens.current());
    expect(refusal).toMatchObject({ code: 'CredentialsUnavailable', disposition: 'retry' });
    google.fail(() => undefined);
    expect(google.isGood(await tokens.current())).toBe(true);
  });

  it('may come later where none are found: a metadata server that is slow to answer is taken for none', async () => {
    const undoNone = onGoogleCloud({ METADATA_SERVER_DETECTION: 'none' });
    try {
      expect(await rejectionOf(createTokens().current())).toMatchObject({
        code: 'CredentialsUnavailable',
        disposition: 'retry',
      });
    } finally {
      undoNone();
    }
  });
});

describe('a secret', () => {
  const version = 'projects/family/secrets/elsewhere/versions/latest';
  const read = async (asked = version) => accessSecret({ version: asked, api: google.url, tokens });
  const crcOf = (text: string): string => {
    const sum = new CRC32C();
    sum.update(Buffer.from(text));
    return String(sum.toBuffer().readUInt32BE());
  };

  it('is read by its version', async () => {
    google.secrets.set(version, { data: 'kind: Config\n', crc32c: crcOf('kind: Config\n') });
    expect(await read()).toBe('kind: Config\n');
  });

  it('is the one that RFC 3720 says: the checksum is CRC-32C', () => {
    // Appendix B.4: 32 bytes of zeroes give 8a9136aa.
    const sum = new CRC32C();
    sum.update(Buffer.alloc(32));
    expect(sum.toBuffer().readUInt32BE()).toBe(0x8a9136aa);
  });

  it('that was damaged on its way is asked for again', async () => {
    google.secrets.set(version, { data: 'kind: Config\n', crc32c: crcOf('kind: Secret\n') });
    expect(await rejectionOf(read())).toMatchObject({
      code: 'SecretUnavailable',
      disposition: 'retry',
      subject: version,
    });
  });

  it.each([
    {
      what: 'that does not exist',
      status: 404,
      code: 'SecretUnavailable',
      disposition: 'retry',
      says: 'create the secret',
    },
    {
      what: 'that may not be read',
      status: 403,
      code: 'SecretUnavailable',
      disposition: 'retry',
      says: 'roles/secretmanager.secretAccessor',
    },
    {
      what: 'that is disabled',
      status: 400,
      code: 'SecretUnavailable',
      disposition: 'retry',
      says: 'enable the version',
    },
    {
      what: 'that is destroyed',
      asked: 'projects/family/secrets/elsewhere/versions/1',
      status: 400,
      code: 'SecretRefused',
      disposition: 'refuse',
      says: 'name another one',
      words: 'Secret Version [projects/1/secrets/elsewhere/versions/1] is in DESTROYED state.',
    },
    {
      what: 'that is destroyed, and the newest one until another is added,',
      status: 400,
      code: 'SecretUnavailable',
      disposition: 'retry',
      says: 'name another one',
      words: 'Secret Version [projects/1/secrets/elsewhere/versions/1] is in DESTROYED state.',
    },
    {
      what: 'of a service that fails',
      status: 503,
      code: 'SecretUnavailable',
      disposition: 'retry',
      says: 'answered 503',
    },
  ])(
    '$what is told as such',
    async ({ asked = version, status, code, disposition, says, words = 'in its own words' }) => {
      google.fail((request) => (request.includes('/secrets/') ? { status, message: words } : undefined));
      const refusal = await rejectionOf(read(asked));
      expect(refusal).toMatchObject({ code, disposition, subject: asked });
      expect(refusal.message).toContain(says);
      expect(refusal.message).toContain(words);
    },
  );

  it('is read with a renewed token where the first is no longer accepted', async () => {
    google.secrets.set(version, { data: 'kind: Config\n', crc32c: crcOf('kind: Config\n') });
    await tokens.current();
    google.endTokens();
    expect(await read()).toBe('kind: Config\n');
  });
});

describe('the fake metadata server', () => {
  it('gives identity tokens that its published keys verify', async () => {
    const answer = await fetch(
      `${google.url}/computeMetadata/v1/instance/service-accounts/default/identity?audience=https://converge.example&format=full`,
      { headers: { 'metadata-flavor': 'Google' } },
    );
    const [header = '', claims = '', signature = ''] = (await answer.text()).split('.');
    const { keys } = z
      .object({ keys: z.tuple([z.looseObject({})]) })
      .parse(await (await fetch(`${google.url}/oauth2/v3/certs`)).json());
    expect(
      verify(
        'sha256',
        Buffer.from(`${header}.${claims}`),
        createPublicKey({ key: keys[0], format: 'jwk' }),
        Buffer.from(signature, 'base64url'),
      ),
    ).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      aud: 'https://converge.example',
      email: google.account.email,
      email_verified: true,
    });
  });
});
