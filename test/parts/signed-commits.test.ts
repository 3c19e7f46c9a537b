import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyOpenpgpSignature } from '../../shared/adapters/openpgp.ts';
import { judgeSigner, parseAllowedSigners } from '../../shared/source/signature/allowed-signers.ts';
import { parseSignedCommit } from '../../shared/source/signature/signed-commit.ts';
import { verifySshSignature } from '../../shared/source/signature/ssh-signature.ts';
import { wireString } from '../../shared/source/signature/wire.ts';

/*
 * Commits that real git signs with real ssh-keygen and gpg, judged by `git verify-commit` and by us: both must say the
 * same.
 */

const run = promisify(execFile);
const runs = async (program: string, ...parameters: string[]): Promise<boolean> =>
  run(program, parameters).then(
    () => true,
    (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'ENOENT'),
  );
const hasSsh = await runs('ssh-keygen', '-?');
const hasGpg = await runs('gpg', '--version');
// A machine of CI without them must be seen: there, a skipped judge is a failure.
const isCi = process.env['CI'] !== undefined;
let folder: string;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-signed-'));
  environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    GNUPGHOME: folder,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    TZ: 'UTC',
    LC_ALL: 'C',
  };
  await git('init', '--quiet', '--initial-branch=main', '.');
});
afterAll(async () => {
  await run('gpgconf', ['--kill', 'all'], { env: environment }).catch(() => undefined);
  await rm(folder, { recursive: true, force: true });
});

async function git(...parameters: string[]): Promise<string> {
  const identity = ['-c', 'user.name=Ana Vogel', '-c', 'user.email=ana@example.com'];
  return (await run('git', [...identity, ...parameters], { cwd: folder, env: environment })).stdout.trim();
}

async function commit({
  signing,
  at = '2026-11-21T01:02:03Z',
  message = 'Change\n\nÄ, and a line\n',
}: {
  signing: readonly string[];
  at?: string;
  message?: string;
}): Promise<string> {
  const before = environment;
  environment = { ...environment, GIT_COMMITTER_DATE: at, GIT_AUTHOR_DATE: at };
  try {
    await git(...signing, 'commit', '--quiet', '--allow-empty', '--message', message);
  } finally {
    environment = before;
  }
  return git('rev-parse', 'HEAD');
}

async function raw(id: string): Promise<Buffer> {
  return (await run('git', ['cat-file', 'commit', id], { cwd: folder, env: environment, encoding: 'buffer' })).stdout;
}

async function gitSays(id: string, allowed: string): Promise<boolean> {
  await writeFile(join(folder, 'allowed_signers'), allowed);
  return git('-c', `gpg.ssh.allowedSignersFile=${join(folder, 'allowed_signers')}`, 'verify-commit', id).then(
    () => true,
    () => false,
  );
}

/** What we say, in words. */
function judge(bytes: Uint8Array, allowed: string): string {
  const parsed = parseSignedCommit(bytes);
  if (parsed?.signature.kind !== 'ssh') return parsed?.signature.kind ?? 'no commit';
  const verdict = verifySshSignature({ armored: parsed.signature.armored, message: parsed.payload, namespace: 'git' });
  if (verdict.verdict === 'bad') return verdict.why;
  const signers = parseAllowedSigners({ file: 'allowed_signers', text: allowed, code: 'BadConfiguration' });
  const signer = judgeSigner({ signers, key: verdict.key, seconds: parsed.committer.seconds });
  return signer.verdict === 'allowed' ? `good for ${signer.principals}` : signer.why;
}

