import { z } from 'zod';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, objectIdOf } from '../objects/object-id.ts';

const claimSchema = z.object({
  spec: z.object({ storageClassName: z.string().min(1) }),
  status: z.object({ phase: z.literal('Pending') }).nullish(),
});
const classSchema = z.object({ volumeBindingMode: z.literal('WaitForFirstConsumer') });

/** Written by the scheduler once a Pod uses the claim. */
const selectedNode = 'volume.kubernetes.io/selected-node';

/**
 * The StorageClass by which a claim may wait for the first Pod that uses it: undefined where it is bound, used already,
 * names no class, or is no claim at all.
 */
export function classThatMayWait(object: KubernetesObject): string | undefined {
  if (
    groupKind(objectIdOf(object)) !== 'PersistentVolumeClaim' ||
    object.metadata.annotations?.[selectedNode] !== undefined
  )
    return undefined;
  return claimSchema.safeParse(object).data?.spec.storageClassName;
}

/** Whether claims of this StorageClass get no volume before a Pod uses them. */
export function bindsToFirstConsumer(storageClass: KubernetesObject): boolean {
  return classSchema.safeParse(storageClass).success;
}
