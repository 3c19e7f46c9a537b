import { z } from 'zod';
import { ConvergeError } from '../../../base/errors.ts';
import type { Memory } from '../../../memory/memory.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind } from '../../../objects/object-id.ts';
import { idOfKey } from '../../../objects/object-id.ts';
import type { ObjectId } from '../../../objects/object-id.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';

/*
 * A kind that the cluster serves in no version has objects all the same while its definition is there: nobody can read
 * them until one of its versions is served again. They go with the definition:
 * https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
 */

const definitions: ApiResource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const definitionSchema = z.object({ spec: z.object({ group: z.string(), names: z.object({ kind: z.string() }) }) });

/** A kind whose objects cannot be read now, and what defines it; undefined where that may not be read. */
export interface UnservedKind {
  /** `Backup.example.com` */
  readonly kind: string;
  readonly definition: KubernetesObject | undefined;
}

/**
 * Those of some kinds that the cluster serves in no version, and that are not known to be gone. Nothing is read where
 * it serves all.
 */
export async function unservedKinds(
  cluster: Pick<Cluster, 'list'>,
  { kinds, api }: { kinds: readonly string[]; api: ClusterApi },
): Promise<UnservedKind[]> {
  // Only what can be defined by others loses its versions while a cluster runs.
  const missing = kinds.filter(
    (kind) => kind.slice(kind.indexOf('.') + 1).includes('.') && kind.includes('.') && !isServed(api, kind),
  );
  if (missing.length === 0) return [];
  const defined = await definedKinds(cluster);
  return missing.flatMap((kind): UnservedKind[] => {
    if (defined === 'unreadable') return [{ kind, definition: undefined }];
    const definition = defined.get(kind);
    return definition === undefined ? [] : [{ kind, definition }];
  });
}

export function isServed({ resources }: ClusterApi, kind: string): boolean {
  return resources.some((resource) => groupKind(resource) === kind);
}

/** Whether an object may still be there though no version of its kind is served. */
export async function mayBeHidden(
  cluster: Pick<Cluster, 'list'>,
  { id, api }: { id: Pick<ObjectId, 'group' | 'kind'>; api: ClusterApi },
): Promise<boolean> {
  return (await unservedKinds(cluster, { kinds: [groupKind(id)], api })).length > 0;
}

/** What is remembered of objects of such kinds, and may be there. */
export function hiddenKeys(
  { objects, left, pending = [] }: Pick<Memory, 'objects' | 'left' | 'pending'>,
  unserved: readonly UnservedKind[],
): string[] {
  const kinds = new Set(unserved.map(({ kind }) => kind));
  return [...new Set([...Object.keys(objects), ...left, ...pending])]
    .filter((key) => kinds.has(groupKind(idOfKey(key))))
    .sort();
}

async function definedKinds(
  cluster: Pick<Cluster, 'list'>,
): Promise<ReadonlyMap<string, KubernetesObject> | 'unreadable'> {
  try {
    const found = await cluster.list({ resource: definitions, namespace: undefined, content: 'whole' });
    return new Map(
      found.flatMap((definition) => {
        const spec = definitionSchema.safeParse(definition).data?.spec;
        return spec === undefined
          ? []
          : [[groupKind({ group: spec.group, kind: spec.names.kind }), definition] as const];
      }),
    );
  } catch (error) {
    // What may not be read may be there.
    if (error instanceof ConvergeError && error.disposition === 'refuse') return 'unreadable';
    throw error;
  }
}
