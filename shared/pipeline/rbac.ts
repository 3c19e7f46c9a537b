import { ConvergeError } from '../base/errors.ts';
import { environmentPath, type Environment } from '../environment/environment-file.ts';
import { declaredPaths } from '../environment/inputs.ts';
import { environmentKey, revisionOf } from '../base/revision.ts';
import type { Limits } from '../config/config.ts';
import { applySetOf, hookMarks, memberMarks, type ApplySet } from '../inventory/applyset.ts';
import type { ApiResource } from '../objects/cluster-api.ts';
import { desiredObjects, scopeTable } from '../desired/desired.ts';
import { desiredHooks } from '../desired/hook.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { pruneAnnotation } from '../ownership/deletion-guard.ts';
import { isDefinition, replaceAnnotation } from '../objects/replacement.ts';
import { groupKind, groupOf, idOfKey, type ObjectId } from '../objects/object-id.ts';
import { definedResources } from '../rbac/known-resources.ts';
import { rbacManifests } from '../rbac/manifests.ts';
import { rbacNotes } from '../rbac/notes.ts';
import { rightsOf, type Needs, type PlacedObject } from '../rbac/rights.ts';
import { readEnvironment, type Declaration } from './common/declared-environments.ts';
import { fetchBranch } from './common/fetch-branch.ts';
import type { Ports } from '../ports/ports.ts';
import { renderApart, resourceOfKind, type RenderedApart, type Tree } from './common/render-apart.ts';
import { memoryOf } from './common/remembered-environments.ts';

