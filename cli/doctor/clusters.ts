import type { ClusterConfig, Config } from '../../shared/config/config.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { parentName } from '../../shared/inventory/applyset.ts';
import { listEnvironments, readEnvironment } from '../../shared/pipeline/common/declared-environments.ts';
import { environmentUser } from '../../shared/rbac/environment-user.ts';
import type { Permissions } from '../../shared/ports/permissions.ts';
import { CommandError } from '../command-error.ts';
import type { Context } from '../context.ts';
import { failed, lookInto, notAsked, ok, type Finding } from './finding.ts';

/** An environment, and where its objects are. */
interface Place {
  readonly repository: string;
  readonly environment: string;
  readonly cluster: string;
  readonly namespace: string;
}

const byKubeconfig = ', by the kubeconfig of the local pipeline, past what stands for GKE there';

/** Of each cluster so many environments are asked for. */
const mostAsked = 20;

/**
 * The configuration by which this machine reaches the clusters. What stands for GKE before the local pipeline's lets in the
 * account of the functions alone: that cluster is asked by the kubeconfig of its administrator.
 */
export function reachedFromHere({ config, kubeconfig: file }: Pick<Context, 'config' | 'kubeconfig'>): Config {
  if (file === undefined) return config;
  const clusters = Object.entries(config.clusters).map(([name, settings]): [string, ClusterConfig] => [
    name,
    isFronted(settings) ? { kind: 'kubeconfig', file, identity: settings.identity } : settings,
  ]);
  return { ...config, clusters: Object.fromEntries(clusters) };
}

function isFronted({ kind }: ClusterConfig): boolean {
  return kind === 'gke' || kind === 'gateway';
}

/** Each cluster: reached, its version, and whether each environment may do there what every environment has to. */
export async function lookAtClusters(context: Context, permissions: Permissions): Promise<readonly Finding[]> {
  const { clusters } = context.config;
  const places = await findPlaces(context);
  const found = await Promise.all(
    Object.entries(clusters).map(async ([name, settings]) => {
      const of = places.filter(({ cluster }) => cluster === name);
      const by = isFronted(settings) && context.kubeconfig !== undefined ? byKubeconfig : '';
      return await lookAtCluster({ name, settings, places: of, permissions, by });
    }),
  );
  const unknown = places.filter(({ cluster }) => clusters[cluster] === undefined);
  return [
    ...found.flat(),
    ...unknown.map(({ repository, environment, cluster }) =>
      failed(
        { check: 'cluster', subject: cluster },
        `${repository}/${environment} names it, and the configuration has none of that name`,
        `name one of ${Object.keys(clusters).sort().join(', ') || 'none'} in the environment file, or add it to clusters`,
      ),
    ),
  ];
}

/** What each branch declares; nothing of one that cannot be read, which another check tells. */
async function findPlaces(context: Context): Promise<readonly Place[]> {
  const repositories = await context.open.repository();
  const found = await Promise.all(
    Object.keys(context.config.repositories).map(async (name): Promise<readonly Place[]> => {
      try {
        const repository = repositories(name);
        const head = await repository.fetchHead();
        if (head === undefined) return [];
        const names = await listEnvironments({ repository, commit: head.id });
        const places = await Promise.all(
          names.map(async (environment): Promise<readonly Place[]> => {
            const declared = await readEnvironment({ repository, commit: head.id, name: environment });
            if (declared.state !== 'declared') return [];
            const { cluster, namespace } = declared.environment;
            return [{ repository: name, environment, cluster, namespace }];
          }),
        );
        return places.flat();
      } catch (error) {
        if (error instanceof ConvergeError || error instanceof CommandError) return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

async function lookAtCluster({
  name,
  settings,
  places,
  permissions,
  by,
}: {
  name: string;
  settings: ClusterConfig;
  places: readonly Place[];
  permissions: Permissions;
  /** How it was asked, where not as the functions do. */
  by: string;
}): Promise<readonly Finding[]> {
  const about = { check: 'cluster', subject: name };
  const [first] = places;
  if (first === undefined)
    return [notAsked(about, 'no environment stands on it', 'an environment file names it in spec.cluster')];
  const reached = await lookInto(about, async () =>
    ok(about, `answers as Kubernetes ${await permissions.versionOf({ ...first, cluster: name })}${by}`),
  );
  if (reached.some(({ state }) => state !== 'ok')) return reached;
  const asked = places.slice(0, mostAsked);
  const rights = await Promise.all(asked.map(async (place) => lookAtRights({ place, settings, permissions })));
  const more = places.length - asked.length;
  const unasked =
    more === 0
      ? []
      : [
          notAsked(
            { check: 'right', subject: name },
            `${more} more environments`,
            'converge rbac ENVIRONMENT prints what one needs',
          ),
        ];
  return [...reached, ...rights.flat(), ...unasked];
}

/** What every environment has to do: write down in its own namespace what it owns. */
async function lookAtRights({
  place: { repository, environment, cluster, namespace },
  settings,
  permissions,
}: {
  place: Place;
  settings: ClusterConfig;
  permissions: Permissions;
}): Promise<readonly Finding[]> {
  const about = { check: 'right', subject: `${repository}/${environment} in ${cluster}` };
  const user = settings.identity === 'environment' ? environmentUser({ repository, environment }) : 'ACCOUNT';
  const name = parentName(environment);
  const byHand = `kubectl auth can-i patch configmaps/${name} --namespace ${namespace} --as ${user}`;
  // With no user of its own, the environment is whoever has the function's credentials: that is not who asks here.
  if (settings.identity === 'own' && settings.kind !== 'kubeconfig')
    return [
      notAsked(
        about,
        'it acts as the account of reconcile, and the answer would be yours',
        `whoever may act as that account asks: ${byHand}`,
      ),
    ];
  const found = await lookInto(about, async () => {
    const resource = { group: '', plural: 'configmaps' };
    const review = { repository, environment, cluster, verb: 'patch', resource, namespace, name };
    const { allowed, reason } = await permissions.inCluster(review);
    const as = settings.identity === 'environment' ? user : 'the user of the kubeconfig';
    return allowed
      ? ok(about, `${as} may patch configmaps/${name} in ${namespace}`)
      : failed(
          about,
          `${as} may not patch configmaps/${name} in ${namespace}${reason === '' ? '' : `: ${reason}`}`,
          `apply what \`converge rbac ${repository}/${environment}\` prints`,
        );
  });
  return found.map((one) =>
    one.state === 'failed' && one.message.includes('may not act as')
      ? notAsked(about, one.message, `whoever may act as it asks: ${byHand}`)
      : one,
  );
}
