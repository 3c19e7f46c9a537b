import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { startAggregatedApis } from '../../../local/parts/aggregated-apis.ts';

it.each(['::::', '[::1', '127.0.0.1:99999999'])('whoever asks to be connected with %s ends nobody', async (target) => {
  const folder = await mkdtemp(join(tmpdir(), 'converge-'));
  const apis = await startAggregatedApis(folder);
  try {
    const socket = connect(apis.socket);
    await once(socket, 'connect');
    socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /);
  } finally {
    await apis.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
