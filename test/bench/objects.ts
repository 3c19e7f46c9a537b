import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';

const dataBytes = 1000;

function numbered<T>({ count, make }: { count: number; make: (number: string) => T }): T[] {
  return Array.from({ length: count }, (_, index) => make(String(index + 1).padStart(4, '0')));
}

function configMap(name: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { 'settings.properties': `id=${name}\n`.padEnd(dataBytes, '0123456789') },
  };
}

/** ConfigMaps of about 1 KB. */
export function configMaps(count: number): KubernetesObject[] {
  return numbered({ count, make: (number) => configMap(`settings-${number}`) });
}

/** 5,000 objects of six kinds that no controller acts upon, so that nothing but the applies is measured. */
export function mixedObjects(): KubernetesObject[] {
  return mixed(500);
}

/** 25 objects of the same kinds: eight ConfigMaps, five Secrets, three of each other. */
export function someObjects(): KubernetesObject[] {
  return [...configMaps(8), ...secrets(5), ...others(3)];
}

/** One each of ConfigMap, Secret, ServiceAccount and NetworkPolicy. */
export function fourObjects(): KubernetesObject[] {
  const [account, , , policy] = others(1);
  return [...configMaps(1), ...secrets(1), ...[account, policy].flatMap((one) => one ?? [])];
}

/** Fifty of the six kinds. */
export function fiftyObjects(): KubernetesObject[] {
  return mixed(5);
}

function mixed(share: number): KubernetesObject[] {
  return [...configMaps(4 * share), ...secrets(2 * share), ...others(share)];
}

function secrets(count: number): KubernetesObject[] {
  return numbered({
    count,
    make: (number) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `key-${number}` },
      stringData: { key: number.repeat(50) },
    }),
  });
}

function others(count: number): KubernetesObject[] {
  const rbac = 'rbac.authorization.k8s.io';
  const some = (make: (number: string) => KubernetesObject): KubernetesObject[] => numbered({ count, make });
  return [
    ...some((number) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: `robot-${number}` } })),
    ...some((number) => ({
      ...{ apiVersion: `${rbac}/v1`, kind: 'Role', metadata: { name: `reader-${number}` } },
      rules: [
        { apiGroups: [''], resources: ['configmaps'], resourceNames: [`settings-${number}`], verbs: ['get', 'watch'] },
      ],
    })),
    ...some((number) => ({
      ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name: `reader-${number}` } },
      roleRef: { apiGroup: rbac, kind: 'Role', name: `reader-${number}` },
      subjects: [{ kind: 'ServiceAccount', name: `robot-${number}` }],
    })),
    ...some((number) => ({
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: `allow-${number}` } },
      spec: {
        podSelector: { matchLabels: { app: `app-${number}` } },
        policyTypes: ['Ingress'],
        ingress: [
          { from: [{ podSelector: { matchLabels: { app: 'web' } } }], ports: [{ protocol: 'TCP', port: 8080 }] },
        ],
      },
    })),
  ];
}

/** Deployments of one replica each. */
export function deployments(count: number): KubernetesObject[] {
  return numbered({
    count,
    make: (number) => {
      const labels = { app: `web-${number}` };
      const containers = [
        {
          name: 'web',
          image: 'shop:1.0.0',
          ports: [{ containerPort: 8080 }],
          resources: { requests: { cpu: '1m', memory: '1Mi' } },
        },
      ];
      return {
        ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: `web-${number}`, labels } },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers } },
        },
      };
    },
  });
}
