import { createHash } from 'node:crypto';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import { groupKind, type ObjectId } from '../objects/object-id.ts';
import type { Marks } from '../desired/desired.ts';
import { repositoryAddress } from '../config/repository-address.ts';
import { hooksAnnotation, writeHookRecord, type HookRecord } from './hook-record.ts';

/*
 * The inventory of an environment is an ApplySet:
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-cli/3659-kubectl-apply-prune Its parent is a
 * ConfigMap; every member carries the parent's id as a label. kubectl recognises the set by these and, because the
 * tooling is not kubectl's, refuses to touch it.
 */
export const partOfLabel = 'applyset.kubernetes.io/part-of';
export const idLabel = 'applyset.kubernetes.io/id';
export const toolingAnnotation = 'applyset.kubernetes.io/tooling';
const groupKindsAnnotation = 'applyset.kubernetes.io/contains-group-kinds';
const namespacesAnnotation = 'applyset.kubernetes.io/additional-namespaces';
/** Where a parent says that members are. */
export const declaredBy = [groupKindsAnnotation, namespacesAnnotation];
/** On members and parent, `<class>/<name>`: lets an error name the environment that owns an object. */
export const environmentAnnotation = 'converge.dev/environment';
/**
 * On members and the objects of hooks, `<group>/<kind>/<namespace>/<name>` of the object itself: on a copy it names
 * another one.
 */
export const objectAnnotation = 'converge.dev/object';
/** On the parent: the address of the repository that declares the environment, without credentials. */
export const repositoryAnnotation = 'converge.dev/repository';
/** On the parent: the revision that converged last, and the key of its render's inputs. */
export const revisionAnnotation = 'converge.dev/revision';
export const renderKeyAnnotation = 'converge.dev/render-key';

/**
 * On the parent, `prune`: the environment's objects are deleted when its file is removed. It survives the loss of the
 * memory.
 */
export const deletionAnnotation = 'converge.dev/deletion';

/** On the objects of hooks, which are no members: the set's id. */
export const hookOfLabel = 'converge.dev/hook-of';
/** On the objects of hooks: the event and the key of the release that they run for. */
export const hookRunAnnotation = 'converge.dev/hook-run';

const tooling = 'converge/v1';

/** The parent of an environment's ApplySet. */
export interface ApplySet {
  readonly name: string;
  readonly namespace: string;
  readonly id: string;
  /** `<class>/<name>` of the environment. */
  readonly environment: string;
  /** The address of the repository that declares it, without credentials; undefined where only its id is asked for. */
  readonly address?: string | undefined;
  /** What becomes of its members when the environment's file is removed. */
  readonly deletion: 'release' | 'prune';
}

/** The name of the parent of an environment's ApplySet. */
export function parentName(environment: string): string {
  return `converge-${environment}`;
}

export function applySetOf({
  repository,
  environment,
  namespace,
  deletion = 'release',
  url,
}: {
  repository: string;
  environment: string;
  namespace: string;
  deletion?: ApplySet['deletion'];
  /** Of the repository, as Git is asked by it. */
  url?: string;
}): ApplySet {
  const name = parentName(environment);
  const hash = createHash('sha256').update(`${name}.${namespace}.ConfigMap.`).digest('base64url');
  return {
    name,
    namespace,
    id: `applyset-${hash}-v1`,
    environment: `${repository}/${environment}`,
    deletion,
    ...(url === undefined ? {} : { address: repositoryAddress(url) }),
  };
}

/** The label and annotations that make an object a member; what proves that it is one says `membership.ts`. */
export function memberMarks(applySet: ApplySet): Marks {
  return {
    labels: { [partOfLabel]: applySet.id },
    annotations: { [environmentAnnotation]: applySet.environment },
    nameAnnotation: objectAnnotation,
  };
}

/** The label and annotations of a hook's object. It is no member: nothing compares, heals or prunes it. */
export function hookMarks(applySet: ApplySet): Marks {
  return {
    labels: { [hookOfLabel]: applySet.id },
    annotations: { [environmentAnnotation]: applySet.environment },
    nameAnnotation: objectAnnotation,
  };
}

/**
 * An object to be compared with what is there: without its name, where that has none. Objects of the version before get
 * it at their next apply, and are neither told nor written for the lack of it.
 */
export function namedAsBefore({
  desired,
  observed,
}: {
  desired: KubernetesObject;
  observed: KubernetesObject;
}): KubernetesObject {
  if (observed.metadata.annotations?.[objectAnnotation] !== undefined) return desired;
  const { [objectAnnotation]: _name, ...annotations } = desired.metadata.annotations ?? {};
  return { ...desired, metadata: { ...desired.metadata, annotations } };
}

/** Where members may be: enough to find every one of them by one LIST for each kind and namespace. */
export interface Extent {
  /** `ConfigMap`, `Deployment.apps`, …, sorted. */
  readonly groupKinds: readonly string[];
  /** Beside the parent's own, sorted. */
  readonly additionalNamespaces: readonly string[];
}

