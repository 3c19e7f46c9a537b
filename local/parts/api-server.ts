import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';

/** How the local API server is reached. */
export interface ApiAccess {
  readonly port: number;
  readonly token: string;
  /** What its certificate is checked against, PEM. */
  readonly certificate: string;
}

export interface ApiRequest {
  readonly path: string;
  readonly method?: string;
  /** What is sent, as JSON of this media type. */
  readonly send?: { readonly type: string; readonly value: unknown };
  readonly signal?: AbortSignal;
}

/** One request to the local API server, answered as soon as the answer begins. Rejects as Node's `request` does. */
export async function askApiServer(
  { port, token, certificate }: ApiAccess,
  { path, method = 'GET', send, signal }: ApiRequest,
): Promise<IncomingMessage> {
  const asked = request({
    ...{ host: '127.0.0.1', port, ca: certificate, path, method },
    headers: { authorization: `Bearer ${token}`, ...(send === undefined ? {} : { 'content-type': send.type }) },
    ...(signal === undefined ? {} : { signal }),
  });
  asked.end(send === undefined ? undefined : JSON.stringify(send.value));
  return await new Promise((resolve, reject) => {
    asked.once('response', resolve).once('error', reject);
  });
}
