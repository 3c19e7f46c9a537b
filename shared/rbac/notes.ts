import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupOf, objectIdOf, objectTitle } from '../objects/object-id.ts';

/** What the manifests leave to a person, one sentence each. */
export function rbacNotes({
  objects,
  looksUp,
  accounts,
  kubernetesVersion,
}: {
  objects: readonly KubernetesObject[];
  looksUp: boolean;
  accounts: readonly string[];
  kubernetesVersion: string;
}): string[] {
  const titled = (kinds: readonly string[]): string => {
    const found = objects.filter(
      (object) => groupOf(object.apiVersion) === 'rbac.authorization.k8s.io' && kinds.includes(object.kind),
    );
    return [...new Set(found.map((object) => objectTitle(objectIdOf(object))))].sort().join(', ');
  };
  const roles = titled(['Role', 'ClusterRole']);
  const bindings = titled(['RoleBinding', 'ClusterRoleBinding']);
  return [
    `charts were rendered as for Kubernetes ${kubernetesVersion}; no cluster was asked`,
    ...(roles === ''
      ? []
      : [
          `the API server takes ${roles} only from who holds the rights in them, or may \`escalate\` them: neither is given here`,
        ]),
    ...(bindings === ''
      ? []
      : [
          `the API server takes ${bindings} only from who holds the rights that they give, or may \`bind\` the role: neither is given here`,
        ]),
    ...(looksUp ? ['templates looked up nothing that is there: what they would look up beyond that is not given'] : []),
    ...(accounts.length === 0
      ? ['nobody is given the right to act as the environment: --converge-account names who is']
      : []),
  ];
}
