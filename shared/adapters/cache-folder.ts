import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

/**
 * Where a user keeps what can be made again, between runs and outside of any checkout: compiled code, and the programs of
 * the local pipeline. `CONVERGE_CACHE`, or `converge` in `XDG_CACHE_HOME`, or in `~/.cache`. Of these, the second counts
 * where it is absolute: https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cacheFolder(): string {
  const { CONVERGE_CACHE: own, XDG_CACHE_HOME: caches = '' } = process.env;
  if (own) return resolve(own);
  return join(isAbsolute(caches) ? caches : join(homedir() || userInfo().homedir, '.cache'), 'converge');
}
