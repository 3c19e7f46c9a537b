import { ConvergeError } from '../../../base/errors.ts';
import type { Memory } from '../../../memory/memory.ts';
import { repositoryAnnotation, type ApplySet, environmentAnnotation } from '../../../inventory/applyset.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { judgeParent } from '../../../ownership/parent.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { parentResource } from './observed-state.ts';
import type { Run } from '../run/run.ts';

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
 * Throws `OwnedByAnother` (refuse), naming both, where the inventory of that name is another environment's, another
 * tool's, or that of an environment of another repository.
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
export function hasWritten({
  memory,
  cluster,
  applySet,
}: Pick<Inventory, 'memory' | 'applySet'> & { cluster: Pick<Cluster, 'name'> }): boolean {
  return memory.cluster === cluster.name && memory.namespace === applySet.namespace;
}

async function problemOf(
  { run, cluster, applySet, memory, commit }: Inventory,
  parent: KubernetesObject,
): Promise<{ why: string; remedy: string } | undefined> {
  const { attempted, converged, previous } = memory;
  const commits = [attempted, converged, previous].flatMap((known) => known?.commit ?? []);
  const judged = judgeParent({
    parent,
    applySet,
    remembered: {
      commits,
      hasWritten: hasWritten({ memory, cluster, applySet }),
      hasConverged: converged !== undefined,
    },
  });
  switch (judged.verdict) {
    case 'ours':
      return undefined;
    case 'refused':
      if (judged.isNameless === true)
        return {
          why: judged.why,
          remedy: `where it is this one's, set its annotation ${environmentAnnotation} to ${applySet.environment}`,
        };
      return { why: judged.why, remedy: 'give one of the two another name or namespace, or remove the other first' };
    case 'asks':
      if (await run.ports.repository(run.repository).isAncestor({ ancestor: judged.commit, descendant: commit }))
        return undefined;
      return {
        why: judged.otherwise,
        remedy: `remove it there first; where it is this one's all the same, set its annotation ${repositoryAnnotation} to ${applySet.address ?? ''}`,
      };
  }
}
