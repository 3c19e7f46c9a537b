import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { buildPrograms } from '../../build/build.ts';
import { comingPrograms, ensureProgram, ensurePrograms, programNames } from '../../local/programs.ts';

const execute = promisify(execFile);
const scratch = await mkdtemp(join(tmpdir(), 'converge-programs-'));
afterAll(() => rm(scratch, { recursive: true, force: true }));

let root: string;
let tools: string;
beforeEach(async () => {
  root = await mkdtemp(join(scratch, 'root-'));
  tools = join(root, 'tools');
  vi.stubEnv('CONVERGE_CACHE', join(root, 'cache'));
  onTestFinished(() => void vi.unstubAllEnvs());
  for (const name of programNames) {
    await mkdir(join(tools, name), { recursive: true });
    await writeSource(name, `package main\n\nfunc main() { println("${name} one") }\n`);
  }
  await writeFile(join(tools, 'go.mod'), 'module example.com/tiny\n\ngo 1.26.0\n');
});

const writeSource = (name: string, source: string): Promise<void> => writeFile(join(tools, name, 'main.go'), source);
const printed = async (program: string): Promise<string> => (await execute(program)).stderr.trim();
const broken = 'package main\n\nfunc main() { undefinedFunction() }\n';

test('all programs are built at once, and once, whoever asks at the same time', async () => {
  const lines: string[] = [];
  const report = (line: string): void => void lines.push(line);
  const [first, second] = await Promise.all([ensurePrograms({ tools, report }), ensurePrograms({ tools, report })]);
  expect(second).toEqual(first);
  for (const name of programNames) expect(await printed(first[name])).toBe(`${name} one`);
  expect(lines.filter((line) => line.startsWith('built '))).toEqual([
    expect.stringMatching(/^built pubsub, storage, render, kwok and cluster in \d+ s$/),
  ]);
  const report2 = (): void => expect.unreachable('nothing is left to build');
  expect(await ensurePrograms({ tools, report: report2 })).toEqual(first);
});

test('a build tells how far it is, and how long it took here the last time', async () => {
  const lines: string[] = [];
  const report = (line: string): void => void lines.push(line);
  await ensureProgram('pubsub', { tools, report });
  expect(lines[0]).toBe('building pubsub (once per machine): 0 s …');
  await mkdir(join(root, 'cache', 'build-times'), { recursive: true });
  await writeFile(join(root, 'cache', 'build-times', 'pubsub.seconds'), '97');
  await writeSource('pubsub', 'package main\n\nfunc main() { println("two") }\n');
  lines.length = 0;
  await ensureProgram('pubsub', { tools, report });
  expect(lines[0]).toBe('building pubsub (took 97 s the last time): 0 s …');
});

test('each program is there once it is built, whatever becomes of the others', async () => {
  await writeSource('cluster', broken);
  const coming = comingPrograms({ tools });
  await expect(coming.cluster).rejects.toThrow('undefined: undefinedFunction');
  expect(await printed(await coming.pubsub)).toBe('pubsub one');
});

test('programs are built anew when their source changes, over the lock of a builder that died', async () => {
  const before = await ensureProgram('pubsub', { tools });
  await writeSource('pubsub', 'package main\n\nfunc main() { println("two") }\n');
  const stopped = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(stopped, 'close');
  const wanted = join(tools, 'locked');
  vi.stubEnv('CONVERGE_CACHE', wanted);
  const expected = await ensureProgram('pubsub', { tools });
  await rm(expected);
  await writeFile(`${expected}.lock`, String(stopped.pid));
  const after = await ensureProgram('pubsub', { tools });
  expect(after).toBe(expected);
  expect(basename(after)).not.toBe(basename(before));
  expect(await printed(after)).toBe('two');
  expect(await readdir(join(wanted, 'programs'))).toHaveLength(1);
});

test('a program that does not compile is refused with the words of the compiler', async () => {
  await writeSource('pubsub', broken);
  await expect(ensureProgram('pubsub', { tools })).rejects.toThrow('undefined: undefinedFunction');
});

test('no program can be built without Go, which is said together with where to get it', async () => {
  vi.stubEnv('PATH', tools);
  await expect(ensureProgram('pubsub', { tools })).rejects.toThrow('https://go.dev/dl/');
});

test('a build that is given up ends, and leaves nothing behind', async () => {
  const given = new AbortController();
  const building = ensurePrograms({ tools, signal: given.signal, report: () => given.abort() });
  await expect(building).rejects.toThrow('aborted');
  expect(await readdir(join(root, 'cache', 'programs'))).toEqual([]);
});

test('CONVERGE_PROGRAMS names a folder that npm run build -- --programs made, and nothing is built', async () => {
  const out = join(root, 'dist');
  await buildPrograms({ root, out, targets: [here, { os: 'darwin', arch: 'arm64' }] });
  const folder = join(out, 'programs');
  expect(await readdir(folder)).toHaveLength(11);
  vi.stubEnv('CONVERGE_CACHE', join(root, 'unused'));
  vi.stubEnv('CONVERGE_PROGRAMS', folder);
  vi.stubEnv('PATH', tools);
  const programs = await ensurePrograms({ tools });
  expect(await printed(programs.kwok)).toBe('kwok one');
  for (const [name, program] of Object.entries(programs)) {
    const sum = createHash('sha256')
      .update(await readFile(program))
      .digest('hex');
    expect(await readFile(join(folder, 'SHA256SUMS'), 'utf8'), name).toContain(`${sum}  ${basename(program)}\n`);
  }
});

test('a folder of CONVERGE_PROGRAMS that holds other sources, or other bytes than its sums say, is refused', async () => {
  const out = join(root, 'dist');
  await buildPrograms({ root, out, targets: [here] });
  vi.stubEnv('CONVERGE_PROGRAMS', join(out, 'programs'));
  const { render } = await ensurePrograms({ tools });
  await writeFile(render, 'somebody else');
  await expect(ensurePrograms({ tools })).rejects.toThrow('is not what SHA256SUMS beside it says');
  await writeSource('render', 'package main\n\nfunc main() { println("two") }\n');
  await expect(ensurePrograms({ tools })).rejects.toThrow('holds no render of these sources for this machine');
});

const here = { os: process.platform, arch: process.arch === 'x64' ? 'amd64' : process.arch };
