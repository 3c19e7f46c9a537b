import type { Cluster } from '../../../../../shared/ports/kubernetes.ts';
import type { ReconcilePorts } from '../../../../../shared/pipeline/reconcile/run/run.ts';

/** What ends a run as the end of its process does: nothing that it does afterwards has an effect. */
export class Killed extends Error {}

export interface Life {
  /** How many effects it had on the world: writes, deletions, messages, pushes. */
  readonly effects: number;
}

/**
 * The same ports, whose process dies before one of its effects, or stands still there.
 *
 * @param diesBefore the number of that effect, from 1; undefined: it lives
 * @param freezes awaited before each effect, by its number
 */
export function mortalPorts(
  ports: ReconcilePorts,
  {
    diesBefore,
    freezes,
  }: { diesBefore?: number | undefined; freezes?: ((effect: number) => Promise<void>) | undefined },
): { ports: ReconcilePorts; life: Life } {
  let effects = 0;
  const effect = async <T>(does: () => Promise<T>): Promise<T> => {
    if (effects + 1 === diesBefore) throw new Killed('the process is dead');
    effects += 1;
    await freezes?.(effects);
    return await does();
  };
  const { state, topics } = ports;
  const git = ports.repository('master');
  const repository = {
    ...git,
    push: async (commit: Parameters<typeof git.push>[0]) => effect(async () => git.push(commit)),
    writeRef: async (write: Parameters<typeof git.writeRef>[0]) => effect(async () => git.writeRef(write)),
    writeNotes: async (write: Parameters<typeof git.writeNotes>[0]) => effect(async () => git.writeNotes(write)),
  };
  const mortalCluster = (cluster: Cluster): Cluster => ({
    ...cluster,
    apply: async (target) => (target.dryRun ? cluster.apply(target) : effect(async () => cluster.apply(target))),
    writeManagedFields: async (target) => effect(async () => cluster.writeManagedFields(target)),
    delete: async (target) => effect(async () => cluster.delete(target)),
  });
  return {
    life: {
      get effects() {
        return effects;
      },
    },
    ports: {
      ...ports,
      state: {
        ...state,
        write: async (write) => effect(async () => state.write(write)),
        delete: async (object) => effect(async () => state.delete(object)),
      },
      topics: { publish: async (topic, event) => effect(async () => topics.publish(topic, event)) },
      repository: () => repository,
      cluster: async (asked) => mortalCluster(await ports.cluster(asked)),
    },
  };
}