async function makeKey(name: string, ...type: string[]): Promise<{ signing: readonly string[]; line: string }> {
  const file = join(folder, name);
  await run('ssh-keygen', ['-q', '-N', '', '-C', `${name}@example.com`, '-f', file, ...type]);
  const [keyType, base64] = (await readFile(`${file}.pub`, 'utf8')).split(' ');
  return {
    signing: ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${file}`, '-c', 'commit.gpgSign=true'],
    line: `${keyType} ${base64}`,
  };
}

describe.skipIf(!hasSsh && !isCi)('a commit signed with an SSH key (skipped where there is no ssh-keygen)', () => {
  it.each([
    ['ed25519', ['-t', 'ed25519']],
    ['rsa-2048', ['-t', 'rsa', '-b', '2048']],
    ['rsa-3072', ['-t', 'rsa', '-b', '3072']],
    ['ecdsa-256', ['-t', 'ecdsa', '-b', '256']],
    ['ecdsa-384', ['-t', 'ecdsa', '-b', '384']],
    ['ecdsa-521', ['-t', 'ecdsa', '-b', '521']],
  ])('%s is good where the key is allowed, and nowhere else; git says the same', async (name, type) => {
    const key = await makeKey(name, ...type);
    const other = await makeKey(`${name}-other`, ...type);
    // An ECDSA signature has numbers with zeros before them now and then.
    for (let round = 0; round < (name.startsWith('ecdsa') ? 8 : 1); round++) {
      const id = await commit({ signing: key.signing, message: `Change ${round}\n` });
      const allowed = `# the team\nana@example.com namespaces="git" ${key.line} a comment\n`;
      expect(judge(await raw(id), allowed)).toBe('good for ana@example.com');
      expect(await gitSays(id, allowed)).toBe(true);
      const foreign = `ana@example.com ${other.line}\n`;
      expect(judge(await raw(id), foreign)).toBe('is not an allowed signer');
      expect(await gitSays(id, foreign)).toBe(false);
    }
  });

  it('is judged by the options of its line as git judges it', async () => {
    const key = await makeKey('options', '-t', 'ed25519');
    const id = await commit({ signing: key.signing, at: '2026-11-21T01:02:03Z' });
    const bytes = await raw(id);
    const cases: readonly [string, boolean][] = [
      ['ana@example.com', true],
      ['somebody@else.example', true],
      ['*@example.com,!bob@example.com', true],
      ['"ana@example.com"', true],
      ['ana@example.com namespaces="git"', true],
      ['ana@example.com namespaces="file,git"', true],
      ['ana@example.com namespaces="g*"', true],
      ['ana@example.com namespaces="file"', false],
      ['ana@example.com namespaces="*,!git"', false],
      ['ana@example.com valid-after="20261121"', true],
      ['ana@example.com valid-after="20261121010203Z"', true],
      ['ana@example.com valid-after="20261121010204Z"', false],
      ['ana@example.com valid-after="202611210103Z"', false],
      ['ana@example.com valid-before="20261121010203Z"', true],
      ['ana@example.com valid-before="20261121010202Z"', false],
      ['ana@example.com valid-before="20261121"', false],
      ['ana@example.com valid-after="20261120",valid-before="20261122"', true],
      ['ana@example.com namespaces="git",valid-after="20261120",valid-before="20261122"', true],
    ];
    for (const [options, expected] of cases) {
      const allowed = `${options} ${key.line}\n`;
      expect([options, judge(bytes, allowed).startsWith('good')]).toEqual([options, expected]);
      expect([options, await gitSays(id, allowed)]).toEqual([options, expected]);
    }
    const rotation = `ana@example.com valid-before="20261101" ${key.line}\nana@example.com valid-after="20261101" ${key.line}\n`;
    expect(judge(bytes, rotation)).toBe('good for ana@example.com');
  });

  it('with one byte changed is bad, wherever it is', async () => {
    const key = await makeKey('changed', '-t', 'ed25519');
    const bytes = await raw(await commit({ signing: key.signing }));
    const allowed = `ana@example.com ${key.line}\n`;
    const found = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const verdict = judge(changed, allowed);
      found.add(verdict.replaceAll(/SHA256:\S+/g, 'KEY'));
      // The last letter of the base64 has bits that say nothing, and a blank is a blank: neither changes what was
      // signed.
      if (verdict.startsWith('good'))
        expect(
          Buffer.from(parseSignedCommit(changed)?.payload ?? []).equals(
            Buffer.from(parseSignedCommit(bytes)?.payload ?? []),
          ),
        ).toBe(true);
    }
    expect(found).toContain('by the key KEY does not match the commit');
  });

  it('for another namespace, or by another program for another purpose, is bad', async () => {
    const key = await makeKey('namespace', '-t', 'ed25519');
    const bytes = await raw(await commit({ signing: key.signing }));
    const { payload, signature } = parseSignedCommit(bytes) ?? {
      payload: Buffer.alloc(0),
      signature: { kind: 'none' as const },
    };
    await writeFile(join(folder, 'payload'), payload);
    await run('ssh-keygen', [
      '-q',
      '-Y',
      'sign',
      '-f',
      join(folder, 'namespace'),
      '-n',
      'file',
      join(folder, 'payload'),
    ]);
    const armored = await readFile(join(folder, 'payload.sig'), 'utf8');
    expect(verifySshSignature({ armored, message: payload, namespace: 'git' })).toMatchObject({
      verdict: 'bad',
      why: 'is for the namespace "file", not git',
    });
    expect(
      signature.kind === 'ssh' &&
        verifySshSignature({ armored: signature.armored, message: payload, namespace: 'git' }).verdict,
    ).toBe('good');
  });

  it('by an RSA key of 1,024 bits is refused, though git takes it', async () => {
    const key = await makeKey('small', '-t', 'rsa', '-b', '1024');
    const id = await commit({ signing: key.signing });
    expect(judge(await raw(id), '')).toContain('an RSA key of 1024 bits');
    expect(() => judge(Buffer.alloc(0), '')).not.toThrow();
    expect(() =>
      parseAllowedSigners({ file: 'f', text: `ana@example.com ${key.line}`, code: 'BadConfiguration' }),
    ).toThrow('fewer than 2048 are not trusted');
  });

  it('by a certificate is refused by name', async () => {
    const [authority, key] = [await makeKey('authority', '-t', 'ed25519'), await makeKey('certified', '-t', 'ed25519')];
    await run('ssh-keygen', [
      '-q',
      '-s',
      join(folder, 'authority'),
      '-I',
      'ana',
      '-n',
      'ana@example.com',
      join(folder, 'certified.pub'),
    ]);
    const id = await commit({
      signing: [...key.signing, '-c', `user.signingKey=${join(folder, 'certified-cert.pub')}`],
    });
    expect(judge(await raw(id), `ana@example.com ${key.line}`)).toContain(
      'is a certificate, and certificates are not supported',
    );
    expect(() =>
      parseAllowedSigners({
        file: 'allowed',
        text: `\n*@example.com cert-authority ${authority.line}\n`,
        code: 'BadConfiguration',
      }),
    ).toThrow('allowed:2: cert-authority is not supported');
  });

  it.each(['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'])(
    'by a security key is good, played by %s; ssh-keygen says the same',
    async (type) => {
      const isEd = type.includes('ed25519');
      const pair = isEd ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' });
      const [bytesX, bytesY] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')];
      const point = isEd
        ? [wireString(bytesX)]
        : [wireString('nistp256'), wireString(Buffer.concat([Buffer.from([4]), bytesX, bytesY]))];
      const blob = Buffer.concat([wireString(type), ...point, wireString('ssh:')]);
      const payload = Buffer.from('what is signed');
      const make = (flags: number): string => {
        const head = [Buffer.from('SSHSIG')];
        const signedFor = [wireString('git'), wireString(''), wireString('sha512')];
        const signed = Buffer.concat([
          ...head,
          ...signedFor,
          wireString(createHash('sha512').update(payload).digest()),
        ]);
        const counter = Buffer.from([flags, 0, 0, 0, 7]);
        const data = Buffer.concat([
          createHash('sha256').update('ssh:').digest(),
          counter,
          createHash('sha256').update(signed).digest(),
        ]);
        const plain = isEd
          ? sign(null, data, pair.privateKey)
          : sign('sha256', data, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' });
        const number = (part: Buffer) =>
          wireString(
            (part[0] ?? 0) > 127
              ? Buffer.concat([Buffer.from([0]), part])
              : part.subarray(part.findIndex((byte) => byte !== 0)),
          );
        const value = isEd ? plain : Buffer.concat([number(plain.subarray(0, 32)), number(plain.subarray(32))]);
        const body = Buffer.concat([
          ...head,
          Buffer.from([0, 0, 0, 1]),
          wireString(blob),
          ...signedFor,
          wireString(Buffer.concat([wireString(type), wireString(value), counter])),
        ]);
        return `-----BEGIN SSH SIGNATURE-----\n${body
          .toString('base64')
          .match(/.{1,70}/g)
          ?.join('\n')}\n-----END SSH SIGNATURE-----\n`;
      };
      const armored = make(1);
      expect(verifySshSignature({ armored, message: payload, namespace: 'git' })).toMatchObject({
        verdict: 'good',
        key: { type },
      });
      expect(verifySshSignature({ armored, message: Buffer.from('another'), namespace: 'git' })).toMatchObject({
        verdict: 'bad',
      });
      expect(verifySshSignature({ armored: make(0), message: payload, namespace: 'git' })).toMatchObject({
        verdict: 'bad',
      });
      await Promise.all([
        writeFile(join(folder, 'sk.sig'), armored),
        writeFile(join(folder, 'sk.allowed'), `ana@example.com ${type} ${blob.toString('base64')}\n`),
      ]);
      const checking = run('sh', [
        '-c',
        `printf 'what is signed' | ssh-keygen -Y verify -f "${join(folder, 'sk.allowed')}" -I ana@example.com -n git -s "${join(folder, 'sk.sig')}"`,
      ]);
      await expect(checking).resolves.toMatchObject({ stdout: expect.stringContaining('Good "git" signature') });
    },
  );
});

