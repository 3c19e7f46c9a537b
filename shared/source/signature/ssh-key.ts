import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { ConvergeError } from '../../base/errors.ts';
import { fixedWidth, readWire, wireString, type WireReader } from './wire.ts';

/** The curves by their names in JSON web keys: SSH's names of them (RFC 5656), and the bytes of a coordinate. */
const curves = {
  'P-256': { ssh: 'nistp256', width: 32 },
  'P-384': { ssh: 'nistp384', width: 48 },
  'P-521': { ssh: 'nistp521', width: 66 },
} as const;
type Curve = keyof typeof curves;

const begin = '-----BEGIN OPENSSH PRIVATE KEY-----';
const end = '-----END OPENSSH PRIVATE KEY-----';
const magic = 'openssh-key-v1\0';

export interface SshPrivateKey {
  readonly key: KeyObject;
  /** `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`, … */
  readonly type: string;
  /** The public half as SSH sends it. */
  readonly publicBlob: Buffer;
}

/**
 * A private key without a passphrase: OpenSSH's own format (PROTOCOL.key of OpenSSH), or PKCS #8 and its elders in PEM.
 * Throws `SecretUnavailable` (retry), since another version of the secret mends it, which names the file and quotes
 * nothing of it.
 */
export function parsePrivateKey({ file, text }: { file: string; text: string }): SshPrivateKey {
  const unusable = (message: string, remedy: string): ConvergeError =>
    new ConvergeError({ code: 'SecretUnavailable', subject: file, message, remedy, disposition: 'retry' });
  const generate = 'make one with `ssh-keygen -t ed25519 -N ""`';
  const encrypted = (): ConvergeError =>
    unusable(
      'the key is protected by a passphrase',
      'take the passphrase off with `ssh-keygen -p`, and leave its protection to Secret Manager',
    );
  const trimmed = text.trim();
  if (/^(ssh-|ecdsa-|sk-)/.test(trimmed))
    throw unusable('holds a public key', 'name the file of the private key, without `.pub`');
  if (/BEGIN ENCRYPTED|: 4,ENCRYPTED/.test(trimmed)) throw encrypted();
  let key: KeyObject | 'encrypted';
  try {
    key = trimmed.startsWith(begin) ? parseOpenSsh(trimmed) : createPrivateKey(trimmed);
  } catch {
    // What OpenSSL says may quote what it read.
    throw unusable('holds no private key that can be read', generate);
  }
  if (key === 'encrypted') throw encrypted();
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
    throw unusable('the RSA key has fewer than 2048 bits', generate);
  try {
    return { key, ...publicHalf(key) };
  } catch {
    throw unusable(
      `a key of the kind ${key.asymmetricKeyType ?? 'unknown'} cannot sign for SSH`,
      `${generate}; RSA and ECDSA on a NIST curve do as well`,
    );
  }
}

function parseOpenSsh(text: string): KeyObject | 'encrypted' {
  const bytes = Buffer.from(text.slice(begin.length, text.indexOf(end)), 'base64');
  if (bytes.toString('latin1', 0, magic.length) !== magic) throw new RangeError('no OpenSSH key');
  const outer = readWire(bytes.subarray(magic.length));
  const cipher = outer.text();
  outer.string();
  outer.string();
  if (cipher !== 'none') return 'encrypted';
  if (outer.uint32() !== 1) throw new RangeError('not one key');
  outer.string();
  const secret = readWire(outer.string());
  if (secret.uint32() !== secret.uint32()) throw new RangeError('the check does not match');
  const type = secret.text();
  return createPrivateKey({ key: privateJwk(type, secret), format: 'jwk' });
}

/** The fields of the private part, in the order in which OpenSSH writes those of a kind. */
function privateJwk(type: string, from: WireReader): JsonWebKey {
  if (type === 'ssh-ed25519') {
    const x = from.string();
    return {
      kty: 'OKP',
      crv: 'Ed25519',
      x: x.toString('base64url'),
      d: from.string().subarray(0, 32).toString('base64url'),
    };
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = [
      from.string(),
      from.string(),
      from.string(),
      from.string(),
      from.string(),
      from.string(),
    ];
    const [prime, other, exponent] = [toBigInt(p), toBigInt(q), toBigInt(d)];
    const encode = (value: Buffer): string => withoutZeros(value).toString('base64url');
    const rest = (one: bigint): string => encode(fromBigInt(exponent % (one - 1n)));
    return {
      kty: 'RSA',
      n: encode(n),
      e: encode(e),
      d: encode(d),
      p: encode(p),
      q: encode(q),
      qi: encode(qi),
      dp: rest(prime),
      dq: rest(other),
    };
  }
  const crv = curveOf(from.text());
  const { width } = curves[crv];
  const point = from.string();
  if (point.length !== 1 + 2 * width || point[0] !== 4) throw new RangeError('no point of the curve');
  const [x, y, d] = [point.subarray(1, 1 + width), point.subarray(1 + width), fixedWidth(from.string(), width)].map(
    (number) => number.toString('base64url'),
  );
  return { kty: 'EC', crv, x: x ?? '', y: y ?? '', d: d ?? '' };
}

/** The public half of a key. Throws `RangeError` for a kind that SSH does not know. */
function publicHalf(privateKey: KeyObject): Pick<SshPrivateKey, 'type' | 'publicBlob'> {
  const { kty, crv = '', x = '', y = '', n = '', e = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const bytes = (value: string): Buffer => Buffer.from(value, 'base64url');
  const made = (type: string, ...fields: Buffer[]): Pick<SshPrivateKey, 'type' | 'publicBlob'> => ({
    type,
    publicBlob: Buffer.concat([wireString(type), ...fields]),
  });
  if (kty === 'OKP' && crv === 'Ed25519') return made('ssh-ed25519', wireString(bytes(x)));
  if (kty === 'RSA') return made('ssh-rsa', wireNumber(bytes(e)), wireNumber(bytes(n)));
  if (kty === 'EC' && isCurve(crv)) {
    const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]);
    return made(`ecdsa-sha2-${curves[crv].ssh}`, wireString(curves[crv].ssh), wireString(point));
  }
  throw new RangeError('SSH knows no such key');
}

/** A positive number as SSH writes it: no zeros in front but the one that keeps it positive. */
export function wireNumber(value: Uint8Array): Buffer {
  const digits = withoutZeros(value);
  return wireString((digits[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}

function withoutZeros(value: Uint8Array): Buffer {
  let start = 0;
  while (start < value.length && value[start] === 0) start += 1;
  return Buffer.from(value.subarray(start));
}

function isCurve(name: string): name is Curve {
  return Object.hasOwn(curves, name);
}

function curveOf(sshName: string): Curve {
  const found = Object.keys(curves).find((name) => isCurve(name) && curves[name].ssh === sshName);
  if (found === undefined || !isCurve(found))
    throw new RangeError(`the curve ${JSON.stringify(sshName.slice(0, 60))} is not known here`);
  return found;
}

function toBigInt(value: Buffer): bigint {
  return BigInt(`0x${value.toString('hex') || '0'}`);
}

function fromBigInt(value: bigint): Buffer {
  const digits = value.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
}
