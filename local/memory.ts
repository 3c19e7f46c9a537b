import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from './local-error.ts';

/** What an instance of Cloud Run counts against its memory: its file system is part of it. In MiB. */
export interface MemoryUse {
  /** Resident, of a process and of all that it started. */
  readonly processes: number;
  /** Of the files below its temporary folder. */
  readonly files: number;
}

const mebibyte = 1024 * 1024;

/** Of a process that ended, or where the kernel has no `/proc`, nothing is counted. */
export async function memoryUse({ pid, folder }: { pid: number; folder: string }): Promise<MemoryUse> {
  const [processes, files] = await Promise.all([residentBytes(pid), bytesBelow(folder)]);
  return { processes: Math.round(processes / mebibyte), files: Math.round(files / mebibyte) };
}

async function residentBytes(pid: number): Promise<number> {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(await ofKernel(`/proc/${pid}/status`))?.[1];
  const started = (await ofKernel(`/proc/${pid}/task/${pid}/children`)).match(/\d+/g) ?? [];
  const others = await Promise.all(started.map((child) => residentBytes(Number(child))));
  return Number(kibibytes ?? 0) * 1024 + others.reduce((sum, bytes) => sum + bytes, 0);
}

async function ofKernel(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isGone(error)) return '';
    throw error;
  }
}

async function bytesBelow(folder: string): Promise<number> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    const sizes = await Promise.all(
      found.map(async (entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return await bytesBelow(path);
        return entry.isFile() ? (await stat(path)).size : 0;
      }),
    );
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  } catch (error) {
    if (isGone(error)) return 0;
    throw error;
  }
}

/** What is looked at may go meanwhile. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ESRCH', 'ENOTDIR'].includes(systemErrorCode(error) ?? '');
}
