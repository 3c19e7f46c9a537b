import { ConvergeError } from '../errors.ts';
import { environmentPath, parseEnvironmentFile, type Environment } from '../environment/environment-file.ts';
import { readMemory } from '../environment/memory.ts';
import { revisionOf } from '../environment/revision.ts';
import { statePaths } from '../environment/state-paths.ts';
import type { Limits } from '../config.ts';
import { applySetOf, hookMarks, memberMarks } from '../inventory/applyset.ts';
import type { ApiResource, ClusterApi } from '../objects/cluster-api.ts';
import { desiredObjects, scopeTable } from '../objects/desired.ts';
import { desiredHooks } from '../objects/hook.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, groupOf, type ObjectId } from '../objects/object-id.ts';
import { builtInResources, definedResources } from '../rbac/known-resources.ts';
import { rbacManifests } from '../rbac/manifests.ts';
import { rbacNotes } from '../rbac/notes.ts';
import { rightsOf, type PlacedObject } from '../rbac/rights.ts';
import type { Commit, LookupQuery, Ports, Render, Repository } from './ports.ts';
import { apiVersionsOf } from './reconcile/render-inputs.ts';

export interface RbacAsked {
  readonly repository: string;
  readonly environment: string;
  /** What charts are told of the cluster, which is not asked: its version, and what it serves beside what is built in and defined by the render. */
  readonly kubernetesVersion: string;
  readonly apiVersions: readonly string[];
  /** Of kinds that are defined elsewhere. */
  readonly resources: readonly ApiResource[];
  /** Who may act as the environment; undefined: nobody is given that. */
  readonly account: string | undefined;
  readonly limits: Pick<Limits, 'renderSeconds' | 'renderMiB'>;
}

export interface Rbac {
  readonly environment: string;
  readonly cluster: string;
  readonly revision: string;
  readonly manifests: readonly KubernetesObject[];
  /** What the manifests do not give, and what they were made from, one sentence each. */
  readonly notes: readonly string[];
}

type RbacPorts = Pick<Ports, 'now' | 'repository' | 'renderer' | 'state'>;

/** Random values draw from nothing here: nobody applies them. */
const noSeed = { seed: Buffer.alloc(32).toString('base64'), time: '1970-01-01T00:00:00.000Z' };

/**
 * The rights that an environment needs to be brought to the head of its branch, and to let go of what it owns now. No cluster is asked.
 *
 * Throws `BadRequest` (refuse) where the branch has no such environment, and for kinds whose resource is not known; `InvalidEnvironment`
 * and `RenderFailed` (refuse).
 */
export async function rbac(asked: RbacAsked, ports: RbacPorts): Promise<Rbac> {
  const { repository: repositoryClass, environment: name, kubernetesVersion } = asked;
  const repository = ports.repository(repositoryClass);
  const commit = await repository.fetchHead();
  const environment = commit === undefined ? undefined : await readEnvironment({ repository, commit, name });
  if (commit === undefined || environment === undefined) {
    throw new ConvergeError({ code: 'BadRequest', subject: `${repositoryClass}/${name}`, message: `branch ${repository.branch} has no ${environmentPath(name)}`, disposition: 'refuse' });
  }
  const { namespace } = environment;
  const applySet = applySetOf({ repository: repositoryClass, environment: name, namespace });
  const looked: LookupQuery[] = [];
  let given: readonly ApiResource[] = [...builtInResources, ...asked.resources];
  const render = async (rendered: Environment): Promise<Render> => renderBlind({ asked, environment: rendered, repository, commit, api: apiOf(kubernetesVersion, given), looked }, ports);

  const first = await render(environment);
  const definitions = definedResources([...first.objects, ...first.hooks].map(({ object }) => object));
  given = [...given, ...definitions];
  // A chart that looks for its own definitions renders more once they are there.
  const renders = definitions.length === 0 ? [first] : [first, await render(environment)];
  const names = [name, ...environment.previousNames];
  const owned = (await Promise.all(names.map(async (one) => ownedBy({ repository: repositoryClass, environment: one }, ports)))).flat();

  const isKnown = ({ group, kind }: Pick<ObjectId, 'group' | 'kind'>): boolean => given.some((resource) => resource.group === group && resource.kind === kind);
  const kinds = [...renders.flatMap(({ objects, hooks }) => [...objects, ...hooks]).map(({ object }) => ({ group: groupOf(object.apiVersion), kind: object.kind })), ...owned];
  if (!kinds.every(isKnown)) {
    for (const dependency of environment.dependsOn) {
      const needed = await readEnvironment({ repository, commit, name: dependency });
      if (needed !== undefined) given = [...given, ...definedResources((await render(needed)).objects.map(({ object }) => object))];
    }
  }
  refuseUnknown({ key: applySet.environment, kinds: kinds.filter((kind) => !isKnown(kind)) });

  const placed = (id: ObjectId): PlacedObject[] => given.filter(({ group, kind }) => group === id.group && kind === id.kind).slice(0, 1).map((resource) => ({ id, resource }));
  const desired = renders.flatMap(({ objects, hooks }) => {
    const placing = { namespace, scopes: scopeTable({ api: apiOf(kubernetesVersion, given), rendered: objects }) };
    const members = desiredObjects({ rendered: objects, ...placing, marks: memberMarks(applySet) });
    const run = desiredHooks({ rendered: hooks, objects: members, ...placing, marks: hookMarks(applySet) }).filter(({ events }) => events.length > 0);
    return [{ members, hooks: run.map((hook) => hook.desired) }];
  });
  const members = desired.flatMap((one) => one.members);
  const lookups = looked.flatMap(({ apiVersion, kind, namespace: at, name: of }) =>
    placed({ group: groupOf(apiVersion), kind, namespace: undefined, name: of }).map(({ resource }) => ({ resource, namespace: at === '' ? undefined : at, name: of === '' ? undefined : of })),
  );
  const needs = {
    namespace,
    parents: names.map((one) => applySetOf({ repository: repositoryClass, environment: one, namespace }).name),
    members: [...members.map(({ id }) => id), ...owned].flatMap(placed),
    hooks: desired.flatMap((one) => one.hooks).flatMap(({ id }) => placed(id)),
    lookups,
  };
  return {
    environment: applySet.environment,
    cluster: environment.cluster,
    revision: revisionOf({ branch: repository.branch, commit: commit.id }),
    manifests: rbacManifests({ who: { repository: repositoryClass, environment: name }, rights: rightsOf(needs), account: asked.account }),
    notes: rbacNotes({ objects: [...members, ...desired.flatMap((one) => one.hooks)].map(({ object }) => object), looksUp: environment.lookup, account: asked.account, kubernetesVersion }),
  };
}

