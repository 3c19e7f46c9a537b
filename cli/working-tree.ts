import { execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { mostFolderBytes, mostFolderFiles, type PlannedFolder } from '../shared/pipeline/inspect/planned-folder.ts';
import { CommandError } from './command-error.ts';
import { lookAt, namesIn, readWhole } from './local-files.ts';
import { openLocalTree } from './local-tree.ts';

type Files = PlannedFolder['files'];

/**
 * What `git add --all` and a commit would make of a checkout, as its difference to the newest commit of it that a remote
 * branch has: what `.gitignore` names is left out, and executables, links and filters are as Git has them. Neither its index nor
 * its objects change. Of a folder that is no checkout: all its files.
 *
 * Throws `CommandError` for a folder that cannot be read, is not the root of its checkout, or is beyond the limits.
 */
export async function readWorkingTree(folder: string): Promise<PlannedFolder> {
  await lookAt(folder);
  const root = await git(folder, ['rev-parse', '--show-toplevel']).catch((error: unknown) => {
    // One that git does not read, as it is of another user, say, is a checkout all the same: what it leaves out is not to be sent.
    const said = saidBy(error);
    if (!said.includes('not a git repository')) throw unreadable(folder, said.split('\n')[0]);
    return undefined;
  });
  if (root === undefined) {
    await openLocalTree(folder);
    return { base: null, files: await filesIn(folder) };
  }
  if ((await realpath(root.trim())) !== (await realpath(resolve(folder))))
    throw new CommandError({
      subject: folder,
      message: 'is not the root of its checkout',
      remedy: `name ${root.trim()}`,
    });
  const scratch = await mkdtemp(join(tmpdir(), 'converge-plan-'));
  try {
    return await readCheckout(folder, scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function readCheckout(folder: string, scratch: string): Promise<PlannedFolder> {
  const base = await baseOf(folder);
  const [index = '', objects = ''] = (await git(folder, ['rev-parse', '--git-path', 'index', '--git-path', 'objects']))
    .trimEnd()
    .split('\n')
    .map((path) => resolve(folder, path));
  const copy = join(scratch, 'index');
  // Git looks at no file that is as its index says.
  await cp(index, copy, { preserveTimestamps: true }).catch(() => undefined);
  const apart = {
    GIT_INDEX_FILE: copy,
    GIT_OBJECT_DIRECTORY: scratch,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(objects),
  };
  await git(folder, ['add', '--all'], apart).catch((error: unknown) => {
    throw unreadable(folder, error);
  });
  const raw = await git(folder, ['diff-index', '--cached', '--raw', '--no-renames', '--no-abbrev', '-z', base], apart);
  const changed = changesIn(raw);
  if (changed.length > mostFolderFiles) throw tooMany(folder, changed.length);
  const contents = await readBlobs(folder, { ids: changed.flatMap(({ id }) => id ?? []), apart });
  const files = changed.map(({ path, is, id }): Files[number] =>
    id === undefined || is === 'deleted'
      ? { path, is: 'deleted' }
      : { path, is, content: contentOf(contents, { folder, id }).toString('base64') },
  );
  return { base, files };
}

function contentOf(contents: ReadonlyMap<string, Buffer>, { folder, id }: { folder: string; id: string }): Buffer {
  const content = contents.get(id);
  if (content === undefined) throw unreadable(folder, `git gives no content of ${id}`);
  return content;
}

/** The newest commit of the checkout that others have, too: what is behind it need not be sent. */
async function baseOf(folder: string): Promise<string> {
  // It is quiet where the branch has no commit yet.
  const head = (await git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD']).catch(() => '')).trim();
  const base = head === '' ? undefined : await sharedBehind(folder, head);
  if (base !== undefined) return base;
  throw new CommandError({
    subject: folder,
    message: 'has no commit that a remote branch has, with which its files could be compared',
    remedy: 'git fetch brings the branches of the repository',
  });
}

/** Undefined where no remote branch has any. */
async function sharedBehind(folder: string, head: string): Promise<string | undefined> {
  const listed = await git(folder, ['rev-list', '--boundary', '--topo-order', head, '--not', '--remotes']).catch(
    (error: unknown) => {
      throw unreadable(folder, error);
    },
  );
  const own = listed.split('\n').filter((line) => line !== '');
  return own.length === 0 ? head : own.find((line) => line.startsWith('-'))?.slice(1);
}

interface Changed {
  readonly path: string;
  readonly is: Files[number]['is'];
  /** Of its blob; undefined: it is gone. */
  readonly id: string | undefined;
}

const kinds: Readonly<Record<string, Changed['is']>> = { '100644': 'file', '100755': 'executable', '120000': 'link' };

/** `:<mode> <mode> <id> <id> <status>`, then the path: https://git-scm.com/docs/git-diff-index#_raw_output_format */
function changesIn(raw: string): Changed[] {
  const parts = raw.split('\0');
  const found: Changed[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [, mode = '', , id = ''] = (parts[at] ?? '').split(' ');
    const path = parts[at + 1] ?? '';
    const is = kinds[mode];
    if (mode === '000000') found.push({ path, is: 'deleted', id: undefined });
    else if (is !== undefined) found.push({ path, is, id });
    else
      throw new CommandError({
        subject: path,
        message: 'is a submodule that has changed, and of a folder none is planned',
        remedy: 'push a branch, and plan that with --revision',
      });
  }
  return found;
}

/** By their ids. Throws `CommandError` where they are more than are taken. */
async function readBlobs(
  folder: string,
  { ids, apart }: { ids: readonly string[]; apart: NodeJS.ProcessEnv },
): Promise<ReadonlyMap<string, Buffer>> {
  const unique = [...new Set(ids)];
  if (unique.length === 0) return new Map();
  const sizes = (await batch(folder, ['--batch-check=%(objectsize)'], { ids, apart })).toString().trim().split('\n');
  const bytes = sizes.reduce((sum, size) => sum + Number(size), 0);
  if (bytes > mostFolderBytes) throw tooLarge(folder, bytes);
  const all = await batch(folder, ['--batch'], { ids: unique, apart });
  const found = new Map<string, Buffer>();
  for (let at = 0; at < all.length;) {
    const end = all.indexOf('\n', at);
    const [id = '', , size] = all.toString('latin1', at, end).split(' ');
    // `<id> missing`: https://git-scm.com/docs/git-cat-file#_batch_output
    if (size === undefined) throw unreadable(folder, `git misses ${id}`);
    found.set(id, all.subarray(end + 1, end + 1 + Number(size)));
    at = end + 1 + Number(size) + 1;
  }
  return found;
}

async function batch(
  folder: string,
  parameters: readonly string[],
  { ids, apart }: { ids: readonly string[]; apart: NodeJS.ProcessEnv },
): Promise<Buffer> {
  const child = spawn('git', ['-C', folder, 'cat-file', ...parameters], { env: { ...process.env, ...apart } });
  child.stdin.end(ids.map((id) => `${id}\n`).join(''));
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) if (chunk instanceof Buffer) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** All files of a folder that Git knows nothing of. */
async function filesIn(folder: string): Promise<Files> {
  const files: Files = [];
  let bytes = 0;
  const walk = async (below: string): Promise<void> => {
    for (const name of await namesIn(join(folder, below))) {
      const path = below === '' ? name : `${below}/${name}`;
      const at = join(folder, path);
      const found = await lookAt(at);
      if (found.isDirectory()) {
        await walk(path);
        continue;
      }
      if (!found.isFile() && !found.isSymbolicLink())
        throw new CommandError({ subject: at, message: 'is no file', remedy: 'take it out of the folder' });
      bytes += found.size;
      if (bytes > mostFolderBytes) throw tooLarge(folder, bytes);
      if (files.length >= mostFolderFiles) throw tooMany(folder, files.length + 1);
      const isLink = found.isSymbolicLink();
      const content = isLink ? Buffer.from(await readlink(at)) : await readWhole(at);
      const is = isLink ? 'link' : (found.mode & 0o100) === 0 ? 'file' : 'executable';
      files.push({ path, is, content: content.toString('base64') });
    }
  };
  await walk('');
  return files;
}

async function git(folder: string, parameters: readonly string[], apart: NodeJS.ProcessEnv = {}): Promise<string> {
  const { stdout } = await promisify(execFile)('git', ['-C', folder, ...parameters], {
    env: { ...process.env, LC_ALL: 'C', ...apart },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

function unreadable(folder: string, error: unknown): CommandError {
  return new CommandError({ subject: folder, message: `cannot be read as Git would: ${wordsOf(error)}` });
}

function wordsOf(error: unknown): string {
  const said = saidBy(error);
  return said.split('\n').at(-1) ?? said;
}

/** All that git said of what failed. */
function saidBy(error: unknown): string {
  return error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
}

const remedy = 'commit what is done already and push it, or plan a branch that is pushed with --revision';

function tooMany(folder: string, count: number): CommandError {
  const message = `differs in ${count} files or more, and ${mostFolderFiles} are taken`;
  return new CommandError({ subject: folder, message, remedy });
}

function tooLarge(folder: string, bytes: number): CommandError {
  const message = `differs by ${bytes} bytes or more, and ${mostFolderBytes} are taken`;
  return new CommandError({ subject: folder, message, remedy });
}
