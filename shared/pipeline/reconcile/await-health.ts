import type { HealthExpressions } from '../../environment/environment-file.ts';
import { assessHealth } from '../../health/assess-health.ts';
import { worstHealth, type Health } from '../../health/health.ts';
import { extentOf } from '../../inventory/applyset.ts';
import type { DesiredObject } from '../../objects/desired.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { isShortLived } from '../../objects/short-lived.ts';
import { objectIdOf, objectKey } from '../../objects/object-id.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { listMembers } from './observed-state.ts';
import type { Target } from './target.ts';

const firstLook = 50;
const slowestLook = 2_000;
/** Milliseconds after which a roll-out in which nothing moves any more and something is broken has failed. */
const brokenFor = 5_000;

export interface UnhealthyObject {
  readonly desired: DesiredObject;
  readonly health: Health;
}

export type Outcome =
  | { readonly outcome: 'healthy'; readonly health: Health }
  | { readonly outcome: 'unhealthy'; readonly objects: readonly UnhealthyObject[]; readonly health: Health }
  | { readonly outcome: 'superseded' };

/**
 * Waits until every object is healthy (or suspended), reading only the kinds that are not. Ends early where a newer
 * commit is there, and where everything that is not healthy is broken and stays so.
 */
export async function awaitHealth(
  target: Target,
  { desired, observed, api }: { desired: readonly DesiredObject[]; observed: ReadonlyMap<string, KubernetesObject>; api: ClusterApi },
): Promise<Outcome> {
  const { run, applySet, cluster, deadline, environment } = target;
  const remembered = run.memoryFile.memory().objects;
  const latest = new Map(observed);
  let brokenSince: number | undefined;
  for (let pause = firstLook; ; pause = Math.min(pause * 1.5, slowestLook)) {
    const unhealthy = desired.flatMap((object) => {
      const health = healthOf({ desired: object, observed: latest.get(object.key), expressions: environment.health });
      return health.state === 'Healthy' || health.state === 'Suspended' ? [] : [{ desired: object, health }];
    });
    const health = worstHealth(desired.map((object) => healthOf({ desired: object, observed: latest.get(object.key), expressions: environment.health })));
    if (unhealthy.length === 0) return { outcome: 'healthy', health };

    const now = run.ports.now();
    const broken = unhealthy.every((object) => object.health.state === 'Degraded');
    brokenSince = broken ? (brokenSince ?? now.getTime()) : undefined;
    const stuck = brokenSince !== undefined && now.getTime() - brokenSince >= brokenFor;
    if (stuck || now >= deadline) return { outcome: 'unhealthy', objects: unhealthy, health };
    if (await isSuperseded(target)) return { outcome: 'superseded' };

    await run.ports.sleep(pause);
    await run.lease.assertHeld();
    const ids = unhealthy.map((object) => object.desired.id);
    const extent = extentOf({ ids, parentNamespace: applySet.namespace });
    for (const { desired: object } of unhealthy) latest.delete(object.key);
    for (const object of await listMembers({ cluster, api, applySet, extent, remembered })) latest.set(objectKey(objectIdOf(object)), object);
  }
}

/** Whether the branch moved on, so that this roll-out is waited for in vain. Git is asked only where a look was asked for. */
async function isSuperseded({ run, commit }: Target): Promise<boolean> {
  return (await run.isAskedAgain()) && (await run.ports.repository(run.repository).head()) !== commit.id;
}

function healthOf({ desired, observed, expressions }: { desired: DesiredObject; observed: KubernetesObject | undefined; expressions: readonly HealthExpressions[] }): Health {
  if (observed !== undefined) return assessHealth(observed, expressions);
  return isShortLived(desired.object) ? { state: 'Healthy', message: 'it ended, and was cleaned up' } : { state: 'Missing', message: 'is not there' };
}
