import { compactVerify, createRemoteJWKSet, errors } from 'jose';
import { tokenAlgorithm } from '../access/bearer-token.ts';
import { ConvergeError } from '../base/errors.ts';
import { inSeconds, patience } from './patience.ts';

export interface IdTokens {
  /**
   * The claims of a token that a key of the issuer signed.
   * Throws `NotAuthenticated` (refuse), `IssuerUnavailable` (retry) where the issuer's keys cannot be read.
   */
  verify(token: string): Promise<unknown>;
}

/**
 * Keys are kept for ten minutes, and read again for one that is not among them, but not within the pause after the last
 * time.
 */
export function createIdTokens(
  { keys }: { keys: string },
  { answer }: { readonly answer: number } = patience.issuer,
): IdTokens {
  const keySet = createRemoteJWKSet(new URL(keys), {
    cooldownDuration: patience.issuer.pause,
    timeoutDuration: answer,
  });
  return {
    async verify(token) {
      try {
        const { payload } = await compactVerify(token, keySet, { algorithms: [tokenAlgorithm] });
        return JSON.parse(new TextDecoder().decode(payload)) as unknown;
      } catch (error) {
        throw refusalOf({ error, keys, answer });
      }
    },
  };
}

/** Only what the token itself is to blame for is refused: where the keys could not be read, nothing is known of it. */
function refusalOf({ error, keys, answer }: { error: unknown; keys: string; answer: number }): ConvergeError {
  const {
    JWKSTimeout,
    JWKSNoMatchingKey,
    JWKSMultipleMatchingKeys,
    JWSInvalid,
    JWSSignatureVerificationFailed,
    JOSEAlgNotAllowed,
    JOSENotSupported,
  } = errors;
  const ofToken = [
    JWKSNoMatchingKey,
    JWKSMultipleMatchingKeys,
    JWSInvalid,
    JWSSignatureVerificationFailed,
    JOSEAlgNotAllowed,
    JOSENotSupported,
    SyntaxError,
  ];
  if (ofToken.some((kind) => error instanceof kind)) {
    return new ConvergeError({
      code: 'NotAuthenticated',
      subject: 'ID token',
      message: 'its signature is not accepted',
      disposition: 'refuse',
      cause: error,
    });
  }
  return new ConvergeError({
    code: 'IssuerUnavailable',
    subject: keys,
    message: `the issuer's keys cannot be read${error instanceof JWKSTimeout ? `: no answer in ${inSeconds(answer)}` : ''}`,
    remedy:
      'see that this function can reach `access.issuer.keys` of the configuration, and that it is the right address',
    disposition: 'retry',
    cause: error,
  });
}
