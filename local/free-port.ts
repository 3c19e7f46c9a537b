import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { systemErrorCode } from './local-error.ts';

/**
 * Below the range that Linux and macOS take outgoing connections' ports from: a free one stays free until it is used.
 */
const lowest = 18_000;
const highest = 32_000;
const attempts = 50;

/**
 * A port of 127.0.0.1 that nothing listens on. Drawn at random, so that pipelines starting together draw different
 * ones.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowest, highest);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} after ${attempts} draws`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    if (systemErrorCode(error) === 'EADDRINUSE' || systemErrorCode(error) === 'EACCES') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
