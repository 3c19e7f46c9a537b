import { isOpen } from '../../../memory/incident.ts';
import { ConvergeError } from '../../../base/errors.ts';
import { encodeReconcileRequested } from '../../../events/reconcile-requested.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import type { Memory } from '../../../memory/memory.ts';
import { revisionOf } from '../../../base/revision.ts';
import { dependencyGraph } from '../../common/declared-environments.ts';
import { inParallel } from '../../common/parallel.ts';
import { readInputs } from '../../common/render-inputs.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { recallSome, type Recalled } from '../../common/remembered-environments.ts';

/**
 * Sends one job to each environment that waits for this one alone or among others, once there is news for it: this one
 * has converged, is healthy again, or has failed. Called after the memory says so, which is what the jobs read. Where a
 * run dies before this, the schedule's look at the environment that waits finds its gate open.
 */
export async function tellDependents(run: Run, result: RunResult): Promise<void> {
  const { head } = run;
  if (
    head === undefined ||
    !(result.outcome === 'converged' || result.outcome === 'unchanged' || result.outcome === 'diverged')
  )
    return;
  if (result.outcome === 'diverged' && result.reason === 'Drifted') return;
  const repository = run.ports.repository(run.repository);
  const graph = await dependencyGraph({ repository, commit: head.id });
  const dependents = [...graph].flatMap(([name, dependsOn]) =>
    dependsOn.includes(run.environment) && name !== run.environment ? [name] : [],
  );
  const revision = revisionOf({ branch: repository.branch, commit: head.id });
  const { since } = run.memoryFile.memory();
  // One that came back is news again at the same revision.
  const occasion =
    result.outcome === 'converged'
      ? `${head.id} ${run.environment}`
      : `${head.id} ${run.environment} ${result.outcome} ${since}`;
  const recall = recallSome(run, run.ports);
  const memories = await inParallel(dependents, async (environment) => ({
    environment,
    memory: await orUndefined(recall(environment)),
  }));
  for (const { environment, memory } of memories) {
    if (memory !== undefined && !(await isNews({ memory, revision }))) continue;
    const job = { repository: run.repository, environment, cause: 'dependency' } as const;
    await run.ports.topics.publish('reconcile', encodeReconcileRequested({ job, occasion, time: run.ports.now() }));
  }

  async function isNews({ memory, revision }: { memory: Memory; revision: string }): Promise<boolean> {
    const { converged, held, incident } = memory;
    // Where nothing changed here, only those that were seen to wait are told: the others failed by themselves.
    if (result.outcome === 'unchanged') return held !== undefined;
    if (result.outcome === 'diverged')
      return (
        held !== undefined && !(isOpen(incident) && incident.reason === 'Blocked' && incident.revision === revision)
      );
    if (converged === undefined) return true;
    const current = await readInputs({ repository, commit: head?.id ?? '', paths: Object.keys(converged.inputs) });
    return !sameInputs({ attempted: converged.inputs, current });
  }
}

/** Undefined where it cannot be read for good: its own run says why, and this one has nothing to do with it. */
async function orUndefined(recalled: Promise<Recalled>): Promise<Memory | undefined> {
  try {
    return (await recalled).memory;
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return undefined;
    throw error;
  }
}
