import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/**
 * Where a user keeps what can be made again, between runs and outside of any checkout: compiled code, and the programs of
 * the local pipeline. `CONVERGE_CACHE`, or `converge` in `XDG_CACHE_HOME`, or in `~/.cache`.
 */
export function cacheFolder(): string {
  if (process.env['CONVERGE_CACHE']) return resolve(process.env['CONVERGE_CACHE']);
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'converge');
}
