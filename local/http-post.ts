import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Posted {
  readonly status: number;
  /** Whether the status is 2xx. */
  readonly accepted: boolean;
  readonly text: string;
}

/**
 * Idle connections are dropped soon: a function host that restarts leaves none behind that would fail the next request.
 */
const agent = new Agent({ keepAlive: true, maxSockets: 64, timeout: 2000 });

/**
 * One POST, without `fetch`'s limit of 300 s for an answer: a reconcile may take longer. Rejects where no answer came.
 */
export async function post(call: {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  signal: AbortSignal;
}): Promise<Posted> {
  const sent = request(call.url, {
    method: 'POST',
    agent,
    headers: { ...call.headers, 'content-length': String(call.body.byteLength) },
    signal: call.signal,
  });
  sent.end(call.body);
  return await new Promise<Posted>((resolve, reject) => {
    sent.once('error', reject);
    sent.once('response', (response) => {
      const status = response.statusCode ?? 0;
      text(response).then(
        (answer) => resolve({ status, accepted: status >= 200 && status < 300, text: answer }),
        reject,
      );
    });
  });
}
