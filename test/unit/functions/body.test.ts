import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBody } from '../../../functions/body.ts';
import { rejectionOf } from '../../refusal.ts';

const server = createServer();
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A call of which the first bytes have come, and no more will. */
async function unfinishedCall(): Promise<{ incoming: IncomingMessage; end: () => void }> {
  const { port } = server.address() as AddressInfo;
  const told = once(server, 'request');
  const sent = request({ port, method: 'POST', headers: { 'content-length': '100' } });
  sent.on('error', () => undefined);
  sent.write('first');
  const [incoming] = (await told) as [IncomingMessage];
  return { incoming, end: () => sent.destroy() };
}

describe('the body of a call', () => {
  it('that does not come to its end is waited for no longer than it may take', async () => {
    const { incoming, end } = await unfinishedCall();
    expect(await rejectionOf(readBody(incoming, { limit: 1024, milliseconds: 20 }))).toMatchObject({
      code: 'UnreadableBody',
      disposition: 'refuse',
      problem: 'its body was not here in 0.02 s',
    });
    end();
  });

  it('whose caller leaves is told as cut off', async () => {
    const { incoming, end } = await unfinishedCall();
    const reading = rejectionOf(readBody(incoming, { limit: 1024 }));
    end();
    expect(await reading).toMatchObject({ code: 'UnreadableBody', problem: 'its body was cut off' });
  });
});
