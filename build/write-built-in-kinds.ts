import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startKubernetes } from '../local/parts/kubernetes.ts';
import { ensurePrograms } from '../local/programs.ts';
import { reportTo } from '../local/say.ts';
import { documentPaths, kindSchemasOf, packedText } from './built-in-kinds.ts';

/* node build/write-built-in-kinds.ts: writes what the sandbox's API server knows of its own kinds for `converge validate`. */

const folder = await mkdtemp(join(tmpdir(), 'converge-kinds-'));
const kubernetes = await startKubernetes({
  folder,
  programs: await ensurePrograms({ report: reportTo(process.stderr) }),
});
try {
  const documents: unknown[] = [];
  for (const path of documentPaths) documents.push(JSON.parse(await kubernetes.kubectl(['get', '--raw', path])));
  const file = resolve(import.meta.dirname, '../cli/validate/built-in-kinds.json');
  await writeFile(file, packedText(kindSchemasOf(documents)));
} finally {
  await kubernetes.stop();
  await rm(folder, { recursive: true, force: true });
}
