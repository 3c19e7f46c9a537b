import { Pool } from 'undici';

/**
 * How a `ProxyAgent` talks to its proxy: undici would wait five minutes for a tunnel, however the requests through it
 * are limited.
 *
 * @param answer milliseconds
 */
export function proxyClients(answer: number): (origin: URL, options: object) => Pool {
  return (origin, options) => new Pool(origin, { ...options, headersTimeout: answer });
}
