import { ConvergeError } from '../../base/errors.ts';
import type { ApiResource } from '../../objects/cluster-api.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import { readEnvironment } from '../common/declared-environments.ts';
import { inParallel } from '../common/parallel.ts';
import { renderDesired, type DesiredState } from '../reconcile/render/desired-state.ts';
import { toAsk } from '../reconcile/render/render-cache.ts';
import type { Unread } from './answers.ts';
import type { Inspection } from './open-inspection.ts';

/** The Secrets whose values an answer about an environment must not hold. */
export interface KnownSecrets {
  /** The environment's own: in the cluster, as kubectl applied them last, and in Git. */
  readonly own: readonly KubernetesObject[];
  /** Those that others made in its namespaces. */
  readonly others: readonly KubernetesObject[];
  /** Which could not be read, so that their values are not hidden. */
  readonly unhidden: readonly Unread[];
}

/** An environment, and what was seen of it. */
type Seen = Pick<Inspection, 'target' | 'memory'> & { readonly observed: Pick<Inspection['observed'], 'objects'> };

const secretResource: ApiResource = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };
/** Helm's records are compressed, and large: nobody copies them, and no text holds what is in them. */
const notHelms = 'owner!=helm';
const mostNamespaces = 50;
/** So many Secrets of a namespace are read. */
const mostRead = 1_000;
/** Of all Secrets that others made: bytes as JSON. */
const mostBytes = 8 << 20;

/**
 * Reads what is to be hidden: the Secrets of the environment as they are, as they are in Git at the head of the branch
 * and at the commits that converged and were attempted last, and all others of its namespaces, as far as the environment's
 * user may list them. Never fails for what it cannot read.
 *
 * @param desired at the head, where that renders
 */
export async function readKnownSecrets(
  inspection: Seen,
  desired: Pick<DesiredState, 'objects'> | undefined,
): Promise<KnownSecrets> {
  const [before, { others, unhidden }] = await Promise.all([
    renderedBefore(inspection),
    readOthers({ ...inspection, desired: desired?.objects }),
  ]);
  const wanted = [...(desired?.objects ?? []), ...before].map(({ object }) => object);
  const observed = [...inspection.observed.objects.values()].map(({ object }) => object);
  return { own: secretsAmong([...observed, ...wanted]), others, unhidden };
}

/** The Secrets of some objects, each also as kubectl applied it last. */
export function secretsAmong(objects: readonly KubernetesObject[]): KubernetesObject[] {
  return objects.filter(isSecret).flatMap((secret) => [secret, ...lastApplied(secret)]);
}

function isSecret({ apiVersion, kind }: KubernetesObject): boolean {
  return apiVersion === 'v1' && kind === 'Secret';
}

/** What a value was before the last commit changed it. */
async function renderedBefore({ target, memory }: Seen): Promise<DesiredState['objects']> {
  const { run, commit: head } = target;
  const repository = run.ports.repository(run.repository);
  const ids = new Set([memory.converged?.commit, memory.attempted?.commit].filter((id) => id !== head.id));
  const found: DesiredState['objects'][number][] = [];
  for (const id of ids) {
    if (id === undefined) continue;
    try {
      const commit = await repository.findCommit(id);
      if (commit === undefined) continue;
      const declared = await readEnvironment({ repository, commit: id, name: run.environment });
      if (declared.state !== 'declared') continue;
      const { environment } = declared;
      found.push(...(await renderDesired({ ...target, commit, environment }, toAsk)).objects);
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
    }
  }
  return found;
}

/**
 * Those that others made in the namespaces of an environment. Never fails for what it cannot read.
 *
 * @param seen.desired what is to come: it may have namespaces of its own
 */
export async function readOthers({
  target,
  observed,
  desired = [],
}: {
  target: Pick<Inspection['target'], 'cluster' | 'environment'>;
  observed: Pick<Inspection['observed'], 'objects'>;
  desired?: DesiredState['objects'] | undefined;
}): Promise<Pick<KnownSecrets, 'others' | 'unhidden'>> {
  const { cluster, environment } = target;
  const members = [...observed.objects.values()];
  const own = new Set(members.map(({ object }) => object.metadata.uid));
  const namespaces = [
    ...new Set([environment.namespace, ...[...members, ...desired].map(({ object }) => object.metadata.namespace)]),
  ].filter((namespace) => namespace !== undefined);
  const unhidden: Unread[] = namespaces.slice(mostNamespaces).map((namespace) => ({
    ...{ what: `secrets of namespace ${namespace}`, message: `those of ${mostNamespaces} namespaces are read` },
  }));
  let bytes = 0;
  const lists = await inParallel(namespaces.slice(0, mostNamespaces), async (namespace) => {
    const what = `secrets of namespace ${namespace}`;
    try {
      const query = { resource: secretResource, namespace, labelSelector: notHelms, content: 'whole' } as const;
      const found = await cluster.list({ ...query, most: mostRead });
      const kept = found.filter(({ metadata }) => !own.has(metadata.uid)).slice(0, mostRead);
      const fitting = kept.filter((secret) => (bytes += JSON.stringify(secret).length) <= mostBytes);
      if (found.length > mostRead || fitting.length < kept.length)
        unhidden.push({ what, message: `there are more than the ${fitting.length} that were read` });
      return fitting;
    } catch (error) {
      if (!(error instanceof ConvergeError)) throw error;
      unhidden.push({ what, message: error.message });
      return [];
    }
  });
  return { others: secretsAmong(lists.flat()), unhidden };
}

/** As `kubectl apply` keeps it, with all values. */
function lastApplied({ metadata: { annotations = {} }, ...secret }: KubernetesObject): KubernetesObject[] {
  try {
    const kept: unknown = JSON.parse(annotations['kubectl.kubernetes.io/last-applied-configuration'] ?? 'null');
    if (typeof kept !== 'object' || kept === null) return [];
    return [
      {
        ...{ apiVersion: secret.apiVersion, kind: secret.kind, metadata: {} },
        ...{ data: Reflect.get(kept, 'data'), stringData: Reflect.get(kept, 'stringData') },
      },
    ];
  } catch {
    return [];
  }
}
