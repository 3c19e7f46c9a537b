import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump } from 'js-yaml';
import { z } from 'zod';
import { startChild, type Child } from '../child.ts';
import { startAggregatedApis, type AggregatedApis } from './aggregated-apis.ts';
import { askApiServer, type ApiAccess } from './api-server.ts';
import { partEnvironment } from '../environment.ts';
import { LocalError, systemErrorCode } from '../local-error.ts';
import {
  apiServerPart,
  controllerManagerPart,
  etcdPart,
  kwokPart,
  layOut,
  schedulerPart,
  type Layout,
  type Part,
} from './control-plane.ts';

export interface KubernetesOptions {
  /** A folder of this control plane's own, for its database, keys, kubeconfig and logs. */
  readonly folder: string;
  readonly programs: { readonly cluster: string; readonly kwok: string };
  /** How many nodes kwok plays; 3 where absent. */
  readonly nodes?: number;
  /** Users that the API server is to know by a token, without any rights. */
  readonly users?: readonly string[];
  readonly onUnexpectedEnd?: (part: string, how: string) => void;
  /** Gives the start up. */
  readonly signal?: AbortSignal;
}

export interface Kubernetes {
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  /** Path of a kubeconfig with one context. */
  readonly kubeconfig: string;
  /** Folder of the API server's certificate and key. */
  readonly certificates: string;
  /** Bearer token of a member of `system:masters`. */
  readonly token: string;
  /** Bearer token of one of `users`. */
  tokenOf(user: string): string;
  readonly pids: readonly number[];
  readonly apiServer: {
    /** The process of the moment. */
    pid(): number;
    /** Ends it at once, as a crash would, and resolves when a new one is ready at the same port. */
    restart(): Promise<void>;
  };
  /**
   * Runs the kubectl of this Kubernetes version; resolves with its standard output, rejects with its standard error.
   */
  kubectl(parameters: readonly string[], input?: string, variables?: Readonly<Record<string, string>>): Promise<string>;
  stop(): Promise<void>;
}

/** A guard: what ends before is told at once. */
const readyMilliseconds = 180_000;
const pollMilliseconds = 50;

/**
 * A real control plane (etcd, API server, controller manager, scheduler) with kwok for nodes and pods, on free ports of
 * 127.0.0.1. Resolves once a Deployment would roll out: the default namespace has its service account, and a node is
 * ready.
 */
