import type { RequestOptions } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, request, type Dispatcher } from 'undici';
import type { Config } from '../config.ts';
import { ConvergeError } from '../errors.ts';
import { parseJson } from '../objects/exact-json.ts';
import { fieldManager } from '../objects/field-manager.ts';
import type { KubernetesObject } from '../objects/kubernetes-object.ts';
import type { ApiResource, ClusterApi } from '../objects/cluster-api.ts';
import type { ApplyResult, Cluster, DeleteResult } from '../pipeline/ports.ts';

/*
 * Kubernetes by its REST API. `@kubernetes/client-node` reads the kubeconfig and authenticates; requests go through undici
 * itself, for two reasons that were measured: the client opens a TLS connection for every request, and its typed models
 * drop fields they do not know and numbers they cannot hold, while a server-side apply must send exactly what Git says.
 */

/** Requests in flight to one API server; more were slower on small machines. */
const connections = 8;
const pageSize = 1000;
const requestTimeout = 30_000;
const tries = 4;
/** The API server itself failed, or a webhook that it asks: more tries would rarely help. */
const triesAfterFailure = 3;
/** How long a cluster's version and API list are taken for current. */
const discoveryAge = 30_000;

/** Opens clusters by their name in the configuration; connections and discovery stay warm between runs. */
export function createClusters({ clusters }: { clusters: Config['clusters'] }): (name: string) => Promise<Cluster> {
  const open = new Map<string, Promise<OpenCluster>>();
  return async (name) => {
    const settings = clusters[name];
    if (settings === undefined) {
      throw new ConvergeError({
        code: 'UnknownCluster',
        subject: name,
        message: 'the configuration has no cluster of that name',
        remedy: `it has ${Object.keys(clusters).sort().join(', ') || 'none'}`,
        disposition: 'refuse',
      });
    }
    let cluster = open.get(name);
    if (cluster === undefined) {
      cluster = openCluster({ name, kubeconfig: settings.kubeconfig });
      open.set(name, cluster);
      cluster.catch(() => open.delete(name));
    }
    const opened = await cluster;
    await opened.authenticate();
    return opened.cluster;
  };
}

interface OpenCluster {
  readonly cluster: Cluster;
  /** Tokens expire: asked again at the start of each run. */
  authenticate(): Promise<void>;
}

type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'>;

