import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { ApiResource, ClusterApi } from '../../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { groupOf, objectIdOf, objectTitle, versionOf } from '../../../../../shared/objects/object-id.ts';
import type { RefusalCause } from '../../../../../shared/objects/refusal-cause.ts';
import type { ApplyResult, Cluster, DeleteResult } from '../../../../../shared/ports/kubernetes.ts';
import { statusOf } from './controllers.ts';
import { fieldsOf, isMap, leavesOf, sameValue } from './field-sets.ts';
import { appliedOver, editedBy } from './server-side-apply.ts';

/** What the API server answers in place of doing what a call asks: to a write by its status, to a read by throwing. */
export interface Refused {
  readonly status: number;
  readonly message: string;
  readonly causes?: readonly RefusalCause[];
}

/**
 * A cluster as its API server knows it, in memory. A call is named by its verb and what it is about: `apply ConfigMap
 * acme/web`.
 */
export interface RecordingCluster extends Cluster {
  /** Every call that wrote or was to, in order; what was refused ends in its status. */
  readonly writes: string[];
  /** By call: `apply …`, `dry-run …`, `delete …`, `release …`, `take over …`, `get …`, `list <kind> <namespace>`. */
  readonly refusals: Map<string, Refused>;
  /** By call, what others do just before it, once. */
  readonly races: Map<string, () => void>;
  /** Calls whose first answer is lost, once: the request is sent again, and what comes of that is the answer. */
  readonly lostAnswers: Set<string>;
  /** By title, what an object's controller makes its status; undefined: it says nothing. */
  readonly statuses: Map<string, (object: KubernetesObject) => unknown>;
  /** Titles of objects of which nothing but metadata may change. */
  readonly immutable: Set<string>;
  /** By title, what a webhook makes of an object on its way in. */
  readonly webhooks: Map<string, (object: KubernetesObject) => KubernetesObject>;
  /** Titles of definitions that serve no version, though their objects are there. */
  readonly unserved: Set<string>;
  /** Group versions that cannot be discovered. */
  readonly unreadable: string[];
  /** By `apiVersion kind`, what the API server warns of. */
  readonly listWarnings: Map<string, string>;
  /** Called with each write before it is done. */
  onWrite: (call: string) => void;
  find(title: string): KubernetesObject | undefined;
  /** Everything that is there. */
  all(): readonly KubernetesObject[];
  /** Puts an object there as another writer does; a status with it stays. */
  put(object: KubernetesObject, manager?: string): void;
  /** Changes what is there as another writer does. */
  edit(title: string, manager: string, change: (object: KubernetesObject) => KubernetesObject): void;
  /** Gives an object another status, though nobody wrote it. */
  breakDown(title: string, status: (object: KubernetesObject) => unknown): void;
  /** Takes an object away at once. */
  remove(title: string): void;
}

const resource = (apiVersion: string, kind: string, plural: string, namespaced = true): ApiResource => ({
  ...{ group: groupOf(apiVersion), version: versionOf(apiVersion), kind, plural, namespaced },
});

