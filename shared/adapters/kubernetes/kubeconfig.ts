import type { RequestOptions } from 'node:https';
import { dirname } from 'node:path';
import { KubeConfig, type Cluster } from '@kubernetes/client-node';
import { load } from 'js-yaml';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { z } from 'zod';
import { ConvergeError } from '../../base/errors.ts';
import type { ClusterConfig } from '../../config/config.ts';
import { patience } from '../patience.ts';
import { proxyClients } from '../proxy-clients.ts';
import { readSecretFile, unreadableFile, unusableSecret } from '../secret-file.ts';
import { closeWhenIdle, connectionLimits, shared, type Access, type Endpoint } from './access.ts';

/** A kubeconfig: a file, whose paths are relative to its folder, or a text from elsewhere, which may name no files. */
export interface KubeconfigSource {
  /** What errors are about: the file, the secret. */
  readonly subject: string;
  readonly folder: string | undefined;
  /** Whether it can say something else later, without another configuration. */
  readonly content: 'replaceable' | 'fixed';
  read(): Promise<string>;
}

export function kubeconfigFile(file: string): KubeconfigSource {
  return {
    subject: file,
    folder: dirname(file),
    content: 'replaceable',
    read: async () => readSecretFile(file),
  };
}

type TlsOptions = Pick<
  RequestOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'
>;
type Credentials = Readonly<Record<string, string>>;

interface Opened {
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
}

/**
 * The cluster of a kubeconfig's current context. It is read again where the API server answers 401, or cannot be
 * reached.
 *
 * Throws for one that cannot be used `SecretUnavailable` (retry) where its content can be replaced, else
 * `BadConfiguration` (refuse), `NotImplemented` (refuse), and what reading it throws.
 */
export function kubeconfigAccess({
  name,
  source,
  identity,
}: {
  name: string;
  source: KubeconfigSource;
  identity: ClusterConfig['identity'];
}): Access {
  let opened: Promise<Opened> | undefined;
  const open = async (): Promise<Opened> => openText({ name, source, identity, text: await source.read() });

  async function current(): Promise<Opened> {
    opened ??= open();
    const mine = opened;
    try {
      return await mine;
    } catch (error) {
      if (opened === mine) opened = undefined;
      throw error;
    }
  }

  const readAgain = shared(async (failed: Endpoint): Promise<void> => {
    const before = await current();
    if (before.endpoint !== failed) return;
    opened = open();
    await current();
    closeWhenIdle(before.endpoint);
  });

  return {
    endpoint: async () => (await current()).endpoint,
    credentials: async () => (await current()).credentials,
    async renewCredentials({ endpoint }) {
      await readAgain(endpoint);
      return true;
    },
    lookAgain: readAgain,
    explainFrontEnd: ({ status, message }) =>
      new ConvergeError({
        code: 'ClusterRefused',
        subject: `cluster ${name}`,
        message: `what stands before the API server answered ${status}: ${message}`,
        remedy: `check the server and the credentials of ${source.subject}`,
        // A grant of IAM takes minutes to hold.
        disposition: status === 401 || status === 403 ? 'retry' : 'refuse',
      }),
  };
}

