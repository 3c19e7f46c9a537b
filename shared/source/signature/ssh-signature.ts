import { createHash, verify } from 'node:crypto';
import { parsePublicKey, type SshPublicKey, type UsableKey } from './public-key.ts';
import { fixedWidth, readWire, wireString, type WireReader } from './wire.ts';

export type SshVerdict =
  | { readonly verdict: 'good'; readonly key: SshPublicKey }
  /** `why`: in words that follow "the signature". The key is undefined where it cannot be read. */
  | { readonly verdict: 'bad'; readonly why: string; readonly key: SshPublicKey | undefined };

const magic = 'SSHSIG';
/** Bit of a security key's flags: somebody touched it. */
const touched = 1;

/**
 * Verifies a signature of `ssh-keygen -Y sign` (PROTOCOL.sshsig of OpenSSH). A good one says that whoever holds the key
 * it names signed the message; whether that key is trusted is another question.
 */
export function verifySshSignature({
  armored,
  message,
  namespace,
}: {
  armored: string;
  message: Uint8Array;
  namespace: string;
}): SshVerdict {
  let key: SshPublicKey | undefined;
  const bad = (why: string): SshVerdict => ({ verdict: 'bad', why, key });
  try {
    const reader = readWire(unarmor(armored));
    if (reader.bytes(magic.length).toString('latin1') !== magic || reader.uint32() !== 1)
      return bad('is no SSH signature of version 1');
    key = parsePublicKey(reader.string());
    const [signedFor, reserved, hash, signature] = [reader.text(), reader.string(), reader.text(), reader.string()];
    reader.end();
    if (key === undefined) return bad('names a key that cannot be read');
    if (key.usable.algorithm === 'none') return bad(`is by the key ${key.fingerprint}, which ${key.usable.why}`);
    if (signedFor !== namespace) return bad(`is for the namespace ${JSON.stringify(signedFor)}, not ${namespace}`);
    if (hash !== 'sha256' && hash !== 'sha512')
      return bad(`has the hash ${JSON.stringify(hash)}, which is not supported`);
    const digest = createHash(hash).update(message).digest();
    const signed = Buffer.concat([
      Buffer.from(magic),
      wireString(signedFor),
      wireString(reserved),
      wireString(hash),
      wireString(digest),
    ]);
    return isGood({ usable: key.usable, type: key.type, signature: readWire(signature), signed })
      ? { verdict: 'good', key }
      : bad(`by the key ${key.fingerprint} does not match the commit`);
  } catch (error) {
    if (error instanceof RangeError) return bad('cannot be read');
    throw error;
  }
}

function unarmor(armored: string): Uint8Array {
  const [, base64] =
    /^-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+)-----END SSH SIGNATURE-----\s*$/.exec(armored) ?? [];
  if (base64 === undefined) throw new RangeError('no armor');
  return Buffer.from(base64, 'base64');
}

/** Whether the key made it: by an algorithm of that key's type, none of which is SHA-1's. */
function isGood({
  usable,
  type,
  signature,
  signed,
}: {
  usable: UsableKey;
  type: string;
  signature: WireReader;
  signed: Buffer;
}): boolean {
  const algorithm = signature.text();
  const value = signature.string();
  if (usable.algorithm === 'rsa') {
    signature.end();
    if (algorithm !== 'rsa-sha2-256' && algorithm !== 'rsa-sha2-512') return false;
    return verify(
      algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha512',
      signed,
      usable.key,
      fixedWidth(value, usable.bytes),
    );
  }
  if (algorithm !== type) return false;
  const data =
    usable.application === undefined ? signed : bySecurityKey({ application: usable.application, signature, signed });
  signature.end();
  if (data === undefined) return false;
  if (usable.algorithm === 'ed25519') return verify(null, data, usable.key, value);
  const parts = readWire(value);
  const [r, s] = [parts.string(), parts.string()];
  parts.end();
  const flat = Buffer.concat([fixedWidth(r, usable.curve.width), fixedWidth(s, usable.curve.width)]);
  return verify(usable.curve.hash, data, { key: usable.key, dsaEncoding: 'ieee-p1363' }, flat);
}

/** What a security key signs (PROTOCOL.u2f of OpenSSH). Undefined where nobody touched it. */
function bySecurityKey({
  application,
  signature,
  signed,
}: {
  application: string;
  signature: WireReader;
  signed: Buffer;
}): Buffer | undefined {
  const flags = signature.bytes(1);
  const counter = signature.bytes(4);
  if (((flags[0] ?? 0) & touched) === 0) return undefined;
  return Buffer.concat([
    createHash('sha256').update(application, 'latin1').digest(),
    flags,
    counter,
    createHash('sha256').update(signed).digest(),
  ]);
}
