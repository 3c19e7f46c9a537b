import { z } from 'zod';
import { dependenciesOf, type Definitions } from '../../objects/dependencies.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { objectKey, type ObjectId } from '../../objects/object-id.ts';

/**
 * Without which the API server admits no Pod; for what makes Pods, their controller waits.
 * https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
 */
const ofPods: readonly Pick<ObjectId, 'group' | 'kind'>[] = [
  { group: '', kind: 'ServiceAccount' },
  { group: 'scheduling.k8s.io', kind: 'PriorityClass' },
  { group: 'node.k8s.io', kind: 'RuntimeClass' },
];

export function isNeededByPods({ group, kind }: Pick<ObjectId, 'group' | 'kind'>): boolean {
  return ofPods.some((one) => one.group === group && one.kind === kind);
}

const podSchema = z.object({
  spec: z.object({
    serviceAccountName: z.string().optional(),
    priorityClassName: z.string().optional(),
    runtimeClassName: z.string().optional(),
  }),
});

/** The keys of what has to be there before the API server can be asked about an object. */
export function neededAtOnce({
  object,
  definitions,
}: {
  object: KubernetesObject;
  definitions: Definitions;
}): string[] {
  const { apiVersion, kind, metadata } = object;
  const keys = dependenciesOf({ object, definitions });
  const pod = apiVersion === 'v1' && kind === 'Pod' ? podSchema.safeParse(object).data?.spec : undefined;
  const account = objectKey({ group: '', kind: 'ServiceAccount', namespace: metadata.namespace, name: '' });
  if (pod === undefined) return keys.filter((key) => !key.startsWith(account));
  const classes = [
    ['scheduling.k8s.io', 'PriorityClass', pod.priorityClassName],
    ['node.k8s.io', 'RuntimeClass', pod.runtimeClassName],
  ] as const;
  return [
    ...keys,
    ...classes.flatMap(([group, kindOf, name]) =>
      name === undefined ? [] : [objectKey({ group, kind: kindOf, namespace: undefined, name })],
    ),
  ];
}
