import { assessHealth } from '../../../health/assess-health.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import { resourceOf, type DesiredObject } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';

/** How long to wait between looks at definitions that are not established yet, in milliseconds. */
const lookAgain = 100;

export interface Defined {
  readonly api: ClusterApi;
  /** Why others cannot use a definition yet, by its key. */
  readonly unusable: ReadonlyMap<string, string>;
}

/**
 * Waits for what was just applied: custom resources cannot be written before their definition is established, nor
 * anything into a namespace that is not active. What is broken is not waited for, nor what takes longer than a run may
 * wait: what needs it is tried again by the next one.
 */
export async function awaitDefinitions(
  { run, cluster }: Target,
  {
    applied,
    answers,
    api,
  }: { applied: readonly DesiredObject[]; answers: Map<string, KubernetesObject>; api: ClusterApi },
): Promise<Defined> {
  const definitions = applied.filter(
    ({ id, key }) => ['CustomResourceDefinition', 'Namespace'].includes(id.kind) && answers.has(key),
  );
  const health = ({ key }: DesiredObject) => {
    const answer = answers.get(key);
    return answer === undefined ? undefined : assessHealth(answer);
  };
  const notYet = () => definitions.filter((desired) => !['Healthy', 'Degraded'].includes(health(desired)?.state ?? ''));
  while (notYet().length > 0 && run.ports.now() < run.waitUntil()) {
    await run.ports.sleep(lookAgain);
    await run.lease.assertHeld();
    await inParallel(notYet(), async (desired) => {
      const resource = resourceOf({ api, object: desired.object });
      const live =
        resource === undefined
          ? undefined
          : await cluster.get({ resource, namespace: undefined, name: desired.id.name });
      if (live !== undefined) answers.set(desired.key, live);
    });
  }
  const unusable = definitions.flatMap((desired) => {
    const judged = health(desired);
    return judged?.state === 'Healthy' ? [] : [[desired.key, judged?.message ?? 'is gone'] as const];
  });
  const hasKinds = definitions.some(({ id }) => id.kind === 'CustomResourceDefinition');
  return { api: hasKinds ? await cluster.api({ refresh: true }) : api, unusable: new Map(unusable) };
}
