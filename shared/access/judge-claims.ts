import { z } from 'zod';
import type { CallerRule } from './access.ts';
import { isCaller } from './people.ts';

/**
 * Of an ID token of Google's; times are seconds since 1970.
 * https://docs.cloud.google.com/docs/authentication/token-types#id
 */
const claimsSchema = z.object({
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
  iat: z.number(),
  nbf: z.number().optional(),
  email: z.string().optional(),
  email_verified: z.boolean().optional(),
  /** The domain of the Google Workspace that the account belongs to. */
  hd: z.string().optional(),
});

export type Judgement =
  | { readonly verdict: 'admitted'; readonly caller: string; readonly domain: string | undefined }
  /** The token proves nothing here. */
  | { readonly verdict: 'unauthenticated'; readonly reason: string }
  /** The token proves who calls, and that one may not. */
  | { readonly verdict: 'forbidden'; readonly reason: string };

/** How far two clocks may be apart. */
const toleranceSeconds = 10;

/** Judges the claims of a token whose signature is verified. The reasons are for the log, never for the caller. */
export function judgeClaims({
  claims,
  rule,
  issuer,
  now,
}: {
  claims: unknown;
  rule: CallerRule;
  issuer: string;
  now: Date;
}): Judgement {
  const unauthenticated = (reason: string): Judgement => ({ verdict: 'unauthenticated', reason });
  const parsed = claimsSchema.safeParse(claims);
  if (!parsed.success)
    return unauthenticated(
      `the token's claims are not those of an ID token: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`,
    );
  const { iss, aud, exp, iat, nbf = iat, email, email_verified: isVerified, hd } = parsed.data;
  const seconds = now.getTime() / 1000;
  if (iss !== issuer) return unauthenticated(`the token is issued by ${iss}, not by ${issuer}`);
  if (exp <= seconds - toleranceSeconds) return unauthenticated(`the token ended ${Math.round(seconds - exp)} s ago`);
  if (Math.max(iat, nbf) > seconds + toleranceSeconds)
    return unauthenticated(`the token is valid only in ${Math.round(Math.max(iat, nbf) - seconds)} s`);
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!audiences.some((audience) => rule.audiences.some((pattern) => matchesAudience(pattern, audience))))
    return unauthenticated(`the token is made for ${audiences.join(', ')}`);
  const forbidden = (reason: string): Judgement => ({ verdict: 'forbidden', reason });
  if (email === undefined)
    return forbidden(
      'the token names no e-mail address (a service account’s has one where it was asked for with the format `full`)',
    );
  if (isVerified !== true) return forbidden(`the e-mail address ${email} is not verified`);
  if (rule.callers !== 'people' && !rule.callers.some((pattern) => isCaller({ pattern, email, domain: hd })))
    return forbidden(`${email} is not among the callers of this function`);
  return { verdict: 'admitted', caller: email, domain: hd };
}

function matchesAudience(pattern: string, audience: string): boolean {
  const literals = pattern.split('*').map((literal) => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literals.join('[^/.]*')}$`).test(audience);
}
