import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { hidesOf, openlyOf, saidOpenly, type Hides } from '../inspect/hides.ts';
import { readKnownSecrets, secretsAmong } from '../inspect/known-secrets.ts';
import type { ObservedState } from '../reconcile/observe/observed-state.ts';
import type { DesiredState } from '../reconcile/render/desired-state.ts';
import type { Run } from '../reconcile/run/run.ts';
import type { RenderTarget } from '../reconcile/run/target.ts';

/** What a plan has seen so far: whatever it ends with, it tells nothing of the Secrets among it. */
export interface Sight {
  target?: RenderTarget;
  observed?: Pick<ObservedState, 'objects'>;
  desired?: Pick<DesiredState, 'objects'>;
}

/**
 * Hides the values of Secrets in what a plan ends with that fails. The Secrets that others made are read where the cluster was:
 * one that does not answer is not asked again. Never fails for what it cannot read.
 */
export async function hidesOfSight(run: Run, { revision, sight }: { revision: string; sight: Sight }): Promise<Hides> {
  const { target, observed, desired } = sight;
  if (target !== undefined && observed !== undefined) {
    const seen = { target, observed, memory: run.memoryFile.memory() };
    return hidesOf(await readKnownSecrets(seen, desired), openlyOf(seen));
  }
  const objects: KubernetesObject[] = [...(observed?.objects.values() ?? []), ...(desired?.objects ?? [])].map(
    ({ object }) => object,
  );
  const { key, repository, environment } = run;
  const { cluster } = run.memoryFile.memory();
  const about = { key, repository, environment, revision, cluster, namespaces: [], api: undefined };
  return hidesOf({ own: secretsAmong(objects), others: [], unhidden: [] }, saidOpenly(objects, about));
}
