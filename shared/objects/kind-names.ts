/**
 * The short names that `kubectl api-resources` (Kubernetes 1.36) shows of kinds of its own, each with its group: a cluster
 * that is not asked cannot tell them.
 */
const shortNames: Readonly<Record<string, string>> = {
  cj: 'CronJob.batch',
  cm: 'ConfigMap.',
  crd: 'CustomResourceDefinition.apiextensions.k8s.io',
  crds: 'CustomResourceDefinition.apiextensions.k8s.io',
  csr: 'CertificateSigningRequest.certificates.k8s.io',
  deploy: 'Deployment.apps',
  ds: 'DaemonSet.apps',
  ep: 'Endpoints.',
  ev: 'Event.',
  hpa: 'HorizontalPodAutoscaler.autoscaling',
  ing: 'Ingress.networking.k8s.io',
  limits: 'LimitRange.',
  netpol: 'NetworkPolicy.networking.k8s.io',
  no: 'Node.',
  ns: 'Namespace.',
  pc: 'PriorityClass.scheduling.k8s.io',
  pdb: 'PodDisruptionBudget.policy',
  po: 'Pod.',
  pv: 'PersistentVolume.',
  pvc: 'PersistentVolumeClaim.',
  quota: 'ResourceQuota.',
  rc: 'ReplicationController.',
  rs: 'ReplicaSet.apps',
  sa: 'ServiceAccount.',
  sc: 'StorageClass.storage.k8s.io',
  sts: 'StatefulSet.apps',
  svc: 'Service.',
  vac: 'VolumeAttributesClass.storage.k8s.io',
};

/**
 * Whether somebody who writes a kind as kubectl takes it means this one: `Deployment`, `deployments`, `deploy`, each
 * with its group behind it or not (`deployments.apps`); upper and lower case are one. The plural is that of English, as
 * nobody is asked for the plural of a kind.
 */
export function isKindNamed({ written, kind, group }: { written: string; kind: string; group: string }): boolean {
  const name = kind.toLowerCase();
  const short = Object.keys(shortNames).filter((one) => shortNames[one] === `${kind}.${group}`);
  const [first = '', ...behind] = written.toLowerCase().split('.');
  const isOfGroup = behind.length === 0 || behind.join('.') === group.toLowerCase();
  return isOfGroup && [name, pluralOf(name), ...short].includes(first);
}

/** As `sigs.k8s.io/controller-tools` makes it of a kind, and Kubernetes' own are made. */
function pluralOf(name: string): string {
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  if (name === 'endpoints') return name;
  return /(?:s|x|z|ch|sh)$/.test(name) ? `${name}es` : `${name}s`;
}
