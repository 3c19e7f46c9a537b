import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';

const execute = promisify(execFile);
const root = resolve(import.meta.dirname, '..', '..');
const scratch = await mkdtemp(join(tmpdir(), 'converge install '));
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** What npm reads, and the command that it links. */
const files = ['package.json', 'package-lock.json', '.npmrc', 'cli', 'shared'];
/** The PATH without what this project installed: that of whoever begins. */
const path = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter);
const found = async (program: string): Promise<string> =>
  realpath((await execute('which', [program], { env: { ...process.env, PATH: path } })).stdout.trim());
const systemNode = await found('node');
const npm = await found('npm');
const { stdout: cache } = await execute(systemNode, [npm, 'config', 'get', 'cache']);

test.each([
  ['the Node of the machine', systemNode],
  ['the Node that the project brings', process.execPath],
])(
  '%s installs in a folder with spaces, without a home to write to, and says nothing that is not needed',
  async (name, node) => {
    const folder = join(scratch, name);
    await mkdir(folder);
    for (const file of files) await cp(join(root, file), join(folder, file), { recursive: true });
    const env = { PATH: [join(node, '..'), path].join(delimiter), HOME: join(scratch, 'no home'), CI: 'true' };
    const settings = ['--cache', cache.trim(), '--prefer-offline'];
    const { stdout, stderr } = await execute(node, [npm, 'ci', ...settings], { cwd: folder, env });
    expect(stderr).toBe('');
    expect(stdout.trim()).toMatch(/^added \d+ packages in \d+(ms|s|m)$/);
    const command = join(folder, 'node_modules', '.bin', 'converge');
    const bin = { PATH: join(folder, 'node_modules', '.bin') };
    expect((await execute(command, ['completion', 'bash'], { env: bin, cwd: scratch })).stderr).toBe('');
  },
  300_000,
);
