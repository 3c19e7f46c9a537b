import type * as Openpgp from 'openpgp';
import type { OpenpgpVerdict, Signatures, VerifyOpenpgp } from '../ports/signatures.ts';

/** Several armored blocks may stand in one file, as `gpg --export --armor` of several people gives them. */
const block = /-----BEGIN PGP PUBLIC KEY BLOCK-----[^]*?-----END PGP PUBLIC KEY BLOCK-----/g;

/**
 * Verifies by OpenPGP.js, which is loaded for the first such signature: most repositories have none. A key must have
 * been valid when it signed, and not be revoked; one that expired since was valid.
 */
export const verifyOpenpgpSignature: VerifyOpenpgp = async ({ armored, payload, keys, now }) => {
  const openpgp = await import('openpgp');
  const bad = (key: string, why: string): OpenpgpVerdict => ({ verdict: 'bad', key, why });
  let signature: Awaited<ReturnType<typeof openpgp.readSignature>>;
  try {
    signature = await openpgp.readSignature({ armoredSignature: armored });
  } catch {
    return bad('unknown', 'cannot be read');
  }
  const [by, ...more] = signature.getSigningKeyIDs();
  if (by === undefined || more.length > 0) return bad('unknown', 'is not one signature');
  const id = by.toHex().toUpperCase();
  const allowed = await readKeys({ openpgp, keys });
  if ('problem' in allowed) return bad(id, `cannot be looked up: its allowed keys ${allowed.problem}`);
  const key = allowed.keys.find((one) => one.getKeys(by).length > 0);
  if (key === undefined) return bad(id, 'is not an allowed key');
  const fingerprint = key.getFingerprint().toUpperCase();
  if (await key.isRevoked(undefined, undefined, now)) return bad(fingerprint, 'was revoked');
  try {
    const message = await openpgp.createMessage({ binary: new Uint8Array(payload) });
    const { signatures } = await openpgp.verify({
      message,
      signature,
      verificationKeys: key,
      date: now,
      format: 'binary',
    });
    await signatures[0]?.verified;
    return signatures.length === 1 ? { verdict: 'good', key: fingerprint } : bad(fingerprint, 'is not one signature');
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return bad(
      fingerprint,
      /digest|verification failed/i.test(words) ? 'does not match the commit' : `cannot be trusted: ${words}`,
    );
  }
};

/** OpenPGP.js is loaded for it. Of the words of its errors none is told: they may quote what was read. */
export const problemOfOpenpgpKeys: Signatures['problemOfOpenpgpKeys'] = async (keys) => {
  const read = await readKeys({ openpgp: await import('openpgp'), keys });
  if ('problem' in read) return read.problem;
  return read.keys.length === 0 ? 'hold no armored public keys' : undefined;
};

const begin = '-----BEGIN PGP PUBLIC KEY BLOCK-----';

async function readKeys({
  openpgp,
  keys,
}: {
  openpgp: typeof Openpgp;
  keys: string;
}): Promise<{ readonly keys: readonly Openpgp.PublicKey[] } | { readonly problem: string }> {
  const blocks = keys.match(block) ?? [];
  const begun = keys.split(begin).length - 1;
  if (begun !== blocks.length) return { problem: 'hold a block that is cut off' };
  try {
    const read = await Promise.all(blocks.map(async (armoredKeys) => openpgp.readKeys({ armoredKeys })));
    return { keys: read.flat().map((key) => key.toPublic()) };
  } catch {
    return { problem: 'hold a block that cannot be read' };
  }
}
