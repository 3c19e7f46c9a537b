import { spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ended } from './command.ts';

const root = join(import.meta.dirname, '../..');
/** A checkout of its own: what runs in the one that is tested here is somebody's. */
let checkout: string;
let packaged: string;

async function copyTo(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'converge verbs '));
  checkout = join(folder, 'checkout');
  packaged = join(folder, 'package');
  const command = ['cli', 'shared', 'package.json'];
  await copyTo(packaged, command);
  await copyTo(checkout, [...command, 'local', 'functions', 'tools', 'examples', 'terraform']);
});
afterAll(async () => {
  await converge('down');
  await rm(join(checkout, '..'), { recursive: true, force: true });
});

/** A program of a checkout, its output piped, and what is done while it runs. */
async function run(
  program: readonly string[],
  {
    folder = checkout,
    meanwhile,
  }: { folder?: string; meanwhile?: (kill: (signal: NodeJS.Signals) => void) => Promise<void> } = {},
): Promise<Ended> {
  const [file = '', ...parameters] = program;
  const child = spawn(process.execPath, [join(folder, file), ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: tmpdir(),
  });
  const told = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told.err += text));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  await meanwhile?.((signal) => void child.kill(signal));
  return { code: await ended, ...told };
}

const converge = async (...parameters: string[]): Promise<Ended> => run(['cli/converge.js', ...parameters]);

/** What a pipeline left; the folder of its runs is there, and empty. */
async function leftBehind(): Promise<readonly string[]> {
  const left = await readdir(join(checkout, '.converge'), { recursive: true }).catch(() => []);
  return left.filter((name) => name !== 'runs').sort();
}

describe('the local pipeline by the command', () => {
  it('is started, stays up alone, lets no second one in, and is ended by its own pid', async () => {
    const up = await converge('up', '--detach', '--output', 'json');
    expect(up).toMatchObject({ code: 0, err: '' });
    const { pid, status }: { pid: number; status: string } = JSON.parse(up.out);
    expect((await fetch(status)).status).toBe(200);
    expect(await converge('up')).toMatchObject({ code: 1, err: expect.stringContaining(`as process ${pid}`) });
    expect((await fetch(status)).status).toBe(200);

    expect(await converge('down')).toMatchObject({
      code: 0,
      out: expect.stringContaining(`pipeline of ${checkout} that ran as process ${pid} has ended`),
    });
    expect(() => process.kill(pid, 0)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    expect(await leftBehind()).toEqual([]);
    expect(await converge('down')).toMatchObject({
      code: 0,
      out: expect.stringContaining('No pipeline of this checkout runs'),
    });
  });

  it('ends with Ctrl-C of the command', async () => {
    const interrupted = await run(['cli/converge.js', 'up'], {
      async meanwhile(kill) {
        await sleep(1500);
        kill('SIGINT');
      },
    });
    expect(interrupted.err).not.toContain('Error');
    expect(await leftBehind()).toEqual([]);
  });

  // Before it holds its file, while it looks for git and its programs, and while its parts start.
  it.each([60, 250, 400, 600, 900, 1500, 3000, 5000])(
    'leaves nothing behind when it is ended %i ms after its start',
    async (milliseconds) => {
      await run(['local/main.ts', '--no-story'], {
        async meanwhile(kill) {
          await sleep(milliseconds);
          kill('SIGINT');
        },
      });
      expect(await leftBehind()).toEqual([]);
    },
  );
});

it.each(['up', 'down', 'demo'])('the package of the command says that it has no pipeline: %s', async (verb) => {
  const ended = await run(['cli/converge.js', verb], { folder: packaged });
  expect(ended).toMatchObject({ code: 2, err: expect.stringContaining('runs the pipeline of a checkout') });
});
