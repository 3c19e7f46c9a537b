import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { callbackify } from 'node:util';
import { z } from 'zod';
import { askApiServer, type ApiAccess } from './api-server.ts';
import { metricsAnswer, metricsGroup } from './metrics-api.ts';

/** What reaches the API server as its administrator. */
export interface AdminAccess extends ApiAccess {
  /** The API server's own, with its key, in PEM. */
  readonly own: { readonly cert: string; readonly key: string };
}

/**
 * Answers for the APIs that run in the cluster, where no Pod runs a program: the API server dials Services through it.
 * Metrics are those of pods that need what they ask for; any other API answers that it has no kinds. What is no API's
 * Service is dialled as it is, and refused as without this.
 */
export interface AggregatedApis {
  /** The path of the proxy's. */
  readonly socket: string;
  /** From when the API server is ready. */
  attach(access: AdminAccess): void;
  stop(): Promise<void>;
}

const reconnectMilliseconds = 500;

const apiServiceSchema = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({
    service: z.object({ namespace: z.string(), name: z.string() }).nullish(),
    caBundle: z.string().optional(),
    insecureSkipTLSVerify: z.boolean().optional(),
  }),
});
type ApiService = z.infer<typeof apiServiceSchema>;
const watchEventSchema = z.object({ type: z.string(), object: z.unknown() });
const servicesSchema = z.object({
  items: z.array(z.object({ metadata: z.object({ namespace: z.string(), name: z.string() }) })),
});
const secretsSchema = z.object({ items: z.array(z.object({ data: z.record(z.string(), z.string()).optional() })) });

/** The path of a socket takes a hundred characters, which is too few for many a folder. */
const longestSocket = 100;

/** @param folder that it may use */
export async function startAggregatedApis(folder: string): Promise<AggregatedApis> {
  const stopping = new AbortController();
  const sockets = new Set<Duplex>();
  let access: AdminAccess | undefined;
  const known = new Map<string, ApiService>();
  const api = createTlsServer({
    SNICallback: callbackify(async (server: string) => {
      if (access === undefined) throw new Error('the API server is not ready');
      return certificateFor({ server, known, access });
    }),
  });
  api.on('request', (incoming, response) => {
    const { pathname, search } = new URL(incoming.url ?? '/', 'https://api');
    const get = async (wanted: string): Promise<unknown> => (access === undefined ? undefined : read(access, wanted));
    answerFor({ path: pathname, search }, get).then(
      (answer) => {
        response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }));
      },
      () => response.destroy(),
    );
  });
  const proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connect', (asked: IncomingMessage, socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    const address = `tcp://${asked.url ?? ''}`;
    if (!URL.canParse(address)) {
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      return;
    }
    const target = new URL(address);
    isOfApi({ address: target.hostname, known, access })
      .then((isOurs) => {
        if (!isOurs) return dial({ target, socket, sockets });
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        api.emit('connection', socket);
      })
      .catch(() => socket.destroy());
  });
  const isShort = join(folder, 'apis').length <= longestSocket;
  const place = isShort ? folder : await mkdtemp(join(tmpdir(), 'converge-apis-'));
  const socket = join(place, 'apis');
  proxy.listen(socket);
  await once(proxy, 'listening');
  let watching = Promise.resolve();
  return {
    socket,
    attach(given) {
      access = given;
      watching = watchApiServices({ access: given, known, signal: stopping.signal });
    },
    async stop() {
      stopping.abort();
      for (const socket of sockets) socket.destroy();
      await Promise.all([watching, new Promise((closed) => proxy.close(closed))]);
      if (!isShort) await rm(place, { recursive: true, force: true });
    },
  };
}

function dial({ target, socket, sockets }: { target: URL; socket: Socket; sockets: Set<Duplex> }): void {
  const out = connect({ host: target.hostname, port: Number(target.port) });
  sockets.add(out);
  out.on('close', () => sockets.delete(out));
  out.once('connect', () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    out.pipe(socket).pipe(out);
  });
  out.on('error', (error) => {
    if (socket.writable) socket.end(`HTTP/1.1 502 ${error.message}\r\n\r\n`);
  });
}