describe.skipIf(!hasGpg && !isCi)('a commit signed with an OpenPGP key (skipped where there is no gpg)', () => {
  const now = () => new Date();

  async function makeOpenpgpKey(
    email: string,
    algorithm: string,
    expires = 'never',
  ): Promise<{ signing: readonly string[]; keys: string; fingerprint: string }> {
    await run(
      'gpg',
      ['--batch', '--quiet', '--passphrase', '', '--quick-generate-key', `Key <${email}>`, algorithm, 'sign', expires],
      { env: environment },
    );
    const { stdout } = await run('gpg', ['--batch', '--with-colons', '--list-keys', email], { env: environment });
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(stdout)?.[1] ?? '';
    const keys = (await run('gpg', ['--batch', '--armor', '--export', email], { env: environment })).stdout;
    return {
      signing: ['-c', 'gpg.format=openpgp', '-c', `user.signingKey=${fingerprint}`, '-c', 'commit.gpgSign=true'],
      keys,
      fingerprint,
    };
  }

  async function judgeOpenpgp(bytes: Uint8Array, keys: string): Promise<string> {
    const parsed = parseSignedCommit(bytes);
    if (parsed?.signature.kind !== 'openpgp') return parsed?.signature.kind ?? 'no commit';
    const verdict = await verifyOpenpgpSignature({
      armored: parsed.signature.armored,
      payload: parsed.payload,
      keys,
      now: now(),
    });
    return verdict.verdict === 'good' ? `good by ${verdict.key}` : `${verdict.key}: ${verdict.why}`;
  }

  it.each(['ed25519', 'rsa2048', 'nistp256'])(
    '%s is good where the key is there, and nowhere else; git says the same',
    async (algorithm) => {
      const key = await makeOpenpgpKey(`${algorithm}@example.com`, algorithm);
      const other = await makeOpenpgpKey(`${algorithm}-other@example.com`, algorithm);
      const id = await commit({ signing: key.signing });
      expect(await gitSays(id, '')).toBe(true);
      expect(await judgeOpenpgp(await raw(id), `${other.keys}\n${key.keys}`)).toBe(`good by ${key.fingerprint}`);
      expect(await judgeOpenpgp(await raw(id), other.keys)).toContain('is not an allowed key');
      expect(await judgeOpenpgp(await raw(id), '')).toContain('is not an allowed key');
      const changed = Buffer.from((await raw(id)).toString('latin1').replace('Change', 'Chance'), 'latin1');
      expect(await judgeOpenpgp(changed, key.keys)).toContain('does not match the commit');
    },
  );

  it('whose key is revoked is refused, as by git', async () => {
    const key = await makeOpenpgpKey('revoked@example.com', 'ed25519');
    const id = await commit({ signing: key.signing });
    const revocation = (await readFile(join(folder, 'openpgp-revocs.d', `${key.fingerprint}.rev`), 'utf8')).replace(
      ':-----BEGIN',
      '-----BEGIN',
    );
    await writeFile(join(folder, 'revoke'), revocation);
    await run('gpg', ['--batch', '--quiet', '--import', join(folder, 'revoke')], { env: environment });
    const keys = (await run('gpg', ['--batch', '--armor', '--export', key.fingerprint], { env: environment })).stdout;
    expect(await gitSays(id, '')).toBe(false);
    expect(await judgeOpenpgp(await raw(id), keys)).toContain('revoked');
  });
});

