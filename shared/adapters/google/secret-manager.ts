import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import { getResource } from './api.ts';
import type { Tokens } from './tokens.ts';

/**
 * `AccessSecretVersionResponse`; an int64 is a string in JSON.
 * https://cloud.google.com/secret-manager/docs/reference/rest/v1/AccessSecretVersionResponse
 */
const answerSchema = z.object({
  name: z.string(),
  payload: z.object({ data: z.base64(), dataCrc32c: z.coerce.string().optional() }),
});

/**
 * The text of a version of a secret, by its resource name.
 *
 * Throws `SecretUnavailable` (retry) where Secret Manager does not answer, its answer was damaged on its way, there is no
 * such version yet, it is disabled, or may not be read: a grant takes minutes to hold
 * (https://docs.cloud.google.com/iam/docs/access-change-propagation). `SecretRefused` (refuse) where the
 * version, named by its number, is destroyed, which it stays.
 */
export async function accessSecret({
  version,
  api,
  tokens,
}: {
  version: string;
  api: string;
  tokens: Tokens;
}): Promise<string> {
  const answer = await getResource({ url: `${api}/v1/${version}:access`, tokens });
  const failed = (facts: { message: string; remedy?: string }, disposition: 'retry' | 'refuse') =>
    new ConvergeError({
      code: disposition === 'retry' ? 'SecretUnavailable' : 'SecretRefused',
      subject: version,
      ...facts,
      disposition,
    });
  switch (answer.answer) {
    case 'none':
      throw failed({ message: `Secret Manager cannot be asked: ${answer.why}` }, 'retry');
    case 'refused':
      throw failed(
        { message: `Secret Manager answered ${answer.status}: ${answer.message}`, ...remedyFor(answer.status) },
        isNumbered(version) && isDestroyed(answer) ? 'refuse' : 'retry',
      );
    case 'ok': {
      const parsed = answerSchema.safeParse(answer.body);
      if (!parsed.success) throw failed({ message: 'Secret Manager answered without a payload' }, 'retry');
      const { data, dataCrc32c } = parsed.data.payload;
      const bytes = Buffer.from(data, 'base64');
      if (dataCrc32c !== undefined && (await crc32c(bytes)) !== dataCrc32c)
        throw failed({ message: 'was damaged on its way: the checksum of its payload is another one' }, 'retry');
      return bytes.toString('utf8');
    }
  }
}

/** `latest` and an alias of the operator's lead to another version as soon as there is one. */
export function isNumbered(version: string): boolean {
  return /\/versions\/\d+$/.test(version);
}

function isDestroyed({ status, message }: { status: number; message: string }): boolean {
  return status === 400 && /\bDESTROYED\b/.test(message);
}

function remedyFor(status: number): { remedy?: string } {
  if (status === 404) return { remedy: 'create the secret and a version of it, or correct the name' };
  if (status === 403 || status === 401)
    return { remedy: 'give the service account roles/secretmanager.secretAccessor on this secret' };
  // FAILED_PRECONDITION: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions#state
  return status === 400
    ? { remedy: 'enable the version, or name another one; `latest` is the one that is added last' }
    : {};
}

/** As a decimal number without a sign, as Secret Manager writes it. */
async function crc32c(bytes: Buffer): Promise<string> {
  const { CRC32C } = await import('@google-cloud/storage');
  const sum = new CRC32C();
  sum.update(bytes);
  return String(sum.toBuffer().readUInt32BE());
}
