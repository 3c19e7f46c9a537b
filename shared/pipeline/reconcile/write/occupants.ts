import { ConvergeError } from '../../../base/errors.ts';
import { hookOfLabel, idLabel, partOfLabel } from '../../../inventory/applyset.ts';
import type { ApiResource, ClusterApi } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind, objectIdOf } from '../../../objects/object-id.ts';
import { occupancyOf, type AskedDeletion, type Refusal } from '../../../ownership/deletion-guard.ts';
import type { Ports } from '../../../ports/ports.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { inParallel } from '../../common/parallel.ts';
import { isDefinition } from '../../../objects/replacement.ts';
import { z } from 'zod';

/**
 * How often a kind that could not be listed is looked for: its definition may just be going, and the API server says so
 * late.
 */
const looks = 5;
const firstPause = 50;

interface Inspector {
  readonly run: { readonly ports: Pick<Ports, 'sleep'> };
  readonly cluster: Pick<Cluster, 'api' | 'list'>;
  readonly api: ClusterApi;
}

/**
 * Why something stays that may be deleted otherwise: what another environment has would go with it, or that cannot be
 * told.
 */
export async function occupancy(
  inspector: Inspector,
  asked: Pick<AskedDeletion, 'object' | 'applySets' | 'purpose'>,
): Promise<Refusal | undefined> {
  // Another definition in its place is what contracts say of a replacement: its objects come back with the next look at
  // their environments.
  if (isDefinition(objectIdOf(asked.object)))
    return asked.purpose === 'prune' ? await occupancyOfDefinition(inspector, asked) : undefined;
  return await occupancyOfNamespace(inspector, asked);
}

const definitionSchema = z.object({ spec: z.object({ group: z.string(), names: z.object({ kind: z.string() }) }) });

/** Whether another environment has objects of the kind that a definition defines. Nobody could make them again. */
async function occupancyOfDefinition(
  { cluster }: Inspector,
  { object, applySets }: Pick<AskedDeletion, 'object' | 'applySets'>,
): Promise<Refusal | undefined> {
  const unknown = (reason: string): Refusal => ({
    why: 'unknown',
    message: `stays, since it cannot be told whether another environment has objects of it: ${reason}`,
  });
  const defined = definitionSchema.safeParse(object).data?.spec;
  const { resources } = await cluster.api({ refresh: true });
  const resource = resources.find(({ group, kind }) => group === defined?.group && kind === defined.names.kind);
  if (resource === undefined) return unknown('the cluster serves none of its versions');
  try {
    const lists = await inParallel([partOfLabel, hookOfLabel], async (labelSelector) =>
      cluster.list({ resource, namespace: undefined, labelSelector, content: 'metadata' }),
    );
    return occupancyOf({ objects: lists.flat(), applySets, how: 'has objects of it' });
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return unknown(error.message);
    throw error;
  }
}

/**
 * Why a Namespace that may be deleted otherwise stays: an environment lives in it, or that cannot be told. Undefined
 * for every other object. Everything that the cluster serves is asked for: an inventory reaches into namespaces beside
 * its parent's.
 */
async function occupancyOfNamespace(
  inspector: Inspector,
  { object, applySets }: Pick<AskedDeletion, 'object' | 'applySets'>,
): Promise<Refusal | undefined> {
  if (groupKind(objectIdOf(object)) !== 'Namespace') return undefined;
  const { api } = inspector;
  const namespace = object.metadata.name ?? '';
  const unknown = (reason: string): Refusal => ({
    why: 'unknown',
    message: `stays, since it cannot be told whether an environment lives in it: ${reason}`,
  });
  if (api.unreadable.length > 0) return unknown(`${api.unreadable.join(', ')} cannot be discovered`);
  try {
    const marks = [partOfLabel, hookOfLabel, idLabel];
    // Seeds carry no label.
    const asked = onePerKind(api.resources).flatMap((resource) =>
      (groupKind(resource) === 'Secret' ? [undefined] : marks).map((labelSelector) => ({ resource, labelSelector })),
    );
    const found = await inParallel(asked, async ({ resource, labelSelector }) =>
      listIn(inspector, { resource, namespace, labelSelector }),
    );
    return occupancyOf({ objects: found.flat(), applySets, how: 'lives in it' });
  } catch (error) {
    if (error instanceof ConvergeError && error.disposition === 'refuse') return unknown(error.message);
    throw error;
  }
}

/** What of a kind carries a mark, or all of it. Of a kind that the cluster serves no longer there is nothing. */
async function listIn(
  { run, cluster }: Inspector,
  {
    resource,
    namespace,
    labelSelector,
  }: { resource: ApiResource; namespace: string; labelSelector: string | undefined },
): Promise<readonly KubernetesObject[]> {
  for (let look = 1; ; look++) {
    try {
      return await cluster.list({
        resource,
        namespace,
        content: 'metadata',
        ...(labelSelector === undefined ? {} : { labelSelector }),
      });
    } catch (error) {
      if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
      const { resources, unreadable } = await cluster.api({ refresh: true });
      if (unreadable.length === 0 && !resources.some((served) => groupKind(served) === groupKind(resource))) return [];
      if (look === looks) throw error;
      await run.ports.sleep(firstPause * 2 ** look);
    }
  }
}

/** Each namespaced kind in one of its versions: the objects of all are the same. */
function onePerKind(resources: readonly ApiResource[]): ApiResource[] {
  const kinds = new Map<string, ApiResource>();
  for (const resource of resources)
    if (resource.namespaced && resource.listable !== false && !kinds.has(groupKind(resource)))
      kinds.set(groupKind(resource), resource);
  return [...kinds.values()];
}
