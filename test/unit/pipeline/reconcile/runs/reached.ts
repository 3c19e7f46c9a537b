import { Session } from 'node:inspector/promises';
import { z } from 'zod';

const coverageSchema = z.object({
  result: z.array(
    z.object({
      url: z.string(),
      functions: z.array(z.object({ functionName: z.string(), ranges: z.array(z.object({ count: z.number() })) })),
    }),
  ),
});

/** Which functions of which files were called, as the engine counts them. */
export interface Calls {
  /** By path below the folder, its functions with a name, and how often each was called. */
  of(folder: string): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>>;
  stop(): Promise<void>;
}

export async function countCalls(): Promise<Calls> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  return {
    async of(folder) {
      const { result } = coverageSchema.parse(await session.post('Profiler.takePreciseCoverage'));
      return new Map(
        result.flatMap(({ url, functions }) => {
          const [, path] = url.split(folder);
          if (path === undefined) return [];
          const named = functions.filter(({ functionName }) => functionName !== '');
          return [[path, new Map(named.map(({ functionName, ranges: [range] }) => [functionName, range?.count ?? 0]))]];
        }),
      );
    },
    async stop() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}
