import { ConvergeError } from '../../base/errors.ts';
import type { Run } from '../reconcile/run/run.ts';
import { nothingPlanned, type Planned } from './planned.ts';
import { hidesOfSight, type Sight } from './sight.ts';

/**
 * What a run would refuse is an answer, in its words; what may pass by itself throws. Values of Secrets are hidden in
 * both.
 *
 * @param of.unsigned what is said where signatures are asked for and there is none; absent: what a run says
 */
export async function orRefused(
  { run, revision, unsigned }: { run: Run; revision: string; unsigned?: string | undefined },
  work: (sight: Sight) => Promise<Planned>,
): Promise<Planned> {
  const sight: Sight = {};
  try {
    return await work(sight);
  } catch (thrown) {
    const error = (await hidesOfSight(run, { revision, sight })).error(thrown);
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    return nothingPlanned({
      outcome: 'refused',
      cluster: run.memoryFile.memory().cluster,
      message: `${error.code}: ${(error.code === 'UntrustedRevision' ? unsigned : undefined) ?? error.message}`,
    });
  }
}
