import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { holdAlone } from '../../local/only-one.ts';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-alone-'));
  file = join(folder, 'running');
});
beforeEach(() => rm(file, { force: true }));
afterAll(() => rm(folder, { recursive: true, force: true }));

const module = join(import.meta.dirname, '../../local/only-one.ts');

/** A process of its own that holds the file until it is killed. */
async function holder(): Promise<ReturnType<typeof spawn>> {
  const text = `const { holdAlone } = await import(${JSON.stringify(module)});
    console.log((await holdAlone(${JSON.stringify(file)})).kind);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a file that a process holds is taken for everybody else, and free once it is released', async () => {
  const first = await holdAlone(file);
  expect(first.kind).toBe('held');
  expect(await holdAlone(file)).toEqual({ kind: 'taken', pid: process.pid });
  if (first.kind === 'held') await first.release();
  const second = await holdAlone(file);
  expect(second.kind).toBe('held');
  // It is another's by now.
  if (first.kind === 'held') await first.release();
  expect((await holdAlone(file)).kind).toBe('taken');
  if (second.kind === 'held') await second.release();
});

test('what a process held that was killed is taken over', async () => {
  const child = await holder();
  expect(await holdAlone(file)).toEqual({ kind: 'taken', pid: child.pid });
  child.kill('SIGKILL');
  await once(child, 'exit');
  const taken = await holdAlone(file);
  expect(taken.kind).toBe('held');
  if (taken.kind === 'held') await taken.release();
  await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test.each(['', '{', '{"pid":1}', JSON.stringify({ pid: process.pid, port: 1, word: 'somebody' })])(
  'a file that holds %j is held by nobody',
  async (text) => {
    await writeFile(file, text);
    const hold = await holdAlone(file);
    expect(hold.kind).toBe('held');
    if (hold.kind === 'held') await hold.release();
  },
);
