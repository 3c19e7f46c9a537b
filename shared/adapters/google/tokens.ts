import { GoogleAuth } from 'google-auth-library';
import { ConvergeError } from '../../base/errors.ts';
import { inSeconds, patience, within } from '../patience.ts';
import { endMetadataRequests } from './metadata-server.ts';

/** Access tokens for Google's APIs and for clusters. */
export interface Tokens {
  /** A token that does not end within the next minutes: ask for each request, never keep it. */
  current(): Promise<string>;
  /** A token other than the one that was not accepted. */
  renew(refused: string): Promise<string>;
}

/**
 * What a service account needs for clusters and secrets; IAM narrows it. Without `userinfo.email` the API server of GKE
 * knows the account by its number, and every binding to its e-mail address misses.
 * https://cloud.google.com/docs/authentication#authorization-gcp
 * https://github.com/kubernetes/cloud-provider-gcp/blob/master/cmd/gke-gcloud-auth-plugin/default_credentials_token_provider.go
 */
const usualScopes = [
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/userinfo.email',
];
/**
 * No token depends on it. Without one the library looks for one first, with `gcloud` where that is installed, which
 * took two seconds.
 */
const projectId = 'none';

/**
 * Tokens by Application Default Credentials: on Google Cloud those of the function's own service account, from the
 * metadata server. The library keeps a token until five minutes before its end.
 *
 * Throws `CredentialsUnavailable` (retry), also where there are no credentials at all: the library takes a metadata server
 * that does not answer in time for none.
 */
export function createTokens({
  answer = patience.tokens.answer,
  scopes = usualScopes,
}: { readonly answer?: number; readonly scopes?: readonly string[] } = {}): Tokens {
  endMetadataRequests();
  let auth = new GoogleAuth({ scopes: [...scopes], projectId });
  let last: string | undefined;
  let renewing: Promise<string> | undefined;

  async function current(): Promise<string> {
    let token: string | null | undefined;
    try {
      token = await within({
        milliseconds: answer,
        work: auth.getAccessToken(),
        late: () => noneInTime(answer),
      });
    } catch (error) {
      // The client that failed would be asked again for ever: it keeps what it found of the surroundings.
      auth = new GoogleAuth({ scopes: [...scopes], projectId });
      throw unavailable(error);
    }
    if (typeof token !== 'string' || token === '') throw unavailable(undefined);
    last = token;
    return token;
  }

  return {
    current,
    async renew(refused) {
      if (last !== undefined && last !== refused) return await current();
      renewing ??= (async () => {
        auth = new GoogleAuth({ scopes: [...scopes], projectId });
        return await current();
      })().finally(() => {
        renewing = undefined;
      });
      return await renewing;
    },
  };
}

function noneInTime(answer: number): ConvergeError {
  return new ConvergeError({
    code: 'CredentialsUnavailable',
    subject: 'Application Default Credentials',
    message: `no access token came in ${inSeconds(answer)}`,
    remedy: 'check the metadata server',
    disposition: 'retry',
  });
}

function unavailable(cause: unknown): ConvergeError {
  if (cause instanceof ConvergeError) return cause;
  const isMissing = cause instanceof Error && cause.message.startsWith('Could not load the default credentials');
  return new ConvergeError({
    code: 'CredentialsUnavailable',
    subject: 'Application Default Credentials',
    message: isMissing ? 'there are none here' : 'no access token can be had',
    remedy: isMissing
      ? 'run on Google Cloud with a service account, or set GOOGLE_APPLICATION_CREDENTIALS'
      : 'check the service account and the metadata server',
    disposition: 'retry',
    cause,
  });
}
