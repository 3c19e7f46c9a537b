import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureProgram } from '../../local/programs.ts';
import { createRenderer } from '../../shared/adapters/renderer.ts';
import type { RenderRequest } from '../../shared/ports/renderer.ts';
import { buildMilliseconds, renderSeconds } from '../guards.ts';
import { rejectionOf } from '../refusal.ts';

/*
 * Whatever a render does with memory, its process ends by the limit, and nothing else does. The bombs are in the program
 * itself (tools/render/bombs.go): what no chart can do, a library may. These tests run in gVisor, too, where the kernel
 * holds less: `npm run test:gvisor`.
 */

const mebibytes = 256;
/** What the program holds before its first request, and what it takes between two looks at it. */
const beyondLimit = 96;

let scratch: string;
let exploding: string;

beforeAll(async () => {
  exploding = await ensureProgram('render', { tags: ['bombs'] });
  scratch = await mkdtemp(join(tmpdir(), 'converge-memory-'));
}, buildMilliseconds);
afterAll(() => rm(scratch, { recursive: true, force: true }));

function requestOf(root: string): RenderRequest {
  return {
    root,
    sources: [{ kind: 'manifests', path: 'a.yaml' }],
    namespace: 'acme',
    kubernetesVersion: 'v1.36.3',
    apiVersions: ['v1'],
    absent: [],
    limits: { seconds: renderSeconds, mebibytes },
    seed: async () => expect.unreachable('nothing is drawn'),
    lookup: undefined,
  };
}

/** Rejects as the render does, and tells the most memory that the program was seen to hold, in MiB. */
async function ended(command: string): Promise<{ error: unknown; peakMebibytes: number }> {
  const folder = await mkdtemp(join(scratch, 'program-'));
  const program = join(folder, 'render');
  await writeFile(program, `#!/bin/sh\necho $$ > ${folder}/pid\nexec ${command}\n`, { mode: 0o755 });
  let peakKibibytes = 0;
  const looking = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${Number(readFileSync(join(folder, 'pid'), 'utf8'))}/status`, 'utf8');
      peakKibibytes = Math.max(peakKibibytes, Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0));
    } catch {
      // Not yet there, or gone.
    }
  }, 10);
  try {
    const error = await rejectionOf(createRenderer({ program }).render(requestOf(folder)));
    return { error, peakMebibytes: peakKibibytes / 1024 };
  } finally {
    clearInterval(looking);
  }
}

describe('the memory of a render', () => {
  it.each([
    ['one piece', 'one'],
    ['many small pieces', 'many'],
    ['maps', 'maps'],
    ['goroutines', 'goroutines'],
    ['a stack', 'stack'],
  ])('ends at its limit what fills it by %s', async (_how, bomb) => {
    const { error, peakMebibytes } = await ended(`${exploding} ${bomb}`);
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      // Where memory is short, the collector may spend the time that is left.
      problem: expect.stringMatching(/\b256 MiB|limit of 20 s/),
    });
    expect(peakMebibytes).toBeLessThan(mebibytes + beyondLimit);
  });

  it('is watched from outside, where no kernel holds it', async () => {
    // Not without end: where nobody watches, the machine is left alone.
    const filling =
      'const held = []; setInterval(() => held.length < 128 && held.push(Buffer.alloc(8 * 1024 * 1024, 1)), 10)';
    const { error, peakMebibytes } = await ended(`${process.execPath} -e '${filling}'`);
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      problem: 'took more memory than the limit of 256 MiB',
    });
    expect(peakMebibytes).toBeLessThan(mebibytes + 2 * beyondLimit);
  });

  it.each([
    ['in one line', "tr '\\0' x < /dev/zero"],
    ['in many', `yes "{\\"read\\":\\"$(printf %01000d 0)\\"}"`],
  ])('ends what writes more than whoever reads it can hold, %s', async (_how, program) => {
    const before = process.memoryUsage.rss();
    const { error } = await ended(program);
    expect(error).toMatchObject({
      code: 'RenderFailed',
      disposition: 'refuse',
      problem: 'wrote more than 32 MiB, an eighth of the limit of 256 MiB',
    });
    expect((process.memoryUsage.rss() - before) / 1024 / 1024).toBeLessThan(mebibytes);
  });
});
