import { randomUUID } from 'node:crypto';
import { keysOf } from '../../../memory/lease.ts';
import { isSuspect } from '../../../memory/suspects.ts';
import { suspectsTouched } from '../../../memory/transitions/fold.ts';
import { resourceOf } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { fenceOff } from '../../common/fence-off.ts';
import { inParallel } from '../../common/parallel.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import { conflictLooks, conflictPause } from '../run/look-until.ts';
import type { Target } from '../run/target.ts';

type Fencing = Pick<Target, 'run' | 'cluster' | 'api'>;

/**
 * Fences what is there of the suspects off from what may still be written of them, before anybody believes what was
 * read. Resolves with the inventory as it then is.
 */
export async function fenceSuspects(target: Fencing, observed: ObservedState): Promise<ObservedState> {
  const { run } = target;
  const { suspects } = run.memoryFile.memory();
  if (suspects === undefined) return observed;
  const there = [...observed.objects.values()].filter(({ key }) => isSuspect(suspects, key));
  if (there.length > 0) await run.lease.claim({ keys: '*' in suspects ? '*' : keysOf(Object.keys(suspects)) });
  const by = randomUUID();
  const fenced = await inParallel(there, async (one) => fenceOne(target, { observed: one, by }));
  const touched = fenced.flatMap((one) => (one === undefined ? [] : [one.key]));
  const isAll = touched.length === there.length;
  run.memoryFile.remember(suspectsTouched, {
    touched: '*' in suspects && isAll ? [...touched, '*'] : touched,
    now: run.ports.now(),
  });
  const objects = new Map(observed.objects);
  for (const one of fenced) if (one !== undefined) objects.set(one.key, one);
  return { ...observed, objects };
}

/** Undefined where it cannot be fenced off now: it stays suspect. */
async function fenceOne(
  { run, cluster, api }: Fencing,
  { observed, by }: { observed: ObservedObject; by: string },
): Promise<ObservedObject | undefined> {
  const { namespace, name } = observed.id;
  const resource = resourceOf({ api, object: observed.object });
  if (resource === undefined) return undefined;
  let live: KubernetesObject | undefined = observed.object;
  for (let look = 1; live !== undefined && look <= conflictLooks; look++) {
    const result = await fenceOff({ cluster }, { resource, live, by });
    if (result.outcome === 'fenced') return { ...observed, object: result.object };
    if (result.outcome === 'refused') return undefined;
    await run.ports.sleep(conflictPause(look));
    live = await cluster.get({ resource, namespace, name });
  }
  return undefined;
}
