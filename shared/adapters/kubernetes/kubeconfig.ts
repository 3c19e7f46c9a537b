import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { ConvergeError } from '../../errors.ts';
import type { Cluster } from '../../pipeline/ports.ts';
import { connect } from './cluster.ts';
import { requestTimeout } from './requests.ts';

/** Requests in flight to one API server; more were slower on small machines. */
const connections = 8;

export interface OpenCluster {
  readonly cluster: Cluster;
  /** Tokens expire: asked again at the start of each run. */
  authenticate(): Promise<void>;
}

type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'rejectUnauthorized' | 'servername'>;

export async function openCluster({ name, kubeconfig }: { name: string; kubeconfig: string }): Promise<OpenCluster> {
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
