import { execFile } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dump, load } from 'js-yaml';
import { z } from 'zod';
import type { FunctionsOptions } from '../../local/functions.ts';
import { startPipeline, type Pipeline } from '../../local/pipeline.ts';
import type { Programs } from '../../local/programs.ts';
import { projectFolder } from './copy-without.ts';
import { listenTo, type Heard } from './heard.ts';
import { openCluster, type Cluster } from './cluster.ts';
import { openDisturbances, type Disturbances } from './faults.ts';
import { startInstances, type Instances } from './instances.ts';
import { openPerson, type Person } from './person.ts';
import { startProxy, type Answered, type Proxy } from '../../local/fronts/proxy.ts';
import { openTraps, type Traps } from './traps.ts';
import { startWorldClock, type WorldClock } from './world-clock.ts';
import { limitWrites } from '../../local/fronts/write-limit.ts';

/** The pipeline of all rounds of one process, and what disturbs it. */
export interface Stage {
  readonly pipeline: Pipeline;
  readonly instances: Instances;
  readonly clock: WorldClock;
  readonly disturbances: Disturbances;
  readonly traps: Traps;
  readonly proxies: readonly Proxy[];
  readonly person: Person;
  readonly cluster: Cluster;
  readonly heard: Heard;
  /** How often a write was refused because its object had been written less than a second ago. */
  refusedWrites(): number;
  stop(): Promise<void>;
}

const instanceCount = 2;
const execute = promisify(execFile);

const configSchema = z.looseObject({
  storage: z.looseObject({ endpoint: z.string() }),
  repositories: z.record(z.string(), z.looseObject({ url: z.string() })),
  clusters: z.record(z.string(), z.looseObject({ kubeconfig: z.string() })),
});
const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([
    z.looseObject({ cluster: z.object({ server: z.string(), 'certificate-authority-data': z.string() }) }),
  ]),
  users: z.tuple([z.looseObject({ user: z.object({ token: z.string() }) })]),
});

/**
 * Brings up the local pipeline with its real parts, and a proxy in front of each that the functions ask.
 *
 * @param options.sources the folder of the project from which the functions are started
 */
