import { createHash, sign, verify } from 'node:crypto';
import { parsePublicKey, type SshPrivateKey, type SshPublicKey } from './ssh-key.ts';
import { readWire, unsignedNumber, wireNumber, wireString, wireUint32 } from './wire.ts';

/** Signatures of files as `ssh-keygen -Y sign` makes them: PROTOCOL.sshsig of OpenSSH. */

const magic = 'SSHSIG';
const version = 1;
const begin = '-----BEGIN SSH SIGNATURE-----';
const end = '-----END SSH SIGNATURE-----';
const lineLength = 70;

const hashes = ['sha256', 'sha512'] as const;
export type HashAlgorithm = (typeof hashes)[number];

/** Which hash the signature of a kind of key is made over. */
const ecdsaHashes: Readonly<Record<string, string>> = {
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
};
const rsaHashes: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };

export interface SshSignature {
  readonly publicKey: SshPublicKey;
  /** `git` for commits and tags. */
  readonly namespace: string;
  readonly hash: HashAlgorithm;
  /** `ssh-ed25519`, `rsa-sha2-512`, `ecdsa-sha2-nistp256`, … */
  readonly algorithm: string;
  /** The bytes of the algorithm's own format. */
  readonly signature: Buffer;
}

/** Signs with SHA-512 in between, and returns the armored signature, its last line ended. RSA signs as `rsa-sha2-512`. */
export function signSsh({ key, namespace, content }: { key: SshPrivateKey; namespace: string; content: Uint8Array }): string {
  const hash = 'sha512';
  const input = signInput({ namespace, hash, content });
  const { type, blob } = key.publicKey;
  const algorithm = type === 'ssh-rsa' ? 'rsa-sha2-512' : type;
  const signed = Buffer.concat([wireString(algorithm), wireString(rawSignature({ key, algorithm, input }))]);
  const body = [wireUint32(version), wireString(blob), wireString(namespace), wireString(''), wireString(hash), wireString(signed)];
  return armor(Buffer.concat([Buffer.from(magic), ...body]));
}

function rawSignature({ key: { key }, algorithm, input }: { key: SshPrivateKey; algorithm: string; input: Buffer }): Buffer {
  if (algorithm === 'ssh-ed25519') return sign(null, input, key);
  if (algorithm === 'rsa-sha2-512') return sign('sha512', input, key);
  const pair = sign(ecdsaHashes[algorithm], input, { key, dsaEncoding: 'ieee-p1363' });
  return Buffer.concat([wireNumber(pair.subarray(0, pair.length / 2)), wireNumber(pair.subarray(pair.length / 2))]);
}

/** What is signed in place of the content. */
export function signInput({ namespace, hash, content }: { namespace: string; hash: HashAlgorithm; content: Uint8Array }): Buffer {
  const digest = createHash(hash).update(content).digest();
  return Buffer.concat([Buffer.from(magic), wireString(namespace), wireString(''), wireString(hash), wireString(digest)]);
}

/** Throws `RangeError` for text that is no signature, or of a kind of key that is not known here. */
export function parseSshSignature(armored: string): SshSignature {
  const text = armored.trim();
  if (!isSshSignature(text) || !text.endsWith(end)) throw new RangeError('no SSH signature');
  const bytes = Buffer.from(text.slice(begin.length, -end.length), 'base64');
  if (bytes.toString('latin1', 0, magic.length) !== magic) throw new RangeError('no SSH signature');
  const from = readWire(bytes.subarray(magic.length));
  if (from.uint32() !== version) throw new RangeError('an SSH signature of another version');
  const publicKey = parsePublicKey(from.string());
  const namespace = from.string().toString();
  from.string();
  const hashName = from.string().toString();
  const hash = hashes.find((name) => name === hashName);
  if (hash === undefined) throw new RangeError(`an SSH signature over the hash ${JSON.stringify(hashName.slice(0, 60))}`);
  const signed = readWire(from.string());
  if (from.rest().length > 0) throw new RangeError('more than a signature');
  return { publicKey, namespace, hash, algorithm: signed.string().toString(), signature: signed.string() };
}

export function isSshSignature(armored: string): boolean {
  return armored.trimStart().startsWith(begin);
}

/** Whether the signature is of that content, by the key that it names. Whether that key may sign is another question. */
export function verifySsh({ signature: parsed, content }: { signature: SshSignature; content: Uint8Array }): boolean {
  const { publicKey, algorithm, signature } = parsed;
  const input = signInput({ ...parsed, content });
  if (publicKey.type === 'ssh-ed25519') return algorithm === publicKey.type && verify(null, input, publicKey.key, signature);
  if (publicKey.type === 'ssh-rsa') {
    // SHA-1 (`ssh-rsa` as an algorithm) is no signature for this purpose: PROTOCOL.sshsig.
    const hash = rsaHashes[algorithm];
    return hash !== undefined && verify(hash, input, publicKey.key, signature);
  }
  const hash = ecdsaHashes[algorithm];
  if (hash === undefined || algorithm !== publicKey.type) return false;
  const half = ((publicKey.key.asymmetricKeyDetails?.namedCurve ?? '') === 'secp521r1' ? 66 : hash === 'sha384' ? 48 : 32);
  const pair = readWire(signature);
  const [r, s] = [unsignedNumber(pair.string()), unsignedNumber(pair.string())];
  if (r.length > half || s.length > half) return false;
  const padded = Buffer.concat([Buffer.alloc(half - r.length), r, Buffer.alloc(half - s.length), s]);
  return verify(hash, input, { key: publicKey.key, dsaEncoding: 'ieee-p1363' }, padded);
}

function armor(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? [];
  return [begin, ...lines, end, ''].join('\n');
}
