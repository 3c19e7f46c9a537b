import { divergenceOf } from '../../../drift/divergence.ts';
import { editedParent } from '../../../drift/edited-parent.ts';
import { sameInputs } from '../../../environment/inputs.ts';
import { extentOf, extentOfParent, parentSays, unionOf, type Extent } from '../../../inventory/applyset.ts';
import { declaresAsApplied, restoredParent } from '../../../inventory/restored-parent.ts';
import { isOpen } from '../../../memory/incident.ts';
import { divergenceFound } from '../../../memory/transitions/divergence.ts';
import type { Memory } from '../../../memory/memory.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { idOfKey } from '../../../objects/object-id.ts';
import type { ObservedState } from '../observe/observed-state.ts';
import type { Target } from '../run/target.ts';
import { tellDivergence } from '../tell/tell.ts';
import { writeParent } from './write-parent.ts';

type Restored = Pick<Target, 'run' | 'revision' | 'environment' | 'attempted' | 'cluster' | 'applySet'>;

/**
 * Puts a parent right that is ours and says something else than it has to: whose it is, where its members are, what
 * converged last. With the memory lost, nobody could tell any more, and what it does not name would be an orphan. What
 * somebody else wrote over is told as drift before; what a killed run of ours left is put right in silence. Resolves
 * with the inventory as it then is.
 */
export async function restoreParent(target: Restored, observed: ObservedState): Promise<ObservedState> {
  const { run, cluster, revision, environment, attempted } = target;
  const { parent } = observed;
  if (parent === undefined) return observed;
  const restored = parentToBe(target, { observed, parent });
  if (parentSays({ observed: parent, desired: restored })) return observed;
  const { incident: told } = run.memoryFile.memory();
  const edited = editedParent({ parent, restored });
  if (edited !== undefined) {
    const divergence = divergenceOf({ reason: 'Drifted', revision, objects: [edited] });
    tellDivergence(run, { divergence, environment, attempted, cluster: cluster.name, action: 'healing' });
  }
  await run.lease.claim({ keys: [] });
  const written = await writeParent({ run, cluster, observed: parent, desired: restored });
  // What was told before stands: this is put right, and ends with it.
  if (edited !== undefined && isOpen(told))
    run.memoryFile.remember(divergenceFound, {
      attempted,
      incident: told,
      now: run.ports.now(),
      heals: undefined,
    });
  return { ...observed, parent: written };
}

/** A parent as it has to be, by what is remembered and what is there. */
export function parentToBe(
  { run, applySet }: Pick<Target, 'run' | 'applySet'>,
  { observed, parent }: { observed: ObservedState; parent: KubernetesObject },
): KubernetesObject {
  const memory = run.memoryFile.memory();
  const isSettled = hasSettled(memory);
  // Beside what is known, a parent may declare what is about to come; not where somebody else says so.
  const isTrue = !isSettled || declaresAsApplied(parent);
  const extent = isTrue ? observed.extent : extentKnown({ observed, memory, namespace: applySet.namespace });
  return restoredParent({ applySet, parent, extent, revision: isSettled ? memory.converged?.revision : undefined });
}

/** Whether what was attempted last has converged, so that no run has left anything half-way. */
function hasSettled({ attempted, converged }: Memory): boolean {
  return (
    attempted !== undefined &&
    converged !== undefined &&
    sameInputs({ attempted: attempted.inputs, current: converged.inputs })
  );
}

/** Where something of the environment is, or may be. */
function extentKnown({
  observed: { parent, objects, unproven, unserved = [] },
  memory,
  namespace,
}: {
  observed: ObservedState;
  memory: Memory;
  namespace: string;
}): Extent {
  const keys = [...objects.keys(), ...unproven.keys(), ...Object.keys(memory.objects), ...memory.left];
  const known = extentOf({ ids: [...keys, ...(memory.pending ?? [])].map(idOfKey), parentNamespace: namespace });
  if (unserved.length === 0) return known;
  const { additionalNamespaces } = extentOfParent(parent);
  return unionOf(known, { groupKinds: unserved.map(({ kind }) => kind).sort(), additionalNamespaces });
}
