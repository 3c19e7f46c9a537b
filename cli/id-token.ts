import { inSeconds, patience, within } from '../shared/adapters/patience.ts';
import { describeError } from '../shared/base/errors.ts';

/** What proves to the `status` function who calls it; or why there is nothing, where something was needed. */
export type Proof =
  | { readonly kind: 'token'; readonly token: string; readonly from: string }
  | { readonly kind: 'none'; readonly reason: string };

export const tokenVariable = 'CONVERGE_ID_TOKEN';

/**
 * The ID token for a call: of `CONVERGE_ID_TOKEN`, else that of the service account of Application Default Credentials
 * (in CI by Workload Identity Federation, on Google Cloud of the machine). There is no option for it: whoever lists the
 * processes of a machine reads their options. One of our own making is sent by HTTPS only.
 */
export async function findProof({
  url,
  audience,
  environment,
}: {
  url: URL;
  audience: string;
  environment: Readonly<Record<string, string | undefined>>;
}): Promise<Proof> {
  const given = environment[tokenVariable]?.trim() ?? '';
  if (given !== '') return { kind: 'token', token: given, from: tokenVariable };
  if (url.protocol !== 'https:') return { kind: 'none', reason: 'no token is sent without HTTPS' };
  // By a file of ours: in the package of the command, a package of CommonJS that is loaded late has no named exports.
  const { fetchAccountToken } = await import('./account-token.ts');
  const { answer: milliseconds } = patience.tokens;
  try {
    const late = (): Error => new Error(`no answer in ${inSeconds(milliseconds)}`);
    const token = await within({ milliseconds, work: fetchAccountToken(audience), late });
    return { kind: 'token', token, from: 'Application Default Credentials' };
  } catch (error) {
    return { kind: 'none', reason: `Application Default Credentials give none: ${describeError(error)}` };
  }
}