/** The extent of a set of objects. */
export function extentOf({ ids, parentNamespace }: { ids: readonly ObjectId[]; parentNamespace: string }): Extent {
  const namespaces = ids.flatMap((id) =>
    id.namespace === undefined || id.namespace === parentNamespace ? [] : [id.namespace],
  );
  return { groupKinds: sortedUnique(ids.map(groupKind)), additionalNamespaces: sortedUnique(namespaces) };
}

/**
 * What a run may create and what it may have to prune: written before the first apply, so that a killed run leaves no
 * orphan.
 */
export function unionOf(a: Extent, b: Extent): Extent {
  return {
    groupKinds: sortedUnique([...a.groupKinds, ...b.groupKinds]),
    additionalNamespaces: sortedUnique([...a.additionalNamespaces, ...b.additionalNamespaces]),
  };
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const namespaceName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The extent a parent declares; empty where there is no parent yet. */
export function extentOfParent(parent: KubernetesObject | undefined): Extent {
  const annotations = parent?.metadata.annotations;
  return {
    groupKinds: commaList(annotations?.[groupKindsAnnotation]),
    // What can be no namespace holds nothing; asked for, it would stop the environment for ever.
    additionalNamespaces: commaList(annotations?.[namespacesAnnotation]).filter((name) => namespaceName.test(name)),
  };
}

/** The parent object to apply. */
export function parentObject({
  applySet,
  extent,
  record,
  hooks = {},
}: {
  applySet: ApplySet;
  extent: Extent;
  /** What converged last, without the key of its render where another one is about to be applied. */
  record: { revision: string; renderKey?: string } | undefined;
  hooks?: HookRecord | undefined;
}): KubernetesObject {
  const hookText = writeHookRecord(hooks);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: applySet.name,
      namespace: applySet.namespace,
      labels: { [idLabel]: applySet.id },
      annotations: {
        [toolingAnnotation]: tooling,
        ...extentAnnotations(extent),
        [environmentAnnotation]: applySet.environment,
        ...(applySet.address === undefined ? {} : { [repositoryAnnotation]: applySet.address }),
        ...(record === undefined ? {} : { [revisionAnnotation]: record.revision }),
        ...(record?.renderKey === undefined ? {} : { [renderKeyAnnotation]: record.renderKey }),
        ...(applySet.deletion === 'prune' ? { [deletionAnnotation]: applySet.deletion } : {}),
        ...(hookText === undefined ? {} : { [hooksAnnotation]: hookText }),
      },
    },
  };
}

/** A parent to apply that declares what another one declares, too. */
export function alsoDeclaring({
  desired,
  parent,
}: {
  desired: KubernetesObject;
  parent: KubernetesObject;
}): KubernetesObject {
  const extent = unionOf(extentOfParent(desired), extentOfParent(parent));
  const annotations = { ...desired.metadata.annotations, ...extentAnnotations(extent) };
  return { ...desired, metadata: { ...desired.metadata, annotations } };
}

/** Whether a parent that was read names the environment, or at least the set, of one that is to be written. */
export function isSameInventory(read: KubernetesObject, desired: KubernetesObject): boolean {
  const { labels, annotations } = read.metadata;
  const named = annotations?.[environmentAnnotation];
  return named === undefined
    ? labels?.[idLabel] === desired.metadata.labels?.[idLabel]
    : named === desired.metadata.annotations?.[environmentAnnotation];
}

function extentAnnotations({ groupKinds, additionalNamespaces }: Extent): Readonly<Record<string, string>> {
  return {
    [groupKindsAnnotation]: groupKinds.join(','),
    ...(additionalNamespaces.length === 0 ? {} : { [namespacesAnnotation]: additionalNamespaces.join(',') }),
  };
}

/** What a parent says converged last, while something else is applied: whose inventory it is can be told by it. */
export function recordBeside(parent: KubernetesObject | undefined): { revision: string } | undefined {
  const revision = parent?.metadata.annotations?.[revisionAnnotation];
  return revision === undefined ? undefined : { revision };
}

/** What a parent says, but for its repository. */
export const parentAnnotations = [
  toolingAnnotation,
  ...declaredBy,
  environmentAnnotation,
  revisionAnnotation,
  renderKeyAnnotation,
  deletionAnnotation,
  hooksAnnotation,
];

/**
 * Whether a parent already says what is to be written: then nothing is. The repository is named with the next write
 * only.
 */
export function parentSays({
  observed,
  desired,
}: {
  observed: KubernetesObject | undefined;
  desired: KubernetesObject;
}): boolean {
  if (observed === undefined) return false;
  const keys = [idLabel, ...parentAnnotations];
  const said = (object: KubernetesObject, key: string) =>
    object.metadata.labels?.[key] ?? object.metadata.annotations?.[key];
  return keys.every((key) => said(observed, key) === said(desired, key));
}

function commaList(text: string | undefined): string[] {
  return sortedUnique((text ?? '').split(',').filter((item) => item !== ''));
}

function sortedUnique(items: readonly string[]): string[] {
  return [...new Set(items)].sort();
}
