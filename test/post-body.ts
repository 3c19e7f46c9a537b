import { request } from 'node:http';
import { Readable } from 'node:stream';

/**
 * POSTs a body, whole or as it comes, and resolves with the status of the answer, which may come before the body is
 * sent. Rejects where the server is gone.
 */
export async function postBody({
  url,
  headers,
  body,
}: {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: Buffer | Iterable<Buffer> | AsyncIterable<Buffer>;
}): Promise<number> {
  const sent = request(url, { method: 'POST', headers });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  sent.once('error', reject);
  sent.once('response', (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  });
  if (Buffer.isBuffer(body)) sent.end(body);
  else Readable.from(body).pipe(sent);
  return promise;
}