async function readEnvironment({ repository, commit, name }: { repository: Repository; commit: Commit; name: string }): Promise<Environment | undefined> {
  const file = environmentPath(name);
  const bytes = await repository.readFile({ commit: commit.id, path: file });
  return bytes === undefined ? undefined : parseEnvironmentFile({ file, text: Buffer.from(bytes).toString('utf8') });
}

function apiOf(version: string, resources: readonly ApiResource[]): ClusterApi {
  return { version, resources, unreadable: [] };
}

/** Renders without a cluster: whatever a template looks up is not there, and is noted. */
async function renderBlind(
  { asked, environment, repository, commit, api, looked }: { asked: RbacAsked; environment: Environment; repository: Repository; commit: Commit; api: ClusterApi; looked: LookupQuery[] },
  { renderer }: Pick<Ports, 'renderer'>,
): Promise<Render> {
  return await renderer.render({
    root: await repository.checkout(commit.id),
    sources: environment.sources,
    namespace: environment.namespace,
    kubernetesVersion: api.version,
    // Of a kind that the command line names, the version is not known.
    apiVersions: [...new Set([...apiVersionsOf({ ...api, resources: api.resources.filter(({ version }) => version !== '') }), ...asked.apiVersions])].sort(),
    limits: { seconds: asked.limits.renderSeconds, mebibytes: asked.limits.renderMiB },
    seed: async () => noSeed,
    lookup: environment.lookup
      ? async (query) => {
          looked.push(query);
          return { found: query.name === '' ? { apiVersion: query.apiVersion, kind: `${query.kind}List`, metadata: {}, items: [] } : null };
        }
      : undefined,
  });
}

/** What the environment of that name owns, as far as it is remembered. */
async function ownedBy(of: { repository: string; environment: string }, { state, now }: Pick<Ports, 'state' | 'now'>): Promise<ObjectId[]> {
  const memory = readMemory({ value: (await state.read(statePaths(of).memory))?.value, now: now() });
  return Object.keys(memory.objects).map(idOfKey);
}

function idOfKey(key: string): ObjectId {
  const [group = '', kind = '', namespace = '', name = ''] = key.split('/');
  return { group, kind, namespace: namespace === '' ? undefined : namespace, name };
}

function refuseUnknown({ key, kinds }: { key: string; kinds: readonly Pick<ObjectId, 'group' | 'kind'>[] }): void {
  const names = [...new Set(kinds.map(groupKind))].sort();
  const [first] = names;
  if (first === undefined) return;
  throw new ConvergeError({
    code: 'BadRequest',
    subject: key,
    message: `the resources of these kinds are not known, since no cluster is asked: ${names.join(', ')}`,
    remedy: `say --resource ${first}=PLURAL, or --cluster-resource ${first}=PLURAL where it has no namespace`,
    disposition: 'refuse',
  });
}
