import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { configSchema, type Config } from '../../shared/config/config.ts';
import type { Commit, Repository, TreeChange } from '../../shared/ports/git.ts';

const run = promisify(execFile);
export const converge = { name: 'Converge', email: 'converge@example.com' };

/** The Git host of a file of tests. Each test has a repository of its own there, which is empty. */
export interface GitHostOfFile {
  /** For whatever the tests of the file write; removed at its end. */
  readonly folder: string;
  /** Of the test's repository. */
  readonly name: string;
  /** The test's repository as a client sees it, and as a bare repository on the disk of the host. */
  readonly url: string;
  readonly path: string;
  /**
   * The test's repository in a clone of its own each time, as a new instance has; `url` in the settings: by another
   * way.
   */
  open(this: void, options?: OpenOptions): Repository;
  /** Native git in the bare repository on the host, as somebody else. */
  onHost(this: void, ...parameters: string[]): Promise<string>;
}

export interface OpenOptions {
  /** Further settings of the repository in the configuration. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly author?: Config['author'];
  readonly cacheFolder?: string | undefined;
  readonly now?: () => Date;
}

/**
 * Starts the host before the tests of the file that calls this, gives each test its repository, and stops the host
 * after them.
 */
export function gitHostOfFile({ tests }: { tests: number }): GitHostOfFile {
  const names = Array.from({ length: tests }, (_one, index) => `r${index}`);
  let folder = '';
  let host: GitHost;
  let name = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'converge-git-'));
    host = await startGit({ folder, repositories: names });
  });
  afterAll(async () => {
    await host.stop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    const next = names.shift();
    if (next === undefined) throw new Error(`the file has more than ${tests} tests`);
    name = next;
  });
  return {
    get folder() {
      return folder;
    },
    get name() {
      return name;
    },
    get url() {
      return host.url(name);
    },
    get path() {
      return host.path(name);
    },
    open({
      settings = {},
      author = converge,
      cacheFolder = join(folder, 'cache'),
      now = () => new Date('2026-11-21T01:02:03Z'),
    } = {}) {
      const repositories = configSchema.shape.repositories.parse({
        master: { url: host.url(name), bucket: 'b', ...settings },
      });
      return createRepositories({ config: { repositories }, author, cacheFolder, now })('master');
    },
    async onHost(...parameters) {
      const ada = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
      return (await run('git', ['--git-dir', host.path(name), ...ada, ...parameters])).stdout.trim();
    },
  };
}

export const file = (path: string, text: string): TreeChange => ({
  path,
  content: Buffer.from(text),
  executable: false,
});

/** Commits on the head of the branch as the host has it, and pushes. */
export async function commitAndPush({
  repository,
  changes,
  message = 'Change\n',
}: {
  repository: Repository;
  changes: readonly TreeChange[];
  message?: string;
}): Promise<Commit> {
  const parent = (await repository.fetchHead())?.id;
  const commit = await repository.commit({ parent, changes, message });
  if (commit === 'unchanged') throw new Error('the test meant to change something');
  expect(await repository.push(commit)).toBe('pushed');
  return commit;
}
