import { LocalError } from './local-error.ts';
import { ensureProgram, programNames } from './programs.ts';
import { reportTo } from './say.ts';

/*
 * node local/program-path.ts render: says where that program of `tools/` is, and builds it before where the cache lacks
 * it. The command asks so, in a process of its own: it is installed without the local pipeline.
 */
const name = programNames.find((known) => known === process.argv[2]);
try {
  if (name === undefined) throw new LocalError({ message: `there are ${programNames.join(', ')}` });
  process.stdout.write(`${await ensureProgram(name, { report: reportTo(process.stderr) })}\n`);
} catch (error) {
  if (!(error instanceof LocalError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
