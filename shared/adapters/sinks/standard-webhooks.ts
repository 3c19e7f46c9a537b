import { createHmac, createPrivateKey, sign, type KeyObject } from 'node:crypto';
import { readSecretFile, unusableSecret } from '../secret-file.ts';

/** What is signed: the id of the message, when it is sent (seconds since 1970), and its body. */
export interface SignedMessage {
  readonly id: string;
  readonly seconds: number;
  readonly body: string;
}

/**
 * The headers of Standard Webhooks 1.0, with a signature for each key: `v1` is HMAC-SHA256, `v1a` is ed25519.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * Throws `SecretUnavailable` (retry), also for a private key that is none, which is told nowhere.
 */
export async function standardHeaders(
  message: SignedMessage,
  { secretFile, ed25519SecretFile }: { secretFile?: string | undefined; ed25519SecretFile?: string | undefined },
): Promise<Record<string, string>> {
  const signatures = [
    ...(secretFile === undefined ? [] : [signature(message, hmacKey(await readSharedSecret(secretFile)))]),
    ...(ed25519SecretFile === undefined ? [] : [signature(message, await readPrivateKey(ed25519SecretFile))]),
  ];
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(message.seconds),
    ...(signatures.length === 0 ? {} : { 'webhook-signature': signatures.join(' ') }),
  };
}

/** Throws `SecretUnavailable` (retry), also for an empty file: anybody could sign with it. */
export async function readSharedSecret(file: string): Promise<string> {
  const secret = (await readSecretFile(file)).trim();
  if (secret !== '' && secret !== 'whsec_') return secret;
  throw unusableSecret({
    subject: file,
    message: 'is empty, and an alert sink is to be signed with it',
    remedy: 'put what the receiver verifies by into its secret',
  });
}

function signature({ id, seconds, body }: SignedMessage, key: Buffer | KeyObject): string {
  const content = Buffer.from(`${id}.${seconds}.${body}`);
  return Buffer.isBuffer(key)
    ? `v1,${createHmac('sha256', key).update(content).digest('base64')}`
    : `v1a,${sign(null, content, key).toString('base64')}`;
}

/** A secret of an operator's own is taken as it is: receivers write it as `whsec_` and its Base64. */
function hmacKey(secret: string): Buffer {
  const [, encoded] = /^whsec_([A-Za-z0-9+/_-]+={0,2})$/.exec(secret) ?? [];
  return encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, 'base64');
}

/** What stands before the 32 bytes of a key in PKCS #8. https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

async function readPrivateKey(file: string): Promise<KeyObject> {
  const text = (await readSecretFile(file)).trim();
  const key = parsePrivateKey(text);
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw unusableSecret({
    subject: file,
    message: 'holds no private ed25519 key',
    remedy: 'put `whsk_` and the Base64 of the key, or PKCS #8 in PEM, into its secret',
  });
}

function parsePrivateKey(text: string): KeyObject | undefined {
  // 32 bytes, with the public key behind them where a library of libsodium's kind made it.
  const [, encoded = ''] = /^whsk_([A-Za-z0-9+/_-]+={0,2})$/.exec(text) ?? [];
  const bytes = Buffer.from(encoded, 'base64');
  try {
    if (bytes.length !== 32 && bytes.length !== 64) return createPrivateKey(text);
    const key = Buffer.concat([pkcs8Head, bytes.subarray(0, 32)]);
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}
