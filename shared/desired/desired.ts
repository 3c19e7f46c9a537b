import type { FieldPath } from '../fields/field-path.ts';
import { withoutIgnored } from '../fields/ignored-fields.ts';
import { ConvergeError } from '../base/errors.ts';
import type { ApiResource, ClusterApi } from '../objects/cluster-api.ts';
import { hashJson } from '../objects/canonical-json.ts';
import type { KubernetesObject, RenderedObject } from '../objects/kubernetes-object.ts';
import { normalise } from '../objects/normalise.ts';
import { groupOf, objectIdOf, objectKey, objectTitle, versionOf, type ObjectId } from '../objects/object-id.ts';
import { bothPlaces, withPlaces } from '../objects/place.ts';

/** One object as it is to be applied, and where it comes from. */
export interface DesiredObject {
  readonly key: string;
  readonly id: ObjectId;
  readonly object: KubernetesObject;
  /** Hash of the object as applied, without what is ignored: equal hashes mean that no commit changed it. */
  readonly hash: string;
  /** The file it came from. */
  readonly source: string;
  /** What is left to others once it is there. */
  readonly ignored?: readonly FieldPath[] | undefined;
}

/** How the members of an environment are marked; see `inventory/applyset.ts`. */
export interface Marks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /**
   * An annotation that holds the object's own key. It is no part of the hash: of what was applied without it, nothing
   * changed.
   */
  readonly nameAnnotation?: string;
}

/**
 * Turns a render into desired objects: normalised, put into a namespace, marked as members, sorted by key.
 *
 * Throws `DuplicateObject` (refuse) naming both places where two objects have one identity, and `RenderFailed` (refuse)
 * for an object without a name.
 */
