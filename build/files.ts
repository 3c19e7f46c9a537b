import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface ArchiveFile {
  readonly content: Uint8Array;
  readonly executable?: boolean;
}

/** By the path in the archive, with `/` and without a leading one. */
export type ArchiveFiles = ReadonlyMap<string, ArchiveFile>;

export const modes = { plain: 0o644, executable: 0o755 } as const;

export function textFile(text: string): ArchiveFile {
  return { content: Buffer.from(text) };
}

export function jsonFile(value: unknown): ArchiveFile {
  return textFile(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** In the order that every archive has them in: by path, whatever the language of the machine. */
export function sorted(files: ArchiveFiles): [string, ArchiveFile][] {
  return [...files].sort(([a], [b]) => (a < b ? -1 : 1));
}

export async function writeFiles(folder: string, files: ArchiveFiles): Promise<void> {
  for (const [path, { content, executable = false }] of files) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: executable ? modes.executable : modes.plain });
  }
}
