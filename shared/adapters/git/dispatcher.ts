import { X509Certificate } from 'node:crypto';
import { getCACertificates } from 'node:tls';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import type { RepositoryConfig } from '../../config/config.ts';
import { proxyClients } from '../proxy-clients.ts';
import { readSecretFile, unusableSecret } from '../secret-file.ts';

/** How a Git host is reached. */
export type GitConnection = Pick<RepositoryConfig, 'tls' | 'proxy' | 'proxySecretFile'>;

/**
 * Connections to a Git host, by the authority and through the proxy of its repository. Throws `SecretUnavailable` (retry)
 * where a file of these cannot be used.
 *
 * @param url of the host, without credentials: for errors
 * @param answer milliseconds without anything of an answer
 */
export async function createDispatcher({
  settings,
  url,
  answer,
}: {
  settings: GitConnection;
  url: string;
  answer: number;
}): Promise<Dispatcher> {
  const { tls } = settings;
  const trusted =
    tls === undefined ? {} : { ca: [...getCACertificates('default'), await readAuthority(tls.caFile, url)] };
  const limits = { headersTimeout: answer, bodyTimeout: answer };
  const proxy = await proxyOf(settings, url);
  if (proxy === undefined) return new Agent({ ...limits, connect: trusted });
  const ways = { uri: proxy, proxyTunnel: true, requestTls: trusted, proxyTls: trusted };
  return new ProxyAgent({ ...limits, ...ways, clientFactory: proxyClients(answer) });
}

async function readAuthority(file: string, url: string): Promise<string> {
  const ca = await readSecretFile(file);
  if (ca.match(certificate)?.some(isCertificate) === true) return ca;
  throw unusableSecret({
    subject: file,
    message: `holds no certificates in PEM for ${url}`,
    remedy: "put the authority's certificates in PEM, and nothing else, into its secret",
  });
}

const certificate = /-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END \1?CERTIFICATE-----/g;

/** TLS ignores what is none: it would tell of the host's certificate instead. */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

async function proxyOf({ proxy, proxySecretFile }: GitConnection, url: string): Promise<string | undefined> {
  if (proxySecretFile === undefined) return proxy;
  const text = (await readSecretFile(proxySecretFile)).trim();
  if (isAddressOfProxy(text)) return text;
  // Not the library below, whose error would tell the text.
  throw unusableSecret({
    subject: proxySecretFile,
    message: `holds no URL of a proxy for ${url}`,
    remedy: 'put http://USER:PASSWORD@HOST:PORT, and nothing else, into its secret',
  });
}

/** What the library below takes: it throws something of its own for anything else. */
function isAddressOfProxy(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return false;
  try {
    decodeURIComponent(url.username + url.password);
    return true;
  } catch {
    return false;
  }
}
