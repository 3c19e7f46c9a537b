import type { ApiResource } from '../objects/cluster-api.ts';
import { groupKind, type ObjectId } from '../objects/object-id.ts';
import { isReferable } from '../objects/referable.ts';
import { builtInResources } from './known-resources.ts';

/**
 * What a run does with the objects of an environment, one verb for each call of the pipeline. A server-side apply
 * patches, and creates where nothing is.
 */
const ofMembers = ['get', 'list', 'create', 'patch', 'delete'] as const;
const ofHooks = ['get', 'create', 'patch', 'delete'] as const;
/**
 * The same for what Converge keeps in the cluster under names of its own: the parent of the inventory, the seed of
 * random values.
 */
const ofOwn = ['get', 'create', 'patch', 'delete'] as const;
const byName = ['get', 'create', 'patch', 'delete'] as const;

/** Kinds whose Pods are read to say why they are not healthy. */
const workloads = ['Deployment.apps', 'StatefulSet.apps', 'DaemonSet.apps', 'ReplicaSet.apps', 'Job.batch'];

/** Kinds of which events say what became of them, beside those that others define. */
const reported = [
  ...workloads,
  ...['CronJob.batch', 'Pod', 'PersistentVolumeClaim', 'Service', 'Ingress.networking.k8s.io'],
  ...['HorizontalPodAutoscaler.autoscaling', 'PodDisruptionBudget.policy'],
];

/** Whether events are kept of objects of a kind, and an environment that has one may read those of its namespace. */
export function hasEvents(id: ObjectId): boolean {
  return reported.includes(groupKind(id)) || isDefinedElsewhere(id);
}

/** Hooks that are waited for. */
const runsToAnEnd = ['Job.batch', 'Pod'];

/** What is read before something is pruned that it may refer to. */
const referrers = [
  { group: '', plural: 'pods' },
  { group: 'apps', plural: 'replicasets' },
  { group: 'apps', plural: 'controllerrevisions' },
  { group: 'batch', plural: 'jobs' },
  { group: '', plural: 'serviceaccounts' },
] as const;

const definitions = { group: 'apiextensions.k8s.io', plural: 'customresourcedefinitions' };

/** A rule of a Role or ClusterRole: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
export interface Rule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}

/** An object, and the resource that it is in the API. */
export interface PlacedObject {
  readonly id: ObjectId;
  readonly resource: ApiResource;
}

export interface Needs {
  /** Where the parent of the inventory is. */
  readonly namespace: string;
  /** The names of its parents: `converge-<name>`, and those of previous names. */
  readonly parents: readonly string[];
  /** What it wants, and what it owns still. */
  readonly members: readonly PlacedObject[];
  readonly hooks: readonly PlacedObject[];
  /** Namespaces that it may delete, each by its name: what lives in them is asked first. */
  readonly deletableNamespaces?: readonly string[];
  /** Kinds whose definitions it may delete: who else has objects of them is asked first. */
  readonly deletableKinds?: readonly ApiResource[];
  /** Whether it adopts releases of Helm, whose own records say which are deployed. */
  readonly adoptsReleases?: boolean;
  /** What its templates look up; no name: all of a kind; no namespace: in all of them. */
  readonly lookups: readonly {
    readonly resource: ApiResource;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
  }[];
}

export interface Rights {
  readonly cluster: readonly Rule[];
  /** By namespace, sorted. */
  readonly namespaces: ReadonlyMap<string, readonly Rule[]>;
}

/** Exactly what a run of the environment asks of the API server, and whoever inspects it, and nothing beyond. */
export function rightsOf(needs: Needs): Rights {
  const { namespace, members, hooks, deletableNamespaces = [] } = needs;
  const places = new Set([
    namespace,
    ...deletableNamespaces,
    ...[...members, ...hooks].flatMap(({ id }) => id.namespace ?? []),
  ]);
  return {
    cluster: clusterRules(needs),
    namespaces: new Map([...places].sort().map((place) => [place, namespaceRules(place, needs)])),
  };
}

function namespaceRules(
  place: string,
  { namespace, parents, members, hooks, lookups, deletableNamespaces = [], adoptsReleases = false }: Needs,
): Rule[] {
  const collected = collect();
  const extent = new Set([namespace, ...members.flatMap(({ id }) => id.namespace ?? [])]);
  for (const { id, resource } of members.filter((member) => member.resource.namespaced)) {
    // The inventory is read by one list for each of its kinds in each of its namespaces.
    if (extent.has(place)) collected.add(resource, ['list']);
    if (id.namespace !== place) continue;
    collected.add(resource, ofMembers);
    // What pods may refer to is pruned when none does.
    if (isReferable(id)) for (const referrer of referrers) collected.add(referrer, ['list']);
    if (hasEvents(id)) collected.add({ group: '', plural: 'events' }, ['list']);
    // `converge get --tree` shows what it makes.
    if (groupKind(id) === 'CronJob.batch') {
      collected.add({ group: 'batch', plural: 'jobs' }, ['list']);
      collected.add({ group: '', plural: 'pods' }, ['list']);
    }
    if (!workloads.includes(groupKind(id))) continue;
    collected.add({ group: '', plural: 'pods' }, ['list']);
    if (groupKind(id) === 'Deployment.apps') collected.add({ group: 'apps', plural: 'replicasets' }, ['list']);
  }
  for (const { id, resource } of hooks.filter((hook) => hook.id.namespace === place)) {
    collected.add(resource, ofHooks);
    if (!runsToAnEnd.includes(groupKind(id))) continue;
    for (const plural of ['events', 'pods']) collected.add({ group: '', plural }, ['list']);
  }
  for (const { resource, namespace: at, name } of lookups) {
    if (resource.namespaced && at === place)
      collected.add(resource, [name === undefined ? 'list' : 'get'], name === undefined ? [] : [name]);
  }
  // Whoever may delete a Namespace deletes everything in it, and has to see what that is.
  if (deletableNamespaces.includes(place)) collected.add({ group: '*', plural: '*' }, ['list']);
  if (place === namespace && adoptsReleases)
    for (const plural of ['secrets', 'configmaps']) collected.add({ group: '', plural }, ['list']);
  if (place === namespace) {
    collected.add({ group: '', plural: 'configmaps' }, ofOwn, parents);
    collected.add(
      { group: '', plural: 'secrets' },
      ofOwn,
      parents.map((name) => `${name}-seed`),
    );
  }
  return collected.rules();
}

