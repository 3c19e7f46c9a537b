import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Absent content: the file is removed. */
export type Changes = ReadonlyMap<string, string | undefined>;

/** Somebody who works on a repository, past all proxies and by the clock of the world. */
export interface Person {
  /** Commits on top of what the host has, and pushes; resolves with the commit. */
  push(changes: Changes, message: string): Promise<string>;
  /** The host's branch: its head, and the content of each file. */
  read(): Promise<{ head: string; files: ReadonlyMap<string, string> }>;
  /** Each commit of the branch with its message, newest first. */
  log(): Promise<readonly { commit: string; at: string; message: string }[]>;
}

const triesToPush = 20;

export async function openPerson({
  url,
  folder,
  now,
}: {
  url: string;
  folder: string;
  now: () => Date;
}): Promise<Person> {
  await mkdir(folder, { recursive: true });
  async function git(...parameters: string[]): Promise<string> {
    const time = now().toISOString();
    const environment = {
      ...{ PATH: process.env['PATH'], HOME: tmpdir(), GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
      ...{ GIT_AUTHOR_DATE: time, GIT_COMMITTER_DATE: time },
    };
    const who = ['-c', 'user.name=Olivia Ops', '-c', 'user.email=olivia@example.com', '-c', 'gc.auto=0'];
    const options = { cwd: folder, env: environment, maxBuffer: 64 * 1024 * 1024 };
    return (await execute('git', [...who, ...parameters], options)).stdout;
  }
  async function follow(): Promise<void> {
    await git('fetch', '--quiet', 'origin', '+refs/heads/main:refs/remotes/origin/main');
    await git('reset', '--quiet', '--hard', 'origin/main');
  }
  await git('init', '--quiet', '--initial-branch=main', '.');
  await git('remote', 'add', 'origin', url);
  await writeFile(join(folder, 'README.md'), 'A repository of chaos\n');
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'Begin');
  await git('push', '--quiet', 'origin', 'main');

  /** One work tree: one at a time. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  };
  return {
    push: (changes, message) =>
      inTurn(async () => {
        for (let attempt = 1; ; attempt++) {
          await follow();
          for (const [path, content] of changes) await put(join(folder, path), content);
          await git('add', '--all');
          await git('commit', '--quiet', '--allow-empty', '--message', message);
          try {
            await git('push', '--quiet', 'origin', 'main');
            return (await git('rev-parse', 'HEAD')).trim();
          } catch (error) {
            // An upload was committed meanwhile.
            if (attempt === triesToPush) throw error;
          }
        }
      }),
    read: () =>
      inTurn(async () => {
        await follow();
        const files = new Map<string, string>();
        const [names, head] = [await git('ls-files', '-z'), (await git('rev-parse', 'HEAD')).trim()];
        for (const name of names.split('\0').filter((one) => one !== ''))
          files.set(name, await readFile(join(folder, name), 'utf8'));
        return { head, files };
      }),
    log: () =>
      inTurn(async () => {
        await follow();
        const text = await git('log', '-z', '--format=%H%n%cI%n%B');
        return text.split('\0').map((entry) => {
          const [commit = '', at = '', ...message] = entry.split('\n');
          return { commit, at, message: message.join('\n') };
        });
      }),
  };
}

async function put(path: string, content: string | undefined): Promise<void> {
  if (content === undefined) return rm(path, { recursive: true, force: true });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
