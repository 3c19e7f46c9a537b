import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { cacheFolder } from '../shared/adapters/cache-folder.ts';

/**
 * Has Node keep what it compiles in the user's cache, from which the command starts in less than half the time. Not in
 * Node's own place below the temporary folder, where others may put code first. Where nothing can be written there,
 * nothing is kept.
 */
export function keepCompiledCode(): void {
  enableCompileCache(join(cacheFolder(), 'compiled'));
}
