import { ConvergeError } from '../../../base/errors.ts';
import { bindsToFirstConsumer, classThatMayWait } from '../../../health/storage-class.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { inParallel } from '../../common/parallel.ts';
import type { Target } from '../run/target.ts';

const storageClasses: ApiResource = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
};

/** Which claims wait for the first Pod that uses them, by their StorageClasses as far as they were read. */
export interface Claims {
  waits(object: KubernetesObject): boolean;
  /** Reads the classes of these objects that are not known yet. */
  renew(objects: readonly KubernetesObject[]): Promise<void>;
}

/**
 * A class that may not be read leaves open whether its claim waits: such a claim holds nobody, as the Pods that use it
 * tell themselves that they have no volume.
 */
export function openClaims({ run, cluster }: Pick<Target, 'run' | 'cluster'>): Claims {
  const waiting = new Map<string, boolean>();
  return {
    waits: (object) => waiting.get(classThatMayWait(object) ?? '') ?? false,
    async renew(objects) {
      const names = new Set(objects.flatMap((object) => classThatMayWait(object) ?? []));
      await inParallel(
        [...names].filter((name) => !waiting.has(name)),
        async (name) => {
          try {
            const found = await cluster.get({ resource: storageClasses, namespace: undefined, name });
            if (found !== undefined) waiting.set(name, bindsToFirstConsumer(found));
          } catch (error) {
            if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
            waiting.set(name, true);
            run.ports.log(
              'WARNING',
              `a storage class cannot be read, so that its claims hold no roll-out: ${error.message}`,
              { environment: run.key, storageClass: name },
            );
          }
        },
      );
    },
  };
}
