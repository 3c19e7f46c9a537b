import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConvergeError } from '../shared/base/errors.ts';
import {
  environmentOfPath,
  environmentPath,
  environmentsFolder,
  isEnvironmentName,
  parseEnvironmentFile,
} from '../shared/environment/environment-file.ts';
import type { Declaration } from '../shared/pipeline/common/declared-environments.ts';
import type { Tree } from '../shared/pipeline/common/render-apart.ts';
import { pathFromBytes } from '../shared/source/path-bytes.ts';
import { CommandError } from './command-error.ts';
import { lookAt, namesIn, readWhole } from './local-files.ts';

/** A folder of this machine that holds what a commit would. */
export interface LocalTree extends Tree {
  readonly folder: string;
  /** The names of the environments, sorted. Files that are wrong are among them. */
  names(): Promise<readonly string[]>;
}

/**
 * The folder that holds `environments/`. Throws `CommandError` where it does not.
 *
 * @param called how the user called it
 */
export async function openLocalTree(path: string, { called = path }: { called?: string } = {}): Promise<LocalTree> {
  const found = await lookAt(path, { called });
  if (!found.isDirectory() && !found.isSymbolicLink())
    throw new CommandError({ subject: called, message: 'is no folder', remedy: 'name the root of a checkout' });
  const folder = resolve(path);
  if (!existsSync(join(folder, environmentsFolder))) {
    const above = rootAbove(folder);
    throw new CommandError({
      subject: called,
      message: `holds no folder ${environmentsFolder}/, where environments are declared`,
      remedy:
        above === undefined
          ? `name the root of a checkout: the folder that holds ${environmentsFolder}/`
          : `name ${above}: it does`,
    });
  }
  // One that may not be entered is not empty.
  await namesIn(join(folder, environmentsFolder));
  return {
    folder,
    names: async () =>
      (await filesOf(join(folder, environmentsFolder))).flatMap(
        (name) => environmentOfPath(`${environmentsFolder}/${name}`) ?? [],
      ),
    read: async (environment) => readDeclaration(folder, environment),
    checkout: async () => ({ folder, absent: [] }),
  };
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  return entries.flatMap((entry) => (entry.isFile() ? [pathFromBytes(entry.name)] : [])).sort();
}

function rootAbove(folder: string): string | undefined {
  const above = dirname(folder);
  if (above === folder) return undefined;
  return existsSync(join(above, environmentsFolder)) ? above : rootAbove(above);
}

async function readDeclaration(folder: string, name: string): Promise<Declaration> {
  if (!isEnvironmentName(name)) return { state: 'absent' };
  const file = environmentPath(name);
  const found = await lstat(join(folder, file)).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (found?.isFile() !== true) return { state: 'absent' };
  const text = (await readWhole(join(folder, file))).toString('utf8');
  try {
    return { state: 'declared', environment: parseEnvironmentFile({ file, text }) };
  } catch (error) {
    if (!(error instanceof ConvergeError)) throw error;
    return { state: 'invalid', error };
  }
}

/**
 * Writes what a commit of the Git repository has at `folder` into `tree` of `target`, an empty folder, and returns its
 * id. Neither the working tree nor Git's index changes. Throws `CommandError` where there is no such repository or revision.
 */
export async function writeCommit({
  folder,
  revision,
  target,
}: {
  folder: string;
  revision: string;
  target: string;
}): Promise<string> {
  const git = async (parameters: readonly string[], at = folder): Promise<string> => {
    const { stdout } = await promisify(execFile)('git', ['-C', at, '-c', 'core.autocrlf=false', ...parameters], {
      env: { ...process.env, GIT_INDEX_FILE: join(target, '.index') },
    });
    return stdout.trim();
  };
  const commit = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]).catch(
    (error: unknown) => {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      throw new CommandError({
        subject: revision,
        message: isMissing ? 'cannot be read: git is not installed' : `is no revision of the Git repository ${folder}`,
        remedy: isMissing
          ? 'install git, or leave --revision out'
          : 'git log lists them; git fetch brings those of others',
      });
    },
  );
  const [prefix, root] = [await git(['rev-parse', '--show-prefix']), await git(['rev-parse', '--show-toplevel'])];
  await git(['read-tree', prefix === '' ? commit : `${commit}:${prefix.replace(/\/$/, '')}`], root).catch(() => {
    throw new CommandError({ subject: revision, message: `has no folder ${prefix}` });
  });
  await git(['checkout-index', '--all', '--force', `--prefix=${join(target, 'tree')}/`], root);
  return commit;
}
