import type { Signature } from './access.ts';

/** Every value of each header, by its name in lower case. */
export type HeaderValues = Readonly<Record<string, readonly string[] | undefined>>;

export type FoundToken = { readonly kind: 'token'; readonly token: string } | { readonly kind: 'none'; readonly reason: string };

/** What Cloud Run puts in the place of a signature that its IAM has verified. */
export const removedSignature = 'SIGNATURE_REMOVED_BY_GOOGLE';

/**
 * The token of a call. Where a call has both headers, Cloud Run's IAM verifies `X-Serverless-Authorization` and lets `Authorization` through unread
 * (https://cloud.google.com/run/docs/authenticating/service-to-service): trusting IAM, the second is anybody's text. Verifying ourselves, it is
 * the one that keeps its signature.
 */
export function findToken({ headers, signature }: { headers: HeaderValues; signature: Signature }): FoundToken {
  const none = (reason: string): FoundToken => ({ kind: 'none', reason });
  const name = signature === 'platform' && headers['x-serverless-authorization'] !== undefined ? 'x-serverless-authorization' : 'authorization';
  const [value, ...others] = headers[name] ?? [];
  if (value === undefined) return none(`the call has no ${name} header`);
  if (others.length > 0) return none(`the call has ${others.length + 1} ${name} headers`);
  const token = /^bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(value.trim())?.[1];
  if (token === undefined) return none(`the ${name} header holds no bearer token of three parts`);
  if (signature === 'required' && token.endsWith(`.${removedSignature}`)) {
    return none('Cloud Run has removed the signature of the token: `access.signature` must be `platform` where IAM guards the function');
  }
  return { kind: 'token', token };
}
