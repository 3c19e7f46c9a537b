import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LocalError } from '../local/local-error.ts';
import { reportTo } from '../local/say.ts';
import { build, buildPrograms } from './build.ts';

const usage = `npm run build [-- --programs]

Writes what is deployed and installed into dist/: the functions, the renderer, the
command, and their sums.

  --programs  writes dist/programs instead: what npm start runs, for Linux and macOS on
              amd64 and arm64, with sums. npm start takes it from the folder that
              CONVERGE_PROGRAMS names, and builds nothing then. Some minutes for each
  --help      this text

Exit codes: 0 built, 1 failed, 2 wrong usage.
`;

const root = resolve(import.meta.dirname, '..');

function readArguments(): { programs: boolean; help: boolean } {
  const { values } = parseArgs({
    options: { programs: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  return values;
}

async function main(): Promise<number> {
  let wanted: { programs: boolean; help: boolean };
  try {
    wanted = readArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
  if (wanted.help) {
    process.stdout.write(usage);
    return 0;
  }
  const work = wanted.programs ? buildPrograms : build;
  try {
    await work({ root, out: join(root, 'dist'), report: reportTo(process.stderr) });
    return 0;
  } catch (error) {
    console.error(error instanceof LocalError ? error.message : error);
    return 1;
  }
}

process.exitCode = await main();
