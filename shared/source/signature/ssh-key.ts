import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { ConvergeError } from '../../errors.ts';
import { readWire, unsignedNumber, wireNumber, wireString, type WireReader } from './wire.ts';

/** SSH's names of the curves, by those of JSON web keys: RFC 5656. */
const curves = { 'P-256': 'nistp256', 'P-384': 'nistp384', 'P-521': 'nistp521' } as const;
type Curve = keyof typeof curves;
const coordinateBytes: Readonly<Record<Curve, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 };

const begin = '-----BEGIN OPENSSH PRIVATE KEY-----';
const end = '-----END OPENSSH PRIVATE KEY-----';
const magic = 'openssh-key-v1\0';

/** A public key as SSH writes it. */
export interface SshPublicKey {
  /** `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`, … */
  readonly type: string;
  /** The bytes behind the base64 of an `authorized_keys` line. */
  readonly blob: Buffer;
  readonly key: KeyObject;
}

export interface SshPrivateKey {
  readonly key: KeyObject;
  readonly publicKey: SshPublicKey;
}

/**
 * A private key without a passphrase: OpenSSH's own format (PROTOCOL.key of OpenSSH), or PKCS #8 and its elders in PEM.
 * Throws `BadConfiguration` (refuse) that names the file and quotes nothing of it.
 */
export function parsePrivateKey({ file, text }: { file: string; text: string }): SshPrivateKey {
  const refuse = (message: string, remedy: string): ConvergeError => new ConvergeError({ code: 'BadConfiguration', subject: file, message, remedy, disposition: 'refuse' });
  const generate = 'make one with `ssh-keygen -t ed25519 -N ""`';
  const encrypted = (): ConvergeError => refuse('the key is protected by a passphrase', 'take the passphrase off with `ssh-keygen -p`, and leave its protection to Secret Manager');
  const trimmed = text.trim();
  if (/^(ssh-|ecdsa-|sk-)/.test(trimmed)) throw refuse('holds a public key', 'name the file of the private key, without `.pub`');
  if (trimmed.includes('ENCRYPTED')) throw encrypted();
  let key: KeyObject | 'encrypted';
  try {
    key = trimmed.startsWith(begin) ? parseOpenSsh(trimmed) : createPrivateKey(trimmed);
  } catch {
    // What OpenSSL says may quote what it read.
    throw refuse('holds no private key that can be read', generate);
  }
  if (key === 'encrypted') throw encrypted();
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw refuse('the RSA key has fewer than 2048 bits', generate);
  try {
    return { key, publicKey: publicKeyOf(key) };
  } catch {
    throw refuse(`a key of the kind ${key.asymmetricKeyType ?? 'unknown'} cannot sign for SSH`, `${generate}; RSA and ECDSA on a NIST curve do as well`);
  }
}

function parseOpenSsh(text: string): KeyObject | 'encrypted' {
  const bytes = Buffer.from(text.slice(begin.length, text.indexOf(end)), 'base64');
  if (bytes.toString('latin1', 0, magic.length) !== magic) throw new RangeError('no OpenSSH key');
  const outer = readWire(bytes.subarray(magic.length));
  const cipher = outer.string().toString();
  outer.string();
  outer.string();
  if (cipher !== 'none') return 'encrypted';
  if (outer.uint32() !== 1) throw new RangeError('not one key');
  outer.string();
  const secret = readWire(outer.string());
  if (secret.uint32() !== secret.uint32()) throw new RangeError('the check does not match');
  const type = secret.string().toString();
  return createPrivateKey({ key: privateJwk(type, secret), format: 'jwk' });
}

