import { explainRollout, podSelectorOf, type RolloutTrouble } from '../../../health/stuck-rollout.ts';
import { ConvergeError } from '../../../base/errors.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';

/** How many workloads are explained by one look; with more of them, the next look takes others. */
const perLook = 10;

/** What keeps workloads from being healthy, by their keys, as far as it was looked up. */
export interface Explanations {
  of(key: string): RolloutTrouble | undefined;
  /** Reads the Pods of these workloads, which are not healthy, and forgets all others. */
  renew(workloads: readonly Workload[]): Promise<void>;
}

interface Workload {
  readonly key: string;
  readonly object: KubernetesObject;
}

export function openExplanations({ run, cluster }: Pick<Target, 'run' | 'cluster'>, api: ClusterApi): Explanations {
  let known = new Map<string, RolloutTrouble | undefined>();
  let round = 0;

  async function explain({ object }: Workload, labelSelector: string): Promise<RolloutTrouble | undefined> {
    const { namespace } = object.metadata;
    const list = async (kind: string, group: string): Promise<readonly KubernetesObject[]> => {
      const resource = api.resources.find((served) => served.kind === kind && served.group === group);
      return resource === undefined ? [] : await cluster.list({ resource, namespace, labelSelector, content: 'whole' });
    };
    const [pods, replicaSets] = await Promise.all([
      list('Pod', ''),
      object.kind === 'Deployment' ? list('ReplicaSet', 'apps') : [],
    ]);
    return explainRollout({ workload: object, pods, replicaSets });
  }

  return {
    of: (key) => known.get(key),
    async renew(workloads) {
      known = new Map([...known].filter(([key]) => workloads.some((workload) => workload.key === key)));
      const explained = workloads.flatMap((workload) => {
        const selector = podSelectorOf(workload.object);
        return selector === undefined ? [] : [{ workload, selector }];
      });
      const first = explained.length <= perLook ? 0 : (round++ * perLook) % explained.length;
      await inParallel(explained.slice(first, first + perLook), async ({ workload, selector }) => {
        try {
          known.set(workload.key, await explain(workload, selector));
        } catch (error) {
          // What it would tell is only why; that the workload is not healthy is known without it.
          if (!(error instanceof ConvergeError)) throw error;
          run.ports.log('WARNING', `the pods of a workload cannot be read: ${error.message}`, {
            environment: run.key,
            object: workload.key,
          });
        }
      });
    },
  };
}
