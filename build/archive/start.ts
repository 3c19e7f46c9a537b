#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Starts the functions framework: `node framework/start.mjs`, with `FUNCTION_TARGET` and `PORT` as the platform sets
 * them. Google's builder starts it as `node_modules/.bin/functions-framework`. Uses the code that `prime.mjs` compiled,
 * where it has run; that of another Node or another processor is passed over.
 */
const compiled = join(import.meta.dirname, '..', 'compiled');
if (process.env['NODE_COMPILE_CACHE'] === undefined && existsSync(compiled)) enableCompileCache(compiled);

const { start } = await import('./framework.ts');
await start();