export async function openStage({
  programs,
  sources = projectFolder,
}: { programs?: Programs; sources?: string } = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-chaos-'));
  const clock = startWorldClock(join(folder, 'clock'));
  const disturbances = openDisturbances();
  const traps = openTraps();
  const fronts: Fronts = { clock, disturbances, traps, proxies: [], refused: 0 };
  const source = join(sources, 'test/chaos/instance.ts');
  let instances: Instances | undefined;
  const pipeline = await startPipeline({
    folder,
    cluster: 'kubeconfig',
    chaos: 'none',
    platform: 'absent',
    scheduleSeconds: 0,
    attempts: 8,
    log: ({ part, message }) => appendFileSync(join(folder, 'all.log'), `[${part}] ${message}\n`),
    host: async (options) => {
      await placeFronts(options, fronts);
      instances = await startInstances(options, { count: instanceCount, clock: clock.file, source });
      return instances;
    },
    ...(programs === undefined ? {} : { programs }),
  });
  if (instances === undefined) throw new Error('the pipeline started no functions');
  const cluster = openCluster(pipeline.kubernetes);
  const person = await openPerson({
    url: pipeline.git.url('master'),
    folder: join(folder, 'person'),
    now: clock.now,
  });
  const heard = await listenTo(pipeline);
  return {
    ...{ pipeline, instances, clock, disturbances, traps, proxies: fronts.proxies, person, cluster, heard },
    refusedWrites: () => fronts.refused,
    async stop() {
      await heard.stop();
      await pipeline.stop();
      await Promise.all(fronts.proxies.map((proxy) => proxy.stop()));
      await cluster.close();
      clock.close();
      if (process.env['CONVERGE_KEEP_LOGS'] === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Fronts {
  readonly clock: WorldClock;
  readonly disturbances: Disturbances;
  readonly traps: Traps;
  readonly proxies: Proxy[];
  refused: number;
}

/** Writes the proxies into the configuration that the functions are about to read. */
async function placeFronts({ environment }: FunctionsOptions, fronts: Fronts): Promise<void> {
  const file = environment['CONVERGE_CONFIG'] ?? '';
  const config = configSchema.parse(load(await readFile(file, 'utf8')));
  const storage = await startStorageFront(config.storage.endpoint, fronts);
  const [{ url: someRepository } = { url: '' }] = Object.values(config.repositories);
  const git = await startProxy({
    target: new URL(someRepository).origin,
    decide: (asked) => fronts.disturbances.faultOf('git', asked),
  });
  const repositories = Object.entries(config.repositories).map(([name, repository]) => [
    name,
    { ...repository, url: `${git.url}${new URL(repository.url).pathname}`, aliases: [repository.url] },
  ]);
  const clusters = [];
  for (const [name, cluster] of Object.entries(config.clusters))
    clusters.push([name, { ...cluster, kubeconfig: await startClusterFront(cluster.kubeconfig, fronts) }]);
  fronts.proxies.push(storage, git);
  const written = {
    ...config,
    storage: { endpoint: storage.url },
    repositories: Object.fromEntries(repositories),
    clusters: Object.fromEntries(clusters),
    // ID tokens are no part of a round: an instance whose clock is wrong would let nobody in.
    access: 'open',
  };
  await writeFile(file, dump(written));
}

/** One write a second of one object, and the time of the world in each answer. */
function startStorageFront(target: string, fronts: Fronts): Promise<Proxy> {
  const limit = limitWrites();
  return startProxy({
    target,
    hold: (held, asked) => fronts.traps.hold('storage', held, asked),
    decide(asked) {
      const fault = fronts.disturbances.faultOf('storage', asked);
      if (fault.fault !== 'none') return fault;
      const refusal = limit.refusalOf(asked);
      if (refusal !== undefined) fronts.refused += 1;
      return refusal === undefined ? fault : { fault: 'answer', ...refusal };
    },
    pass(answered, asked) {
      limit.note(answered, asked);
      return inTimeOf(fronts.clock, answered);
    },
  });
}

const timesInBodies = /"(updated|timeCreated|timeStorageClassUpdated)":\s*"([^"]+)"/g;

function inTimeOf(clock: WorldClock, { status, headers, body }: Answered): Answered {
  const at = (text: string): Date => new Date(clock.at(Date.parse(text)));
  const heads = Object.entries(headers).map(([name, value]) =>
    ['date', 'last-modified'].includes(name) && typeof value === 'string'
      ? [name, at(value).toUTCString()]
      : [name, value],
  );
  const isDescription =
    String(headers['content-type'] ?? '').includes('json') && headers['x-goog-generation'] === undefined;
  if (!isDescription) return { status, headers: Object.fromEntries(heads), body };
  const told = body
    .toString()
    .replaceAll(timesInBodies, (_, name: string, time: string) => `"${name}":"${at(time).toISOString()}"`);
  const content = Buffer.from(told);
  return { status, headers: { ...Object.fromEntries(heads), 'content-length': String(content.length) }, body: content };
}

/** Resolves with the path of a kubeconfig that leads through the proxy. */
async function startClusterFront(kubeconfig: string, { disturbances, traps, proxies }: Fronts): Promise<string> {
  const parsed = kubeconfigSchema.parse(load(await readFile(kubeconfig, 'utf8')));
  const [{ cluster }] = parsed.clusters;
  const [{ user }] = parsed.users;
  const proxy = await startProxy({
    target: cluster.server,
    certificateAuthority: Buffer.from(cluster['certificate-authority-data'], 'base64').toString(),
    // The client sends no token over plain HTTP.
    authorization: `Bearer ${user.token}`,
    hold: (held, asked) => traps.hold('kubernetes', held, asked),
    decide: (asked) => disturbances.faultOf('kubernetes', asked),
  });
  proxies.push(proxy);
  const file = `${kubeconfig}-of-functions`;
  const led = { ...parsed.clusters[0], cluster: { server: proxy.url, 'insecure-skip-tls-verify': true } };
  await writeFile(file, dump({ ...parsed, clusters: [led] }), { mode: 0o600 });
  return file;
}

/** What the state bucket still holds of environments. */
export async function stateLeft(
  { pipeline }: Stage,
  environments: readonly { readonly name: string }[],
): Promise<readonly string[]> {
  const bucket = pipeline.clients.storage.bucket(pipeline.stateBucket);
  const found = await Promise.all(
    environments.map(async ({ name }) => (await bucket.getFiles({ prefix: `environments/master/${name}/` }))[0]),
  );
  return found.flat().map(({ name }) => `${name} is still in the state bucket`);
}

/** The problems that Git itself finds in a bare repository; none for a sound one. */
export async function fsck(folder: string): Promise<readonly string[]> {
  try {
    await execute('git', ['-C', folder, 'fsck', '--no-dangling', '--no-progress', '--strict']);
    return [];
  } catch (error) {
    return [`git fsck: ${error instanceof Error ? error.message.trim() : String(error)}`];
  }
}

/** A folder of a round's own. */
export async function folderIn({ pipeline }: Stage, name: string): Promise<string> {
  const folder = join(pipeline.folder, name);
  await mkdir(folder, { recursive: true });
  return folder;
}
