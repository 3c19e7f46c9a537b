import type { KubernetesObject } from './kubernetes-object.ts';

/** etcd counts from 1, and takes the first write as 2: https://etcd.io/docs/v3.6/learning/api/ */
const noVersion = '1';

/**
 * Writes the incarnation that was read, or none. With the uid too: a resourceVersion alone makes a deleted object anew.
 * That is how a create is fenced: by a version that no object has, it succeeds where nothing is and is a 409 where
 * something is. What it cannot tell is an object that was never there from one that a newer revision deleted: the next
 * look prunes that.
 */
export function fenced({
  object,
  live,
}: {
  object: KubernetesObject;
  live: KubernetesObject | undefined;
}): KubernetesObject {
  if (live === undefined) return { ...object, metadata: { ...object.metadata, resourceVersion: noVersion } };
  const { uid, resourceVersion } = live.metadata;
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion } };
}

/** On what was fenced off: by which claim, last. No manager of Git's fields owns it, so that it is never drift. */
export const fenceAnnotation = 'converge.dev/fence';

/** What is applied to fence an object off as it was read: it changes the annotation, and with it the version. */
export function fencedOff({ live, by }: { live: KubernetesObject; by: string }): KubernetesObject {
  const { apiVersion, kind } = live;
  const { name, namespace } = live.metadata;
  const metadata = {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    annotations: { [fenceAnnotation]: by },
  };
  return fenced({ object: { apiVersion, kind, metadata }, live });
}
