import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { environmentGroup, environmentUser } from './environment-user.ts';
import type { Rights, Rule } from './rights.ts';

const rbac = 'rbac.authorization.k8s.io';

/** Namespaces that every cluster has. */
const givenNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/**
 * The manifests that give an environment its rights: its namespaces, without which no Role can be applied, a
 * ClusterRole, a Role in each namespace, their bindings, and, where `accounts` are given, that Converge's accounts
 * may act as the environment.
 */
export function rbacManifests({
  who,
  rights,
  accounts,
}: {
  who: { repository: string; environment: string };
  rights: Rights;
  accounts: readonly string[];
}): KubernetesObject[] {
  const user = environmentUser(who);
  const places = [...rights.namespaces.keys()];
  return [
    ...places
      .filter((name) => !givenNamespaces.includes(name))
      .map((name): KubernetesObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...granted({ name: user, namespace: undefined, rules: rights.cluster, to: [user] }),
    ...places.flatMap((namespace) =>
      granted({ name: user, namespace, rules: rights.namespaces.get(namespace) ?? [], to: [user] }),
    ),
    ...(accounts.length === 0
      ? []
      : granted({ name: `${user}:impersonate`, namespace: undefined, rules: impersonation(user), to: accounts })),
  ];
}

/** A role and its binding to users. Without rules there is neither. */
function granted({
  name,
  namespace,
  rules,
  to,
}: {
  name: string;
  namespace: string | undefined;
  rules: readonly Rule[];
  to: readonly string[];
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
      subjects: to.map((user) => ({ apiGroup: rbac, kind: 'User', name: user })),
    },
  ];
}

function impersonation(user: string): Rule[] {
  return [
    { apiGroups: [''], resources: ['users'], resourceNames: [user], verbs: ['impersonate'] },
    { apiGroups: [''], resources: ['groups'], resourceNames: [environmentGroup], verbs: ['impersonate'] },
  ];
}
