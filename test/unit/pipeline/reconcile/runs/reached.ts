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

/** The functions of a file that have a name, and how often each was called. */
export interface CalledFunctions {
  /** Below the folder that was asked for. */
  readonly path: string;
  readonly functions: readonly { readonly name: string; readonly count: number }[];
}

/** Which functions are called from now on, as the engine counts them. */
export interface Calls {
  of(folder: string): Promise<readonly CalledFunctions[]>;
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
      return result.flatMap(({ url, functions }) => {
        const [, path] = url.split(folder);
        if (path === undefined) return [];
        const named = functions.flatMap(({ functionName: name, ranges: [range] }) =>
          name === '' ? [] : [{ name, count: range?.count ?? 0 }],
        );
        return [{ path, functions: named }];
      });
    },
    async stop() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}
