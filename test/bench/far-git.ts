import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline as pipe } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump, load } from 'js-yaml';
import { z } from 'zod';
import type { Pipeline } from '../../local/pipeline.ts';

const configSchema = z.looseObject({ repositories: z.record(z.string(), z.looseObject({ url: z.string() })) });

/** A configuration whose Git hosts are those of the pipeline, each request so many milliseconds later. */
export async function withFarGit<T>(
  { pipeline, milliseconds }: { pipeline: Pipeline; milliseconds: number },
  work: (config: string) => Promise<T>,
): Promise<T> {
  const config = configSchema.parse(load(await readFile(pipeline.config, 'utf8')));
  const [origin = ''] = Object.values(config.repositories).map(({ url }) => new URL(url).origin);
  const server = createServer((asked, answer) => {
    const forward = async (): Promise<void> => {
      await sleep(milliseconds);
      const { method, headers, url = '/' } = asked;
      const own = request(new URL(url, origin), { method, headers: { ...headers, host: new URL(origin).host } });
      const answered = once(own, 'response');
      await pipe(asked, own);
      const [response] = z
        .tuple([z.custom<Parameters<Parameters<typeof request>[2] & object>[0]>()])
        .parse(await answered);
      answer.writeHead(response.statusCode ?? 502, response.headers);
      await pipe(response, answer);
    };
    forward().catch(() => answer.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = z.object({ port: z.int() }).parse(server.address());
  const repositories = Object.fromEntries(
    Object.entries(config.repositories).map(([name, repository]) => [
      name,
      { ...repository, url: repository.url.replace(origin, `http://127.0.0.1:${port}`) },
    ]),
  );
  const file = join(pipeline.folder, 'far-git.yaml');
  await writeFile(file, dump({ ...config, repositories }));
  try {
    return await work(file);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
