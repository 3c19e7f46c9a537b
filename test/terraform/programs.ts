import { ensureProgram, infrastructureProgramNames } from '../../local/programs.ts';
import { reportTo } from '../../local/say.ts';

/**
 * Before the tests of `terraform/`: builds OpenTofu and Google's provider where the cache lacks them, a quarter of an
 * hour on two cores.
 */
export async function setup(): Promise<void> {
  for (const name of infrastructureProgramNames) await ensureProgram(name, { report: reportTo(process.stderr) });
}
