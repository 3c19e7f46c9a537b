import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parsePrivateKey } from '../../../../shared/source/signature/ssh-key.ts';
import { signSsh } from '../../../../shared/source/signature/sshsig.ts';

/** Made by `ssh-keygen -t ed25519 -N ''` for this test, and used nowhere. */
const ed25519 = `-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
QyNTUxOQAAACCaehtkTy+ZiazryzMIu3sHPz+sX8J7hW45KCTPK0Kv8wAAAIiYStrumEra
7gAAAAtzc2gtZWQyNTUxOQAAACCaehtkTy+ZiazryzMIu3sHPz+sX8J7hW45KCTPK0Kv8w
AAAEChm47wNNU+JNhagq9WcLcimF2X/DlS6FZ5Tjxv3oUTZJp6G2RPL5mJrOvLMwi7ewc/
P6xfwnuFbjkoJM8rQq/zAAAABHRlc3QB
-----END OPENSSH PRIVATE KEY-----
`;

/** What `ssh-keygen -Y sign -n git` (OpenSSH 9.2) made of the content below with that key. */
const recorded = `-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgmnobZE8vmYms68szCLt7Bz8/rF
/Ce4VuOSgkzytCr/MAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5
AAAAQLn6F/t34kMJdlzGoSE3R5PNaJ2IEFkWrsLnxnQ8ALcB8NsFTGzQ575Fs7+1tmH4zm
7g9N8NiAtrJxlTnV2qLgA=
-----END SSH SIGNATURE-----
`;

const file = '/secrets/signing-key';

it('signs to the byte as ssh-keygen does', () => {
  const key = parsePrivateKey({ file, text: ed25519 });
  expect(key.type).toBe('ssh-ed25519');
  expect(signSsh({ key, namespace: 'git', content: Buffer.from('tree x\n\nmessage\n') })).toBe(recorded);
});

it('takes the same key in PKCS #8 for the same key', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const text = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  expect(parsePrivateKey({ file, text }).key.equals(privateKey)).toBe(true);
});

describe('a file that holds no usable key', () => {
  const pem = (
    key: ReturnType<typeof generateKeyPairSync>['privateKey'],
    cipher?: { cipher: string; passphrase: string },
  ): string => key.export({ format: 'pem', type: 'pkcs8', ...cipher }).toString();
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
  const locked = ed25519.replace('AAAABG5vbmUAAAAEbm9uZQ', 'AAAABG5vbWUAAAAEbm9uZQ');

  it.each([
    ['an encrypted OpenSSH key', locked, 'passphrase'],
    [
      'an encrypted PKCS #8 key',
      pem(generateKeyPairSync('ed25519').privateKey, { cipher: 'aes-256-cbc', passphrase: 'p' }),
      'passphrase',
    ],
    [
      'a public key',
      'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJp6G2RPL5mJrOvLMwi7ewc/P6xfwnuFbjkoJM8rQq/z test',
      'public key',
    ],
    ['a small RSA key', pem(small), '2048 bits'],
    ['a key that SSH does not know', pem(generateKeyPairSync('x25519').privateKey), 'cannot sign'],
    [
      'a curve that SSH does not know',
      pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
      'cannot sign',
    ],
    ['half a key', `${ed25519.slice(0, 200)}\n-----END OPENSSH PRIVATE KEY-----`, 'no private key'],
    ['something else', 'a secret that is no key', 'no private key'],
    ['nothing', '', 'no private key'],
  ])('is refused: %s', (_name, text, words) => {
    const refused = expect(() => parsePrivateKey({ file, text }));
    refused.toThrow(
      expect.objectContaining({
        code: 'SecretUnavailable',
        disposition: 'retry',
        subject: file,
        problem: expect.stringContaining(words),
      }),
    );
    refused.not.toThrow('a secret that');
  });
});
