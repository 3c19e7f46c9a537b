import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A clone of one repository, worked in by git itself, as a person would. */
export interface WorkTree {
  readonly folder: string;
  write(file: { path: string; content: string }): Promise<void>;
  /**
   * Commits everything and pushes it to that ref of the remote (`refs/heads/main`), in place of what it held; resolves
   * with the commit.
   */
  push(ref: string): Promise<string>;
  /** Lets the next push go on top of what the remote holds now. */
  follow(): Promise<void>;
}

/** @param remote clone URL, or the path of a bare repository */
export async function createWorkTree({ folder, remote }: { folder: string; remote: string }): Promise<WorkTree> {
  const [name, email] = ['Bench', 'bench@example.com'];
  const person = {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
  const settings = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
  const environment = { PATH: process.env['PATH'], HOME: folder, ...person, ...settings };
  const git = async (...parameters: string[]): Promise<void> => {
    await execute('git', parameters, { cwd: folder, env: environment });
  };
  await mkdir(folder, { recursive: true });
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'origin', remote);

  // The host takes no forced push: a commit of this folder alone, on top of what is there.
  async function follow(): Promise<void> {
    await git('fetch', '--quiet', 'origin');
    const { stdout } = await execute('git', ['for-each-ref', '--format=%(objectname)', 'refs/remotes/origin/main'], {
      cwd: folder,
      env: environment,
    });
    if (stdout.trim() !== '') await git('update-ref', 'refs/heads/main', stdout.trim());
  }
  await follow();
  return {
    folder,
    follow,
    async write({ path, content }) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    },
    async push(ref) {
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', 'Bench');
      await git('push', '--quiet', 'origin', `HEAD:${ref}`);
      return (await execute('git', ['rev-parse', 'HEAD'], { cwd: folder, env: environment })).stdout.trim();
    },
  };
}
