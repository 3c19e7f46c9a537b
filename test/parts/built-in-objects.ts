import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

/* Objects of built-in kinds, odd but valid, and what is done to them that an API server refuses. */

type Fields = Readonly<Record<string, unknown>>;
const object = (apiVersion: string, kind: string, rest: Fields = {}, name = 'probe'): KubernetesObject => ({
  ...{ apiVersion, kind, metadata: { name } },
  ...rest,
});

const labels = { app: 'probe' };
const resource = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } };
const podSpec = {
  restartPolicy: 'Always',
  securityContext: {
    sysctls: [{ name: 'kernel.shm_rmid_forced', value: '0' }],
    seccompProfile: { type: 'RuntimeDefault' },
  },
  os: { name: 'linux' },
  hostAliases: [{ ip: '127.0.0.2', hostnames: ['a'] }],
  readinessGates: [{ conditionType: 'example.com/ready' }],
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: labels } },
  ],
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] } },
      ],
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
      },
    },
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { topologyKey: 'zone', labelSelector: { matchLabels: labels } } },
      ],
    },
  },
  containers: [
    {
      name: 'web',
      image: 'web:1',
      imagePullPolicy: '',
      ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }],
      env: [
        { name: 'A', value: '' },
        { name: 'B', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
        { name: 'C', valueFrom: { configMapKeyRef: { name: 's', key: 'k' } } },
        { name: 'D', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'E', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      ],
      resources: { requests: { cpu: 0.5, memory: '1.5Gi' }, limits: { cpu: 2, memory: '3e9' } },
      livenessProbe: { httpGet: { port: 'http', path: '/', httpHeaders: [{ name: 'Host', value: 'a' }] } },
      readinessProbe: { tcpSocket: { port: 80 } },
      startupProbe: { grpc: { port: 80 } },
      lifecycle: { preStop: { sleep: { seconds: 1 } } },
      volumeMounts: [{ name: 'config', mountPath: '/config' }],
      volumeDevices: [{ name: 'claim', devicePath: '/dev/a' }],
      securityContext: null,
    },
  ],
  volumes: [
    { name: 'config', configMap: { name: 'c', defaultMode: 420, items: [{ key: 'a', path: 'b' }] } },
    { name: 'scratch', emptyDir: {} },
    { name: 'host', hostPath: { path: '/a' } },
    { name: 'nfs', nfs: { server: 'a', path: '/a' } },
    { name: 'csi', csi: { driver: 'example.com' } },
    { name: 'claim', persistentVolumeClaim: { claimName: 'a' } },
    { name: 'iscsi', iscsi: { targetPortal: 'a', iqn: 'iqn.2001-04.com.example:a', lun: 0 } },
    {
      name: 'all',
      projected: {
        sources: [
          { serviceAccountToken: { path: 'a', audience: 'b' } },
          { downwardAPI: { items: [{ path: 'c', fieldRef: { fieldPath: 'metadata.name' } }] } },
        ],
      },
    },
    {
      name: 'made',
      ephemeral: {
        volumeClaimTemplate: {
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
        },
      },
    },
  ],
};
const template = { metadata: { labels, creationTimestamp: null }, spec: podSpec };
const plain = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } };
const once = { ...plain, spec: { ...plain.spec, restartPolicy: 'Never' } };
const selector = { matchLabels: labels, matchExpressions: [{ key: 'app', operator: 'Exists' }] };
const webhook = {
  name: 'a.example.com',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { service: { namespace: 'a', name: 'b' }, caBundle: '' },
  rules: [{ apiGroups: ['*'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
};
const policy = {
  validations: [{ expression: 'true' }],
  variables: [{ name: 'a', expression: '1' }],
  auditAnnotations: [{ key: 'a', valueExpression: "'a'" }],
  paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
  matchConstraints: {
    resourceRules: [{ apiGroups: ['*'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
  },
};

/** All of these are taken. */
export const valid: readonly KubernetesObject[] = [
  object('apps/v1', 'Deployment', {
    spec: { replicas: 1, selector, template, strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } } },
    status: {},
  }),
  object('apps/v1', 'StatefulSet', { spec: { serviceName: 'a', selector, template: plain } }),
  object('apps/v1', 'DaemonSet', { spec: { selector, template: plain }, status: { currentNumberScheduled: 1 } }),
  object('apps/v1', 'ReplicaSet', { spec: { selector, template: plain } }),
  object('apps/v1', 'ControllerRevision', { revision: 1, data: { any: [1, 'a'] } }),
  object('batch/v1', 'Job', {
    spec: {
      template: once,
      podFailurePolicy: {
        rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
      },
    },
  }),
  object('batch/v1', 'CronJob', { spec: { schedule: '* * * * *', jobTemplate: { spec: { template: once } } } }),
  object('v1', 'Service', { spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] } }),
  object('v1', 'ConfigMap', { data: { a: '' }, binaryData: { b: 'AAECAw==' } }),
  object('v1', 'ConfigMap', { data: null, immutable: false }),
  object('v1', 'Secret', { data: { a: 'YQ\n==', b: null }, stringData: { c: 'd' } }),
  object('v1', 'ServiceAccount', { imagePullSecrets: [{ name: 'a' }], automountServiceAccountToken: false }),
  object('v1', 'PersistentVolumeClaim', {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: 1024 } } },
  }),
  object('v1', 'PersistentVolume', {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], csi: { driver: 'a', volumeHandle: 'b' } },
  }),
  object('v1', 'LimitRange', { spec: { limits: [{ type: 'Container', default: { cpu: 1 } }] } }),
  object('v1', 'ResourceQuota', {
    spec: {
      hard: { pods: 5 },
      scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'Exists' }] },
    },
  }),
  object('v1', 'Endpoints', { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] }),
  object('v1', 'Node', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
  object('v1', 'Namespace'),
  object('discovery.k8s.io/v1', 'EndpointSlice', {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], hints: { forZones: [{ name: 'a' }] } }],
    ports: [],
  }),
  object('networking.k8s.io/v1', 'Ingress', {
    spec: {
      rules: [
        {
          http: {
            paths: [{ pathType: 'Prefix', path: '/', backend: { service: { name: 'a', port: { number: 80 } } } }],
          },
        },
      ],
    },
  }),
  object('networking.k8s.io/v1', 'IngressClass', {
    spec: { controller: 'a.example/b', parameters: { kind: 'A', name: 'b' } },
  }),
  object('networking.k8s.io/v1', 'NetworkPolicy', {
    spec: { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ port: 'http' }] }] },
  }),
  object('policy/v1', 'PodDisruptionBudget', { spec: { minAvailable: '50%', selector } }),
  object('autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: {
      scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' },
      maxReplicas: 3,
      metrics: [
        { type: 'Resource', resource },
        {
          type: 'Object',
          object: {
            describedObject: { kind: 'Service', name: 'a', apiVersion: 'v1' },
            target: { type: 'Value', value: '10k' },
            metric: { name: 'a' },
          },
        },
        { type: 'Pods', pods: { metric: { name: 'a' }, target: { type: 'AverageValue', averageValue: 1 } } },
      ],
      behavior: { scaleDown: { policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] } },
    },
  }),
  object('autoscaling/v1', 'HorizontalPodAutoscaler', {
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'a', apiVersion: 'apps/v1' }, maxReplicas: 3 },
  }),
  object('rbac.authorization.k8s.io/v1', 'ClusterRole', {
    rules: null,
    aggregationRule: { clusterRoleSelectors: [selector] },
  }),
  object('rbac.authorization.k8s.io/v1', 'Role', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] }),
  object('rbac.authorization.k8s.io/v1', 'RoleBinding', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'User', name: 'ada' }],
  }),
  object('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
    subjects: [{ kind: 'ServiceAccount', name: 'ada', namespace: 'default' }],
  }),
  object('scheduling.k8s.io/v1', 'PriorityClass', { value: 1000 }),
  object('node.k8s.io/v1', 'RuntimeClass', { handler: 'gvisor' }),
  object('coordination.k8s.io/v1', 'Lease', {
    spec: { renewTime: '2026-01-31T12:00:00.123456Z', holderIdentity: 'a' },
  }),
  object('storage.k8s.io/v1', 'StorageClass', {
    provisioner: 'a.example',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'a', values: ['b'] }] }],
  }),
  object(
    'storage.k8s.io/v1',
    'CSIDriver',
    { spec: { attachRequired: false, tokenRequests: [{ audience: 'a' }] } },
    'a.example',
  ),
  object('storage.k8s.io/v1', 'CSINode', { spec: { drivers: [{ name: 'a', nodeID: 'b' }] } }),
  object('storage.k8s.io/v1', 'VolumeAttributesClass', { driverName: 'a.example', parameters: { a: 'b' } }),
  object('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', { webhooks: [webhook] }),
  object('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', { webhooks: [webhook] }),
  object('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicy', { spec: policy }),
  object('admissionregistration.k8s.io/v1', 'ValidatingAdmissionPolicyBinding', {
    spec: { policyName: 'a', validationActions: ['Deny'] },
  }),
  object(
    'apiregistration.k8s.io/v1',
    'APIService',
    {
      spec: {
        group: 'a.example',
        version: 'v1',
        groupPriorityMinimum: 1,
        versionPriority: 1,
        service: { name: 'a', namespace: 'b' },
      },
    },
    'v1.a.example',
  ),
  object(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    {
      spec: {
        group: 'a.example',
        names: { kind: 'Odd', plural: 'odds' },
        scope: 'Cluster',
        conversion: { strategy: 'None' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            additionalPrinterColumns: [{ name: 'a', type: 'string', jsonPath: '.a' }],
            subresources: { status: {}, scale: { specReplicasPath: '.spec.a', statusReplicasPath: '.status.a' } },
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: {
                  a: { type: 'array', items: { type: 'string' }, default: ['x'] },
                  b: { type: 'object', additionalProperties: { type: 'integer' } },
                  c: { 'x-kubernetes-preserve-unknown-fields': true },
                  d: { 'x-kubernetes-int-or-string': true, example: { any: 1 } },
                  e: { type: 'number', minimum: 0.5, 'x-kubernetes-validations': [{ rule: 'self > 0.1' }] },
                },
              },
            },
          },
        ],
      },
      status: { acceptedNames: { kind: '', plural: '' }, conditions: [], storedVersions: [] },
    },
    'odds.a.example',
  ),
  object('resource.k8s.io/v1', 'DeviceClass', { spec: { selectors: [{ cel: { expression: 'true' } }] } }),
  object('resource.k8s.io/v1', 'ResourceClaim', {
    spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'b' } }] } },
  }),
  object('resource.k8s.io/v1', 'ResourceClaimTemplate', {
    spec: { spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'b' } }] } } },
  }),
  object('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', {
    spec: {
      priorityLevelConfiguration: { name: 'a' },
      distinguisherMethod: { type: 'ByUser' },
      rules: [
        {
          subjects: [
            { kind: 'User', user: { name: 'a' } },
            { kind: 'Group', group: { name: 'a' } },
            { kind: 'ServiceAccount', serviceAccount: { name: 'a', namespace: 'b' } },
          ],
          resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
          nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
        },
      ],
    },
  }),
];

