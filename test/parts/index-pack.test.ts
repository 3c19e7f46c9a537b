import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { indexReceived } from '../../shared/adapters/git/index-pack.ts';
import { drawFrom } from '../seeded-draw.ts';

const run = promisify(execFile);
const mostBytes = 4 * 1024 * 1024;
let folder: string;
let gitdir: string;

/** Commits that each change a line of a long file, so that most objects are deltas. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-packs-'));
  gitdir = join(folder, 'r.git');
  await run('git', ['init', '--quiet', '--bare', gitdir]);
  const lines = Array.from({ length: 2_000 }, (_one, index) => `line ${index} ${(index * 7919).toString(36)}`);
  const parts: string[] = [];
  for (let at = 0; at < 60; at++) {
    lines[(at * 31) % lines.length] = `changed ${at}`;
    const text = lines.join('\n');
    parts.push(
      `commit refs/heads/main\ncommitter Ada <ada@example.com> ${1_700_000_000 + at} +0000\ndata 1\nx\n` +
        `M 100644 inline long.txt\ndata ${Buffer.byteLength(text)}\n${text}\nM 100644 inline f${at}\ndata 1\n${at % 10}\n`,
    );
  }
  const imported = run('git', ['--git-dir', gitdir, 'fast-import', '--quiet']);
  imported.child.stdin?.end(parts.join(''));
  await imported;
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

/** A pack of all, as git makes it with these options. */
async function packOf(...options: readonly string[]): Promise<{ file: string; bytes: Buffer }> {
  const base = join(folder, `p${options.join('')}`);
  const packed = run('git', ['--git-dir', gitdir, 'pack-objects', '--revs', '--no-reuse-delta', ...options, base]);
  packed.child.stdin?.end('main\n');
  const file = `${base}-${(await packed).stdout.trim()}.pack`;
  return { file, bytes: await readFile(file) };
}

it.each([['--delta-base-offset'], ['--no-delta-base-offset'], ['--window=0'], ['--depth=4000', '--window=100']])(
  'indexes a pack as git does: %s',
  async (...options) => {
    const { file, bytes } = await packOf(...options);
    const { index, ids } = indexReceived({ bytes, mostBytes });
    expect(index.equals(await readFile(file.replace(/\.pack$/, '.idx')))).toBe(true);
    expect(ids.length).toBe(bytes.readUInt32BE(8));
  },
);

it('refuses an object that is larger than allowed, whatever its deflated bytes are', async () => {
  const { bytes } = await packOf('--delta-base-offset');
  expect(() => indexReceived({ bytes, mostBytes: 10_000 })).toThrow(
    expect.objectContaining({ code: 'ERR_BUFFER_TOO_LARGE' }),
  );
});

it('ends soon with an error, or says the ids of what is there, for any other bytes', async () => {
  const { bytes } = await packOf('--no-delta-base-offset');
  const draw = drawFrom(1);
  for (let round = 0; round < 200; round++) {
    const changed = Buffer.from(bytes);
    for (let count = 0; count < 3; count++) changed.writeUInt8(draw.below(256), 12 + draw.below(changed.length - 32));
    const cut = round % 3 === 0 ? changed.subarray(0, 40 + draw.below(changed.length - 40)) : changed;
    try {
      indexReceived({ bytes: cut, mostBytes });
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
      expect(error).not.toBeInstanceOf(TypeError);
    }
  }
});
