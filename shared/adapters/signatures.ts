import { readFile } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { ConvergeError } from '../base/errors.ts';
import type { Signatures } from '../ports/signatures.ts';
import { verifyOpenpgpSignature } from './openpgp.ts';

/** The files are read for each run, so that a rotated one is used without a restart. */
export function createSignatures(config: Pick<Config, 'repositories'>): Signatures {
  return {
    verifyOpenpgp: verifyOpenpgpSignature,
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
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConvergeError({
      code: 'BadConfiguration',
      subject: file,
      message: 'cannot be read, so no revision can be trusted',
      disposition: 'refuse',
      cause: error,
    });
  }
}
