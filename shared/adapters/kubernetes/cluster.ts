import { ConvergeError } from '../../base/errors.ts';
import { fieldManager } from '../../objects/field-manager.ts';
import type { KubernetesObject } from '../../objects/kubernetes-object.ts';
import type { ApiResource, ClusterApi } from '../../objects/cluster-api.ts';
import type { ApplyResult, Cluster, DeleteResult } from '../../ports/kubernetes.ts';
import { patience } from '../patience.ts';
import { discover } from './discovery.ts';
import {
  call,
  isAbsent,
  isOverloaded,
  isUnserved,
  refused,
  rejection,
  warningsOf,
  type ApiResponse,
  type Connection,
  type Write,
} from './requests.ts';

const pageSize = 1000;
const events: ApiResource = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
/** Of the Warning events of a namespace so many are read, and so many bytes. */
const mostWarnings = 500;
const largestWarnings = 1 << 20;
/** How long a cluster's version and API list are taken for current. */
const discoveryAge = 30_000;

/** What a cluster serves is the same for everybody who may ask. */
export interface Discovered {
  last: { readonly api: ClusterApi; readonly at: number } | undefined;
}

/** The cluster by its API server, acting as the connection does. */
export function connect(connection: Connection, discovered: Discovered): Cluster {
  return {
    name: connection.name,
    api: async (options) => readApi(connection, { discovered, refresh: options?.refresh === true }),
    get: async (object) => getObject(connection, object),
    list: async (query) => listObjects(connection, query),
    warnings: async (namespace) => listWarnings(connection, namespace),
    apply: async (request) => applyObject(connection, request),
    writeManagedFields: async (request) => writeManagedFields(connection, request),
    delete: async (request) => deleteObject(connection, request),
  };
}

type RequestOf<Method extends keyof Cluster> = Cluster[Method] extends (request: infer Request) => unknown
  ? Request
  : never;

async function readApi(
  connection: Connection,
  { discovered, refresh }: { discovered: Discovered; refresh: boolean },
): Promise<ClusterApi> {
  const { last } = discovered;
  if (last !== undefined && performance.now() - last.at < discoveryAge && !refresh) return last.api;
  const api = await discover(connection);
  discovered.last = { api, at: performance.now() };
  return api;
}

async function getObject(connection: Connection, object: RequestOf<'get'>): Promise<KubernetesObject | undefined> {
  const path = pathOf(object);
  const answer = await call(connection, { method: 'GET', path });
  if (isAbsent(answer)) return undefined;
  return expectObject({ connection, path, answer });
}

async function listObjects(
  connection: Connection,
  { resource, namespace, labelSelector, content, onWarning, most = Number.POSITIVE_INFINITY }: RequestOf<'list'>,
): Promise<KubernetesObject[]> {
  const path = pathOf({ resource, namespace });
  const accept =
    content === 'whole' ? 'application/json' : 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
  let items: KubernetesObject[] = [];
  let continueAt = '';
  let restarts = 0;
  do {
    const query = new URLSearchParams({ limit: String(pageSize) });
    if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
    if (continueAt !== '') query.set('continue', continueAt);
    const answer = await call(connection, { method: 'GET', path: `${path}?${query.toString()}`, accept });
    if (answer.status === 410 && restarts++ < 2) {
      // The pages' resource version was compacted away: a list of two halves from two moments would be wrong.
      items = [];
      continueAt = '';
      continue;
    }
    if (answer.status !== 200) throw refused({ connection, path, answer });
    if (onWarning !== undefined && continueAt === '') for (const text of warningsOf(answer)) onWarning(text);
    const page = answer.body as { items?: KubernetesObject[]; metadata?: { continue?: string } };
    items.push(...(page.items ?? []).map((item) => ({ ...item, apiVersion, kind: resource.kind })));
    continueAt = page.metadata?.continue ?? '';
  } while (continueAt !== '' && items.length < most);
  return items;
}

