import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { CommandError } from '../command-error.ts';
import type { WrittenFile } from './sources.ts';

/**
 * Writes files below a folder, all or none: throws `CommandError` (2) before anything is written where one of them is there.
 */
export async function writeOut(
  folder: string,
  files: readonly WrittenFile[],
  { called }: { called: string },
): Promise<void> {
  const there = files.filter(({ path }) => existsSync(join(folder, path)));
  const [first] = there;
  if (first !== undefined)
    throw new CommandError({
      subject: `${called}/${first.path}`,
      message: `is there already${there.length === 1 ? '' : `, and so are ${there.length - 1} more`}: nothing was written`,
      remedy: 'name another folder in --out, or remove it',
    });
  for (const { path, text } of files) {
    try {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      // `wx`: what somebody wrote meanwhile, or a link, is not written over.
      await writeFile(join(folder, path), text, { flag: 'wx' });
    } catch (error) {
      throw new CommandError({
        subject: `${called}/${path}`,
        message: `cannot be written: ${error instanceof Error ? error.message.replace(/, \w+( '.*')?$/, '') : String(error)}`,
        remedy: 'name a folder in --out that you may write to',
      });
    }
  }
}
