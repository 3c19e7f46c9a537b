import { deployed } from '../build/build.ts';
import { ensureProgram, ensurePrograms } from '../local/programs.ts';
import { reportTo } from '../local/say.ts';

/** Before any test on real parts: builds what the cache lacks, so that no test's time limit includes a build. */
export async function setup(): Promise<void> {
  await ensurePrograms({ report: reportTo(process.stderr) });
  await ensureProgram('render', { target: deployed, report: reportTo(process.stderr) });
}