export async function startKubernetes(options: KubernetesOptions): Promise<Kubernetes> {
  const { folder, programs } = options;
  await mkdir(folder, { recursive: true });
  const apis = await startAggregatedApis(folder);
  const layout = await layOut({ folder, users: options.users ?? [], proxy: apis.socket });
  const environment = partEnvironment({ home: folder });
  const children: Child[] = [];
  const start = (part: Part): Child => {
    const child = startPart({ part, options, environment });
    children.push(child);
    return child;
  };
  const stop = async (): Promise<void> => {
    await stopParts({ children, layout });
    await apis.stop();
  };

  const givenUp = new AbortController();
  const apiServer = (): Child => {
    const last = children.findLast(({ name }) => name === apiServerPart(layout).name);
    if (last === undefined) throw new Error('there is no API server');
    return last;
  };
  try {
    const signal = AbortSignal.any([givenUp.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    await bringUp({ layout, options, apis, start, signal });
  } catch (error) {
    givenUp.abort();
    await stop();
    throw error;
  }

  return {
    server: layout.server,
    kubeconfig: layout.kubeconfig,
    certificates: layout.certificates,
    token: layout.token,
    tokenOf(user) {
      const token = layout.userTokens.get(user);
      if (token === undefined) throw new Error(`the API server knows no user ${user}`);
      return token;
    },
    pids: children.map((child) => child.pid),
    apiServer: {
      pid: () => apiServer().pid,
      async restart() {
        await apiServer().kill();
        start(apiServerPart(layout));
        await connect({ layout, servers: [apiServer()], signal: givenUp.signal });
      },
    },
    kubectl: (parameters, input, variables) =>
      runKubectl({
        program: programs.cluster,
        environment: { ...environment, ...variables, KUBECONFIG: layout.kubeconfig },
        parameters,
        input,
      }),
    stop,
  };
}

function startPart({
  part: { name, parameters, program },
  options: { folder, programs, onUnexpectedEnd },
  environment,
}: {
  part: Part;
  options: KubernetesOptions;
  environment: NodeJS.ProcessEnv;
}): Child {
  return startChild({
    name,
    program: program ?? programs.cluster,
    argv0: name,
    arguments: parameters,
    environment,
    workingFolder: folder,
    logFile: join(folder, `${name}.log`),
    onUnexpectedEnd: (how) => onUnexpectedEnd?.(name, how),
  });
}

async function stopParts({ children, layout }: { children: readonly Child[]; layout: Layout }): Promise<void> {
  // ApiAccesss first: they would fill their logs with the API server's absence.
  for (const child of children.toReversed()) await child.stop();
  await rm(layout.etcd, { recursive: true, force: true });
}

/** Rejects where a part ends before a Deployment would roll out, and where that takes too long. */
async function bringUp({
  layout,
  options,
  apis,
  start,
  signal,
}: {
  layout: Layout;
  options: KubernetesOptions;
  apis: AggregatedApis;
  start: (part: Part) => Child;
  signal: AbortSignal;
}): Promise<void> {
  const etcd = start(etcdPart(layout));
  const apiServer = start(apiServerPart(layout));
  const client = await connect({ layout, servers: [apiServer, etcd], signal });
  const [cert, key] = await Promise.all(
    ['apiserver.crt', 'apiserver.key'].map((file) => readFile(join(layout.certificates, file), 'utf8')),
  );
  apis.attach({ ...client, own: { cert: cert ?? '', key: key ?? '' } });

  const controllerManager = start(controllerManagerPart(layout));
  const scheduler = start(schedulerPart(layout));
  const kwok = start(kwokPart({ layout, program: options.programs.kwok }));
  const nodes = Array.from({ length: options.nodes ?? 3 }, (_, index) => `sandbox-${index + 1}`);
  await Promise.all(
    [...nodes.map(nodeNamed), ...storageClasses, ...metricsApi].map((object) => create(client, object, signal)),
  );
  await whileAllRun({
    children: [apiServer, etcd, controllerManager, scheduler, kwok],
    work: Promise.all([
      whenTrue(() => answersOk(client, '/api/v1/namespaces/default/serviceaccounts/default'), signal),
      ...nodes.map((node) => whenTrue(() => takesPods(client, node), signal)),
      // Until then, whoever asks what kinds there are is told that some cannot be known.
      whenTrue(() => answersOk(client, '/apis/metrics.k8s.io/v1beta1'), signal),
    ]),
  });
}

/** Resolves once the API server is ready, with its kubeconfig written. */
async function connect({
  layout,
  servers,
  signal,
}: {
  layout: Layout;
  servers: readonly Child[];
  signal: AbortSignal;
}): Promise<ApiAccess> {
  await whileAllRun({ children: servers, work: whenTrue(() => holdsCertificate(layout.certificate), signal) });
  const certificate = await readFile(layout.certificate, 'utf8');
  const client: ApiAccess = { port: layout.ports.secure, token: layout.token, certificate };
  await writeKubeconfig({ path: layout.kubeconfig, server: layout.server, token: layout.token, certificate });
  await whileAllRun({ children: servers, work: whenTrue(() => answersOk(client, '/readyz'), signal) });
  return client;
}

/** Throws `LocalError` where one of the children ends first. */
async function whileAllRun({ children, work }: { children: readonly Child[]; work: Promise<unknown> }): Promise<void> {
  const ends = children.map(async ({ name, ended }): Promise<never> => {
    const how = await ended;
    throw new LocalError({ message: `${name} ended before the control plane was ready: ${how}` });
  });
  await Promise.race([work, ...ends]);
}

/** The API server writes its self-signed certificate, followed by its issuer's, early in its start. */
async function holdsCertificate(path: string): Promise<boolean> {
  try {
    return (await readFile(path, 'utf8')).trimEnd().endsWith('-----END CERTIFICATE-----');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function whenTrue(condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + readyMilliseconds;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new LocalError({ message: `the control plane was not ready after ${readyMilliseconds / 1000} s` });
    }
    await sleep(pollMilliseconds, undefined, { signal });
  }
}

async function writeKubeconfig(file: {
  path: string;
  server: string;
  token: string;
  certificate: string;
}): Promise<void> {
  const authority = Buffer.from(file.certificate).toString('base64');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'sandbox', cluster: { server: file.server, 'certificate-authority-data': authority } }],
    users: [{ name: 'admin', user: { token: file.token } }],
    contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: 'admin' } }],
    'current-context': 'sandbox',
  };
  await writeFile(file.path, dump(kubeconfig), { mode: 0o600 });
}

