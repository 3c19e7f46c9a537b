import { meantBy } from '../../shared/base/nearest-name.ts';
import type { ApiResource } from '../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { groupOf, versionOf } from '../../shared/objects/object-id.ts';

/** Whether a kind is served: `elsewhere` is one of a group that nothing here knows, which others may have defined. */
export type KindVerdict = { readonly is: 'known' | 'elsewhere' } | { readonly is: 'wrong'; readonly message: string };

/** Minor versions of Kubernetes 1 without them: https://kubernetes.io/docs/reference/using-api/deprecation-guide/ */
const removed: Readonly<Record<number, string>> = {
  16: 'extensions/v1beta1/{DaemonSet,Deployment,NetworkPolicy,PodSecurityPolicy,ReplicaSet} apps/v1beta1/{Deployment,StatefulSet} apps/v1beta2/{DaemonSet,Deployment,ReplicaSet,StatefulSet}',
  22: 'extensions/v1beta1/{Ingress} networking.k8s.io/v1beta1/{Ingress,IngressClass} admissionregistration.k8s.io/v1beta1/{MutatingWebhookConfiguration,ValidatingWebhookConfiguration} apiextensions.k8s.io/v1beta1/{CustomResourceDefinition} apiregistration.k8s.io/v1beta1/{APIService} certificates.k8s.io/v1beta1/{CertificateSigningRequest} coordination.k8s.io/v1beta1/{Lease} rbac.authorization.k8s.io/v1beta1/{ClusterRole,ClusterRoleBinding,Role,RoleBinding} scheduling.k8s.io/v1beta1/{PriorityClass} storage.k8s.io/v1beta1/{CSIDriver,CSINode,StorageClass,VolumeAttachment}',
  25: 'batch/v1beta1/{CronJob} discovery.k8s.io/v1beta1/{EndpointSlice} events.k8s.io/v1beta1/{Event} autoscaling/v2beta1/{HorizontalPodAutoscaler} policy/v1beta1/{PodDisruptionBudget,PodSecurityPolicy} node.k8s.io/v1beta1/{RuntimeClass}',
  26: 'autoscaling/v2beta2/{HorizontalPodAutoscaler} flowcontrol.apiserver.k8s.io/v1beta1/{FlowSchema,PriorityLevelConfiguration}',
  27: 'storage.k8s.io/v1beta1/{CSIStorageCapacity}',
  29: 'flowcontrol.apiserver.k8s.io/v1beta2/{FlowSchema,PriorityLevelConfiguration}',
  32: 'flowcontrol.apiserver.k8s.io/v1beta3/{FlowSchema,PriorityLevelConfiguration}',
};

/** The version, by `<apiVersion>/<kind>`. */
const removedIn: ReadonlyMap<string, string> = new Map(
  Object.entries(removed).flatMap(([minor, written]) =>
    written.split(' ').flatMap((one) => {
      const [, apiVersion = '', kinds = ''] = /^(.*)\/\{(.*)\}$/.exec(one) ?? [];
      return kinds.split(',').map((kind) => [`${apiVersion}/${kind}`, `v1.${minor}`] as const);
    }),
  ),
);

/**
 * @param resources what is built in, and what the tree defines
 * @param apiVersions what is served beside, as `--api-versions` says: `v1` or `v1/Kind` of a group
 */
export function judgeKind({
  object: { apiVersion, kind },
  resources,
  apiVersions,
}: {
  object: Pick<KubernetesObject, 'apiVersion' | 'kind'>;
  resources: readonly ApiResource[];
  apiVersions: readonly string[];
}): KindVerdict {
  const [group, version] = [groupOf(apiVersion), versionOf(apiVersion)];
  if (apiVersions.some((served) => served === apiVersion || served === `${apiVersion}/${kind}`)) return { is: 'known' };
  const ofGroup = resources.filter((resource) => resource.group === group);
  const ofKind = ofGroup.filter((resource) => resource.kind === kind);
  // Of a kind that a person names, the version is not known.
  if (ofKind.some((resource) => resource.version === version || resource.version === '')) return { is: 'known' };
  const wrong = (message: string): KindVerdict => ({ is: 'wrong', message: `${kind} in ${apiVersion}: ${message}` });
  const end = removedIn.get(`${apiVersion}/${kind}`);
  if (end !== undefined) {
    const now = resources.filter((resource) => resource.kind === kind && resource.version !== '');
    const instead = now.length === 0 ? 'nothing came in its place' : `${kind} is served as ${listed(now)}`;
    return wrong(`was removed in Kubernetes ${end}; ${instead}`);
  }
  if (ofKind.length > 0) return wrong(`is served as ${listed(ofKind)}`);
  const elsewhere = resources.filter((resource) => resource.kind === kind);
  if (ofGroup.length === 0) {
    const meantGroup = meantBy({ name: group, among: [...new Set(resources.map((resource) => resource.group))] });
    // The group of a definition has a dot: https://kubernetes.io/docs/reference/using-api/#api-groups
    if (group.includes('.') && meantGroup === undefined) return { is: 'elsewhere' };
    const of = elsewhere.filter((resource) => meantGroup === undefined || resource.group === meantGroup);
    if (of.length > 0) return wrong(`there is no such API group; ${kind} is served as ${listed(of)}`);
    return wrong(`there is no such API group${meantGroup === undefined ? '' : `; did you mean ${meantGroup}?`}`);
  }
  if (elsewhere.length > 0) return wrong(`is not of this API group; it is served as ${listed(elsewhere)}`);
  const meant =
    meantBy({ name: kind, among: ofGroup.map((resource) => resource.kind) }) ??
    meantBy({ name: kind, among: resources.map((resource) => resource.kind) });
  if (meant === undefined) return wrong('there is no such kind');
  return wrong(
    `there is no such kind; did you mean ${meant} (${listed(resources.filter((resource) => resource.kind === meant))})?`,
  );
}

function listed(resources: readonly ApiResource[]): string {
  const versions = resources.map(({ group, version }) => (group === '' ? version : `${group}/${version}`));
  return [...new Set(versions)].join(', ');
}
