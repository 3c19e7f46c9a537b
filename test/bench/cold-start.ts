import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dump, load } from 'js-yaml';
import { z } from 'zod';
import type { Pipeline } from '../../local/pipeline.ts';
import { topics } from '../../shared/events/cloud-event.ts';
import { ensureBuilt, unpackArchive } from '../built.ts';
import { readDelivery } from '../functions/parts.ts';
import { startInstance, type Instance } from '../instance.ts';
import { pushFleet } from './fleet.ts';
import { inTurns, median, type Case } from './measure.ts';
import { configMaps } from './objects.ts';

const execute = promisify(execFile);
const rounds = 7;
const repository = 'develop';
const environment = 'cold-1';
const objects = 1000;
const uploads = 'cold-uploads';
const topicPrefix = 'cold-';

/** What one function is sent: the least that makes it load, and use, all that its work needs. */
interface Call {
  readonly target: string;
  readonly delivery: string;
  /** In place of what the delivery's body says. */
  readonly body?: object;
  /** The HTTP status, where the function refuses what it is sent. */
  readonly refusedWith?: number;
  /** How much work its memory is measured at; absent: at the least. */
  readonly work?: object;
  /** What its log says of that work. */
  readonly done?: RegExp;
}

const calls: readonly Call[] = [
  {
    target: 'copyArtifact',
    delivery: 'storage-finalized-in-develop',
    body: { bucket: uploads, name: 'config/gone.yaml' },
    work: { bucket: uploads, name: 'config/acme.yaml' },
    done: /"copyArtifact done".*"commit":/,
  },
  { target: 'receivePush', delivery: 'github-push-with-another-secrets-signature', refusedWith: 401 },
  { target: 'fanOut', delivery: 'change-committed-in-develop' },
  {
    target: 'reconcile',
    delivery: 'reconcile-requested-in-develop',
    body: { environment: 'nobody' },
    work: { repository, environment, cause: 'commit' },
    done: /"reconcile done".*"converged"/,
  },
  { target: 'checkDrift', delivery: 'scheduler-call' },
  { target: 'deliverAlert', delivery: 'diff' },
  { target: 'status', delivery: 'scheduler-call' },
];

/**
 * Each function from its archive alone, in a process of its own: from before the process starts until its first answer.
 * The floor is a function that greets, under the same framework from a folder like the archive. Memory is the kernel's
 * count of the most that the process held: of copyArtifact after one upload that it committed, of reconcile after the
 * first apply of 1,000 ConfigMaps. The archive's code was compiled beforehand, as it is where it is deployed; the
 * floor's was not.
 */
export async function measureColdStarts({ pipeline }: { pipeline: Pipeline }): Promise<Case[]> {
  const folder = join(pipeline.folder, 'cold', 'functions');
  await unpackArchive({ dist: await ensureBuilt(), into: folder });
  // As Google's builder does, and the image.
  await execute(process.execPath, ['framework/prime.mjs'], { cwd: folder });
  const floor = await greeter({ archive: folder, folder: join(pipeline.folder, 'cold', 'floor') });
  const variables = { CONVERGE_CONFIG: await prepareParts(pipeline), PUBSUB_EMULATOR_HOST: pipeline.pubsub.host };
  // What a start clones is small: how long a large repository takes is measured elsewhere.
  await pushFleet({ pipeline, name: 'cold-small', count: 1, objects: configMaps(1), perFile: 1 });
  const home = join(pipeline.folder, 'cold');

  async function firstAnswer({ source, call }: { source: string; call: Call }): Promise<Answered> {
    const start = performance.now();
    const instance = await startInstance({ folder: source, target: call.target, home, variables });
    try {
      await send({ instance, call, body: call.body });
      return { seconds: (performance.now() - start) / 1000, processor: await instance.processorSeconds() };
    } finally {
      await instance.stop();
    }
  }

  const starts: { call: Call; own: Answered; least: Answered }[] = [];
  for (const call of calls) {
    const found: Answered[] = [];
    const floors: Answered[] = [];
    for (let round = 0; round < rounds; round++) {
      await inTurns(round, {
        even: async () => void found.push(await firstAnswer({ source: folder, call })),
        odd: async () => void floors.push(await firstAnswer({ source: floor, call })),
      });
    }
    starts.push({ call, own: middle(found), least: middle(floors) });
  }

  await pushFleet({ pipeline, name: 'cold', count: 1, objects: configMaps(objects), perFile: 10 });
  const measured: Case[] = [];
  for (const { call, own, least } of starts) {
    measured.push({
      ...{
        name: 'cold-start',
        of: call.target,
        objects: 0,
        apiCalls: null,
        peakRssMiB: await memoryOf({ folder, home, variables, call }),
      },
      ...{
        seconds: own.seconds,
        floorSeconds: least.seconds,
        processorSeconds: own.processor,
        floorProcessorSeconds: least.processor,
      },
    });
  }
  return measured;
}

