import type { Config } from '../../config/config.ts';
import { parsePrivateKey } from '../../source/signature/ssh-key.ts';
import { signSsh } from '../../source/signature/sshsig.ts';
import { readSecretFile } from '../secret-file.ts';

/**
 * Makes the signature of a commit's bytes, as `git commit -S` with an SSH key does; undefined where no key is
 * configured. The key is read for each commit, so that a new one is used without a restart. Throws `SecretUnavailable`
 * (retry), also for what is no such key.
 */
export function createSigner({ signingKey }: Config['author']): ((content: Uint8Array) => Promise<string>) | undefined {
  if (signingKey === undefined) return undefined;
  const { file } = signingKey;
  return async (content) =>
    signSsh({ key: parsePrivateKey({ file, text: await readSecretFile(file) }), namespace: 'git', content });
}