interface ApiResponse {
  readonly status: number;
  readonly body: string;
}

/** One request to the API server, or undefined while it does not listen yet. */
async function call(
  client: ApiAccess,
  { path, body }: { path: string; body?: unknown },
): Promise<ApiResponse | undefined> {
  const sent = body === undefined ? {} : { method: 'POST', send: { type: 'application/json', value: body } };
  try {
    const answer = await askApiServer(client, { path, ...sent });
    return { status: answer.statusCode ?? 0, body: await text(answer) };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return undefined;
    throw error;
  }
}

async function answersOk(client: ApiAccess, path: string): Promise<boolean> {
  return (await call(client, { path }))?.status === 200;
}

interface Created {
  /** Of its collection. */
  readonly path: string;
  readonly object: {
    readonly metadata: { readonly name: string; readonly [key: string]: unknown };
    readonly [key: string]: unknown;
  };
}

function nodeNamed(name: string): Created {
  const labels = { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' };
  return { path: '/api/v1/nodes', object: { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } } };
}

/** Those that GKE has. The first is taken where a claim names none; `volumes.yaml` plays their provisioner. */
const storageClasses = ['standard-rwo', 'premium-rwo', 'standard'].map((name, index): Created => {
  const annotations = index === 0 ? { 'storageclass.kubernetes.io/is-default-class': 'true' } : {};
  const object = {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name, annotations } },
    ...{ provisioner: 'sandbox.converge.dev', volumeBindingMode: 'Immediate', allowVolumeExpansion: true },
  };
  return { path: '/apis/storage.k8s.io/v1/storageclasses', object };
});

/** What GKE has, too. Of the Service it is asked where its Pods are: at an address for documentation (RFC 5737). */
const metricsApi: readonly Created[] = [
  {
    path: '/api/v1/namespaces/kube-system/services',
    object: {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'metrics-server', namespace: 'kube-system' } },
      ...{ spec: { ports: [{ port: 443 }] } },
    },
  },
  {
    path: '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices',
    object: {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
      metadata: {
        ...{ name: 'metrics-server', namespace: 'kube-system' },
        labels: { 'kubernetes.io/service-name': 'metrics-server' },
      },
      ...{ ports: [{ port: 443 }], endpoints: [{ addresses: ['203.0.113.12'] }] },
    },
  },
  {
    path: '/apis/apiregistration.k8s.io/v1/apiservices',
    object: {
      ...{ apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1beta1.metrics.k8s.io' } },
      spec: {
        ...{ group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100 },
        ...{ service: { name: 'metrics-server', namespace: 'kube-system' }, insecureSkipTLSVerify: true },
      },
    },
  },
];

/** Waits for the namespace, which the API server makes some time after it is ready. */
async function create(client: ApiAccess, { path, object }: Created, signal: AbortSignal): Promise<void> {
  await whenTrue(async () => {
    const answer = await call(client, { path, body: object });
    if (answer?.status === 201) return true;
    if (answer?.status === 404 && path.includes('/namespaces/')) return false;
    const words = answer === undefined ? 'no answer' : `${answer.status} ${answer.body}`;
    throw new Error(`the API server refused ${object.metadata.name}: ${words}`);
  }, signal);
}

const nodeSchema = z.object({
  spec: z.object({ taints: z.array(z.object({ key: z.string() })).default([]) }).default({ taints: [] }),
  status: z
    .object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) })
    .default({ conditions: [] }),
});

async function takesPods(client: ApiAccess, name: string): Promise<boolean> {
  const answer = await call(client, { path: `/api/v1/nodes/${name}` });
  if (answer?.status !== 200) return false;
  const { spec, status } = nodeSchema.parse(JSON.parse(answer.body));
  return (
    spec.taints.length === 0 &&
    status.conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True')
  );
}

async function runKubectl(run: {
  program: string;
  environment: NodeJS.ProcessEnv;
  parameters: readonly string[];
  input: string | undefined;
}): Promise<string> {
  const child = spawn(run.program, run.parameters, {
    argv0: 'kubectl',
    env: run.environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  // kubectl may refuse its arguments without reading its input.
  child.stdin.on('error', () => {});
  child.stdin.end(run.input);
  const [output, problem] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (child.exitCode !== 0) throw new Error(`kubectl ${run.parameters.join(' ')}: ${problem.trim()}`);
  return output;
}
