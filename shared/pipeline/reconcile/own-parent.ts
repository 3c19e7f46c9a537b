import { ConvergeError } from '../../errors.ts';
import type { Memory } from '../../environment/memory.ts';
import { environmentAnnotation, idLabel, parentObject, recordBeside, repositoryAnnotation, type ApplySet } from '../../inventory/applyset.ts';
import { readHookRecord } from '../../inventory/hook-record.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { judgeParent } from '../../ownership/parent.ts';
import type { Cluster } from '../ports.ts';
import { writeParent } from './apply-changes.ts';
import { parentResource, type ObservedState } from './observed-state.ts';
import type { Run } from './run.ts';
import type { Target } from './target.ts';

export interface Inventory {
  readonly run: Pick<Run, 'repository' | 'ports'>;
  readonly cluster: Cluster;
  readonly applySet: ApplySet;
  /** What is remembered of the environment that the inventory is to be of. */
  readonly memory: Memory;
  /** The head of the branch. */
  readonly commit: string;
}

/**
 * The parent of an inventory, or undefined where there is none. Read before anything of it is listed or written.
 *
 * Throws `OwnedByAnother` (refuse), naming both, where the inventory of that name is another environment's, another tool's, or
 * that of an environment of another repository.
 */
export async function readOwnParent(inventory: Inventory): Promise<KubernetesObject | undefined> {
  const { cluster, applySet } = inventory;
  const parent = await cluster.get({ resource: parentResource, namespace: applySet.namespace, name: applySet.name });
  const problem = parent === undefined ? undefined : await problemOf(inventory, parent);
  if (problem === undefined) return parent;
  throw new ConvergeError({
    code: 'OwnedByAnother',
    subject: `cluster ${cluster.name}, ConfigMap ${applySet.namespace}/${applySet.name}`,
    message: `${problem.why}; nothing is read or written`,
    remedy: problem.remedy,
    disposition: 'refuse',
  });
}

/** Whether this installation is known to have written to where an inventory is. */
export function hasWritten({ memory, cluster, applySet }: Pick<Inventory, 'memory' | 'applySet'> & { cluster: Pick<Cluster, 'name'> }): boolean {
  return memory.cluster === cluster.name && memory.namespace === applySet.namespace;
}

/**
 * Gives a parent that is ours its name back, where somebody took that or its label off: with the memory lost, nobody could tell any
 * more whose it is. Resolves with the inventory as it then is.
 */
export async function nameParent({ run, cluster, applySet }: Pick<Target, 'run' | 'cluster' | 'applySet'>, observed: ObservedState): Promise<ObservedState> {
  const { parent, extent } = observed;
  if (parent === undefined) return observed;
  const { labels, annotations } = parent.metadata;
  if (annotations?.[environmentAnnotation] !== undefined && labels?.[idLabel] === applySet.id) return observed;
  const { converged } = run.memoryFile.memory();
  const record = recordBeside(parent) ?? (converged === undefined ? undefined : { revision: converged.revision });
  const named = parentObject({ applySet, extent, record, hooks: readHookRecord(parent) });
  await run.lease.assertHeld();
  await writeParent({ cluster, observed: parent, desired: named });
  return { ...observed, parent: named };
}

async function problemOf({ run, cluster, applySet, memory, commit }: Inventory, parent: KubernetesObject): Promise<{ why: string; remedy: string } | undefined> {
  const { attempted, converged, previous } = memory;
  const commits = [attempted, converged, previous].flatMap((known) => known?.commit ?? []);
  const judged = judgeParent({ parent, applySet, remembered: { commits, hasWritten: hasWritten({ memory, cluster, applySet }), hasConverged: converged !== undefined } });
  switch (judged.verdict) {
    case 'ours':
      return undefined;
    case 'refused':
      if (judged.isNameless === true) return { why: judged.why, remedy: `where it is this one's, set its annotation ${environmentAnnotation} to ${applySet.environment}` };
      return { why: judged.why, remedy: 'give one of the two another name or namespace, or remove the other first' };
    case 'asks':
      if (await run.ports.repository(run.repository).isAncestor({ ancestor: judged.commit, descendant: commit })) return undefined;
      return { why: judged.otherwise, remedy: `remove it there first; where it is this one's all the same, set its annotation ${repositoryAnnotation} to ${applySet.address ?? ''}` };
  }
}
