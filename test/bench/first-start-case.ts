import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Pipeline } from '../../local/pipeline.ts';
import type { Case } from './measure.ts';

const root = resolve(import.meta.dirname, '..', '..');

/**
 * `npm start -- --once` on a machine that never built anything: until the story's first line, until the story goes on
 * with the cluster, and until all is over. Modules are downloaded, and both caches of what is compiled are empty.
 *
 * The project must be started by nobody else meanwhile, in the same folder neither.
 */
export async function measureFirstStart({ folder }: Pipeline): Promise<readonly Case[]> {
  const caches = join(folder, 'first-start');
  await mkdir(caches, { recursive: true });
  const started = performance.now();
  const child = spawn(process.execPath, [join(root, 'local', 'main.ts'), '--once'], {
    cwd: root,
    env: {
      ...process.env,
      CONVERGE_CACHE: join(caches, 'converge'),
      GOCACHE: join(caches, 'go'),
      CONVERGE_PROGRAMS: '',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const at = new Map<string, number>();
  const note = (what: string): void => {
    if (!at.has(what)) at.set(what, (performance.now() - started) / 1000);
  };
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      output = `${output}${line}\n`.slice(-4000);
      if (/^ +announced /.test(line)) note('first lines');
      if (/^ +converged /.test(line)) note('first converged');
    });
  const [code] = await once(child, 'close');
  note('whole story');
  if (code !== 0) throw new Error(`the first start ended with ${code}:\n${output}`);
  return ['first lines', 'first converged', 'whole story'].map((of) => {
    const seconds = at.get(of);
    if (seconds === undefined) throw new Error(`the first start never came to its ${of}:\n${output}`);
    return { ...plain, of, seconds };
  });
}

const plain = { name: 'first-start', objects: 55, floorSeconds: null, apiCalls: null, peakRssMiB: null } as const;
