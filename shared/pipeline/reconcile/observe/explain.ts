import { ConvergeError } from '../../../base/errors.ts';
import { firstCause, type Why } from '../../../health/first-cause.ts';
import { newestPods, newestReplicaSet } from '../../../health/newest-pods.ts';
import { repeatedWarning } from '../../../health/repeated-warning.ts';
import { explainRollout, podSelectorOf, type RolloutTrouble } from '../../../health/stuck-rollout.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';

/** How many workloads are explained by one look; with more of them, the next look takes others. */
const perLook = 10;
/** Of so many namespaces events are read for one alert. */
const namespacesAsked = 5;

/** What keeps objects from being healthy, by their keys, as far as it was looked up. */
export interface Explanations {
  of(key: string): RolloutTrouble | undefined;
  /** Reads the Pods of these workloads, which are not healthy, and forgets all others. */
  renew(workloads: readonly Explained[]): Promise<void>;
  /**
   * What is to be told of these objects, in their order: with the first cause, and the events of their namespaces, which
   * are asked for now.
   *
   * @param since events before this are of the past: ISO 8601
   */
  tell(
    objects: readonly (Explained<KubernetesObject | undefined> & { readonly message: string })[],
    since: string | undefined,
  ): Promise<readonly { readonly message: string; readonly why?: Why }[]>;
}

/** What is not healthy, as it was observed; undefined where it was not there. */
interface Explained<Observed = KubernetesObject> {
  readonly key: string;
  readonly object: Observed;
}

interface Found {
  readonly trouble: RolloutTrouble | undefined;
  /** What the workload is made of now, itself included. */
  readonly objects: readonly KubernetesObject[];
}

/** @param known.hides hides the values of Secrets in what containers and events say */
export function openExplanations(
  target: Pick<Target, 'run' | 'cluster'>,
  { api, hides }: { api: ClusterApi; hides: (words: string) => string },
): Explanations {
  const { run, cluster } = target;
  let known = new Map<string, Found>();
  let round = 0;

  async function explain({ object: workload }: Explained, labelSelector: string): Promise<Found> {
    const { namespace } = workload.metadata;
    const list = async (kind: string, group: string): Promise<readonly KubernetesObject[]> => {
      const resource = api.resources.find((served) => served.kind === kind && served.group === group);
      return resource === undefined ? [] : await cluster.list({ resource, namespace, labelSelector, content: 'whole' });
    };
    const [pods, replicaSets] = await Promise.all([
      list('Pod', ''),
      workload.kind === 'Deployment' ? list('ReplicaSet', 'apps') : [],
    ]);
    const observed = { workload, pods, replicaSets };
    return {
      trouble: explainRollout({ ...observed, hides }),
      objects: [workload, newestReplicaSet(observed) ?? workload, ...newestPods(observed)],
    };
  }

  return {
    of: (key) => known.get(key)?.trouble,
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
    async tell(objects, since) {
      const events = await readWarnings(
        target,
        objects.map(({ object }) => object),
      );
      return objects.map(({ key, object, message }) => {
        const { trouble, objects: of } = known.get(key) ?? { trouble: undefined, objects: object ? [object] : [] };
        const warning = repeatedWarning({ objects: of, events, since });
        const said = warning && { ...warning, message: hides(warning.message) };
        return firstCause({ message, trouble, warning: said });
      });
    },
  };
}

/** The Warning events of the namespaces of these objects; none where they cannot be read. */
async function readWarnings(
  { run, cluster }: Pick<Target, 'run' | 'cluster'>,
  objects: readonly (KubernetesObject | undefined)[],
): Promise<readonly KubernetesObject[]> {
  const namespaces = [...new Set(objects.flatMap((object) => object?.metadata.namespace ?? []))].sort();
  const lists = await inParallel(namespaces.slice(0, namespacesAsked), async (namespace) => {
    const events = await cluster.warnings(namespace);
    if (events === undefined)
      run.ports.log('INFO', 'the events of a namespace cannot be read', { environment: run.key, namespace });
    return events ?? [];
  });
  return lists.flat();
}
