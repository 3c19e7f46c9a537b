import { ConvergeError } from '../../../base/errors.ts';
import { partOfLabel } from '../../../inventory/applyset.ts';
import { mayBeDeclared, undeclaredOf } from '../../../inventory/undeclared.ts';
import { isSurveyDue, type Survey } from '../../../memory/survey.ts';
import { surveyed } from '../../../memory/transitions/objects.ts';
import type { ApiResource } from '../../../objects/cluster-api.ts';
import { deprecationOf } from '../../../objects/deprecation.ts';
import type { KubernetesObject } from '../../../objects/kubernetes-object.ts';
import { groupKind, groupOf, idOfKey, versionOf, type ObjectId } from '../../../objects/object-id.ts';
import type { Cluster } from '../../../ports/kubernetes.ts';
import { inParallel } from '../../common/parallel.ts';
import type { RunResult, Target } from '../run/target.ts';

/** Names of one kind, rows and kinds that are kept: a memory is read at each look. */
const keptNames = 5;
const keptRows = 25;
const keptKinds = 30;
/** Milliseconds after which no further kind is asked for: the roll-outs of others wait. */
const longestSurvey = 60_000;

type Surveyed = Pick<Target, 'run' | 'cluster' | 'api' | 'applySet'>;

/**
 * Looks once a day for what only the cluster knows, for reports, where any are configured and the look found nothing
 * under way or to be told. What may not be listed is said; nothing of it fails the look.
 */
export async function surveyWhenDue(target: Surveyed, { outcome }: RunResult): Promise<void> {
  const { run } = target;
  if (run.settings.surveys !== true || (outcome !== 'unchanged' && outcome !== 'diverged')) return;
  const memory = run.memoryFile.memory();
  // What is to be told waits for no list.
  if ((memory.outbox ?? []).length > 0 || !isSurveyDue(memory, run.ports.now().getTime())) return;
  run.memoryFile.remember(surveyed, { survey: await survey(target) });
}

async function survey(target: Surveyed): Promise<Survey> {
  const { run, api, applySet } = target;
  const { objects: remembered } = run.memoryFile.memory();
  const at = run.ports.now();
  const ids = Object.keys(remembered).map(idOfKey);
  const namespaces = [...new Set([applySet.namespace, ...ids.flatMap(({ namespace }) => namespace ?? [])])];
  const queries = listableOf(api.resources).flatMap((resource) =>
    namespaces.map((namespace) => ({ resource, namespace })),
  );
  const asking = { ...target, until: at.getTime() + longestSurvey, isAway: false, unlisted: new Set(api.unreadable) };
  const lists = await inParallel(queries, async (query) => listed(asking, query));
  const deprecated = await deprecatedOf(asking);
  const undeclared = undeclaredOf({ objects: lists.flat(), declared: new Set(Object.keys(remembered)) });
  return {
    ...{ at: at.toISOString(), version: api.version },
    ...rowsOf(undeclared),
    unlisted: [...asking.unlisted].sort().slice(0, keptKinds),
    deprecated,
  };
}

/** Each kind once, in the version that the cluster prefers. */
function listableOf(resources: readonly ApiResource[]): ApiResource[] {
  const byKind = new Map<string, ApiResource>();
  for (const resource of resources)
    if (
      resource.namespaced &&
      resource.listable !== false &&
      mayBeDeclared(resource) &&
      !byKind.has(groupKind(resource))
    )
      byKind.set(groupKind(resource), resource);
  return [...byKind.values()];
}

interface Asking extends Surveyed {
  /** Milliseconds since 1970. */
  readonly until: number;
  /** Whether the API server gave no answer: nothing more is asked of it then. */
  isAway: boolean;
  /** Kinds that could not be read in time, or may not. */
  readonly unlisted: Set<string>;
}

async function listed(
  asking: Asking,
  query: Omit<Parameters<Cluster['list']>[0], 'content'>,
): Promise<readonly KubernetesObject[]> {
  const { run, cluster, until, unlisted } = asking;
  if (asking.isAway || run.ports.now().getTime() >= until) {
    unlisted.add(groupKind(query.resource));
    return [];
  }
  try {
    return await cluster.list({ ...query, content: 'metadata' });
  } catch (error) {
    if (!(error instanceof ConvergeError)) throw error;
    asking.isAway ||= error.code === 'ClusterUnavailable';
    unlisted.add(groupKind(query.resource));
    return [];
  }
}

function rowsOf(undeclared: readonly ObjectId[]): Pick<Survey, 'undeclared' | 'more'> {
  const rows = new Map<string, { namespace: string; kind: string; names: string[] }>();
  for (const id of undeclared) {
    const [namespace, kind] = [id.namespace ?? '', groupKind(id)];
    const row = rows.get(`${namespace}/${kind}`) ?? { namespace, kind, names: [] };
    rows.set(`${namespace}/${kind}`, row);
    row.names.push(id.name);
  }
  const all = [...rows.values()]
    .map(({ names, ...row }) => ({ ...row, count: names.length, names: names.sort().slice(0, keptNames) }))
    .sort((a, b) => b.count - a.count);
  const more = all.slice(keptRows).reduce((sum, { count }) => sum + count, 0);
  return { undeclared: all.slice(0, keptRows), more };
}

/** By one list for each API version and kind of what the environment is made of, in the version that it was applied in. */
async function deprecatedOf(asking: Asking): Promise<Survey['deprecated']> {
  const { run, api, applySet } = asking;
  const kinds = new Map<string, { apiVersion: string; id: ObjectId }>();
  for (const [key, { apiVersion }] of Object.entries(run.memoryFile.memory().objects)) {
    const id = idOfKey(key);
    if (!kinds.has(`${apiVersion}/${id.kind}`)) kinds.set(`${apiVersion}/${id.kind}`, { apiVersion, id });
  }
  const found = await inParallel([...kinds.values()], async ({ apiVersion, id }) => {
    const resource = api.resources.find(
      ({ group, version, kind }) =>
        group === groupOf(apiVersion) && version === versionOf(apiVersion) && kind === id.kind,
    );
    if (resource === undefined) return [];
    const warnings: string[] = [];
    await listed(asking, {
      ...{ resource, namespace: resource.namespaced ? id.namespace : undefined },
      ...{ labelSelector: `${partOfLabel}=${applySet.id}`, onWarning: (text: string) => void warnings.push(text) },
    });
    const [first] = warnings.flatMap((warning) => deprecationOf(warning) ?? []);
    return first === undefined ? [] : [{ apiVersion, kind: id.kind, ...first }];
  });
  return found.flat().slice(0, keptKinds);
}
