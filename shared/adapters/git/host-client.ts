import { readFile } from 'node:fs/promises';
import * as git from 'isomorphic-git';
import nodeHttp from 'isomorphic-git/http/node';
import type { RepositoryConfig } from '../../config.ts';
import { systemCode, translateGitError } from './errors.ts';

/** No request to the Git host takes longer, its answer included. */
const requestMilliseconds = 120_000;

/** What isomorphic-git is given to talk to the host. */
export interface HostClient {
  readonly http: git.HttpClient;
  readonly url: string;
  readonly onAuth?: git.AuthCallback;
}

export function createHostClient(settings: RepositoryConfig): HostClient {
  return { http: { request }, url: settings.url, ...authentication(settings) };
}

/** The commit a branch of the host is at now: one small request, no objects. */
export async function headOnHost({ host, ref, subject }: { host: HostClient; ref: string; subject: string }): Promise<string | undefined> {
  try {
    const refs = await git.listServerRefs({ ...host, prefix: ref });
    return refs.find((one) => one.ref === ref)?.oid;
  } catch (error) {
    throw translateGitError({ error, subject });
  }
}

export function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href;
}

/** A frozen instance that thaws finds its kept-alive connection closed: such a request is sent once more. */
async function request(options: git.GitHttpRequest): Promise<git.GitHttpResponse> {
  const send = async (): Promise<git.GitHttpResponse> => {
    const signal = AbortSignal.timeout(requestMilliseconds);
    const response = await nodeHttp.request({ ...options, signal });
    return { ...response, body: streamOf(response.body === undefined ? [] : [await collect({ body: response.body, signal })]) };
  };
  try {
    return await send();
  } catch (error) {
    if (!['ECONNRESET', 'EPIPE'].includes(systemCode(error) ?? '')) throw error;
    return send();
  }
}

/** isomorphic-git's reader never ends where a connection breaks between two chunks: the deadline ends it. */
async function collect({ body, signal }: { body: AsyncIterableIterator<Uint8Array>; signal: AbortSignal }): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const read = async (): Promise<Uint8Array> => {
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  let expire: (() => void) | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    expire = () => reject(signal.reason);
    signal.addEventListener('abort', expire);
  });
  try {
    return await Promise.race([read(), expired]);
  } finally {
    if (expire !== undefined) signal.removeEventListener('abort', expire);
  }
}

async function* streamOf(chunks: readonly Uint8Array[]): AsyncIterableIterator<Uint8Array> {
  yield* chunks;
}

/** The file is read at each challenge, so that a rotated secret is used without a restart. */
function authentication(settings: RepositoryConfig): { onAuth?: git.AuthCallback } {
  const file = settings.credentials?.file;
  if (file === undefined) return {};
  return {
    onAuth: async () => {
      const secret = (await readFile(file, 'utf8')).trim();
      const colon = secret.indexOf(':');
      // The user name is what GitHub documents for tokens of its apps; other hosts take any.
      if (colon === -1) return { username: 'x-access-token', password: secret };
      return { username: secret.slice(0, colon), password: secret.slice(colon + 1) };
    },
  };
}