/** What is made of the first object of a kind, each refused: the kind, the path of a field, and what is put there. */
export const wrong: readonly (readonly [kind: string, path: string, value: unknown])[] = [
  ['Deployment', 'spec.replica', 1],
  ['Deployment', 'spec.replicas', '3'],
  ['Deployment', 'spec.replicas', 1.5],
  ['Deployment', 'spec.replicas', 2 ** 31],
  ['Deployment', 'spec.paused', 'true'],
  ['Deployment', 'spec.strategy.rollingUpdate.maxSurge', {}],
  ['Deployment', 'spec.strategy.rollingUpdate.maxSurge', 1.5],
  ['Deployment', 'spec.template.spec.containers', 'web'],
  ['Deployment', 'spec.template.spec.containers.0.image', ['web']],
  ['Deployment', 'spec.template.spec.containers.0.command', 'sh'],
  ['Deployment', 'spec.template.spec.containers.0.imagePullPolicy', 'Sometimes'],
  ['Deployment', 'spec.template.spec.containers.0.ports.0.containerPort', '80'],
  ['Deployment', 'spec.template.spec.containers.0.ports.1.protocol', 'TCP'],
  ['Deployment', 'spec.template.spec.containers.0.ports.1.protocol', undefined],
  ['Deployment', 'spec.template.spec.containers.0.env.0.value', 1],
  ['Deployment', 'spec.template.spec.containers.0.env.0.value', true],
  ['Deployment', 'spec.template.spec.containers.0.env.1.name', 'A'],
  ['Deployment', 'spec.template.spec.containers.0.env.0.valueFrom', 'A'],
  ['Deployment', 'spec.template.spec.containers.0.resources.requests.memory', '1.5 Gi'],
  ['Deployment', 'spec.template.spec.containers.0.resources.requests.memory', '12GiB'],
  ['Deployment', 'spec.template.spec.containers.0.resources.requests.cpu', ''],
  ['Deployment', 'spec.template.spec.containers.0.resources.requests.cpu', true],
  ['Deployment', 'spec.template.spec.containers.0.resources.request', {}],
  ['Deployment', 'spec.template.spec.containers.0.livenessProbe.httpGet.port', true],
  ['Deployment', 'spec.template.spec.containers.0.securityContext', { runAsUser: 'root' }],
  ['Deployment', 'spec.template.spec.restartPolicy', 'always'],
  ['Deployment', 'spec.template.spec.volumes.0.configMap.defaultMode', '0644'],
  ['Deployment', 'spec.template.metadata.annotations', { port: 1 }],
  ['Deployment', 'metadata.lables', {}],
  ['Deployment', 'metadata.creationTimestamp', 'yesterday'],
  ['Deployment', 'status.replikas', 1],
  ['ConfigMap', 'data.a', 1],
  ['ConfigMap', 'data.a', {}],
  ['ConfigMap', 'data', []],
  ['ConfigMap', 'binaryData.b', '!!'],
  ['ConfigMap', 'spec', {}],
  ['Secret', 'data.a', 'hello!'],
  ['Secret', 'data.a', 'YQ'],
  ['Secret', 'stringData.c', 1],
  ['Service', 'spec.ports.0.protocol', 'tcp'],
  ['Service', 'spec.type', 'Loadbalancer'],
  ['Service', 'spec.selector.app', 1],
  ['Ingress', 'spec.rules.0.http.paths.0.pathType', 'prefix'],
  ['Ingress', 'spec.rules.0.http.paths.0.backend.serviceName', 'a'],
  ['NetworkPolicy', 'spec.policyTypes', ['ingress']],
  ['PodDisruptionBudget', 'spec.minAvailable', {}],
  ['HorizontalPodAutoscaler', 'spec.metrics.0.resource.target.averageValue', 'abc'],
  ['CronJob', 'spec.suspend', 'true'],
  ['CronJob', 'spec.concurrencyPolicy', 'forbid'],
  ['Role', 'rules.0.verbs', 'get'],
  ['Role', 'rules.0.resource', 'pods'],
  ['PersistentVolumeClaim', 'spec.accessModes', ['RWO']],
  ['StorageClass', 'reclaimPolicy', 'retain'],
  ['Lease', 'spec.renewTime', 'now'],
  ['PriorityClass', 'value', '1'],
  ['ValidatingWebhookConfiguration', 'webhooks.0.failurePolicy', 'ignore'],
  ['ValidatingWebhookConfiguration', 'webhooks.0.clientConfig.caBundle', '%'],
  ['CustomResourceDefinition', 'spec.versions.0.schema.openAPIV3Schema.propertees', {}],
  ['CustomResourceDefinition', 'spec.versions.0.schema.openAPIV3Schema.required', 'a'],
];

/** A copy of an object with a value at a path of keys and indexes; undefined takes away what is there. */
export function withValue(object: KubernetesObject, path: readonly string[], value: unknown): KubernetesObject {
  const copy = structuredClone(object);
  let at = copy as unknown as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Record<string, unknown>;
  const last = path.at(-1) ?? '';
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}
