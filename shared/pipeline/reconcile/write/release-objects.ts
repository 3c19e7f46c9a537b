import { partOfLabel } from '../../../inventory/applyset.ts';
import { reachableResourceOf } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { releaseOf } from '../../../ownership/release.ts';
import type { Change } from '../../../plan/change-set.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { inParallel } from '../../common/parallel.ts';
import { conflictLooks, conflictPause } from '../run/look-until.ts';
import { readAgain, type Place } from './read-again.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { Run } from '../run/run.ts';

/** What of a run and its cluster a release takes. */
export interface Releaser {
  readonly run: Pick<Run, 'lease'> & { readonly ports: Pick<Ports, 'sleep'> };
  readonly cluster: Pick<Cluster, 'api' | 'get' | 'writeManagedFields'>;
  readonly api: ClusterApi;
}

const notServed = 'is of a kind that the cluster does not serve now; the next run looks again';

/**
 * Gives objects up: they stay as they are, and are no longer Converge's. Resolves with the ones that could not be
 * written. One that is not found in the version it was read in is looked for in another before it is taken for gone.
 */
export async function releaseObjects(
  { run, cluster, api }: Releaser,
  objects: readonly ObservedObject[],
): Promise<Change[]> {
  const failures = await inParallel(objects, async ({ id, object }): Promise<Change[]> => {
    const failed = (message: string): Change[] => [{ id, did: 'failed', message: `could not be released: ${message}` }];
    const resource = reachableResourceOf({ api, object });
    if (resource === undefined) return failed(notServed);
    const set = object.metadata.labels?.[partOfLabel];
    // It was made anew, handed over or released meanwhile, perhaps by the very request whose answer was lost: what has
    // its name and label now may be a copy.
    const isGivenUp = ({ metadata: { uid, labels } }: KubernetesObject): boolean =>
      uid !== object.metadata.uid || labels?.[partOfLabel] !== set;
    let place: Place = { resource, namespace: id.namespace, name: id.name };
    let live: KubernetesObject = object;
    for (let look = 1; ; look++) {
      const { uid, resourceVersion } = live.metadata;
      if (uid === undefined || resourceVersion === undefined || isGivenUp(live)) return [];
      await run.lease.assertHeld();
      const result = await cluster.writeManagedFields({ ...place, uid, resourceVersion, ...releaseOf(live) });
      if (result.outcome === 'applied') return [];
      await run.ports.sleep(conflictPause(look));
      const again = await readAgain(cluster, place);
      await run.lease.assertHeld('now');
      if (again === 'unserved') return failed(notServed);
      if (again.live === undefined || isGivenUp(again.live)) return [];
      // What is to be taken off was gone: a 422 then says no more than a 409 does.
      const isOther = again.live.metadata.resourceVersion !== resourceVersion;
      if (![404, 409].includes(result.status) && !isOther) return failed(result.message);
      if (look === conflictLooks) return failed(result.message);
      ({ place } = again);
      live = again.live;
    }
  });
  return failures.flat();
}
