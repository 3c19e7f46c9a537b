import { chmodSync, readdirSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Run once where the functions will run, when their image is made (Google's builder calls it as the script
 * `gcp-build`): loads everything and keeps the compiled code in `compiled/`, so that a cold start need not compile.
 * Nothing depends on it.
 */
const root = join(import.meta.dirname, '..');
chmodSync(join(root, 'bin', 'render'), 0o755);
enableCompileCache(join(root, 'compiled'));
await import('./framework.ts');
const modules = readdirSync(join(root, 'functions')).filter((name) => name.endsWith('.mjs'));
for (const name of modules) await import(join(root, 'functions', name));
flushCompileCache();
// Node writes them for their owner alone, and an image may hand them to another.
for (const file of readdirSync(join(root, 'compiled'), { recursive: true, withFileTypes: true }))
  chmodSync(join(file.parentPath, file.name), file.isDirectory() ? 0o755 : 0o644);
console.log(`compiled ${modules.length} modules`);