it('a commit without a signature has none, and what git could read in two ways is unusable', async () => {
  const id = await commit({
    signing: ['-c', 'commit.gpgSign=false'],
    message: 'gpgsig -----BEGIN SSH SIGNATURE-----\n\n gpgsig of the body\n',
  });
  const bytes = (await raw(id)).toString('latin1');
  expect(parseSignedCommit(Buffer.from(bytes, 'latin1'))).toMatchObject({
    signature: { kind: 'none' },
    committer: { identity: 'Ana Vogel <ana@example.com>', seconds: 1795222923 },
  });
  const withHeader = (header: string) =>
    parseSignedCommit(Buffer.from(bytes.replace('\n\n', `\n${header}\n\n`), 'latin1'))?.signature;
  expect(withHeader('gpgsig -----BEGIN SSH SIGNATURE-----\ngpgsig -----BEGIN SSH SIGNATURE-----')).toEqual({
    kind: 'unusable',
    why: 'has more than one signature',
  });
  expect(withHeader('gpgsig-sha256 -----BEGIN SSH SIGNATURE-----')).toMatchObject({ kind: 'unusable' });
  expect(withHeader('gpgsig -----BEGIN SIGNED MESSAGE-----')).toMatchObject({
    kind: 'unusable',
    why: expect.stringContaining('X.509'),
  });
  expect(withHeader('gpgsig what is this')).toMatchObject({ kind: 'unusable' });
  expect(parseSignedCommit(Buffer.from('tree 1\n\nno committer'))).toBeUndefined();
});