async function openText({
  name,
  source,
  identity,
  text,
}: {
  name: string;
  source: KubeconfigSource;
  identity: ClusterConfig['identity'];
  text: string;
}): Promise<Opened> {
  const { subject, folder, content } = source;
  const wrong = (problem: string, remedy = 'put one that `kubectl` can use into its place'): ConvergeError => {
    const facts = { subject, message: `the kubeconfig of cluster ${name} ${problem}`, remedy };
    if (content === 'replaceable') return unusableSecret(facts);
    return new ConvergeError({ code: 'BadConfiguration', ...facts, disposition: 'refuse' });
  };
  const config = new KubeConfig();
  try {
    // The library would read a `token-file` while it parses.
    const tokenFiles = tokenFilesIn(load(text));
    if (tokenFiles.includes('tokenFile')) throw wrong('has a tokenFile, which is not read', 'write `token`');
    if (folder === undefined && tokenFiles.length > 0) throw wrong(...ofFiles);
    config.loadFromString(text);
  } catch (error) {
    if (error instanceof ConvergeError) throw error;
    // The parser's error quotes what it read.
    throw wrong('cannot be read');
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw wrong('has no current context');
  if (leadsThroughSocks(cluster)) throw needsSocks({ name, subject });
  if (identity === 'environment' && leadsToGateway(cluster)) throw nestsIdentities({ name, subject });
  const problem = problemOf(config);
  if (problem !== undefined)
    throw wrong(problem, 'use a client certificate or a token; for GKE name the cluster by `gke`');
  if (folder !== undefined) config.makePathsAbsolute(folder);
  else if (namesFiles(config)) throw wrong(...ofFiles);

  const options: RequestOptions = {};
  let dispatcher: Dispatcher;
  try {
    await config.applyToHTTPSOptions(options);
    dispatcher = dispatcherOf({ config, options, socks: needsSocks({ name, subject }) });
  } catch (cause) {
    if (cause instanceof ConvergeError) throw cause;
    // The library reads the files that it names.
    if (cause instanceof Error && 'syscall' in cause) {
      const named = 'path' in cause && typeof cause.path === 'string' ? cause.path : subject;
      throw unreadableFile({ file: named, cause });
    }
    // What OpenSSL says may quote what it read.
    throw wrong('names what cannot be used', 'check its certificates, its key and its proxy-url');
  }
  return { endpoint: { server: cluster.server.replace(/\/$/, ''), dispatcher }, credentials: headersOf(options) };
}

/** In any spelling: the libraries below know one more than each other. */
function leadsThroughSocks({ proxyUrl }: Pick<Cluster, 'proxyUrl'>): boolean {
  return typeof proxyUrl === 'string' && /^\s*socks/i.test(proxyUrl);
}

function needsSocks({ name, subject }: { name: string; subject: string }): ConvergeError {
  return new ConvergeError({
    code: 'NotImplemented',
    subject,
    message: `the kubeconfig of cluster ${name} has a SOCKS \`proxy-url\`, which is not implemented`,
    remedy: 'name an HTTP proxy (`http://`, `https://`), which tunnels by CONNECT',
    disposition: 'refuse',
  });
}

/** Its host, under each of Google's names and behind another one. */
function leadsToGateway({ server, tlsServerName }: Pick<Cluster, 'server' | 'tlsServerName'>): boolean {
  const url = URL.parse(server);
  const isItsPath = /\/projects\/[^/]+\/locations\/[^/]+\/(gke)?memberships\//i.test(url?.pathname ?? '');
  return isItsPath || [url?.hostname, tlsServerName].some((host) => gatewayHost.test(host ?? ''));
}

const gatewayHost = /(^|[.-])connectgateway([.-].*)?\.googleapis\.com\.?$/i;

/** As where the configuration says `connect-gateway` itself. */
function nestsIdentities({ name, subject }: { name: string; subject: string }): ConvergeError {
  return new ConvergeError({
    code: 'NotImplemented',
    subject,
    message: `the kubeconfig of cluster ${name} leads to Connect Gateway, which takes no \`identity: environment\``,
    remedy: 'name the API server itself, or leave `identity` out',
    disposition: 'refuse',
  });
}

const ofFiles = [
  'names files, which a secret cannot bring',
  'embed them: certificate-authority-data, client-certificate-data, client-key-data, token',
] as const;

const usersSchema = z.object({
  users: z.array(z.object({ user: z.record(z.string(), z.unknown()).nullish() })).nullish(),
});

function tokenFilesIn(document: unknown): string[] {
  const users = usersSchema.safeParse(document).data?.users ?? [];
  return users
    .flatMap(({ user }) => Object.keys(user ?? {}))
    .filter((key) => key === 'token-file' || key === 'tokenFile');
}

/** Programs and providers of credentials would run with the rights of the function, on the word of a configuration. */
function problemOf(config: KubeConfig): string | undefined {
  const user = config.getCurrentUser();
  const provider: unknown = user?.authProvider;
  if (user?.exec !== undefined && user.exec !== null) return 'asks for an exec plugin, which no function runs';
  if (provider !== undefined && provider !== null) return 'asks for an auth-provider, which no function runs';
  return user?.impersonateUser === undefined || user.impersonateUser === null
    ? undefined
    : 'impersonates somebody (`as`), which only `identity` does';
}

function namesFiles(config: KubeConfig): boolean {
  const { caFile } = config.getCurrentCluster() ?? {};
  const { certFile, keyFile } = config.getCurrentUser() ?? {};
  return [caFile, certFile, keyFile].some((file) => typeof file === 'string' && file !== '');
}

function headersOf(options: RequestOptions): Credentials {
  const basic =
    typeof options.auth === 'string' ? { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` } : {};
  const named = Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return { ...basic, ...Object.fromEntries(named) };
}

function dispatcherOf({
  config,
  options,
  socks,
}: {
  config: KubeConfig;
  options: TlsOptions;
  /** What a SOCKS proxy is refused with. */
  socks: ConvergeError;
}): Dispatcher {
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const transport = config.createDispatcherOptions(config.getCurrentCluster(), {
    ca,
    cert,
    key,
    pfx,
    passphrase,
    rejectUnauthorized,
    servername,
  });
  switch (transport.type) {
    case 'agent':
      return new Agent({ ...connectionLimits, connect: transport.connect });
    case 'none':
      return new Agent(connectionLimits);
    case 'proxy':
      return new ProxyAgent({
        ...connectionLimits,
        ...{ uri: transport.uri, requestTls: transport.requestTls },
        clientFactory: proxyClients(patience.kubernetes.answer),
      });
    case 'socks':
      throw socks;
  }
}
