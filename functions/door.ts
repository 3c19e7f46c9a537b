import type { Request } from '@google-cloud/functions-framework';
import { guardOf, type GuardedFunction } from '../shared/access/access.ts';
import { claimsWithoutSignature, findToken } from '../shared/access/bearer-token.ts';
import { judgeClaims } from '../shared/access/judge-claims.ts';
import type { Caller } from '../shared/access/people.ts';
import { ConvergeError } from '../shared/base/errors.ts';
import { loadConfig, loadIdTokens, now } from './wiring.ts';

/**
 * The one place where a call is let in: by the issuer, the audience and the e-mail address of its ID token. What a
 * replayed token opens is that one function until the token's end (an hour), and the same message twice does no harm.
 *
 * Resolves with who it is. Throws `NotAuthenticated`, `NotAllowed` (refuse) with reasons that are for the log alone, `IssuerUnavailable`
 * (retry).
 */
export async function admit(name: GuardedFunction, { headersDistinct: headers }: Request): Promise<Caller> {
  // Set by Cloud Run, and by Knative. https://cloud.google.com/run/docs/container-contract#services-env-vars
  const guard = guardOf({ access: loadConfig().access, name, onCloudRun: (process.env['K_SERVICE'] ?? '') !== '' });
  if (guard.kind === 'open') return { kind: 'anybody' };
  if (guard.kind === 'closed') throw refusal('NotAllowed', guard.reason);
  const { rule, signature, issuer } = guard;
  const found = findToken({ headers, signature });
  if (found.kind === 'none') throw refusal('NotAuthenticated', found.reason);
  const trusted = signature === 'platform' ? claimsWithoutSignature(found.token) : undefined;
  const claims = trusted === undefined ? await (await loadIdTokens()).verify(found.token) : trusted;
  const judged = judgeClaims({ claims, rule, issuer, now: now() });
  if (judged.verdict === 'unauthenticated') throw refusal('NotAuthenticated', judged.reason);
  if (judged.verdict === 'forbidden') throw refusal('NotAllowed', judged.reason);
  return { kind: 'account', email: judged.caller, domain: judged.domain };
}

function refusal(code: 'NotAuthenticated' | 'NotAllowed', message: string): ConvergeError {
  return new ConvergeError({ code, subject: 'call', message, disposition: 'refuse' });
}
