import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Context } from './context.ts';

/** As git names a committer: by its variables, else its configuration, else the name of the account. */
export async function whoAsks(variables: Context['environment']): Promise<string> {
  const of = async (name: string, key: string): Promise<string | undefined> => {
    const said = variables[name];
    return said === undefined || said === '' ? await gitConfig(key, variables) : said;
  };
  const [name, email] = await Promise.all([
    of('GIT_COMMITTER_NAME', 'user.name'),
    of('GIT_COMMITTER_EMAIL', 'user.email'),
  ]);
  if (name !== undefined && email !== undefined) return `${name} <${email}>`;
  return name ?? email ?? variables['USER'] ?? variables['LOGNAME'] ?? 'unknown';
}

/** Undefined where nothing is configured, or there is no git. */
async function gitConfig(key: string, variables: Context['environment']): Promise<string | undefined> {
  try {
    const value = (await promisify(execFile)('git', ['config', '--get', key], { env: { ...variables } })).stdout.trim();
    return value === '' ? undefined : value;
  } catch {
    return undefined;
  }
}
