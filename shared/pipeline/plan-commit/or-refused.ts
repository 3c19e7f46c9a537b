import { ConvergeError } from '../../base/errors.ts';
import type { Run } from '../reconcile/run/run.ts';
import { nothingPlanned, type Planned } from './planned.ts';

/** What a run would refuse is an answer, in its words; what may pass by itself throws. */
export async function orRefused(run: Run, work: () => Promise<Planned>): Promise<Planned> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    return nothingPlanned({
      outcome: 'refused',
      cluster: run.memoryFile.memory().cluster,
      message: `${error.code}: ${error.message}`,
    });
  }
}
