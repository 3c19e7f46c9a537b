import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { writeFiles } from '../write-files.ts';
import { runConverge, type Ended } from './command.ts';
import { configMap, environmentFile, startWorldWithMaster, type Clone, type World } from './world.ts';

let world: World;
let master: Clone;
let folder: string;

beforeAll(async () => {
  ({ world, master } = await startWorldWithMaster());
  folder = await mkdtemp(join(tmpdir(), 'converge-again-'));
  await writeFiles(folder, {
    '.converge/local.json': JSON.stringify(world.pipeline.facts),
    'manifests/shop/a.yaml': configMap('settings', { greeting: 'hello' }),
  });
  await master.push({ 'environments/shop.yaml': environmentFile('shop') });
  // The API server lets nobody change it, until somebody takes it away: nothing of that is in Git.
  await world.apply('{ apiVersion: v1, kind: Namespace, metadata: { name: shop } }');
  await world.apply(
    '{ apiVersion: v1, kind: ConfigMap, metadata: { name: settings, namespace: shop }, immutable: true, data: { greeting: old } }',
  );
});
afterAll(async () => {
  await world.stop();
});

const uploaded = z.object({ artifacts: z.array(z.object({ generation: z.string() })), commits: z.array(z.string()) });

/** The job of a CI, the first time or again. */
async function job(attempt: number): Promise<Ended & { generation: string | undefined; commits: readonly string[] }> {
  const build = [`--build=https://ci.example/7/${attempt}`, '--class=master', '--output=json', '--timeout=2m'];
  const ended = await runConverge(['upload', '--wait', ...build, 'manifests/shop/a.yaml'], { folder });
  const { artifacts, commits } = uploaded.parse(JSON.parse(ended.out));
  return { ...ended, generation: artifacts[0]?.generation, commits };
}

it('has what failed tried at once by a job that is run again, and ends with what came of that', async () => {
  const first = await job(1);
  expect(first).toMatchObject({ code: 1, out: expect.stringContaining('immutable') });

  const again = await job(1);
  expect(again).toMatchObject({ code: 1, out: expect.stringContaining('immutable') });
  expect(again.generation).not.toBe(first.generation);

  await world.kubectl('delete', 'configmap', 'settings', '--namespace', 'shop');
  const mended = await job(1);
  expect(mended).toMatchObject({ code: 0, commits: first.commits });
  expect((await world.find('configmap', 'settings', 'shop'))?.data).toEqual({ greeting: 'hello' });

  // What is well is left as it is, and another build uploads in any case.
  expect(await job(1)).toMatchObject({ code: 0, generation: mended.generation });
  const another = await job(2);
  expect(another).toMatchObject({ code: 0, commits: first.commits });
  expect(another.generation).not.toBe(mended.generation);
  expect(await world.kubectl('get', 'configmap', 'settings', '--namespace', 'shop', '--output=name')).toContain(
    'settings',
  );
}, 300_000);
