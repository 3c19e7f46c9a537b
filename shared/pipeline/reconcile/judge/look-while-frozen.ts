import type { Environment } from '../../../environment/environment-file.ts';
import { frozenWords, type Frozen } from '../../../environment/frozen.ts';
import { driftLeft } from '../../../memory/transitions/objects.ts';
import { observe } from '../observe/observed-state.ts';
import { readOwnParent } from '../observe/own-parent.ts';
import { renderDesired } from '../render/desired-state.ts';
import { toAsk } from '../render/render-cache.ts';
import { noteCause } from '../run/note-cause.ts';
import type { RunResult, Target } from '../run/target.ts';
import { tellDivergence } from '../tell/tell.ts';
import { comparePlan } from './compare-plan.ts';
import { judgeDrift } from './judge-drift.ts';
import { confirmUnchanged, isUnchanged, rendersAsBefore } from './unchanged.ts';

/**
 * A look in a freeze: tells what drifted, what broke and what cannot be rendered, as any look does, and writes nothing in
 * the cluster: no object, no inventory, no seed. Throws as a run does that is refused.
 */
export async function lookWhileFrozen(declared: Target, { frozen }: { frozen: Frozen }): Promise<RunResult> {
  const { run, commit, revision, environment, cluster, api, applySet } = declared;
  const memory = run.memoryFile.memory();
  const parent = await readOwnParent({ ...declared, memory, commit: commit.id });
  const observed = await observe({ cluster, api, applySet, remembered: memory.objects, parent });
  if ((await rendersAsBefore(declared)) && isUnchanged(declared, observed))
    return await confirmUnchanged(declared, observed);

  const desired = await renderDesired(declared, toAsk);
  const target: Target = { ...declared, attempted: { ...declared.attempted, inputs: desired.inputs } };
  await noteCause(run, { commit, paths: Object.keys(desired.inputs), isAll: true });
  const { drift, renewed } = await comparePlan(target, { desired, observed, memory });
  if (drift.length > 0) {
    const { selfHeal } = environment;
    const unhealing: Environment = { ...environment, selfHeal: selfHeal === true ? false : selfHeal };
    const judged = judgeDrift(run, { environment: unhealing, revision, drift, request: undefined });
    tellDivergence(run, { ...target, ...judged, cluster: cluster.name });
    run.memoryFile.remember(driftLeft, { attempted: target.attempted, renewed });
    return { outcome: 'diverged', revision, reason: 'Drifted', summary: judged.divergence.summary };
  }
  if (frozen.waits !== null) run.memoryFile.remember(driftLeft, { attempted: target.attempted, renewed });
  return { outcome: 'frozen', revision, message: frozenWords(frozen) };
}
