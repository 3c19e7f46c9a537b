import { fenceManager, fieldManager, releasedManager } from '../objects/field-manager.ts';
import type { ManagedFieldsEntry } from '../objects/kubernetes-object.ts';

/** The tools whose objects are taken over with everything they set. */
export type Predecessor = 'kubectl' | 'Helm' | 'Flux' | 'Argo CD' | 'before-first-apply' | 'Converge';

/**
 * The closed table: each tool's field managers. Fields of any other manager are never taken from it.
 *
 * kubectl names its manager by the verb, and `kubectl` alone for `apply --server-side`; Helm by its program;
 * `before-first-apply` is the API server's own name for whoever wrote before anybody was recorded.
 */
const managers: Readonly<Record<string, Predecessor>> = {
  kubectl: 'kubectl',
  'kubectl-client-side-apply': 'kubectl',
  'kubectl-last-applied': 'kubectl',
  'kubectl-create': 'kubectl',
  'kubectl-replace': 'kubectl',
  'kubectl-patch': 'kubectl',
  'kubectl-set': 'kubectl',
  'kubectl-label': 'kubectl',
  'kubectl-annotate': 'kubectl',
  'kubectl-edit': 'kubectl',
  'kubectl-scale': 'kubectl',
  'kubectl-rollout': 'kubectl',
  'kubectl-run': 'kubectl',
  'kubectl-expose': 'kubectl',
  'kubectl-autoscale': 'kubectl',
  helm: 'Helm',
  'helm-controller': 'Flux',
  'kustomize-controller': 'Flux',
  flux: 'Flux',
  'argocd-controller': 'Argo CD',
  'argocd-application-controller': 'Argo CD',
  'before-first-apply': 'before-first-apply',
};

/**
 * The tool of the closed table that an entry belongs to; undefined for others, and for writes to `/status` and
 * `/scale`.
 */
export function predecessorOf({ manager, subresource }: ManagedFieldsEntry): Predecessor | undefined {
  if (manager === undefined || (subresource ?? '') !== '') return undefined;
  return Object.hasOwn(managers, manager) ? managers[manager] : undefined;
}

/** Whether an entry is one of ours: what we apply, what we wrote otherwise, what we gave up, and what we fenced off. */
export function isOurs({ manager }: ManagedFieldsEntry): boolean {
  return manager === fieldManager || manager === releasedManager || manager === fenceManager;
}