/** They say why only: what keeps them from being read is nobody's failure. */
async function listWarnings(
  connection: Connection,
  namespace: string,
): Promise<readonly KubernetesObject[] | undefined> {
  const path = pathOf({ resource: events, namespace });
  const query = new URLSearchParams({ limit: String(mostWarnings), fieldSelector: 'type=Warning' });
  const budget = { milliseconds: patience.kubernetes.warnings, bytes: largestWarnings };
  try {
    const answer = await call(connection, { method: 'GET', path: `${path}?${query.toString()}`, budget });
    if (answer.status !== 200) return undefined;
    return (answer.body as { items?: KubernetesObject[] }).items ?? [];
  } catch (error) {
    if (error instanceof ConvergeError) return undefined;
    throw error;
  }
}

async function applyObject(
  connection: Connection,
  { resource, object, dryRun, manager, fence }: RequestOf<'apply'>,
): Promise<ApplyResult> {
  const { namespace, name } = object.metadata;
  const query = `fieldManager=${manager ?? fieldManager}&force=true${dryRun ? '&dryRun=All' : ''}`;
  return await patch(connection, {
    path: `${pathOf({ resource, namespace, name: name ?? '' })}?${query}`,
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify(object),
    write: dryRun ? undefined : { fence },
  });
}

async function writeManagedFields(
  connection: Connection,
  {
    resource,
    namespace,
    name,
    uid,
    resourceVersion,
    managedFields,
    without = { labels: [], annotations: [] },
    fence,
  }: RequestOf<'writeManagedFields'>,
): Promise<ApplyResult> {
  return await patch(connection, {
    path: `${pathOf({ resource, namespace, name })}?fieldManager=${fieldManager}`,
    contentType: 'application/json-patch+json',
    write: { fence },
    // The API server compares these two with the live object when it writes; a `test` operation would be a 422.
    body: JSON.stringify([
      { op: 'replace', path: '/metadata/uid', value: uid },
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'replace', path: '/metadata/managedFields', value: managedFields },
      ...without.labels.map((label) => ({ op: 'remove', path: `/metadata/labels/${escaped(label)}` })),
      ...without.annotations.map((key) => ({ op: 'remove', path: `/metadata/annotations/${escaped(key)}` })),
    ]),
  });
}

async function deleteObject(
  connection: Connection,
  { resource, namespace, name, uid, resourceVersion, dryRun = false, fence }: RequestOf<'delete'>,
): Promise<DeleteResult> {
  const path = pathOf({ resource, namespace, name });
  const answer = await call(connection, {
    method: 'DELETE',
    path,
    write: dryRun ? undefined : { fence },
    contentType: 'application/json',
    body: JSON.stringify({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: 'Background',
      preconditions: { uid, resourceVersion },
      // Where there is a body, the API server reads no option of the query.
      ...(dryRun ? { dryRun: ['All'] } : {}),
    }),
  });
  if (answer.status === 200 || answer.status === 202)
    return { outcome: 'deleted', gone: (answer.body as { kind?: string } | undefined)?.kind === 'Status' };
  if (isUnserved(answer)) return { outcome: 'unserved' };
  if (isAbsent(answer)) return { outcome: 'absent' };
  if (answer.status === 404) throw refused({ connection, method: 'DELETE', path, answer });
  if (answer.status === 409) return { outcome: 'changed' };
  if (isOverloaded(answer)) throw refused({ connection, method: 'DELETE', path, answer });
  return { outcome: 'rejected', ...rejection(connection, answer) };
}

/** One part of a JSON pointer (RFC 6901). */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

async function patch(
  connection: Connection,
  { path, contentType, body, write }: { path: string; contentType: string; body: string; write: Write | undefined },
): Promise<ApplyResult> {
  const answer = await call(connection, { method: 'PATCH', path, contentType, body, write });
  if (answer.status === 200 || answer.status === 201)
    return { outcome: 'applied', object: answer.body as KubernetesObject };
  if (isOverloaded(answer)) throw refused({ connection, method: 'PATCH', path, answer });
  return { outcome: 'rejected', ...rejection(connection, answer) };
}

function pathOf({
  resource,
  namespace,
  name,
}: {
  resource: ApiResource;
  namespace: string | undefined;
  name?: string;
}): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

function expectObject({
  connection,
  path,
  answer,
}: {
  connection: Connection;
  path: string;
  answer: ApiResponse;
}): KubernetesObject {
  if (answer.status !== 200) throw refused({ connection, path, answer });
  return answer.body as KubernetesObject;
}