function clusterRules({ namespace, members, hooks, lookups, deletableKinds = [] }: Needs): Rule[] {
  const collected = collect();
  collected.add({ group: '', plural: 'namespaces' }, ['get'], [namespace]);
  for (const { id, resource } of members.filter((member) => !member.resource.namespaced)) {
    collected.add(resource, ['list']);
    collected.add(resource, byName, [id.name]);
  }
  // Whether a claim waits for a Pod that uses it is said by its class, which may be the cluster's default.
  if (members.some(({ id }) => groupKind(id) === 'PersistentVolumeClaim'))
    collected.add({ group: 'storage.k8s.io', plural: 'storageclasses' }, ['get']);
  // Where no version of a kind is served, its definition says whether there are objects of it.
  if (members.some(({ id }) => isDefinedElsewhere(id))) collected.add(definitions, ['list']);
  for (const resource of deletableKinds) collected.add(resource, ['list']);
  for (const { id, resource } of hooks.filter((hook) => !hook.resource.namespaced))
    collected.add(resource, byName, [id.name]);
  for (const { resource, namespace: at, name } of lookups) {
    if (!resource.namespaced || at === undefined)
      collected.add(resource, [name === undefined ? 'list' : 'get'], name === undefined ? [] : [name]);
  }
  return [{ nonResourceURLs: ['/api', '/apis', '/version'], verbs: ['get'] }, ...collected.rules()];
}

const builtInGroups = new Set(builtInResources.map(({ group }) => group));

/** Whether a kind may be one that a definition defines. */
function isDefinedElsewhere({ group }: ObjectId): boolean {
  return group.includes('.') && !builtInGroups.has(group);
}

type Resource = Pick<ApiResource, 'group' | 'plural'>;

interface Collected {
  /** @param names the objects that it is about; none: all of the resource */
  add(resource: Resource, verbs: readonly string[], names?: readonly string[]): void;
  rules(): Rule[];
}

const verbOrder = ['get', 'list', 'create', 'patch', 'delete'];

function collect(): Collected {
  const whole = new Map<string, Set<string>>();
  const named = new Map<string, Map<string, Set<string>>>();
  return {
    add({ group, plural }, verbs, names = []) {
      const key = `${group}/${plural}`;
      if (names.length === 0) return void whole.set(key, new Set([...(whole.get(key) ?? []), ...verbs]));
      const ofResource = named.get(key) ?? new Map<string, Set<string>>();
      for (const name of names) ofResource.set(name, new Set([...(ofResource.get(name) ?? []), ...verbs]));
      named.set(key, ofResource);
    },
    rules() {
      const wholeRules = [...whole].map(([key, verbs]) => ({ key, verbs: inOrder(verbs), names: undefined }));
      const namedRules = [...named].flatMap(([key, ofResource]) =>
        namedRulesOf({ key, ofResource, held: whole.get(key) ?? new Set() }),
      );
      return merged([...wholeRules, ...namedRules]);
    },
  };
}

interface FlatRule {
  readonly key: string;
  readonly verbs: readonly string[];
  readonly names: readonly string[] | undefined;
}

/** One rule for all names of a resource with the same verbs, without those that are held for all of it. */
function namedRulesOf({
  key,
  ofResource,
  held,
}: {
  key: string;
  ofResource: ReadonlyMap<string, ReadonlySet<string>>;
  held: ReadonlySet<string>;
}): FlatRule[] {
  const byVerbs = new Map<string, string[]>();
  for (const [name, verbs] of ofResource) {
    const missing = inOrder(new Set([...verbs].filter((verb) => !held.has(verb)))).join(',');
    if (missing !== '') byVerbs.set(missing, [...(byVerbs.get(missing) ?? []), name]);
  }
  return [...byVerbs].map(([verbs, names]) => ({ key, verbs: verbs.split(','), names: names.sort() }));
}

/** Resources of one group with the same verbs are one rule, where they are not about single objects. */
function merged(rules: readonly FlatRule[]): Rule[] {
  const byRule = new Map<string, { group: string; resources: string[]; rule: FlatRule }>();
  for (const rule of rules) {
    const [group = '', plural = ''] = rule.key.split('/');
    const key = JSON.stringify([group, rule.verbs, rule.names === undefined ? [] : [plural, rule.names]]);
    const found = byRule.get(key) ?? { group, resources: [], rule };
    found.resources.push(plural);
    byRule.set(key, found);
  }
  return [...byRule.values()]
    .map(({ group, resources, rule: { verbs, names } }) => ({
      apiGroups: [group],
      resources: resources.sort(),
      ...(names === undefined ? {} : { resourceNames: names }),
      verbs,
    }))
    .sort((a, b) => (titleOf(a) < titleOf(b) ? -1 : 1));
}

function titleOf({ apiGroups, resources, resourceNames = [] }: Rule): string {
  return JSON.stringify([apiGroups, resources, resourceNames]);
}

function inOrder(verbs: ReadonlySet<string>): string[] {
  return verbOrder.filter((verb) => verbs.has(verb));
}
