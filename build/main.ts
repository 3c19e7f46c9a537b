import { join, resolve } from 'node:path';
import { LocalError } from '../local/local-error.ts';
import { reportTo } from '../local/say.ts';
import { build } from './build.ts';

/** `npm run build`: what is deployed and installed, into `dist/`. */
const root = resolve(import.meta.dirname, '..');

build({ root, out: join(root, 'dist'), report: reportTo(process.stderr) }).catch((error: unknown) => {
  console.error(error instanceof LocalError ? error.message : error);
  process.exitCode = 1;
});
