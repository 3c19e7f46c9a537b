import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
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

/** The project's files for npm, in a folder of their own. */
async function checkout(name: string): Promise<string> {
  const folder = join(scratch, name);
  await mkdir(folder);
  for (const file of files) await cp(join(root, file), join(folder, file), { recursive: true });
  return folder;
}

test.each([
  ['the Node of the machine', systemNode],
  ['the Node that the project brings', process.execPath],
])(
  '%s installs in a folder with spaces, without a home to write to, and says nothing that is not needed',
  async (name, node) => {
    const folder = await checkout(name);
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

const nobody = 65_534;

// Only root may become somebody else.
test.runIf(process.getuid?.() === 0)(
  'whoever is not root installs it, and has the command',
  async () => {
    const folder = await checkout('of nobody');
    await chmod(scratch, 0o755);
    await execute('chown', ['--recursive', `${nobody}:${nobody}`, folder]);
    const cacheOfNobody = join(scratch, 'cache of nobody');
    await mkdir(cacheOfNobody);
    await chown(cacheOfNobody, nobody, nobody);
    const as = { cwd: folder, uid: nobody, gid: nobody };
    const env = { PATH: [join(systemNode, '..'), path].join(delimiter), HOME: join(scratch, 'no home'), CI: 'true' };
    const { stderr } = await execute(systemNode, [npm, 'ci', '--cache', cacheOfNobody], { ...as, env });
    expect(stderr).toBe('');
    const bin = join(folder, 'node_modules', '.bin');
    const own = { PATH: bin, HOME: join(scratch, 'no home') };
    expect(await execute(join(bin, 'converge'), ['--version'], { ...as, env: own })).toEqual({
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  },
  300_000,
);
