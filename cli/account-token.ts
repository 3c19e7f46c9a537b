import { GoogleAuth } from 'google-auth-library';
import { endMetadataRequests } from '../shared/adapters/google/metadata-server.ts';

/** An ID token for the audience, of the service account of Application Default Credentials. Rejects where they give none. */
export async function fetchAccountToken(audience: string): Promise<string> {
  endMetadataRequests();
  return (await new GoogleAuth().getIdTokenClient(audience)).idTokenProvider.fetchIdToken(audience);
}
