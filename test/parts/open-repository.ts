/*
 * Opens a repository as a new instance of a function does and reads what fanOut, status and checkDrift read: one line of
 * JSON with what it took. Arguments: the URL, and how many environments there are.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRepositories } from '../../shared/adapters/git.ts';
import { configSchema } from '../../shared/config/config.ts';
import { peakMemory } from '../peak-memory.ts';

const [url, paths = ''] = process.argv.slice(2);
const cacheFolder = await mkdtemp(join(tmpdir(), 'converge-open-'));
const repository = createRepositories({
  config: { repositories: configSchema.shape.repositories.parse({ master: { url, bucket: 'b' } }) },
  author: { name: 'Converge', email: 'converge@example.com' },
  cacheFolder,
  now: () => new Date(),
})('master');
const startedAt = performance.now();
try {
  const head = await repository.fetchHead();
  if (head === undefined) throw new Error('the repository is empty');
  const files = await repository.list({ commit: head.id, folder: 'environments' });
  await Promise.all(files.map(async ({ path }) => repository.readFile({ commit: head.id, path })));
  await Promise.all(paths.split(',').map(async (path) => repository.entry({ commit: head.id, path })));
  const seconds = (performance.now() - startedAt) / 1000;
  const temporary = Number(execFileSync('du', ['-sk', cacheFolder], { encoding: 'utf8' }).split('\t')[0]);
  const [memoryMiB, temporaryMiB] = [peakMemory() / 1024, temporary / 1024];
  process.stdout.write(JSON.stringify({ environments: files.length, memoryMiB, temporaryMiB, seconds }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: String(error) }));
} finally {
  await rm(cacheFolder, { recursive: true, force: true });
}
