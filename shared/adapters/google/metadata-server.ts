import { gcpMetadata } from 'google-auth-library';

/**
 * Gives each request for a token to the metadata server an end, for all of Google's libraries in this process: three
 * seconds, as everywhere else. On Google Cloud their client waits for ever, and all who need a token later wait for
 * that same answer. Before the first of them is used.
 */
export function endMetadataRequests(): void {
  if (!gcpMetadata.getGCPResidency()) return;
  // What it found out is kept while the process lives: a server that was silent once would be taken for none at all.
  process.env['METADATA_SERVER_DETECTION'] ??= 'assume-present';
  gcpMetadata.setGCPResidency(false);
}
