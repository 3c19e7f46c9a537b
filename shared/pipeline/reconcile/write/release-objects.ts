import { partOfLabel } from '../../../inventory/applyset.ts';
import { reachableResourceOf } from '../../../desired/desired.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { releaseOf } from '../../../ownership/release.ts';
import type { Change } from '../../../plan/change-set.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';

/** How often an object that others change meanwhile is looked at anew. */
const looks = 6;
const firstPause = 50;

/** Gives objects up: they stay as they are, and are no longer Converge's. Resolves with the ones that could not be written. */
export async function releaseObjects(
  { run, cluster, api }: Pick<Target, 'run' | 'cluster' | 'api'>,
  objects: readonly ObservedObject[],
): Promise<Change[]> {
  const failures = await inParallel(objects, async ({ id, object }): Promise<Change[]> => {
    const resource = reachableResourceOf({ api, object });
    if (resource === undefined) return [];
    const set = object.metadata.labels?.[partOfLabel];
    let live: KubernetesObject | undefined = object;
    for (let look = 1; ; look++) {
      const { uid, resourceVersion, labels } = live.metadata;
      // It was made anew, handed over or released meanwhile: what has its name and label now may be a copy.
      if (
        uid === undefined ||
        uid !== object.metadata.uid ||
        resourceVersion === undefined ||
        labels?.[partOfLabel] !== set
      )
        return [];
      await run.lease.assertHeld();
      const result = await cluster.writeManagedFields({
        resource,
        namespace: id.namespace,
        name: id.name,
        uid,
        resourceVersion,
        ...releaseOf(live),
      });
      if (result.outcome === 'applied' || result.status === 404) return [];
      if (result.status !== 409 || look === looks)
        return [{ id, did: 'failed', message: `could not be released: ${result.message}` }];
      await run.ports.sleep(firstPause * 2 ** look * (0.5 + Math.random()));
      await run.lease.assertHeld('now');
      live = await cluster.get({ resource, namespace: id.namespace, name: id.name });
      if (live === undefined) return [];
    }
  });
  return failures.flat();
}