export function desiredObjects({
  rendered,
  namespace,
  scopes,
  marks,
  ignoredOf = () => [],
  sourceOf = () => undefined,
}: {
  rendered: readonly RenderedObject[];
  namespace: string;
  scopes: ScopeTable;
  marks: Marks;
  ignoredOf?: (id: ObjectId) => readonly FieldPath[];
  /** The source of the rendered object at an index, in words, where its file does not tell. */
  sourceOf?: (index: number) => string | undefined;
}): DesiredObject[] {
  const byKey = new Map<string, DesiredObject>();
  const indexes = new Map<string, number>();
  const home = JSON.stringify({ namespace, marks });
  for (const [index, { object, source }] of rendered.entries()) {
    const { marked, applied, hash } = member({
      object,
      home,
      isNamespaced: scopes.get(`${groupOf(object.apiVersion)}/${object.kind}`) ?? true,
      namespace,
      marks,
    });
    const id = objectIdOf(marked);
    const key = objectKey(id);
    if (id.name === '') {
      throw new ConvergeError({
        code: 'RenderFailed',
        subject: source,
        message: `a ${id.kind} has no metadata.name`,
        disposition: 'refuse',
      });
    }
    const other = indexes.get(key);
    if (other !== undefined) throw definedTwice({ id, rendered, first: other, second: index, sourceOf });
    indexes.set(key, index);
    const ignored = ignoredOf(id);
    byKey.set(
      key,
      ignored.length === 0
        ? { key, id, object: applied, hash, source }
        : { key, id, object: applied, hash: hashBeside({ object: marked, ignored }), source, ignored },
    );
  }
  return [...byKey.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function definedTwice({
  id,
  rendered,
  first,
  second,
  sourceOf,
}: {
  id: ObjectId;
  rendered: readonly RenderedObject[];
  first: number;
  second: number;
  sourceOf: (index: number) => string | undefined;
}): ConvergeError {
  const places = withPlaces({ rendered, what: 'object', sourceOf });
  const [one, other] = [places[first]?.place, places[second]?.place];
  if (one === undefined || other === undefined) throw new TypeError('no such object');
  return new ConvergeError({
    code: 'DuplicateObject',
    subject: objectTitle(id),
    message: `is defined twice, ${bothPlaces(one, other)}`,
    remedy:
      id.kind === 'CustomResourceDefinition'
        ? 'remove one of them; helm.crds: skip leaves those of a chart out'
        : 'remove one of them',
    disposition: 'refuse',
  });
}

/** Another rule is another hash, so that the fields are handed over; another value of an ignored field is not. */
function hashBeside({ object, ignored }: { object: KubernetesObject; ignored: readonly FieldPath[] }): string {
  return hashJson({ object: withoutIgnored(object, ignored), ignored });
}

/** Whether each kind is namespaced: by the cluster, and by the CRDs of the render itself for kinds not served yet. */
export type ScopeTable = ReadonlyMap<string, boolean>;

export function scopeTable({ api, rendered }: { api: ClusterApi; rendered: readonly RenderedObject[] }): ScopeTable {
  const scopes = new Map(api.resources.map((resource) => [`${resource.group}/${resource.kind}`, resource.namespaced]));
  for (const { object } of rendered) {
    if (object.kind !== 'CustomResourceDefinition') continue;
    const spec = object['spec'] as { group?: string; scope?: string; names?: { kind?: string } } | undefined;
    if (spec?.group !== undefined && spec.names?.kind !== undefined) {
      scopes.set(`${spec.group}/${spec.names.kind}`, spec.scope === 'Namespaced');
    }
  }
  return scopes;
}

/** By group, version and kind: an API list is asked thousands of times a run. */
const resourceIndexes = new WeakMap<ClusterApi, ReadonlyMap<string, ApiResource>>();

function resourceIndex(api: ClusterApi): ReadonlyMap<string, ApiResource> {
  const known = resourceIndexes.get(api);
  if (known !== undefined) return known;
  // Of two resources of one kind the first counts.
  const index = new Map(
    api.resources.toReversed().map((resource) => [`${resource.group}/${resource.version}/${resource.kind}`, resource]),
  );
  resourceIndexes.set(api, index);
  return index;
}

/** The resource under which the cluster serves an object's kind in the version it is written in, or undefined. */
export function resourceOf({
  api,
  object,
}: {
  api: ClusterApi;
  object: Pick<KubernetesObject, 'apiVersion' | 'kind'>;
}): ApiResource | undefined {
  return resourceIndex(api).get(`${groupOf(object.apiVersion)}/${versionOf(object.apiVersion)}/${object.kind}`);
}

/**
 * The resource under which an object is reached: in the version it is written in, or the one the cluster prefers where
 * it serves that no longer.
 */
export function reachableResourceOf({
  api,
  object,
}: {
  api: ClusterApi;
  object: Pick<KubernetesObject, 'apiVersion' | 'kind'>;
}): ApiResource | undefined {
  const group = groupOf(object.apiVersion);
  return (
    resourceOf({ api, object }) ??
    api.resources.find((resource) => resource.group === group && resource.kind === object.kind)
  );
}

/**
 * Whether a kind that is not known to be served belongs to an aggregated API that did not answer: such a kind is
 * unknown, not absent.
 */
export function isUndiscoverable({
  desired: { object },
  api,
}: {
  desired: Pick<DesiredObject, 'object'>;
  api: ClusterApi;
}): boolean {
  const group = groupOf(object.apiVersion);
  return resourceOf({ api, object }) === undefined && api.unreadable.some((version) => groupOf(version) === group);
}

/** A rendered object as a member, its hash, and what made it so: its scope, and the namespace and marks as JSON. */
interface Member {
  readonly marked: KubernetesObject;
  /** The same with its name. */
  readonly applied: KubernetesObject;
  readonly hash: string;
  readonly isNamespaced: boolean;
  readonly home: string;
}

/** An instance keeps rendered objects between runs: what became of one is kept with it. */
const members = new WeakMap<KubernetesObject, Member>();

function member({
  object,
  home,
  isNamespaced,
  namespace,
  marks,
}: Omit<Member, 'marked' | 'applied' | 'hash'> & {
  object: KubernetesObject;
  namespace: string;
  marks: Marks;
}): Member {
  const known = members.get(object);
  if (known?.home === home && known.isNamespaced === isNamespaced) return known;
  const marked = mark({ object: place({ object: normalise(object), namespace, isNamespaced }), marks });
  const made = { marked, applied: named({ object: marked, marks }), hash: hashJson(marked), isNamespaced, home };
  members.set(object, made);
  return made;
}

/**
 * A namespaced object without a namespace goes to the environment's; a cluster-scoped one has none, whatever it says.
 */
function place({
  object,
  namespace,
  isNamespaced,
}: {
  object: KubernetesObject;
  namespace: string;
  isNamespaced: boolean;
}): KubernetesObject {
  if (isNamespaced)
    return { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace || namespace } };
  const { namespace: _foreign, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function named({ object, marks: { nameAnnotation } }: { object: KubernetesObject; marks: Marks }): KubernetesObject {
  if (nameAnnotation === undefined) return object;
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: { ...object.metadata.annotations, [nameAnnotation]: objectKey(objectIdOf(object)) },
    },
  };
}

function mark({ object, marks }: { object: KubernetesObject; marks: Marks }): KubernetesObject {
  return {
    ...object,
    metadata: {
      ...object.metadata,
      labels: { ...object.metadata.labels, ...marks.labels },
      annotations: { ...object.metadata.annotations, ...marks.annotations },
    },
  };
}
