import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startGit } from '../../local/parts/git.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { configSchema } from '../../shared/config/config.ts';
import type { Repository } from '../../shared/ports/git.ts';
import { inTurns, median, secondsOf, type Case, type CaseName } from './measure.ts';

const run = promisify(execFile);
const author = { name: 'Bench', email: 'bench@example.com' };
const filesPerFolder = 25;

interface File {
  readonly path: string;
  readonly content: string;
}

/**
 * Changed files in one commit, and its push, on a clone that is warm: blobs, trees, commit, pack, push. The floor is
 * the same by git itself, `fast-import` and `push`, to the same host. Each side has a repository of its own.
 */
export async function measureCommits({
  folder,
  name,
  files,
  rounds,
}: {
  folder: string;
  name: CaseName;
  files: number;
  rounds: number;
}): Promise<Case> {
  const at = join(folder, name);
  await mkdir(at, { recursive: true });
  const host = await startGit({ folder: at, repositories: ['product', 'native'] });
  try {
    const product = openProduct({ url: host.url('product'), cacheFolder: join(at, 'cache') });
    const native = await openNative({ url: host.url('native'), gitdir: join(at, 'native.git') });
    // What both sides change is there already.
    await product(contentsOf({ files: 1000, round: -1 }));
    await native(contentsOf({ files: 1000, round: -1 }));
    const [seconds, floor]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const changed = contentsOf({ files, round });
      await inTurns(round, {
        even: async () => void seconds.push(await secondsOf(() => product(changed))),
        odd: async () => void floor.push(await secondsOf(() => native(changed))),
      });
    }
    return {
      name,
      objects: files,
      seconds: median(seconds),
      floorSeconds: median(floor),
      apiCalls: 0,
      peakRssMiB: null,
    };
  } finally {
    await host.stop();
  }
}

/** Manifests of about 1 KB. */
function contentsOf({ files, round }: { files: number; round: number }): File[] {
  return Array.from({ length: files }, (_one, index) => {
    const data = Array.from(
      { length: 20 },
      (_line, line) => `  key${line}: value ${line} of file ${index} in round ${round}\n`,
    );
    return {
      path: `folder${Math.floor(index / filesPerFolder)}/file${index}.yaml`,
      content: `kind: ConfigMap\ndata:\n${data.join('')}`,
    };
  });
}

function openProduct({
  url,
  cacheFolder,
}: {
  url: string;
  cacheFolder: string;
}): (files: readonly File[]) => Promise<void> {
  const repositories = configSchema.shape.repositories.parse({ bench: { url, bucket: 'bench' } });
  const repository: Repository = createRepositories({
    config: { repositories },
    author,
    cacheFolder,
    now: () => new Date(),
  })('bench');
  let parent: string | undefined;
  return async (files) => {
    const changes = files.map(({ path, content }) => ({ path, content: Buffer.from(content), executable: false }));
    const commit = await repository.commit({ parent, changes, message: 'Bench\n' });
    if (commit === 'unchanged' || (await repository.push(commit)) !== 'pushed')
      throw new Error('the commit did not get through');
    parent = commit.id;
  };
}

async function openNative({
  url,
  gitdir,
}: {
  url: string;
  gitdir: string;
}): Promise<(files: readonly File[]) => Promise<void>> {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' };
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', gitdir], { env });
  let hasParent = false;
  return async (files) => {
    const begin = `commit refs/heads/main\ncommitter ${author.name} <${author.email}> now\ndata 6\nBench\n`;
    const changes = files.map(
      ({ path, content }) => `M 100644 inline ${path}\ndata ${Buffer.byteLength(content)}\n${content}\n`,
    );
    const imported = run('git', ['--git-dir', gitdir, 'fast-import', '--quiet', '--date-format=now'], { env });
    imported.child.stdin?.end(begin + (hasParent ? 'from refs/heads/main^0\n' : '') + changes.join(''));
    await imported;
    hasParent = true;
    await run('git', ['--git-dir', gitdir, 'push', '--quiet', url, 'refs/heads/main'], { env });
  };
}
