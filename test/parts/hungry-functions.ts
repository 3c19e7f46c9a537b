import { http } from '@google-cloud/functions-framework';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';

/** Functions under the product's names that take memory in each way that counts, and keep it until they are released. */
const kept: Buffer[] = [];
const { promise: released, resolve: release } = Promise.withResolvers<void>();

const takes: Readonly<Record<string, (mebibytes: number) => void>> = {
  memory: (mebibytes) => void kept.push(Buffer.alloc(mebibytes * 1024 * 1024, 1)),
  files(mebibytes) {
    mkdirSync(join(tmpdir(), 'deep', 'down'), { recursive: true });
    const file = join(tmpdir(), 'deep', 'down', 'file');
    for (let written = 0; written < mebibytes; written++) appendFileSync(file, Buffer.alloc(1024 * 1024, 1));
  },
  process(mebibytes) {
    const text = `globalThis.kept = Buffer.alloc(${mebibytes} * 1024 * 1024, 1); process.stdin.resume()`;
    spawn(process.execPath, ['--eval', text], { stdio: ['pipe', 'ignore', 'ignore'] });
  },
};

for (const name of ['reconcile', 'deliverAlert', 'checkDrift']) {
  http(name, async ({ path, query }, response) => {
    const take = takes[path.slice(1)];
    if (path === '/release') release();
    if (take !== undefined) {
      take(Number(query['mebibytes']));
      await released;
    }
    const heapMiB = Math.round(getHeapStatistics().heap_size_limit / 1024 / 1024);
    response.json({ pid: process.pid, heapMiB, files: readdirSync(tmpdir()) });
  });
}
