import { readFile } from 'node:fs/promises';
import { ConvergeError } from '../base/errors.ts';

/**
 * A secret, a key or the certificates of an authority. On Google Cloud the file is a mount, and each read of it asks
 * Secret Manager: it fails where that does not answer, or a grant has not propagated.
 * https://docs.cloud.google.com/run/docs/configuring/services/secrets
 *
 * Throws `SecretUnavailable` (retry) naming the file.
 */
export async function readSecretFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadableFile({ file, cause: error });
  }
}

/**
 * A secret whose content cannot be used: another version of it mends that, and needs no new revision of a function where
 * `latest` is mounted. No error quotes the content, nor a cause that might.
 */
export function unusableSecret(facts: { subject: string; message: string; remedy: string }): ConvergeError {
  return new ConvergeError({ code: 'SecretUnavailable', ...facts, disposition: 'retry' });
}

/** A file that cannot be read now: whoever mounts it, or grants the right to it, makes it readable. */
export function unreadableFile({ file, cause }: { file: string; cause: unknown }): ConvergeError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new ConvergeError({
    code: 'SecretUnavailable',
    subject: file,
    message: `cannot be read${code}`,
    remedy:
      'see that the file is there and may be read; on Google Cloud, that its secret has an enabled version, and the service account roles/secretmanager.secretAccessor on it',
    disposition: 'retry',
    cause,
  });
}
