import { readFile, stat } from 'node:fs/promises';
import { ConvergeError } from '../base/errors.ts';
import { patience, within } from './patience.ts';

/**
 * A secret, a key or the certificates of an authority. On Google Cloud the file is a mount, and each read of it asks
 * Secret Manager: it fails where that does not answer, or a grant has not propagated.
 * https://docs.cloud.google.com/run/docs/configuring/services/secrets
 *
 * Throws `SecretUnavailable` (retry) naming the file.
 */
export async function readSecretFile(file: string, times: SecretPatience = patience.secrets): Promise<string> {
  try {
    return await inTime(reads, { file, times, work: async () => readFile(file, 'utf8') });
  } catch (error) {
    throw unreadableFile({ file, cause: error });
  }
}

/** Milliseconds since 1970 when the file changed last, as far as its mount tells; 0 where that cannot be told. */
export async function changeOfSecretFile(file: string, times: SecretPatience = patience.secrets): Promise<number> {
  try {
    return (await inTime(changes, { file, times, work: async () => stat(file) })).mtimeMs;
  } catch {
    return 0;
  }
}

/** Until a mount has answered, in milliseconds. */
interface SecretPatience {
  readonly answer: number;
}

/*
 * What is asked of a mount and hangs cannot be called off, and keeps one of the few threads that read files for this
 * process: whoever asks the same meanwhile waits for the same.
 */
const reads = new Map<string, Promise<string>>();
const changes = new Map<string, Promise<{ readonly mtimeMs: number }>>();

async function inTime<T>(
  underWay: Map<string, Promise<T>>,
  { file, times: { answer }, work }: { file: string; times: SecretPatience; work: () => Promise<T> },
): Promise<T> {
  const asked = underWay.get(file) ?? work().finally(() => underWay.delete(file));
  underWay.set(file, asked);
  const late = (): Error => Object.assign(new Error('no answer of the mount'), { code: 'ETIMEDOUT' });
  return await within({ milliseconds: answer, work: asked, late });
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