interface Answered {
  readonly seconds: number;
  readonly processor: number;
}

function middle(all: readonly Answered[]): Answered {
  return {
    seconds: median(all.map(({ seconds }) => seconds)),
    processor: median(all.map(({ processor }) => processor)),
  };
}

async function memoryOf({
  folder,
  home,
  variables,
  call,
}: {
  folder: string;
  home: string;
  variables: Readonly<Record<string, string>>;
  call: Call;
}): Promise<number> {
  const lines: string[] = [];
  const instance = await startInstance({
    folder,
    target: call.target,
    home,
    variables,
    onLine: (line) => lines.push(line),
  });
  try {
    await send({ instance, call, body: call.work ?? call.body });
    const peakRssMiB = await instance.peakRssMiB();
    if (call.done !== undefined && !lines.some((line) => call.done?.test(line)))
      throw new Error(`${call.target} did not do its work: ${lines.join('\n')}`);
    return peakRssMiB;
  } finally {
    await instance.stop();
  }
}

async function send({
  instance,
  call,
  body: changes = {},
}: {
  instance: Instance;
  call: Call;
  body: object | undefined;
}): Promise<void> {
  const { headers, body } = await readDelivery(call.delivery);
  const answer = await fetch(
    instance.url,
    call.target === 'status' ? {} : { method: 'POST', headers, body: JSON.stringify({ ...Object(body), ...changes }) },
  );
  const text = await answer.text();
  if (!answer.ok && answer.status !== call.refusedWith)
    throw new Error(`${call.target} answered ${answer.status}: ${text}`);
}

/**
 * A configuration of its own, so that no function of the pipeline hears of what is done here. Resolves with its path.
 */
async function prepareParts({ config, clients, folder }: Pipeline): Promise<string> {
  const schema = z.looseObject({ repositories: z.record(z.string(), z.looseObject({})) });
  const { renderer: _ours, ...configuration } = schema.parse(load(await readFile(config, 'utf8')));
  const own = {
    ...configuration,
    topicPrefix,
    state: { bucket: 'cold-state' },
    access: 'open',
    repositories: { [repository]: { ...configuration.repositories[repository], bucket: uploads } },
  };
  await Promise.all([uploads, 'cold-state'].map((bucket) => clients.storage.createBucket(bucket)));
  await Promise.all(topics.map((topic) => clients.pubsub.createTopic(`${topicPrefix}${topic}`)));
  await clients.storage.bucket(uploads).file('config/acme.yaml').save('message: hello\n', { resumable: false });
  const file = join(folder, 'cold', 'converge.yaml');
  await writeFile(file, dump(own));
  return file;
}

async function greeter({ archive, folder }: { archive: string; folder: string }): Promise<string> {
  await mkdir(folder, { recursive: true });
  await Promise.all([
    cp(join(archive, 'framework'), join(folder, 'framework'), { recursive: true }),
    cp(join(archive, 'package.json'), join(folder, 'package.json')),
  ]);
  await writeFile(
    join(folder, 'index.mjs'),
    "import { http } from '#framework';\nhttp(process.env.FUNCTION_TARGET, (request, response) => response.send('hello'));\n",
  );
  return folder;
}
