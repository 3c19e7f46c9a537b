import { randomBytes } from 'node:crypto';
import { ConvergeError } from '../../../base/errors.ts';
import { mayPass } from '../../../base/http-status.ts';
import { readKeptAnswers, withAnswers, writeKeptAnswers, type KeptAnswer } from '../../../inventory/kept-answers.ts';
import { noSeed, readSeedSecret, seedSecret, seedSecretName, type Seed } from '../../../inventory/seed-secret.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import { namespaceResource, secretResource } from '../../../objects/core-resources.ts';
import { fenced } from '../../../objects/fenced.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { maskText } from '../../../drift/masking.ts';
import { objectIdOf, objectTitle } from '../../../objects/object-id.ts';
import { environmentAnnotation, type ApplySet } from '../../../inventory/applyset.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { conflictLooks, conflictPause } from '../run/look-until.ts';
import type { RenderTarget } from '../run/target.ts';

const seedBytes = 32;

/** The seed of an environment that is only asked what it wants: its own run makes it, where there is none. */
export async function seedIfThere(target: RenderTarget): Promise<Seed> {
  const found = await ownSecret(target, target.applySet);
  return (found === undefined ? undefined : readSeedSecret(found)) ?? noSeed;
}

/**
 * The environment's seed, made where there is none: then the first render that draws from it has not been applied yet.
 *
 * Throws `OwnedByAnother` (refuse) where the Secret of that name is another environment's, and `ClusterRefused`
 * (refuse) where it is no seed: to replace it would change every password that was made from it.
 */
export async function seedOf(target: RenderTarget): Promise<Seed> {
  const { run, cluster, applySet } = target;
  const found = await ownSecret(target, applySet);
  if (found !== undefined) return readable({ secret: found, cluster });
  const written = await writeSeed(target, { content: { seed: newSeed(target), answers: undefined }, live: undefined });
  if (written !== 'changed') return readable({ secret: written, cluster });
  // The first answer may have been lost; or another run made it, which then has the lease.
  const made = await ownSecret(target, applySet);
  await run.lease.assertHeld('now');
  if (made === undefined) throw restless({ cluster, applySet });
  return readable({ secret: made, cluster });
}

function newSeed({ run }: Pick<RenderTarget, 'run'>): Seed {
  return { seed: randomBytes(seedBytes).toString('base64'), time: run.ports.now().toISOString() };
}

/**
 * What the cluster answered to the environment's templates when they asked first.
 *
 * Throws `ClusterRefused` (refuse) where it cannot be read: asked anew, a chart may draw another password.
 */
export async function keptAnswers({
  cluster,
  applySet,
}: Pick<RenderTarget, 'cluster' | 'applySet'>): Promise<readonly KeptAnswer[]> {
  const found = await ownSecret({ cluster }, applySet);
  return found === undefined ? [] : answersOf({ secret: found, cluster });
}

/**
 * Keeps answers, in the place of earlier ones to the same questions, for every later render.
 *
 * Throws `ClusterUnavailable` (retry) where somebody else writes the Secret, and `ClusterRefused` (refuse) where it may
 * not be written, or a Secret does not hold all answers.
 */
export async function keepAnswers(target: RenderTarget, answers: readonly KeptAnswer[]): Promise<void> {
  const { run, cluster, applySet } = target;
  for (let look = 1; look <= conflictLooks; look++) {
    const live = await ownSecret(target, applySet);
    if (look > 1) await run.lease.assertHeld('now');
    const seed = live === undefined ? newSeed(target) : readable({ secret: live, cluster });
    const kept = withAnswers(live === undefined ? [] : answersOf({ secret: live, cluster }), answers);
    const content = { seed, answers: storable(target, kept) };
    if ((await writeSeed(target, { content, live })) !== 'changed') return;
    await run.ports.sleep(conflictPause(look));
  }
  throw restless({ cluster, applySet });
}

function storable({ cluster, applySet }: SeedPlace, answers: readonly KeptAnswer[]): string | undefined {
  const written = writeKeptAnswers(answers);
  if (written !== 'too large') return written.data;
  throw new ConvergeError({
    code: 'ClusterRefused',
    subject: subjectOf({ cluster, applySet }),
    message: 'cannot hold what the charts looked up, which is a mebibyte or more',
    remedy: 'let the charts look up single objects instead of lists, or set spec.lookup: empty',
    disposition: 'refuse',
  });
}

/** Where the Secret of a seed is. */
type SeedPlace = Pick<RenderTarget, 'cluster' | 'applySet'>;

function restless(place: SeedPlace): ConvergeError {
  return new ConvergeError({
    code: 'ClusterUnavailable',
    subject: subjectOf(place),
    message: 'changed each time that it was read; the next run looks again',
    disposition: 'retry',
  });
}

