import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { unpackArchive } from '../../shared/adapters/archive.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { connectStorage, createBuckets, createStateStore } from '../../shared/adapters/storage.ts';
import { configSchema } from '../../shared/config/config.ts';
import { ConvergeError, describeError } from '../../shared/base/errors.ts';
import { objectFinalizedSchema } from '../../shared/events/object-finalized.ts';
import { intakeLeasePath } from '../../shared/pipeline/copy-artifact/intake-times.ts';
import { copyArtifact } from '../../shared/pipeline/copy-artifact.ts';
import { peakMemory } from '../peak-memory.ts';

/*
 * One instance of copyArtifact in a process of its own, on real adapters. Prints its port. Announcements go to a file,
 * and each claim of the right to copy goes to another.
 */
const {
  url,
  bucket,
  storage: endpoint,
  cache,
  announced,
  claims,
  times,
} = z
  .object({
    url: z.string(),
    bucket: z.string(),
    storage: z.string(),
    cache: z.string(),
    announced: z.string(),
    claims: z.string(),
    times: z.record(z.string(), z.number()),
  })
  .parse(JSON.parse(process.argv[2] ?? ''));

const repositoryClass = 'burst';
const now = () => new Date();
const storage = connectStorage({ project: 'local', storage: { endpoint } });
const repositories = configSchema.shape.repositories.parse({ burst: { url, bucket } });
const state = createStateStore({ storage, bucket: `${bucket}-state` });
const ports = {
  now,
  sleep: async (milliseconds: number) => sleep(milliseconds),
  log: () => {},
  buckets: createBuckets(storage),
  state: {
    ...state,
    write: async (write: Parameters<typeof state.write>[0]) => {
      const written = await state.write(write);
      if (write.path === intakeLeasePath({ repositoryClass }) && written !== 'conflict')
        appendFileSync(claims, `${JSON.stringify(write.value)}\n`);
      return written;
    },
  },
  repository: createRepositories({
    config: { repositories },
    author: { name: 'Converge', email: 'converge@example.com' },
    cacheFolder: cache,
    now,
  }),
  topics: {
    publish: async (_topic: unknown, event: { data: unknown }) =>
      appendFileSync(announced, `${JSON.stringify(event.data)}\n`),
  },
  unpack: unpackArchive,
};
const settings = {
  repositoryClass,
  limits: configSchema.shape.limits.parse({}),
  conflicts: 'artifact-wins',
  holder: randomUUID(),
  times,
} as const;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(String(peakMemory()));
    return;
  }
  void (async () => {
    try {
      await copyArtifact(objectFinalizedSchema.parse(await json(request)), ports, settings);
      response.writeHead(204).end();
    } catch (error) {
      const isRefused = error instanceof ConvergeError && error.disposition === 'refuse';
      response.writeHead(isRefused ? 422 : 503).end(describeError(error));
    }
  })();
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  console.log(address.port);
});
