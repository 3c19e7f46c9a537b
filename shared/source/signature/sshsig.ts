import { createHash, sign } from 'node:crypto';
import { wireNumber, type SshPrivateKey } from './ssh-key.ts';
import { wireString } from './wire.ts';

const magic = 'SSHSIG';
const version = Buffer.from([0, 0, 0, 1]);
const hash = 'sha512';

/** Which hash OpenSSH uses with a curve: RFC 5656. */
const ecdsaHashes: Readonly<Record<string, string>> = {
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
};

/**
 * Signs as `ssh-keygen -Y sign` does (PROTOCOL.sshsig of OpenSSH), with SHA-512 in between, and returns the armored
 * signature, its last line ended. An RSA key signs as `rsa-sha2-512`.
 *
 * @param namespace `git` for commits and tags
 */
export function signSsh({
  key,
  namespace,
  content,
}: {
  key: SshPrivateKey;
  namespace: string;
  content: Uint8Array;
}): string {
  const algorithm = key.type === 'ssh-rsa' ? 'rsa-sha2-512' : key.type;
  const purpose = [wireString(namespace), wireString(''), wireString(hash)];
  const input = Buffer.concat([Buffer.from(magic), ...purpose, wireString(createHash(hash).update(content).digest())]);
  const signature = Buffer.concat([wireString(algorithm), wireString(rawSignature({ key, algorithm, input }))]);
  return armor(
    Buffer.concat([Buffer.from(magic), version, wireString(key.publicBlob), ...purpose, wireString(signature)]),
  );
}

function rawSignature({
  key: { key },
  algorithm,
  input,
}: {
  key: SshPrivateKey;
  algorithm: string;
  input: Buffer;
}): Buffer {
  if (algorithm === 'ssh-ed25519') return sign(null, input, key);
  if (algorithm === 'rsa-sha2-512') return sign('sha512', input, key);
  const pair = sign(ecdsaHashes[algorithm], input, { key, dsaEncoding: 'ieee-p1363' });
  return Buffer.concat([wireNumber(pair.subarray(0, pair.length / 2)), wireNumber(pair.subarray(pair.length / 2))]);
}

function armor(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n');
}
