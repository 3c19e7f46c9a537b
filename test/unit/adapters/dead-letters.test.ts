import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDeadLetters } from '../../../shared/adapters/dead-letters.ts';

/** As gRPC has it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const permissionDenied = '7';
const emptyMessage = Buffer.alloc(5);
/** Field 2 of a `PullRequest`, `return_immediately`. */
const isAtOnce = Buffer.from([0x10, 0x01]);

/** Pub/Sub where nothing lies on a subscription, or where the caller may do nothing, by the subscription's name. */
let server: Http2Server;
const pulls: Buffer[] = [];

async function answer(stream: ServerHttp2Stream): Promise<void> {
  const asked = await buffer(stream);
  pulls.push(asked);
  const isForbidden = asked.includes('/forbidden-');
  // A pull that may wait does so for longer than anybody is patient.
  if (!isForbidden && !asked.includes(isAtOnce)) return;
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': isForbidden ? permissionDenied : '0' }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.end(isForbidden ? undefined : emptyMessage);
}

beforeAll(async () => {
  server = createServer();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    void answer(stream).catch(() => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  vi.stubEnv('PUBSUB_EMULATOR_HOST', `127.0.0.1:${address.port}`);
});
afterAll(() => {
  vi.unstubAllEnvs();
  server.close();
});

describe('a subscription of dead letters', () => {
  it('is empty where it answers that nothing is there at once, and is silent then', async () => {
    const { take } = createDeadLetters({ project: 'local', topicPrefix: 'empty-' }, { quiet: 100 });
    expect(await take({ subscription: 'dead-letter', limit: 10 })).toEqual([]);
    expect(pulls.length).toBe(2);
  });

  it('that may not be read says what it takes', async () => {
    const { take } = createDeadLetters({ project: 'local', topicPrefix: 'forbidden-' });
    await expect(take({ subscription: 'dead-letter', limit: 10 })).rejects.toMatchObject({
      ...{ code: 'PubSubUnavailable', subject: 'subscription forbidden-dead-letter', problem: 'you may not use it' },
      remedy: expect.stringContaining('roles/pubsub.subscriber'),
    });
  });
});
