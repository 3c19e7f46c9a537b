import { renderKeyAnnotation } from '../../../inventory/applyset.ts';
import { resourceOf } from '../../../desired/desired.ts';
import type { ObservedObject } from '../../../plan/plan.ts';
import type { DesiredState } from '../render/desired-state.ts';
import type { ObservedState } from './observed-state.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';

/**
 * What is there of the desired objects that were applied before and are not among the members, by key: somebody took
 * their label off, restored them without it or without `managedFields`, or made them anew. They are read under their
 * names, whatever their marks say; what is not there is missing. An untouched cluster has none, and nothing is read.
 */
export async function readStrays(
  { run, cluster, api }: Pick<Target, 'run' | 'cluster' | 'api'>,
  { desired, observed }: { desired: DesiredState; observed: ObservedState },
): Promise<ReadonlyMap<string, ObservedObject>> {
  const { objects: remembered } = run.memoryFile.memory();
  // Where the memory is lost, the parent tells whether these very objects converged.
  const recorded = observed.parent?.metadata.annotations?.[renderKeyAnnotation] === desired.renderKey;
  const wasApplied = ({ key, hash }: DesiredState['objects'][number]) =>
    remembered[key] === undefined ? recorded : remembered[key].desired === hash;
  const lost = desired.objects.filter((object) => !observed.objects.has(object.key) && wasApplied(object));
  const found = await inParallel(lost, async ({ key, id, object }): Promise<(readonly [string, ObservedObject])[]> => {
    const listed = observed.unproven.get(key)?.observed;
    if (listed !== undefined) return [[key, listed]];
    const resource = resourceOf({ api, object });
    const live =
      resource === undefined ? undefined : await cluster.get({ resource, namespace: id.namespace, name: id.name });
    return live === undefined ? [] : [[key, { key, id, object: live }]];
  });
  return new Map(found.flat());
}
