import { compactVerify, createRemoteJWKSet, decodeProtectedHeader, errors } from 'jose';
import { removedSignature } from '../access/bearer-token.ts';
import type { Signature } from '../access/access.ts';
import { ConvergeError } from '../errors.ts';

/** What Google signs its ID tokens with: https://accounts.google.com/.well-known/openid-configuration */
const algorithms = ['RS256'];

export interface IdTokens {
  /**
   * The claims of a token whose signature is one of the issuer's, or was verified and removed by the platform where that is trusted.
   * Throws `NotAuthenticated` (refuse), `IssuerUnavailable` (retry) where the issuer's keys cannot be read.
   */
  claims(call: { token: string; signature: Signature }): Promise<unknown>;
}

/**
 * Keys are kept for ten minutes. For a key that is not among them they are read again, but not within `pauseMilliseconds` of the last time,
 * or every forged token would be a request to the issuer.
 */
export function createIdTokens({ keys, pauseMilliseconds = 30_000 }: { keys: string; pauseMilliseconds?: number }): IdTokens {
  const keySet = createRemoteJWKSet(new URL(keys), { cooldownDuration: pauseMilliseconds, timeoutDuration: 5_000 });
  return {
    async claims({ token, signature }) {
      if (signature === 'platform' && token.endsWith(`.${removedSignature}`)) return readTrusted(token);
      try {
        const { payload } = await compactVerify(token, keySet, { algorithms });
        return JSON.parse(new TextDecoder().decode(payload)) as unknown;
      } catch (error) {
        throw refusalOf({ error, keys });
      }
    },
  };
}

/** A token that the platform has verified: nothing but its form is left to be checked. */
function readTrusted(token: string): unknown {
  try {
    const { alg } = decodeProtectedHeader(token);
    if (alg === undefined || !algorithms.includes(alg)) throw new TypeError(`its algorithm is ${alg}`);
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as unknown;
  } catch (error) {
    throw notAuthenticated(error);
  }
}

/** Only what the token itself is to blame for is refused: where the keys could not be read, nothing is known of it. */
function refusalOf({ error, keys }: { error: unknown; keys: string }): ConvergeError {
  const { JWKSNoMatchingKey, JWKSMultipleMatchingKeys, JWSInvalid, JWSSignatureVerificationFailed, JOSEAlgNotAllowed, JOSENotSupported } = errors;
  const ofToken = [JWKSNoMatchingKey, JWKSMultipleMatchingKeys, JWSInvalid, JWSSignatureVerificationFailed, JOSEAlgNotAllowed, JOSENotSupported, SyntaxError];
  if (ofToken.some((kind) => error instanceof kind)) return notAuthenticated(error);
  return new ConvergeError({ code: 'IssuerUnavailable', subject: keys, message: "the issuer's keys cannot be read", disposition: 'retry', cause: error });
}

function notAuthenticated(cause: unknown): ConvergeError {
  return new ConvergeError({ code: 'NotAuthenticated', subject: 'ID token', message: 'its signature is not accepted', disposition: 'refuse', cause });
}
