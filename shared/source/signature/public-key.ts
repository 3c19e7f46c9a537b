import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { readWire, type WireReader } from './wire.ts';

/** A public key of SSH. */
export interface SshPublicKey {
  /** `ssh-ed25519`, …: the first word of the key's line. */
  readonly type: string;
  /** The key as SSH sends it: two keys are the same where these are. */
  readonly blob: Uint8Array;
  /** `SHA256:…`, as ssh-keygen shows it. */
  readonly fingerprint: string;
  readonly usable: UsableKey | { readonly algorithm: 'none'; readonly why: string };
}

/** How to verify with it. `application`: of a security key, which signs that beside what it is given. */
export type UsableKey =
  | { readonly algorithm: 'ed25519'; readonly key: KeyObject; readonly application: string | undefined }
  | { readonly algorithm: 'rsa'; readonly key: KeyObject; readonly bytes: number }
  | {
      readonly algorithm: 'ecdsa';
      readonly key: KeyObject;
      readonly curve: Curve;
      readonly application: string | undefined;
    };

export interface Curve {
  readonly name: string;
  readonly jwk: string;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Bytes of a coordinate. */
  readonly width: number;
}

const curves: Readonly<Record<string, Curve>> = {
  nistp256: { name: 'nistp256', jwk: 'P-256', hash: 'sha256', width: 32 },
  nistp384: { name: 'nistp384', jwk: 'P-384', hash: 'sha384', width: 48 },
  nistp521: { name: 'nistp521', jwk: 'P-521', hash: 'sha512', width: 66 },
};

/** Fewer bits of RSA are no signature to trust (NIST SP 800-131A). */
const leastRsaBits = 2048;

/**
 * Reads a key as SSH sends it (RFC 4253, 5656, 8709, and PROTOCOL.u2f of OpenSSH). Undefined for bytes that are none.
 */
export function parsePublicKey(blob: Uint8Array): SshPublicKey | undefined {
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
  try {
    const reader = readWire(blob);
    const type = reader.text();
    return { type, blob, fingerprint, usable: readUsable(type, reader) };
  } catch {
    return undefined;
  }
}

function readUsable(type: string, reader: WireReader): SshPublicKey['usable'] {
  if (type.endsWith('-cert-v01@openssh.com'))
    return { algorithm: 'none', why: 'is a certificate, and certificates are not supported' };
  switch (type) {
    case 'ssh-ed25519':
    case 'sk-ssh-ed25519@openssh.com': {
      const x = reader.string();
      const application = type.startsWith('sk-') ? reader.text() : undefined;
      reader.end();
      return {
        algorithm: 'ed25519',
        key: fromJwk({ kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') }),
        application,
      };
    }
    case 'ssh-rsa': {
      const [e, n] = [reader.string(), reader.string()];
      reader.end();
      const key = fromJwk({ kty: 'RSA', e: e.toString('base64url'), n: n.toString('base64url') });
      const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
      return bits < leastRsaBits
        ? { algorithm: 'none', why: `is an RSA key of ${bits} bits, and fewer than ${leastRsaBits} are not trusted` }
        : { algorithm: 'rsa', key, bytes: Math.ceil(bits / 8) };
    }
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      const curve = curves[reader.text()];
      const point = reader.string();
      const application = type.startsWith('sk-') ? reader.text() : undefined;
      reader.end();
      if (curve === undefined || !type.includes(curve.name) || point[0] !== 4 || point.length !== 1 + 2 * curve.width)
        throw new RangeError('no point of that curve');
      const [x, y] = [point.subarray(1, 1 + curve.width), point.subarray(1 + curve.width)].map((part) =>
        part.toString('base64url'),
      );
      return {
        algorithm: 'ecdsa',
        key: fromJwk({ kty: 'EC', crv: curve.jwk, x: x ?? '', y: y ?? '' }),
        curve,
        application,
      };
    }
    default:
      return { algorithm: 'none', why: `is of the type ${type}, which is not supported` };
  }
}

function fromJwk(key: JsonWebKey): KeyObject {
  return createPublicKey({ key, format: 'jwk' });
}
