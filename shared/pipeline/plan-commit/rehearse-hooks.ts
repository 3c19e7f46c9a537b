import { resourceOf, type DesiredObject } from '../../desired/desired.ts';
import type { HookEvent, HookPhase } from '../../desired/hook.ts';
import { dueHooks, isCompleted, type HookRecord, type ReleaseHooks } from '../../inventory/hook-record.ts';
import type { ClusterApi } from '../../objects/cluster-api.ts';
import { definitionsOf } from '../../objects/dependencies.ts';
import { fenced } from '../../objects/fenced.ts';
import { objectTitle } from '../../objects/object-id.ts';
import { probeOf } from '../../objects/replacement.ts';
import { inParallel } from '../common/parallel.ts';
import type { DesiredState } from '../reconcile/render/desired-state.ts';
import type { Target } from '../reconcile/run/target.ts';
import { isNeededByPods, neededAtOnce } from './needed-at-once.ts';
import type { NotThereYet } from './rehearse-apply.ts';

/** A hook that would run, and what the API server says of its object. */
export interface DueHook {
  readonly release: string;
  readonly event: HookEvent;
  readonly phase: HookPhase;
  readonly desired: DesiredObject;
  readonly verdict: 'accepted' | 'rejected' | 'undecided';
  readonly message: string;
}

/** The hooks that a run would have to run, in order: those before the other objects, then those after them. */
export async function rehearseHooks(
  target: Pick<Target, 'cluster'>,
  {
    releases,
    record,
    api,
    desired,
    notThereYet,
    deleting = false,
  }: {
    releases: readonly ReleaseHooks[];
    record: HookRecord;
    api: ClusterApi;
    desired: Pick<DesiredState, 'objects'>;
    notThereYet: NotThereYet;
    deleting?: boolean;
  },
): Promise<DueHook[]> {
  const definitions = definitionsOf(desired.objects);
  const due = (['pre', 'post'] as const).flatMap((phase) =>
    dueHooks({ releases, record, phase, deleting }).flatMap((one) =>
      one.hooks.filter((hook) => !isCompleted({ record, due: one, hook })).map((hook) => ({ ...one, ...hook })),
    ),
  );
  const made = new Map(
    due.flatMap(({ desired: { id, key } }) =>
      isNeededByPods(id) ? [[key, `${objectTitle(id)} is made by a hook`] as const] : [],
    ),
  );
  return await inParallel(due, async ({ release, event, phase, desired: object }): Promise<DueHook> => {
    const of = { release, event, phase, desired: object };
    const needed = neededAtOnce({ object: object.object, definitions });
    const [why] = needed.flatMap((key) => notThereYet.get(key) ?? made.get(key) ?? []);
    if (why !== undefined) return { ...of, verdict: 'undecided', message: why };
    return { ...of, ...(await askFor(target, { api, desired: object })) };
  });
}

/** Where something has its name, a hook makes room for itself first: then it is asked about under another one. */
async function askFor(
  { cluster }: Pick<Target, 'cluster'>,
  { api, desired: { id, object } }: { api: ClusterApi; desired: DesiredObject },
): Promise<Pick<DueHook, 'verdict' | 'message'>> {
  const resource = resourceOf({ api, object });
  if (resource === undefined)
    return { verdict: 'undecided', message: `the cluster does not serve ${id.kind} in ${object.apiVersion} now` };
  const there = await cluster.get({ resource, namespace: id.namespace, name: id.name });
  const asked = fenced({ object: there === undefined ? object : probeOf(object), live: undefined });
  const result = await cluster.apply({ resource, object: asked, dryRun: true });
  return result.outcome === 'applied'
    ? { verdict: 'accepted', message: '' }
    : { verdict: 'rejected', message: result.message };
}

/** The first that would fail of those that run before all else. */
export function refusedBefore(hooks: readonly DueHook[]): string | undefined {
  const refused = hooks.find(({ phase, verdict }) => phase === 'pre' && verdict === 'rejected');
  return refused === undefined ? undefined : objectTitle(refused.desired.id);
}

/**
 * With what fails before each: hooks run one at a time, and the first that fails ends them.
 *
 * @param facts.stops the phases that are not reached
 */
export function withReach(hooks: readonly DueHook[], { stops }: { stops: ReadonlySet<HookPhase> }): DueHook[] {
  const failed = hooks.findIndex(({ verdict }) => verdict === 'rejected');
  return hooks.map((hook, index) =>
    stops.has(hook.phase) || (failed !== -1 && index > failed)
      ? { ...hook, verdict: 'rejected', message: 'does not run: something before it fails' }
      : hook,
  );
}