/** Whether the address is that of a Service that an API is said to be behind. */
async function isOfApi({
  address,
  known,
  access,
}: {
  address: string;
  known: ReadonlyMap<string, ApiService>;
  access: AdminAccess | undefined;
}): Promise<boolean> {
  if (access === undefined || known.size === 0) return false;
  const found = await read(access, `/api/v1/services?fieldSelector=spec.clusterIP%3D${encodeURIComponent(address)}`);
  const services = servicesSchema.parse(found).items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  return [...known.values()].some((one) => services.includes(serviceOf(one) ?? ''));
}

function serviceOf({ spec: { service } }: ApiService): string | undefined {
  return service ? `${service.namespace}/${service.name}` : undefined;
}

/**
 * Where an API says by whom its certificate must be signed: that which a Secret beside its Service holds, as charts put
 * it there. Else nobody looks at it.
 *
 * @param server `NAME.NAMESPACE.svc`
 */
async function certificateFor({
  server,
  known,
  access,
}: {
  server: string;
  known: ReadonlyMap<string, ApiService>;
  access: AdminAccess;
}): Promise<SecureContext> {
  const [name, namespace] = server.split('.');
  const one = [...known.values()].find((candidate) => serviceOf(candidate) === `${namespace}/${name}`);
  if (namespace === undefined || !one?.spec.caBundle) return createSecureContext(access.own);
  const found = secretsSchema.parse(await read(access, `/api/v1/namespaces/${namespace}/secrets`));
  const fitting = found.items
    .map(({ data = {} }) => ({ cert: decoded(data['tls.crt']), key: decoded(data['tls.key']) }))
    .find(({ cert, key }) => key !== '' && isFor(cert, server));
  return createSecureContext(fitting ?? access.own);
}

function decoded(value: string | undefined): string {
  return Buffer.from(value ?? '', 'base64').toString('utf8');
}

function isFor(cert: string, server: string): boolean {
  try {
    return new X509Certificate(cert).checkHost(server) !== undefined;
  } catch {
    return false;
  }
}

async function answerFor(
  { path, search }: { path: string; search: string },
  get: (path: string) => Promise<unknown>,
): Promise<object | undefined> {
  const [, groups, group, version, ...rest] = path.split('/');
  if (groups !== 'apis' || group === undefined || version === undefined) return undefined;
  if (group === metricsGroup) return metricsAnswer({ path: rest, search }, get);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${version}`, resources: [] };
}

/** Follows what APIs there are, and lets the API server believe those that say nothing of their certificate. */
async function watchApiServices({
  access,
  known,
  signal,
}: {
  access: AdminAccess;
  known: Map<string, ApiService>;
  signal: AbortSignal;
}): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await askApiServer(access, { path: `${apiServices}?watch=true`, signal });
      known.clear();
      for await (const line of createInterface({ input: response })) {
        const { type, object } = watchEventSchema.parse(JSON.parse(line));
        const one = apiServiceSchema.safeParse(object);
        if (!one.success) break;
        const { name } = one.data.metadata;
        if (type === 'DELETED' || serviceOf(one.data) === undefined) known.delete(name);
        else known.set(name, one.data);
        if (type !== 'DELETED' && isUnsaid(one.data)) await believe(access, name);
      }
    } catch {
      // The API server is away, or ends a watch after a while: the next one lists all anew.
    }
    await sleep(reconnectMilliseconds, undefined, { signal }).catch(() => {});
  }
}

const apiServices = '/apis/apiregistration.k8s.io/v1/apiservices';

function isUnsaid(one: ApiService): boolean {
  return serviceOf(one) !== undefined && !one.spec.caBundle && one.spec.insecureSkipTLSVerify !== true;
}

async function believe(access: ApiAccess, name: string): Promise<void> {
  const send = { type: 'application/merge-patch+json', value: { spec: { insecureSkipTLSVerify: true } } };
  await text(await askApiServer(access, { path: `${apiServices}/${name}`, method: 'PATCH', send }));
}

async function read(access: ApiAccess, path: string): Promise<unknown> {
  return JSON.parse(await text(await askApiServer(access, { path }))) as unknown;
}
