import type { ObjectId } from './object-id.ts';

/**
 * The stages of an apply. Objects of one stage are applied side by side; a stage starts when the one before is through:
 * definitions are established first, because what needs them cannot even be written before; webhooks and aggregated
 * APIs come last, because one without a backend refuses every write it matches.
 */
export const applyStages = ['definitions', 'configuration', 'workloads', 'custom', 'interceptors'] as const;
export type ApplyStage = (typeof applyStages)[number];

const stageOfKind: Readonly<Record<string, ApplyStage>> = {
  Namespace: 'definitions',
  'CustomResourceDefinition.apiextensions.k8s.io': 'definitions',
  'PriorityClass.scheduling.k8s.io': 'definitions',
  'StorageClass.storage.k8s.io': 'definitions',
  'IngressClass.networking.k8s.io': 'definitions',
  'RuntimeClass.node.k8s.io': 'definitions',
  ResourceQuota: 'configuration',
  LimitRange: 'configuration',
  ServiceAccount: 'configuration',
  Secret: 'configuration',
  ConfigMap: 'configuration',
  PersistentVolume: 'configuration',
  PersistentVolumeClaim: 'configuration',
  'NetworkPolicy.networking.k8s.io': 'configuration',
  'PodDisruptionBudget.policy': 'configuration',
  'ClusterRole.rbac.authorization.k8s.io': 'configuration',
  'ClusterRoleBinding.rbac.authorization.k8s.io': 'configuration',
  'Role.rbac.authorization.k8s.io': 'configuration',
  'RoleBinding.rbac.authorization.k8s.io': 'configuration',
  Service: 'workloads',
  Endpoints: 'workloads',
  Pod: 'workloads',
  ReplicationController: 'workloads',
  'ValidatingWebhookConfiguration.admissionregistration.k8s.io': 'interceptors',
  'MutatingWebhookConfiguration.admissionregistration.k8s.io': 'interceptors',
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': 'interceptors',
  'ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io': 'interceptors',
  'MutatingAdmissionPolicy.admissionregistration.k8s.io': 'interceptors',
  'MutatingAdmissionPolicyBinding.admissionregistration.k8s.io': 'interceptors',
  'APIService.apiregistration.k8s.io': 'interceptors',
};

const builtInGroups = /^(apps|batch|autoscaling|policy|[a-z0-9.-]*\.k8s\.io)$/;

/** The stage in which an object is applied. Pruning goes through the stages backwards. */
export function applyStageOf({ group, kind }: Pick<ObjectId, 'group' | 'kind'>): ApplyStage {
  const known = stageOfKind[group === '' ? kind : `${kind}.${group}`];
  if (known !== undefined) return known;
  return group === '' || builtInGroups.test(group) ? 'workloads' : 'custom';
}
