import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Has Node keep what it compiles in the user's cache (`CONVERGE_CACHE`, or `converge` in `XDG_CACHE_HOME`), from which the
 * command starts in less than half the time. Not in Node's own place below the temporary folder, where others may put
 * code first. Where nothing can be written there, nothing is kept.
 */
export function keepCompiledCode(): void {
  const { CONVERGE_CACHE: own, XDG_CACHE_HOME: users, HOME: home } = process.env;
  enableCompileCache(join(own || join(users || join(home || homedir(), '.cache'), 'converge'), 'compiled'));
}