export interface RbacAsked {
  readonly repository: string;
  readonly environment: string;
  /**
   * What charts are told of the cluster, which is not asked: its version, and what it serves beside what is built in
   * and defined by the render.
   */
  readonly kubernetesVersion: string;
  readonly apiVersions: readonly string[];
  /** Of kinds that are defined elsewhere. */
  readonly resources: readonly ApiResource[];
  /** Who may act as the environment; none: nobody is given that. */
  readonly accounts: readonly string[];
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

/**
 * The rights that an environment needs to be brought to the head of its branch, and to let go of what it owns now. No
 * cluster is asked.
 *
 * Throws `BadRequest` (refuse) where the branch has no such environment, and for kinds whose resource is not known;
 * `InvalidEnvironment` and `RenderFailed` (refuse).
 */
export async function rbac(asked: RbacAsked, ports: RbacPorts): Promise<Rbac> {
  const { repository: repositoryClass, environment: name, kubernetesVersion } = asked;
  const repository = ports.repository(repositoryClass);
  const commit = await fetchBranch({ repository, state: ports.state });
  const declared: Declaration =
    commit === undefined ? { state: 'absent' } : await readEnvironment({ repository, commit: commit.id, name });
  if (declared.state === 'invalid') throw declared.error;
  if (commit === undefined || declared.state === 'absent') {
    throw new ConvergeError({
      code: 'BadRequest',
      subject: `${repositoryClass}/${name}`,
      message: `branch ${repository.branch} has no ${environmentPath(name)}`,
      disposition: 'refuse',
    });
  }
  const { environment } = declared;
  const names = [name, ...environment.previousNames];
  const owned = (
    await Promise.all(names.map(async (one) => ownedBy({ repository: repositoryClass, environment: one }, ports)))
  ).flat();
  const tree: Tree = {
    read: async (one) => readEnvironment({ repository, commit: commit.id, name: one }),
    checkout: async (one) => repository.checkout(commit.id, declaredPaths(one)),
  };
  const rendered = await renderApart({ told: asked, environment, tree, owned }, ports);
  refuseUnknown({ key: environmentKey(asked), kinds: rendered.unknown });
  const { objects, needs } = needsOf(asked, { environment, names, owned, rendered });
  return {
    environment: environmentKey({ repository: repositoryClass, environment: name }),
    cluster: environment.cluster,
    revision: revisionOf({ branch: repository.branch, commit: commit.id }),
    manifests: rbacManifests({
      who: { repository: repositoryClass, environment: name },
      rights: rightsOf(needs),
      accounts: asked.accounts,
    }),
    notes: rbacNotes({ objects, looksUp: rendered.looked.length > 0, accounts: asked.accounts, kubernetesVersion }),
  };
}

/** The objects of the environment, hooks among them, and what their runs need. */
function needsOf(
  { repository, environment: name }: RbacAsked,
  {
    environment,
    names,
    owned,
    rendered,
  }: { environment: Environment; names: readonly string[]; owned: readonly ObjectId[]; rendered: RenderedApart },
): { objects: readonly KubernetesObject[]; needs: Needs } {
  const { namespace } = environment;
  const { api, renders, looked } = rendered;
  const setOf = (environmentName: string): ApplySet =>
    applySetOf({ repository, environment: environmentName, namespace });
  const placed = (id: ObjectId): PlacedObject[] => {
    const resource = resourceOfKind(api, id);
    return resource === undefined ? [] : [{ id, resource }];
  };
  const desired = renders.map(({ objects, hooks }) => {
    const placing = { namespace, scopes: scopeTable({ api, rendered: objects }) };
    const members = desiredObjects({ rendered: objects, ...placing, marks: memberMarks(setOf(name)) });
    const run = desiredHooks({ rendered: hooks, objects: members, ...placing, marks: hookMarks(setOf(name)) }).filter(
      ({ events }) => events.length > 0,
    );
    return { members, hooks: run.map((hook) => hook.desired) };
  });
  const members = desired.flatMap((one) => one.members);
  const hooks = desired.flatMap((one) => one.hooks);
  const lookups = looked.flatMap(({ apiVersion, kind, namespace: at, name: of }) => {
    const resource = resourceOfKind(api, { group: groupOf(apiVersion), kind });
    return resource === undefined
      ? []
      : [{ resource, namespace: at === '' ? undefined : at, name: of === '' ? undefined : of }];
  });
  const isNamespace = (id: ObjectId): boolean => groupKind(id) === 'Namespace';
  const wanted = new Set([...members, ...hooks].filter(({ id }) => isNamespace(id)).map(({ id }) => id.name));
  const permitted = [...members, ...hooks]
    .filter(({ id, object }) => isNamespace(id) && isDeletable(object))
    .map(({ id }) => id.name);
  const deletable = [...members, ...hooks]
    .filter(({ id, object }) => isDefinition(id) && isDeletable(object))
    .map(({ object }) => object);
  const given = owned.filter((id) => isNamespace(id) && !wanted.has(id.name)).map(({ name: of }) => of);
  return {
    objects: [...members, ...hooks].map(({ object }) => object),
    needs: {
      namespace,
      parents: names.map((one) => setOf(one).name),
      members: [...members.map(({ id }) => id), ...owned].flatMap(placed),
      hooks: hooks.flatMap(({ id }) => placed(id)),
      lookups,
      deletableNamespaces: [...new Set([...permitted, ...given])],
      deletableKinds: definedResources(deletable),
      adoptsReleases: environment.adopt && environment.sources.some((source) => source.kind === 'helm'),
    },
  };
}

/** Whether a precious object says that it may go: the run that deletes it may be one that no longer finds it in Git. */
function isDeletable({ metadata: { annotations } }: KubernetesObject): boolean {
  return [pruneAnnotation, replaceAnnotation].some((annotation) => annotations?.[annotation] === 'true');
}

/** What the environment of that name owns, as far as it is remembered. */
async function ownedBy(
  of: { repository: string; environment: string },
  ports: Pick<Ports, 'state' | 'now'>,
): Promise<ObjectId[]> {
  const { objects, left } = await memoryOf(of, ports);
  return [...new Set([...Object.keys(objects), ...left])].map(idOfKey);
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
