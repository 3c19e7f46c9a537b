import { readFile } from 'node:fs/promises';
import { ConvergeError, describeError } from '../base/errors.ts';

/** Throws `BadConfiguration` (refuse) naming the file. */
export async function readSecretFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConvergeError({
      code: 'BadConfiguration',
      subject: file,
      message: `cannot be read: ${describeError(error)}`,
      disposition: 'refuse',
    });
  }
}
