import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LocalError, systemErrorCode } from './local-error.ts';

export const sumsFile = 'SHA256SUMS';

/**
 * The path of a program in the folder that `CONVERGE_PROGRAMS` names; undefined where it names none.
 *
 * @param file its name there, which says what sources it was built of, and for what machine
 *
 * Throws `LocalError` where it is not there, or is not what the folder's `SHA256SUMS` says.
 */
export async function shippedProgram({
  folder,
  name,
  file,
}: {
  folder: string | undefined;
  name: string;
  file: string;
}): Promise<string | undefined> {
  if (folder === undefined || folder === '') return undefined;
  const program = join(resolve(folder), file);
  const [said, found] = await Promise.all([sumOf(resolve(folder), file), hashOf(program)]);
  if (said === undefined || found === undefined)
    throw new LocalError({
      message: `CONVERGE_PROGRAMS: ${folder} holds no ${name} of these sources for this machine (${file}).`,
      remedy:
        'Make the folder of this version: npm run build -- --programs writes dist/programs. Without CONVERGE_PROGRAMS it is built here.',
    });
  if (said !== found)
    throw new LocalError({
      message: `CONVERGE_PROGRAMS: ${program} is not what ${sumsFile} beside it says: its SHA-256 is ${found}, not ${said}.`,
      remedy: 'Fetch the folder again from where it was made.',
    });
  return program;
}

/** As `sha256sum` writes it: the sum, two spaces (or one and a star), the name. */
async function sumOf(folder: string, file: string): Promise<string | undefined> {
  const lines = (await orUndefined(readFile(join(folder, sumsFile), 'utf8')))?.split('\n') ?? [];
  return lines.map((line) => /^([0-9a-f]{64}) [ *](.+)$/.exec(line.trimEnd())).find((line) => line?.[2] === file)?.[1];
}

async function hashOf(path: string): Promise<string | undefined> {
  const hashed = async (): Promise<string> => {
    const hash = createHash('sha256');
    for await (const part of createReadStream(path)) hash.update(part);
    return hash.digest('hex');
  };
  return await orUndefined(hashed());
}

async function orUndefined<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
