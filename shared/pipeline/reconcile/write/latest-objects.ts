import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import type { ObservedState } from '../observe/observed-state.ts';

interface Known {
  readonly observed: Pick<ObservedState, 'objects'>;
  /** What the API server answered for what was applied, by key. */
  readonly applied: { readonly observed: ReadonlyMap<string, KubernetesObject> };
}

/** The objects of an inventory as they are after an apply, by key. */
export function latest({ observed, applied }: Known): Map<string, KubernetesObject> {
  return new Map([...[...observed.objects].map(([key, { object }]) => [key, object] as const), ...applied.observed]);
}

/** Those whose status names the revisions of their pods. */
export function workloadsOf(known: Known): KubernetesObject[] {
  return [...latest(known).values()].filter(({ kind }) => kind === 'StatefulSet');
}
