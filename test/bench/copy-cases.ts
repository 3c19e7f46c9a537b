import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { startGit } from '../../local/parts/git.ts';
import type { Pipeline } from '../../local/pipeline.ts';
import { secondsOf, type Case, type CaseName } from './measure.ts';

const files = 5000;
const megabytes = 200;

/** What is uploaded, made when it is asked for: it is large. Nothing of it can be packed any smaller. */
const uploads = {
  'copy-file-cold': {
    objects: 1,
    name: 'config/greeting.yaml',
    make: async () => Buffer.from('message: Good morning\n'),
  },
  'copy-object-200MB': { objects: 1, name: 'images/large.bin', make: async () => randomBytes(megabytes * 1e6) },
  'copy-archive-200MB': { objects: files, name: 'images.tgz', make: packRandom },
} as const satisfies Partial<Record<CaseName, unknown>>;

/**
 * One upload that `copyArtifact` copies in a process of its own which has done nothing before; from the call until its
 * answer, with the most memory it held.
 */
export async function measureCopy({
  pipeline,
  name,
}: {
  pipeline: Pipeline;
  name: keyof typeof uploads;
}): Promise<Case> {
  const at = join(pipeline.folder, name);
  await mkdir(at, { recursive: true });
  const host = await startGit({ folder: at, repositories: ['copied'] });
  const bucket = `bench-${name.toLowerCase()}`;
  const { storage } = pipeline.clients;
  await storage.createBucket(bucket);
  await storage.createBucket(`${bucket}-state`);
  const announced = join(at, 'announced');
  await writeFile(announced, '');
  const facts = {
    url: host.url('copied'),
    bucket,
    storage: pipeline.facts.storage,
    cache: join(at, 'cache'),
    announced,
    times: {},
  };
  const program = join(import.meta.dirname, '../e2e/burst-child.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, JSON.stringify(facts)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await new Promise<string>((started, failed) => {
      createInterface({ input: child.stdout }).once('line', started);
      child.once('exit', (code) => failed(new Error(`copyArtifact's process ended with ${code}`)));
    });
    const file = storage.bucket(bucket).file(uploads[name].name);
    await file.save(await uploads[name].make(), { resumable: false });
    const object = { bucket, name: file.name, generation: String(file.metadata.generation) };
    const seconds = await secondsOf(async () => {
      const { status } = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify(object) });
      if (status !== 204) throw new Error(`copyArtifact answered ${status}`);
    });
    const peak = Number(await (await fetch(`http://127.0.0.1:${port}/`)).text());
    return {
      name,
      objects: uploads[name].objects,
      seconds,
      floorSeconds: null,
      apiCalls: 0,
      peakRssMiB: Math.round(peak / 1024),
    };
  } finally {
    child.kill('SIGKILL');
    await host.stop();
  }
}

async function packRandom(): Promise<Buffer> {
  const tar = pack();
  void (async () => {
    for (let index = 0; index < files; index++) {
      const content = randomBytes((megabytes * 1e6) / files);
      await new Promise<void>(
        (packed) => void tar.entry({ name: `${index % 50}/${index}.bin` }, content, () => packed()),
      );
    }
    tar.finalize();
  })();
  return buffer(tar.pipe(createGzip({ level: 1 })));
}
