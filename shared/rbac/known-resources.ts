import { z } from 'zod';
import type { ApiResource } from '../objects/cluster-api.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';

/*
 * What Kubernetes itself serves, for commands that ask no cluster: the groups and versions of discovery, each kind with
 * its plural where that is not the kind with an s, and * where it has no namespace. Kinds of which no object is kept
 * are left out.
 */
const builtIn: Readonly<Record<string, string>> = {
  v1: 'ConfigMap Endpoints:endpoints Event LimitRange Namespace* Node* PersistentVolume* PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount',
  'admissionregistration.k8s.io/v1':
    'MutatingAdmissionPolicy:mutatingadmissionpolicies* MutatingAdmissionPolicyBinding* MutatingWebhookConfiguration* ValidatingAdmissionPolicy:validatingadmissionpolicies* ValidatingAdmissionPolicyBinding* ValidatingWebhookConfiguration*',
  'apiextensions.k8s.io/v1': 'CustomResourceDefinition*',
  'apiregistration.k8s.io/v1': 'APIService*',
  'apps/v1': 'ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet',
  'autoscaling/v1': 'HorizontalPodAutoscaler',
  'autoscaling/v2': 'HorizontalPodAutoscaler',
  'batch/v1': 'CronJob Job',
  'certificates.k8s.io/v1': 'CertificateSigningRequest*',
  'coordination.k8s.io/v1': 'Lease',
  'discovery.k8s.io/v1': 'EndpointSlice',
  'events.k8s.io/v1': 'Event',
  'flowcontrol.apiserver.k8s.io/v1': 'FlowSchema* PriorityLevelConfiguration*',
  'networking.k8s.io/v1':
    'IPAddress:ipaddresses* Ingress:ingresses IngressClass:ingressclasses* NetworkPolicy:networkpolicies ServiceCIDR*',
  'node.k8s.io/v1': 'RuntimeClass:runtimeclasses*',
  'policy/v1': 'PodDisruptionBudget',
  'rbac.authorization.k8s.io/v1': 'ClusterRole* ClusterRoleBinding* Role RoleBinding',
  'resource.k8s.io/v1': 'DeviceClass:deviceclasses* ResourceClaim ResourceClaimTemplate ResourceSlice*',
  'scheduling.k8s.io/v1': 'PriorityClass:priorityclasses*',
  'storage.k8s.io/v1':
    'CSIDriver* CSINode* CSIStorageCapacity:csistoragecapacities StorageClass:storageclasses* VolumeAttachment* VolumeAttributesClass:volumeattributesclasses*',
};

/** The version whose discovery the list was taken from. */
export const builtInVersion = 'v1.36.3';

export const builtInResources: readonly ApiResource[] = Object.entries(builtIn).flatMap(([apiVersion, kinds]) => {
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  return kinds.split(' ').map((written): ApiResource => {
    const [kind = '', plural = `${kind.toLowerCase()}s`] = written.replace('*', '').split(':');
    return { group, version, kind, plural, namespaced: !written.endsWith('*') };
  });
});

const definitionSchema = z.object({
  spec: z.object({
    group: z.string(),
    scope: z.string(),
    names: z.object({ kind: z.string(), plural: z.string() }),
    versions: z.array(z.object({ name: z.string(), served: z.boolean() })),
  }),
});

/** What a cluster serves once these are established: of each object that is a CustomResourceDefinition. */
export function definedResources(objects: readonly KubernetesObject[]): ApiResource[] {
  return objects.flatMap((object) => {
    const definition =
      object.kind === 'CustomResourceDefinition' ? definitionSchema.safeParse(object).data?.spec : undefined;
    if (definition === undefined) return [];
    const { group, scope, names, versions } = definition;
    return versions
      .filter(({ served }) => served)
      .map(({ name }) => ({
        group,
        version: name,
        kind: names.kind,
        plural: names.plural,
        namespaced: scope === 'Namespaced',
      }));
  });
}