function subjectOf({ cluster, applySet }: SeedPlace): string {
  const { namespace } = applySet;
  return `cluster ${cluster.name}, ${objectTitle({ kind: 'Secret', namespace, name: seedSecretName(applySet) })}`;
}

/** Lets a renamed environment draw the values that it drew under its previous name, unless it has a seed of its own. */
export async function continueSeed(target: RenderTarget, { from }: { from: ApplySet }): Promise<void> {
  const { cluster } = target;
  if ((await ownSecret(target, target.applySet)) !== undefined) return;
  const previous = await ownSecret(target, from);
  if (previous === undefined) return;
  const answers = writeKeptAnswers(answersOf({ secret: previous, cluster }));
  // Where somebody made one meanwhile, it has a seed of its own.
  await writeSeed(target, {
    content: {
      seed: readable({ secret: previous, cluster }),
      answers: answers === 'too large' ? undefined : answers.data,
    },
    live: undefined,
  });
}

/** Whether a set has a seed. Throws `OwnedByAnother` (refuse) where that is another environment's. */
export async function hasSeed({ cluster, applySet }: Pick<RenderTarget, 'cluster' | 'applySet'>): Promise<boolean> {
  return (await ownSecret({ cluster }, applySet)) !== undefined;
}

/**
 * The Secret of a set's seed. One that names nobody may have been restored by hand; one that names another environment
 * is that one's.
 */
async function ownSecret(
  { cluster }: Pick<RenderTarget, 'cluster'>,
  of: ApplySet,
): Promise<KubernetesObject | undefined> {
  const secret = await cluster.get({ resource: secretResource, namespace: of.namespace, name: seedSecretName(of) });
  const named = secret?.metadata.annotations?.[environmentAnnotation];
  if (secret === undefined || named === undefined || named === of.environment) return secret;
  throw new ConvergeError({
    code: 'OwnedByAnother',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(secret))}`,
    message: `holds the random values of environment ${named}, not of ${of.environment}; nothing is read or written`,
    remedy: 'give one of the two another name or namespace, or remove the other first',
    disposition: 'refuse',
  });
}

/** What a Secret of the seed is to hold: its answers to look-ups as they are written. */
interface SeedContent {
  readonly seed: Seed;
  readonly answers: string | undefined;
}

/**
 * Writes the Secret over what was read, or where nothing was, and resolves with it; `changed` where somebody wrote it
 * meanwhile. A run that lost its lease must not draw all values anew.
 */
async function writeSeed(
  target: RenderTarget,
  { content: { seed, answers }, live }: { content: SeedContent; live: KubernetesObject | undefined },
): Promise<KubernetesObject | 'changed'> {
  const { run, cluster, applySet } = target;
  const { namespace } = applySet;
  const found = await cluster.get({ resource: namespaceResource, namespace: undefined, name: namespace });
  const made: KubernetesObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
  await run.lease.claim({ keys: '*' });
  if (found === undefined) await write(cluster, { resource: namespaceResource, object: made, live: undefined });
  const { metadata, ...secret } = seedSecret({ applySet, ...seed, answers });
  const object = { ...secret, apiVersion: 'v1', kind: 'Secret', metadata };
  return await write(cluster, { resource: secretResource, object, live });
}

async function write(
  cluster: Pick<Cluster, 'name' | 'apply'>,
  { resource, object, live }: { resource: ApiResource; object: KubernetesObject; live: KubernetesObject | undefined },
): Promise<KubernetesObject | 'changed'> {
  const result = await cluster.apply({ resource, object: fenced({ object, live }), dryRun: false });
  if (result.outcome === 'applied') return result.object;
  if (result.status === 409) return 'changed';
  throw new ConvergeError({
    code: 'ClusterRefused',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(object))}`,
    message: `the API server answered ${result.status}: ${maskText({ text: result.message, objects: [object] })}`,
    remedy: 'charts with random values need the right to read and create this Secret',
    disposition: mayPass(result.status) ? 'retry' : 'refuse',
  });
}

function answersOf({
  secret,
  cluster,
}: {
  secret: KubernetesObject;
  cluster: Pick<Cluster, 'name'>;
}): readonly KeptAnswer[] {
  const answers = readKeptAnswers(secret);
  if (answers !== 'unreadable') return answers;
  throw new ConvergeError({
    code: 'ClusterRefused',
    subject: `cluster ${cluster.name}, ${objectTitle(objectIdOf(secret))}`,
    message: 'holds no answers to look-ups as Converge writes them',
    remedy: 'restore it, or remove its key lookups: then the charts look up anew what is there now',
    disposition: 'refuse',
  });
}

function readable({ secret, cluster }: { secret: KubernetesObject; cluster: Pick<Cluster, 'name'> }): Seed {
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