/** The fields of the private part, in the order in which OpenSSH writes those of a kind. */
function privateJwk(type: string, from: WireReader): JsonWebKey {
  if (type === 'ssh-ed25519') {
    const x = from.string();
    return { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url'), d: from.string().subarray(0, 32).toString('base64url') };
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = [from.string(), from.string(), from.string(), from.string(), from.string(), from.string()];
    const [prime, other, exponent] = [toBigInt(p), toBigInt(q), toBigInt(d)];
    const encode = (value: Buffer): string => unsignedNumber(value).toString('base64url');
    const rest = (one: bigint): string => encode(fromBigInt(exponent % (one - 1n)));
    return { kty: 'RSA', n: encode(n), e: encode(e), d: encode(d), p: encode(p), q: encode(q), qi: encode(qi), dp: rest(prime), dq: rest(other) };
  }
  const crv = curveOf(from.string().toString());
  const { x, y } = pointOf(crv, from.string());
  const d = unsignedNumber(from.string());
  return { kty: 'EC', crv, x, y, d: Buffer.concat([Buffer.alloc(coordinateBytes[crv] - d.length), d]).toString('base64url') };
}

/** Throws `RangeError` for bytes that are no key of a kind that is known here: ed25519, RSA, ECDSA on a NIST curve. */
export function parsePublicKey(blob: Buffer): SshPublicKey {
  const from = readWire(blob);
  const type = from.string().toString();
  const jwk = publicJwk(type, from);
  if (from.rest().length > 0) throw new RangeError('more than a key');
  try {
    return { type, blob, key: createPublicKey({ key: jwk, format: 'jwk' }) };
  } catch {
    throw new RangeError('no key');
  }
}

function publicJwk(type: string, from: WireReader): JsonWebKey {
  if (type === 'ssh-ed25519') return { kty: 'OKP', crv: 'Ed25519', x: from.string().toString('base64url') };
  if (type === 'ssh-rsa') {
    const e = unsignedNumber(from.string()).toString('base64url');
    return { kty: 'RSA', e, n: unsignedNumber(from.string()).toString('base64url') };
  }
  if (!type.startsWith('ecdsa-sha2-')) throw new RangeError(`a key of the kind ${JSON.stringify(type.slice(0, 60))} is not known here`);
  const crv = curveOf(from.string().toString());
  if (type !== `ecdsa-sha2-${curves[crv]}`) throw new RangeError('the curve is another than its kind says');
  return { kty: 'EC', crv, ...pointOf(crv, from.string()) };
}

/** The public half of a key, as SSH writes it. Throws `RangeError` for a kind that SSH does not know. */
function publicKeyOf(privateKey: KeyObject): SshPublicKey {
  const key = createPublicKey(privateKey);
  const { kty, crv = '', x = '', y = '', n = '', e = '' } = key.export({ format: 'jwk' });
  const bytes = (value: string): Buffer => Buffer.from(value, 'base64url');
  const made = (type: string, ...fields: Buffer[]): SshPublicKey => ({ type, key, blob: Buffer.concat([wireString(type), ...fields]) });
  if (kty === 'OKP' && crv === 'Ed25519') return made('ssh-ed25519', wireString(bytes(x)));
  if (kty === 'RSA') return made('ssh-rsa', wireNumber(bytes(e)), wireNumber(bytes(n)));
  if (kty === 'EC' && isCurve(crv)) {
    const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]);
    return made(`ecdsa-sha2-${curves[crv]}`, wireString(curves[crv]), wireString(point));
  }
  throw new RangeError('SSH knows no such key');
}

/** `SHA256:…`, as `ssh-keygen -l` prints it. */
export function fingerprint({ blob }: Pick<SshPublicKey, 'blob'>): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function isCurve(name: string): name is Curve {
  return name in curves;
}

function curveOf(sshName: string): Curve {
  const found = Object.keys(curves).find((name) => isCurve(name) && curves[name] === sshName);
  if (found === undefined || !isCurve(found)) throw new RangeError(`the curve ${JSON.stringify(sshName.slice(0, 60))} is not known here`);
  return found;
}

/** The coordinates of a point that is written whole (a byte 4 in front), as all of SSH's are. */
function pointOf(crv: Curve, point: Buffer): { x: string; y: string } {
  const length = coordinateBytes[crv];
  if (point.length !== 1 + 2 * length || point[0] !== 4) throw new RangeError('no point of the curve');
  return { x: point.subarray(1, 1 + length).toString('base64url'), y: point.subarray(1 + length).toString('base64url') };
}

function toBigInt(value: Buffer): bigint {
  return BigInt(`0x${value.toString('hex') || '0'}`);
}

function fromBigInt(value: bigint): Buffer {
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}