async function openCluster({ name, kubeconfig }: { name: string; kubeconfig: string }): Promise<OpenCluster> {
  const config = new KubeConfig();
  try {
    config.loadFromFile(kubeconfig);
  } catch (error) {
    throw new ConvergeError({ code: 'BadConfiguration', subject: kubeconfig, message: `the kubeconfig of cluster ${name} cannot be read`, disposition: 'refuse', cause: error });
  }
  const current = config.getCurrentCluster();
  if (current === null) {
    throw new ConvergeError({ code: 'BadConfiguration', subject: kubeconfig, message: `the kubeconfig of cluster ${name} has no current context`, disposition: 'refuse' });
  }
  const server = current.server.replace(/\/$/, '');
  let headers: Record<string, string> = {};

  async function credentials(): Promise<TlsOptions> {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const basic: Record<string, string> = typeof options.auth === 'string' ? { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` } : {};
    headers = { 'user-agent': 'converge', ...basic, ...(options.headers as Record<string, string> | undefined) };
    return options;
  }

  const dispatcher = dispatcherOf({ config, options: await credentials(), kubeconfig });
  const cluster = connect({ name, server, dispatcher, headers: () => headers });
  return {
    cluster,
    authenticate: async () => {
      await credentials();
    },
  };
}

function dispatcherOf({ config, options, kubeconfig }: { config: KubeConfig; options: TlsOptions; kubeconfig: string }): Dispatcher {
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const transport = config.createDispatcherOptions(config.getCurrentCluster(), { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername });
  // HTTP/2 was measured slower than eight connections of HTTP/1.1.
  const limits = { connections, allowH2: false, headersTimeout: requestTimeout, bodyTimeout: requestTimeout };
  switch (transport.type) {
    case 'agent':
      return new Agent({ ...limits, connect: transport.connect });
    case 'none':
      return new Agent(limits);
    case 'proxy':
      return new ProxyAgent({ ...limits, uri: transport.uri, requestTls: transport.requestTls });
    case 'socks':
      throw new ConvergeError({ code: 'NotImplemented', subject: kubeconfig, message: 'a SOCKS proxy-url is not implemented yet', disposition: 'refuse' });
  }
}

/** The API server's answer: a `Status` (failures) or whatever was asked for. */
interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly text: string;
}

interface Connection {
  readonly name: string;
  readonly server: string;
  readonly dispatcher: Dispatcher;
  readonly headers: () => Record<string, string>;
}

function connect(connection: Connection): Cluster {
  let discovered: { api: ClusterApi; at: number } | undefined;

  return {
    name: connection.name,

    async api(options) {
      const fresh = discovered !== undefined && performance.now() - discovered.at < discoveryAge;
      if (discovered !== undefined && fresh && options?.refresh !== true) return discovered.api;
      discovered = { api: await discover(connection), at: performance.now() };
      return discovered.api;
    },

    async get({ resource, namespace, name }) {
      const path = pathOf({ resource, namespace, name });
      const answer = await call(connection, { method: 'GET', path });
      if (answer.status === 404) return undefined;
      return expectObject({ connection, path, answer });
    },

    async list({ resource, namespace, labelSelector, content }) {
      const path = pathOf({ resource, namespace });
      const accept = content === 'whole' ? 'application/json' : 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
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
        const page = answer.body as { items?: KubernetesObject[]; metadata?: { continue?: string } };
        items.push(...(page.items ?? []).map((item) => ({ ...item, apiVersion, kind: resource.kind })));
        continueAt = page.metadata?.continue ?? '';
      } while (continueAt !== '');
      return items;
    },

    async apply({ resource, object, dryRun }): Promise<ApplyResult> {
      const { namespace, name } = object.metadata;
      const query = `fieldManager=${fieldManager}&force=true${dryRun ? '&dryRun=All' : ''}`;
      return await patch(connection, {
        path: `${pathOf({ resource, namespace, name: name ?? '' })}?${query}`,
        contentType: 'application/apply-patch+yaml',
        body: JSON.stringify(object),
      });
    },

    async writeManagedFields({ resource, namespace, name, uid, resourceVersion, managedFields, without = { labels: [], annotations: [] } }): Promise<ApplyResult> {
      return await patch(connection, {
        path: `${pathOf({ resource, namespace, name })}?fieldManager=${fieldManager}`,
        contentType: 'application/json-patch+json',
        // The API server compares these two with the live object when it writes; a `test` operation would be a 422.
        body: JSON.stringify([
          { op: 'replace', path: '/metadata/uid', value: uid },
          { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
          { op: 'replace', path: '/metadata/managedFields', value: managedFields },
          ...without.labels.map((name) => ({ op: 'remove', path: `/metadata/labels/${escaped(name)}` })),
          ...without.annotations.map((name) => ({ op: 'remove', path: `/metadata/annotations/${escaped(name)}` })),
        ]),
      });
    },

    async delete({ resource, namespace, name, uid, resourceVersion }): Promise<DeleteResult> {
      const path = pathOf({ resource, namespace, name });
      const answer = await call(connection, {
        method: 'DELETE',
        path,
        contentType: 'application/json',
        body: JSON.stringify({ kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background', preconditions: { uid, resourceVersion } }),
      });
      if (answer.status === 200 || answer.status === 202) return { outcome: 'deleted', gone: (answer.body as { kind?: string } | undefined)?.kind === 'Status' };
      if (answer.status === 404) return { outcome: 'absent' };
      if (answer.status === 409) return { outcome: 'changed' };
      if (isOverloaded(answer)) throw refused({ connection, method: 'DELETE', path, answer });
      return { outcome: 'rejected', ...failure(answer) };
    },
  };
}

/** One part of a JSON pointer (RFC 6901). */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

async function patch(connection: Connection, { path, contentType, body }: { path: string; contentType: string; body: string }): Promise<ApplyResult> {
  const answer = await call(connection, { method: 'PATCH', path, contentType, body });
  if (answer.status === 200 || answer.status === 201) return { outcome: 'applied', object: answer.body as KubernetesObject };
  if (isOverloaded(answer)) throw refused({ connection, method: 'PATCH', path, answer });
  return { outcome: 'rejected', ...failure(answer) };
}

function pathOf({ resource, namespace, name }: { resource: ApiResource; namespace: string | undefined; name?: string }): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${scope}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** One request, tried again a few times where the API server is overloaded, has failed or cannot be reached. */
async function call(
  connection: Connection,
  { method, path, accept = 'application/json', contentType, body }: { method: 'GET' | 'PATCH' | 'DELETE'; path: string; accept?: string; contentType?: string; body?: string },
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    let answer: Answer;
    let retryAfter: number | undefined;
    try {
      const response = await request(`${connection.server}${path}`, {
        method,
        dispatcher: connection.dispatcher,
        headers: { ...connection.headers(), accept, ...(contentType === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.body.text();
      answer = { status: response.statusCode, text, body: isJson(response.headers['content-type']) ? parseJson(text) : undefined };
      retryAfter = Number(response.headers['retry-after'] ?? Number.NaN) * 1000;
    } catch (error) {
      if (attempt < tries) {
        await sleep(backoff(attempt));
        continue;
      }
      throw new ConvergeError({
        code: 'ClusterUnavailable',
        subject: `cluster ${connection.name}`,
        message: `${method} ${path} got no answer in ${tries} tries`,
        remedy: 'check that the API server is up and reachable from the functions',
        disposition: 'retry',
        cause: error,
      });
    }
    if (attempt >= triesFor(answer)) return answer;
    await sleep(Number.isFinite(retryAfter) ? Math.min(retryAfter, requestTimeout) : backoff(attempt));
  }
}

function isJson(contentType: string | string[] | undefined): boolean {
  return String(contentType ?? '').includes('json');
}

/** How often a request that was answered so is sent, all in all. */
function triesFor(answer: Answer): number {
  if (isOverloaded(answer)) return tries;
  return answer.status === 500 && !isUntypable(answer) ? triesAfterFailure : 1;
}

function isOverloaded({ status }: Answer): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

/**
 * The object does not fit the schema of its kind (an unknown field, one key twice in a list, a number for a string). The API
 * server answers 500 without a reason, so that only the text tells it from a failure that may pass (rule 14).
 */
function isUntypable(answer: Answer): boolean {
  const { reason, message } = failure(answer);
  return answer.status === 500 && reason === '' && message.includes('failed to create typed patch object');
}

/** Milliseconds before the next try: doubling, with jitter, so that many runs do not come back at once. */
function backoff(attempt: number): number {
  return 100 * 2 ** attempt * (0.5 + Math.random());
}

function failure(answer: Answer): { status: number; reason: string; message: string } {
  const status = answer.body as { reason?: string; message?: string } | undefined;
  return { status: answer.status, reason: status?.reason ?? '', message: status?.message ?? answer.text.slice(0, 500) };
}

function expectObject({ connection, path, answer }: { connection: Connection; path: string; answer: Answer }): KubernetesObject {
  if (answer.status !== 200) throw refused({ connection, path, answer });
  return answer.body as KubernetesObject;
}

/** A request that failed. A failed read is never "absent". */
function refused({ connection, method = 'GET', path, answer }: { connection: Connection; method?: string; path: string; answer: Answer }): ConvergeError {
  const { status, message } = failure(answer);
  const unavailable = status >= 500 || status === 429;
  return new ConvergeError({
    code: unavailable ? 'ClusterUnavailable' : 'ClusterRefused',
    subject: `cluster ${connection.name}`,
    message: `${method} ${path} answered ${status}: ${message}`,
    ...(status === 401 || status === 403 ? { remedy: 'check the credentials and the RBAC rules of this cluster' } : {}),
    disposition: unavailable ? 'retry' : 'refuse',
  });
}

interface GroupDiscovery {
  readonly metadata?: { readonly name?: string };
  readonly versions?: readonly {
    readonly version: string;
    readonly freshness?: string;
    readonly resources?: readonly {
      readonly resource: string;
      readonly responseKind?: { readonly kind?: string; readonly group?: string; readonly version?: string };
      readonly scope: 'Namespaced' | 'Cluster';
    }[];
  }[];
}

/** Aggregated discovery: two requests for everything, and a broken aggregated API is `Stale` instead of an error. */
async function discover(connection: Connection): Promise<ClusterApi> {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const paths = ['/version', '/api', '/apis'];
  const [version, core, groups] = await Promise.all(
    paths.map(async (path) => {
      const answer = await call(connection, { method: 'GET', path, accept: path === '/version' ? 'application/json' : accept });
      if (answer.status !== 200) throw refused({ connection, path, answer });
      return answer.body;
    }),
  );
  const items = [core, groups].flatMap((list) => (list as { items?: GroupDiscovery[] }).items ?? []);
  const resources: ApiResource[] = [];
  const unreadable: string[] = [];
  for (const item of items) {
    const group = item.metadata?.name ?? '';
    for (const served of item.versions ?? []) {
      if (served.freshness === 'Stale') unreadable.push(`${group}/${served.version}`);
      for (const { resource, responseKind, scope } of served.resources ?? []) {
        if (responseKind?.kind === undefined) continue;
        resources.push({ group, version: served.version, kind: responseKind.kind, plural: resource, namespaced: scope === 'Namespaced' });
      }
    }
  }
  return { version: (version as { gitVersion: string }).gitVersion, resources, unreadable };
}
