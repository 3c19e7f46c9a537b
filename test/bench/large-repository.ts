import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { z } from 'zod';
import { heapMiB } from '../../functions/sizes.ts';
import { startGit } from '../../local/parts/git.ts';
import type { Pipeline } from '../../local/pipeline.ts';
import { secondsOf, type Case } from './measure.ts';

const execute = promisify(execFile);

const files = 50_000;
/** Together a gibibyte that cannot be packed any smaller. */
const fileBytes = 21_475;
const filesPerFolder = 5;
const environments = 200;

const measuredSchema = z.object({
  environments: z.literal(environments),
  memoryMiB: z.number(),
  temporaryMiB: z.number(),
  seconds: z.number(),
});

/**
 * A repository of a gibibyte, opened by a process that has the heap of `status` and did nothing before: the head, and all
 * environment files. The floor is git's own partial clone of the same.
 */
export async function measureLargeRepository({ pipeline }: { pipeline: Pipeline }): Promise<Case> {
  const at = join(pipeline.folder, 'large-repository');
  await mkdir(at, { recursive: true });
  const host = await startGit({ folder: at, repositories: ['large'] });
  try {
    await fill(host.path('large'));
    const floorSeconds = await secondsOf(() => cloneByGit({ url: host.url('large'), folder: join(at, 'clone') }));
    const { stdout } = await execute(process.execPath, [
      '--disable-warning=ExperimentalWarning',
      `--max-old-space-size=${heapMiB('status')}`,
      join(import.meta.dirname, '../parts/open-repository.ts'),
      host.url('large'),
      '0/0.bin,9/45.bin',
    ]);
    const { memoryMiB, temporaryMiB, seconds } = measuredSchema.parse(JSON.parse(stdout));
    return {
      name: 'open-repository-1GiB',
      objects: files,
      seconds,
      floorSeconds,
      apiCalls: null,
      peakRssMiB: Math.round(memoryMiB + temporaryMiB),
    };
  } finally {
    await host.stop();
    await rm(at, { recursive: true, force: true });
  }
}

async function cloneByGit({ url, folder }: { url: string; folder: string }): Promise<void> {
  await execute('git', ['clone', '--quiet', '--depth=1', '--filter=blob:none', '--no-checkout', url, folder]);
  await execute('git', ['-C', folder, 'checkout', '--quiet', 'HEAD', '--', 'environments']);
}

/** One commit, past the host: over HTTP a gibibyte takes a minute. */
async function fill(repository: string): Promise<void> {
  const importing = spawn('git', ['-C', repository, '-c', 'core.compression=0', 'fast-import', '--quiet'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(importing, 'exit');
  const write = (part: string | Uint8Array): Promise<void> => writeTo(importing.stdin, part);
  await write('commit refs/heads/main\ncommitter Bench <bench@example.com> 1795000000 +0000\ndata 5\nBench\n');
  for (let index = 0; index < environments; index++) {
    const content = `index: ${index}\n`;
    await write(`M 100644 inline environments/e${index}.yaml\ndata ${content.length}\n${content}\n`);
  }
  for (let index = 0; index < files; index++) {
    await write(`M 100644 inline ${Math.floor(index / filesPerFolder)}/${index}.bin\ndata ${fileBytes}\n`);
    await write(randomBytes(fileBytes));
    await write('\n');
  }
  importing.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`git fast-import ended with ${String(code)}`);
}

async function writeTo(stream: Writable, part: string | Uint8Array): Promise<void> {
  if (!stream.write(part)) await once(stream, 'drain');
}