const builtIn: readonly ApiResource[] = [
  resource('v1', 'ConfigMap', 'configmaps'),
  resource('v1', 'Secret', 'secrets'),
  resource('v1', 'Service', 'services'),
  resource('v1', 'Pod', 'pods'),
  resource('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  resource('v1', 'Namespace', 'namespaces', false),
  resource('apps/v1', 'Deployment', 'deployments'),
  resource('apps/v1', 'ReplicaSet', 'replicasets'),
  resource('batch/v1', 'Job', 'jobs'),
  resource('storage.k8s.io/v1', 'StorageClass', 'storageclasses', false),
  resource('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', false),
];

interface Stored {
  readonly object: KubernetesObject;
  /** When somebody wrote it whom its controller has not answered yet. */
  readonly writtenAt: number | undefined;
}

export function recordingCluster({ name, now }: { name: string; now: () => Date }): RecordingCluster {
  const objects = new Map<string, Stored>();
  const writes: string[] = [];
  const refusals = new Map<string, Refused>();
  const races = new Map<string, () => void>();
  const lostAnswers = new Set<string>();
  const statuses = new Map<string, (object: KubernetesObject) => unknown>();
  const immutable = new Set<string>();
  const webhooks = new Map<string, (object: KubernetesObject) => KubernetesObject>();
  const unserved = new Set<string>();
  const unreadable: string[] = [];
  const listWarnings = new Map<string, string>();
  let versions = 1;
  let uids = 0;
  let known: ClusterApi | undefined;

  /** As the API server writes times. */
  const seconds = (): string =>
    now()
      .toISOString()
      .replace(/\.\d+Z$/, 'Z');

  /** Controllers answer what was written before this moment. */
  function settle(): void {
    for (const [title, { object, writtenAt }] of objects) {
      if (writtenAt === undefined || writtenAt >= now().getTime()) continue;
      const status = (statuses.get(title) ?? statusOf)(object);
      store(title, status === undefined ? object : { ...object, status }, undefined);
    }
  }

  function store(title: string, object: KubernetesObject, writtenAt: number | undefined): KubernetesObject {
    const before = objects.get(title)?.object;
    const isSame = before !== undefined && sameValue(before, object);
    const metadata = isSame ? object.metadata : { ...object.metadata, resourceVersion: String((versions += 1)) };
    const stored = { ...object, metadata };
    objects.set(title, { object: stored, writtenAt: isSame ? objects.get(title)?.writtenAt : writtenAt });
    return stored;
  }

  function served(): ApiResource[] {
    const defining = [...objects].filter(([title]) => !unserved.has(title));
    return [...builtIn, ...defining.flatMap(([, { object }]) => definedBy(object))];
  }

  /** An API server answers a path that it does not serve with a 404 of its own. */
  function isServed({ group, version, kind }: ApiResource): boolean {
    if (kind === 'Event' && group === '') return true;
    return served().some((one) => one.group === group && one.version === version && one.kind === kind);
  }

  function refusalOf(call: string): Refused | undefined {
    const refused = refusals.get(call);
    if (refused !== undefined || !call.startsWith('dry-run ')) return refused;
    const real = call.slice('dry-run '.length);
    return refusals.get(real.startsWith('delete ') ? real : `apply ${real}`);
  }

  /** What comes before a call: what others do, and what it is refused for. */
  function begin(call: string, { writes: isWrite }: { writes: boolean }): Refused | undefined {
    settle();
    if (isWrite) cluster.onWrite(call);
    const race = races.get(call);
    races.delete(call);
    race?.();
    const refused = refusalOf(call);
    if (refused === undefined || (isWrite && refused.status < 500)) return refused;
    throw failed(refused);
  }

  function failed({ status, message }: Refused): ConvergeError {
    const disposition = status >= 500 ? 'retry' : 'refuse';
    return new ConvergeError({ code: 'ClusterRefused', subject: `cluster ${name}`, message, disposition });
  }

  /** The answer to a request that is sent again where its first answer is lost. */
  function sent<T>(call: string, request: () => T): T {
    const first = request();
    return lostAnswers.delete(call) ? request() : first;
  }

  function note(call: string, status: number | undefined): void {
    writes.push(status === undefined ? call : `${call}: ${status}`);
  }

  function apply({ object, dryRun, manager }: Omit<Parameters<Cluster['apply']>[0], 'resource'>): ApplyResult {
    const title = titleOf(object);
    const call = `${dryRun ? 'dry-run' : manager === undefined ? 'apply' : 'fence'} ${title}`;
    const answer = answerTo({ object, manager }, begin(call, { writes: true }));
    if (dryRun) return answer;
    note(call, answer.outcome === 'applied' ? undefined : answer.status);
    return answer.outcome === 'applied' ? { ...answer, object: store(title, answer.object, now().getTime()) } : answer;
  }

  function answerTo(
    { object, manager }: { object: KubernetesObject; manager: string | undefined },
    refused: Refused | undefined,
  ): ApplyResult {
    if (refused !== undefined) return rejected(refused);
    const title = titleOf(object);
    const live = objects.get(title)?.object;
    const { uid, resourceVersion } = object.metadata;
    const isOther =
      live === undefined
        ? uid !== undefined
        : (uid !== undefined && uid !== live.metadata.uid) ||
          (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion);
    if (isOther) return rejected({ status: 409, message: `${title} has been modified` });
    const written = (webhooks.get(title) ?? same)(appliedOver({ live, object, time: seconds(), manager }));
    if (live === undefined)
      return {
        outcome: 'applied',
        object: { ...written, metadata: { ...written.metadata, uid: `uid-${(uids += 1)}` } },
      };
    if (immutable.has(title) && !sameValue(contentOf(live), contentOf(written)))
      return rejected({ status: 422, message: `${title} is invalid: field is immutable`, causes: [never] });
    return { outcome: 'applied', object: written };
  }

  const cluster: RecordingCluster = {
    ...{
      name,
      writes,
      refusals,
      races,
      lostAnswers,
      statuses,
      immutable,
      webhooks,
      unserved,
      unreadable,
      listWarnings,
      onWrite: () => {},
    },
    find: (title) => objects.get(title)?.object,
    all: () => [...objects.values()].map(({ object }) => object),
    put(object, manager = 'kubectl-create') {
      const time = seconds();
      const fieldsV1 = fieldsOf(leavesOf(object).keys());
      const entry = {
        manager,
        operation: 'Update',
        apiVersion: object.apiVersion,
        time,
        fieldsType: 'FieldsV1',
      } as const;
      const metadata = {
        ...{
          uid: `uid-${(uids += 1)}`,
          generation: 1,
          creationTimestamp: time,
          managedFields: [{ ...entry, fieldsV1 }],
        },
        ...object.metadata,
      };
      store(titleOf(object), { ...object, metadata }, 'status' in object ? undefined : now().getTime());
    },
    edit(title, manager, change) {
      const live = objects.get(title)?.object;
      if (live === undefined) throw new Error(`there is no ${title}`);
      store(title, editedBy({ live, changed: change(live), manager, time: seconds() }), now().getTime());
    },
    breakDown(title, status) {
      const live = objects.get(title)?.object;
      if (live !== undefined) store(title, { ...live, status: status(live) }, undefined);
    },
    remove: (title) => void objects.delete(title),
    async api({ refresh } = { refresh: false }) {
      settle();
      if (!refresh && known !== undefined) return known;
      return (known = { version: 'v1.36.3', resources: served(), unreadable: [...unreadable] });
    },
    async get({ resource: of, namespace, name: named }) {
      const title = objectTitle({ kind: of.kind, namespace, name: named });
      begin(`get ${title}`, { writes: false });
      if (!isServed(of)) return undefined;
      return objects.get(title)?.object;
    },
    async list({ resource: of, namespace, labelSelector, content, onWarning }) {
      const { group, version, kind } = of;
      const warning = listWarnings.get(`${group === '' ? '' : `${group}/`}${version} ${kind}`);
      begin(`list ${kind} ${namespace ?? ''}`.trim(), { writes: false });
      if (!isServed(of)) throw failed({ status: 404, message: `the server does not serve ${kind}` });
      if (warning !== undefined) onWarning?.(warning);
      return [...objects.values()].flatMap(({ object }) => {
        const id = objectIdOf(object);
        if (id.group !== group || id.kind !== kind || (namespace !== undefined && id.namespace !== namespace))
          return [];
        if (!isSelected({ object, labelSelector })) return [];
        const { apiVersion, metadata } = object;
        return [content === 'metadata' ? { apiVersion, kind, metadata } : object];
      });
    },
    async warnings(namespace) {
      if (refusals.has(`list Event ${namespace}`)) return undefined;
      return [...objects.values()].flatMap(({ object }) =>
        object.kind === 'Event' && object.metadata.namespace === namespace ? [object] : [],
      );
    },
    async apply(target) {
      return target.dryRun ? apply(target) : sent(`apply ${titleOf(target.object)}`, () => apply(target));
    },
    async writeManagedFields(target) {
      const { resource: of, namespace, name: named, without } = target;
      const title = objectTitle({ kind: of.kind, namespace, name: named });
      return sent(`${without === undefined ? 'take over' : 'release'} ${title}`, () => writeManagedFields(target));
    },
    async delete(target) {
      const title = objectTitle({ kind: target.resource.kind, namespace: target.namespace, name: target.name });
      return target.dryRun === true ? deleteOne(target) : sent(`delete ${title}`, () => deleteOne(target));
    },
  };

  function writeManagedFields({
    resource: { kind },
    namespace,
    name: named,
    uid,
    resourceVersion,
    managedFields,
    without,
  }: Parameters<Cluster['writeManagedFields']>[0]): ApplyResult {
    const title = objectTitle({ kind, namespace, name: named });
    const call = `${without === undefined ? 'take over' : 'release'} ${title}`;
    const refused = begin(call, { writes: true });
    const live = objects.get(title)?.object;
    const isOther = live?.metadata.uid !== uid || live?.metadata.resourceVersion !== resourceVersion;
    // A part that is to be removed is looked for before the version is compared.
    const isMissing =
      without?.labels.some((label) => live?.metadata.labels?.[label] === undefined) === true ||
      without?.annotations.some((annotation) => live?.metadata.annotations?.[annotation] === undefined) === true;
    note(call, refused?.status ?? (isMissing ? 422 : isOther ? 409 : undefined));
    if (refused !== undefined) return rejected(refused);
    if (isMissing)
      return rejected({ status: 422, message: 'the server rejected our request due to an error in our request' });
    if (isOther || live === undefined) return rejected({ status: 409, message: `${title} has been modified` });
    const { labels = {}, annotations = {} } = live.metadata;
    const metadata = {
      ...live.metadata,
      managedFields,
      labels: omit(labels, without?.labels ?? []),
      annotations: omit(annotations, without?.annotations ?? []),
    };
    return { outcome: 'applied', object: store(title, { ...live, metadata }, undefined) };
  }

  function deleteOne({
    resource: of,
    namespace,
    name: named,
    uid,
    resourceVersion,
    dryRun = false,
  }: Parameters<Cluster['delete']>[0]): DeleteResult {
    const title = objectTitle({ kind: of.kind, namespace, name: named });
    const refused = begin(`${dryRun ? 'dry-run ' : ''}delete ${title}`, { writes: true });
    const live = objects.get(title)?.object;
    const isOther =
      live !== undefined &&
      (live.metadata.uid !== uid ||
        (resourceVersion !== undefined && live.metadata.resourceVersion !== resourceVersion));
    if (!isServed(of)) return { outcome: 'unserved' };
    if (!dryRun) note(`delete ${title}`, refused?.status ?? (isOther ? 409 : undefined));
    if (refused !== undefined) return { outcome: 'rejected', reason: '', ...refused };
    if (live === undefined) return { outcome: 'absent' };
    if (isOther) return { outcome: 'changed' };
    if (dryRun) return { outcome: 'deleted', gone: true };
    if ((live.metadata.finalizers ?? []).length === 0) {
      objects.delete(title);
      return { outcome: 'deleted', gone: true };
    }
    const metadata = { ...live.metadata, deletionTimestamp: seconds() };
    store(title, { ...live, metadata }, undefined);
    return { outcome: 'deleted', gone: false };
  }
  return cluster;
}

const never: RefusalCause = { reason: 'FieldValueInvalid', field: 'data' };
const same = (object: KubernetesObject): KubernetesObject => object;

function contentOf({ metadata: _metadata, status: _status, ...content }: KubernetesObject): unknown {
  return content;
}

function titleOf(object: KubernetesObject): string {
  return objectTitle(objectIdOf(object));
}

function rejected({ status, message, causes = [] }: Refused): ApplyResult {
  return { outcome: 'rejected', status, reason: '', message, causes };
}

function omit(record: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

function isSelected({
  object,
  labelSelector = '',
}: {
  object: KubernetesObject;
  labelSelector: string | undefined;
}): boolean {
  return labelSelector
    .split(',')
    .filter((term) => term !== '')
    .every((term) => {
      const [unlike, not] = term.split('!=');
      if (unlike !== undefined && not !== undefined) return object.metadata.labels?.[unlike] !== not;
      const [label = '', value] = term.split('=');
      const is = object.metadata.labels?.[label];
      return value === undefined ? is !== undefined : is === value;
    });
}

/** The kinds that an established definition defines. */
function definedBy(object: KubernetesObject): ApiResource[] {
  const { spec, status } = object;
  if (object.kind !== 'CustomResourceDefinition' || !isMap(spec) || !isMap(status)) return [];
  const { group, names, versions } = spec;
  if (!isMap(names) || !Array.isArray(versions)) return [];
  const [version] = versions.map((one: unknown) => (isMap(one) ? String(one['name']) : ''));
  return [resource(`${String(group)}/${version ?? ''}`, String(names['kind']), String(names['plural']))];
}
