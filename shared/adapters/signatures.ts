import type { Config } from '../config/config.ts';
import type { Signatures } from '../ports/signatures.ts';
import { problemOfOpenpgpKeys, verifyOpenpgpSignature } from './openpgp.ts';
import { readSecretFile } from './secret-file.ts';

/** The files are read for each run, so that a rotated one is used without a restart. */
export function createSignatures(config: Pick<Config, 'repositories'>): Signatures {
  return {
    verifyOpenpgp: verifyOpenpgpSignature,
    problemOfOpenpgpKeys,
    async trustRoot(repositoryClass) {
      const verify = config.repositories[repositoryClass]?.verify;
      if (verify === undefined) return undefined;
      const [allowedSigners, openpgpKeys] = await Promise.all([
        read(verify.allowedSignersFile),
        read(verify.openpgpKeysFile),
      ]);
      return { allowedSigners, openpgpKeys };
    },
  };
}

async function read(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : await readSecretFile(file);
}
