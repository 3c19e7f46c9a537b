import { gateOf, refuseWrongDependencies, type Dependency, type Gate } from '../../../memory/gate.ts';
import type { Environment } from '../../../environment/environment-file.ts';
import { declaredPaths, sameInputs } from '../../../environment/inputs.ts';
import type { AttemptedRevision } from '../../../memory/memory.ts';
import { heldBack, gateOpened } from '../../../memory/transitions/accept.ts';
import { declaredFrom, listEnvironments, readEnvironment } from '../../common/declared-environments.ts';
import { readInputs } from '../../common/render-inputs.ts';
import type { Run } from '../run/run.ts';
import type { RunResult } from '../run/target.ts';
import { diverge } from '../tell/tell.ts';
import { recallSome } from '../../common/remembered-environments.ts';

/**
 * Whether an environment may go to this commit: where its inputs are others than those it converged with, not before
 * all that it depends on has converged with theirs. Healing what drifted at unchanged inputs waits for nobody.
 *
 * Throws `InvalidEnvironment` (refuse) for an unknown name and for a loop.
 */
export async function checkDependencies(
  run: Run,
  { environment, commit }: { environment: Environment; commit: string },
): Promise<Gate> {
  const { name, dependsOn } = environment;
  if (dependsOn.length === 0) return { gate: 'open' };
  const repository = run.ports.repository(run.repository);
  const declared = await declaredFrom({ repository, commit, name });
  refuseWrongDependencies({ name, names: await listEnvironments({ repository, commit }), declared });

  const { converged } = run.memoryFile.memory();
  const inputsAt = async (paths: readonly string[]) => readInputs({ repository, commit, paths });
  if (
    converged !== undefined &&
    sameInputs({ attempted: converged.inputs, current: await inputsAt(Object.keys(converged.inputs)) })
  )
    return { gate: 'open' };
  const recall = recallSome(run, run.ports);
  const dependencies = dependsOn.map(async (dependency): Promise<Dependency> => {
    const { memory } = await recall(dependency);
    const file = declared.get(dependency);
    const paths = [memory.attempted, memory.converged].flatMap((remembered) => Object.keys(remembered?.inputs ?? {}));
    const current = await inputsAt([
      ...new Set([...paths, ...(file?.readable === true ? declaredPaths(file.environment) : [])]),
    ]);
    return { name: dependency, declared: file, memory, current, now: run.ports.now() };
  });
  return gateOf(await Promise.all(dependencies));
}

/**
 * Leaves an environment as it is, and says what it waits for. Remembers the attempt: no run goes back behind this
 * commit, and whoever converges finds out who waits.
 */
export async function waitForDependencies(
  run: Run,
  {
    environment,
    attempted,
    gate: { gate, message },
  }: { environment: Environment; attempted: AttemptedRevision; gate: Exclude<Gate, { gate: 'open' }> },
): Promise<RunResult> {
  const { revision } = attempted;
  run.memoryFile.remember(heldBack, { attempted, message, now: run.ports.now() });
  if (gate === 'waiting') return { outcome: 'waiting', revision, message };
  return diverge(run, {
    environment,
    attempted,
    divergence: { reason: 'Blocked', revision, summary: message, objects: [] },
  });
}

/**
 * Whether an environment that has just said that it waits for others need not any more. To be asked once its memory
 * says so: what came to its end before found nobody who waits, and told nobody.
 */
export async function hasGateMoved(run: Run): Promise<boolean> {
  const { head } = run;
  if (head === undefined || run.memoryFile.memory().held === undefined) return false;
  const repository = run.ports.repository(run.repository);
  const declared = await readEnvironment({ repository, commit: head.id, name: run.environment });
  if (declared.state !== 'declared') return false;
  return (await checkDependencies(run, { environment: declared.environment, commit: head.id })).gate !== 'waiting';
}

/** The gate is open: it waits for nobody any more. */
export async function stopWaiting(run: Run): Promise<void> {
  if (run.memoryFile.memory().held !== undefined) run.memoryFile.remember(gateOpened);
}
