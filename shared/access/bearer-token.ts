import { z } from 'zod';
import type { Signature } from './access.ts';

/** Every value of each header, by its name in lower case. */
export type HeaderValues = Readonly<Record<string, readonly string[] | undefined>>;

export type FoundToken =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'none'; readonly reason: string };

/** What Google signs its ID tokens with: https://accounts.google.com/.well-known/openid-configuration */
export const tokenAlgorithm = 'RS256';
const headerSchema = z.object({ alg: z.literal(tokenAlgorithm) });
/** What Cloud Run puts in the place of a signature that its IAM has verified. */
const removedSignature = 'SIGNATURE_REMOVED_BY_GOOGLE';

/**
 * The token of a call. Where a call has both headers, Cloud Run's IAM verifies `X-Serverless-Authorization` and lets
 * `Authorization` through unread (https://cloud.google.com/run/docs/authenticating/service-to-service): trusting IAM,
 * the second is anybody's text. Verifying ourselves, it is the one that keeps its signature.
 */
export function findToken({ headers, signature }: { headers: HeaderValues; signature: Signature }): FoundToken {
  const none = (reason: string): FoundToken => ({ kind: 'none', reason });
  const name =
    signature === 'platform' && headers['x-serverless-authorization'] !== undefined
      ? 'x-serverless-authorization'
      : 'authorization';
  const [value, ...others] = headers[name] ?? [];
  if (value === undefined) return none(`the call has no ${name} header`);
  if (others.length > 0) return none(`the call has ${others.length + 1} ${name} headers`);
  const token = /^bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(value.trim())?.[1];
  if (token === undefined) return none(`the ${name} header holds no bearer token of three parts`);
  if (signature === 'required' && token.endsWith(`.${removedSignature}`)) {
    return none(
      'Cloud Run has removed the signature of the token: `access.signature` must be `platform` where IAM guards the function',
    );
  }
  return { kind: 'token', token };
}

/**
 * The claims of a token whose signature the platform has verified and removed; undefined where it still has one. For
 * `signature: platform` alone: anybody can write such a token. Null where it is none of Google's in any case.
 */
export function claimsWithoutSignature(token: string): unknown {
  const [header, claims, signature] = token.split('.');
  if (signature !== removedSignature) return undefined;
  return headerSchema.safeParse(decoded(header)).success ? decoded(claims) : null;
}

function decoded(part: string | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}
