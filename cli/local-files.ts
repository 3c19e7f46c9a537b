import type { Stats } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { pathBytes } from '../shared/source/path-bytes.ts';
import { CommandError } from './command-error.ts';

/**
 * What lies at a path; a link is not followed. Throws `CommandError` where nothing is there, another one where that
 * cannot be said.
 */
export async function lookAt(path: string, { called = path }: { called?: string } = {}): Promise<Stats> {
  return lstat(path).catch((error: unknown) => {
    throw unread({ path: called, error });
  });
}

/** Throws `CommandError`. */
export async function readWhole(path: string): Promise<Buffer> {
  return readFile(path.isWellFormed() ? path : pathBytes(path)).catch((error: unknown) => {
    throw unread({ path, error });
  });
}

/** The names in a folder, sorted. Throws `CommandError`. */
export async function namesIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch((error: unknown) => {
    throw unread({ path, error });
  });
  return names.sort();
}

/** Not to be read is not the same as absent: who lacks a right is not to look for a typing error. */
function unread({ path, error }: { path: string; error: unknown }): CommandError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new CommandError({ subject: path, message: 'is not there' });
  const reason = error instanceof Error ? error.message.replace(/, \w+( '.*')?$/, '') : String(error);
  const isForbidden = code === 'EACCES' || code === 'EPERM';
  return new CommandError({
    subject: path,
    message: `cannot be read: ${reason}`,
    ...(isForbidden ? { remedy: 'let the user that runs this read it, and enter the folders above it' } : {}),
  });
}
