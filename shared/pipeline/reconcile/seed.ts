import { randomBytes } from 'node:crypto';
import { ConvergeError } from '../../errors.ts';
import { readSeedSecret, seedSecret, seedSecretName, type Seed } from '../../inventory/seed-secret.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { maskText } from '../../objects/masking.ts';
import { objectIdOf, objectTitle } from '../../objects/object-id.ts';
import type { Target } from './target.ts';

const secrets: ApiResource = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
const namespaces: ApiResource = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

const seedBytes = 32;

/**
 * The environment's seed, made where there is none: then the first render that draws from it has not been applied yet.
 *
 * Throws `ClusterRefused` (refuse) where the Secret of that name is none of ours: to replace it would change every
 * password that was made from it.
 */
export async function seedOf({ run, cluster, applySet }: Target): Promise<Seed> {
  const { namespace } = applySet;
  const name = seedSecretName(applySet);
  const found = await cluster.get({ resource: secrets, namespace, name });
  if (found !== undefined) return readable(found);

  await run.lease.assertHeld();
  if ((await cluster.get({ resource: namespaces, namespace: undefined, name: namespace })) === undefined) {
    await write({ resource: namespaces, object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } });
  }
  const seed = randomBytes(seedBytes).toString('base64');
  return readable(await write({ resource: secrets, object: seedSecret({ applySet, seed, time: run.ports.now().toISOString() }) }));

  async function write({ resource, object }: { resource: ApiResource; object: KubernetesObject }): Promise<KubernetesObject> {
    const result = await cluster.apply({ resource, object, dryRun: false });
    if (result.outcome === 'applied') return result.object;
    throw new ConvergeError({
      code: 'ClusterRefused',
      subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
      message: `the API server answered ${result.status}: ${maskText({ text: result.message, objects: [object] })}`,
      remedy: 'charts with random values need the right to read and create this Secret',
      disposition: result.status >= 500 ? 'retry' : 'refuse',
    });
  }

  function readable(secret: KubernetesObject): Seed {
    const held = readSeedSecret(secret);
    if (held !== undefined) return held;
    throw new ConvergeError({
      code: 'ClusterRefused',
      subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(secret))}`,
      message: 'holds no seed and time as Converge writes them',
      remedy: 'restore it; where it is deleted, a new one is made, and every random value of the environment changes',
      disposition: 'refuse',
    });
  }
}
