import { Session } from 'node:inspector/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const coverageSchema = z.object({
  result: z.array(
    z.object({
      url: z.string(),
      functions: z.array(z.object({ functionName: z.string(), ranges: z.array(z.object({ count: z.number() })) })),
    }),
  ),
});

/** Which functions are called from now on, as the engine counts them. */
export interface Calls {
  /** The functions that were called, of the files below a folder of the repository: `write/apply-object.ts fenced`. */
  below(folder: string): Promise<ReadonlySet<string>>;
  stop(): Promise<void>;
}

export async function countCalls(): Promise<Calls> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
  return {
    async below(folder) {
      const { result } = coverageSchema.parse(await session.post('Profiler.takePreciseCoverage'));
      const called = result.flatMap(({ url, functions }) => {
        const [, path] = url.split(`/${folder}/`);
        if (path === undefined) return [];
        return functions.flatMap(({ functionName, ranges }) =>
          ranges.some(({ count }) => count > 0) ? [`${path} ${functionName}`] : [],
        );
      });
      return new Set(called);
    },
    async stop() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}

/**
 * The functions that the files below a folder declare, as `Calls` names them. They are looked for in the text: the
 * engine says nothing of one that was never compiled.
 */
export function declaredFunctions({ root, folder }: { root: string; folder: string }): string[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .flatMap((path) => {
      const text = readFileSync(join(root, folder, path), 'utf8');
      const declared = text.matchAll(/^\s*(?:export )?(?:async )?function (\w+)/gm);
      return [...declared].map(([, name = '']) => `${path} ${name}`);
    });
}
