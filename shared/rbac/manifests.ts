import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { environmentGroup, environmentUser } from './environment-user.ts';
import type { Rights, Rule } from './rights.ts';

const rbac = 'rbac.authorization.k8s.io';

/** Namespaces that every cluster has. */
const givenNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * The manifests that give an environment its rights: its namespaces, without which no Role can be applied, a
 * ClusterRole, a Role in each namespace, their bindings, and, where `account` is given, that Converge's account may act
 * as the environment.
 */
export function rbacManifests({
  who,
  rights,
  account,
}: {
  who: { repository: string; environment: string };
  rights: Rights;
  account: string | undefined;
}): KubernetesObject[] {
  const user = environmentUser(who);
  const places = [...rights.namespaces.keys()];
  return [
    ...places
      .filter((name) => !givenNamespaces.includes(name))
      .map((name): KubernetesObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...granted({ name: user, namespace: undefined, rules: rights.cluster, to: user }),
    ...places.flatMap((namespace) =>
      granted({ name: user, namespace, rules: rights.namespaces.get(namespace) ?? [], to: user }),
    ),
    ...(account === undefined
      ? []
      : granted({ name: `${user}:impersonate`, namespace: undefined, rules: impersonation(user), to: account })),
  ];
}

/** A role and its binding to one user. Without rules there is neither. */
function granted({
  name,
  namespace,
  rules,
  to,
}: {
  name: string;
  namespace: string | undefined;
  rules: readonly Rule[];
  to: string;
}): KubernetesObject[] {
  if (rules.length === 0) return [];
  const kind = namespace === undefined ? 'ClusterRole' : 'Role';
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return [
    { apiVersion: `${rbac}/v1`, kind, metadata, rules },
    {
      apiVersion: `${rbac}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: rbac, kind, name },
      subjects: [{ apiGroup: rbac, kind: 'User', name: to }],
    },
  ];
}

function impersonation(user: string): Rule[] {
  return [
    { apiGroups: [''], resources: ['users'], resourceNames: [user], verbs: ['impersonate'] },
    { apiGroups: [''], resources: ['groups'], resourceNames: [environmentGroup], verbs: ['impersonate'] },
  ];
}
