import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { functionSizes, heapMiB } from '../functions/sizes.ts';
import { oneOfEach, type Deployment, type Deployments, type FunctionName } from './deployments.ts';
import { startFunctions, type Functions, type FunctionsOptions } from './functions.ts';
import { memoryUse, type MemoryUse } from './memory.ts';
import { keptAlive } from './kept-alive.ts';

/** `enforced`: an instance that takes more than its function has is killed. `told`: it is said once. */
export type MemoryLimit = 'enforced' | 'told';

/**
 * `one`: a process takes all calls of a function that come here at a time, more than its `concurrency`, so it is held to
 * less than there. `as-deployed`: a call for which no instance is free starts another, up to as many as there are on
 * Google Cloud; then it is answered 429, as there.
 */
export type Instances = 'one' | 'as-deployed';

/** Where an instance is or starts. */
interface Place {
  /** Below the folder for temporary files. */
  readonly folder: string;
  readonly started: Promise<Instance>;
  /** Calls that it works at, or that wait for its start. */
  taken: number;
}

interface Instance {
  readonly deployment: Deployment;
  readonly functions: Functions;
  readonly folder: string;
  /** Calls that it works at. */
  underWay: number;
  /** Resolves once what killed it is over. */
  killed: Promise<void>;
  isWatched: boolean;
  isTold: boolean;
}

interface Platform {
  readonly options: FunctionsOptions;
  readonly memory: MemoryLimit;
  readonly instances: Instances;
  /** By the deployment's name, from its first call on. */
  readonly places: Map<string, Place[]>;
  /** Those of `places` that have started. */
  readonly started: Set<Instance>;
  /** Resolves once nothing is suspended. */
  resumed: Promise<void>;
  endPause: () => void;
  stopped: boolean;
}

/** A look costs a walk through the temporary folder, and only who works at a call takes more. */
const lookMilliseconds = 200;

/**
 * Hosts each deployment as Cloud Run does: in a process of its own, which its first call starts, with the heap that
 * Google's builder gives it, and with its memory counted with the files below its temporary folder.
 */
export function asOnPlatform(
  memory: MemoryLimit,
  instances: Instances = 'one',
): (options: FunctionsOptions) => Promise<Functions> {
  return async (options) => {
    const platform: Platform = {
      ...{ options, memory, instances, stopped: false },
      places: new Map(),
      started: new Set(),
      resumed: Promise.resolve(),
      endPause: () => {},
    };
    const server = createServer(keptAlive, (incoming, outgoing) => {
      answer(platform, incoming, outgoing).catch(() => {
        if (outgoing.headersSent) outgoing.destroy();
        else outgoing.writeHead(503).end('the instance ended\n');
      });
    });
    server.requestTimeout = 0;
    // A module that does not load is told by the start, and a job is what comes to most.
    const first = deploymentOf(platform, { function: 'reconcile', headers: {} });
    if (first !== undefined) await placeFor(platform, first)?.started;
    return functionsOf({ platform, server, url: await listen(server) });
  };
}

function functionsOf({ platform, server, url }: { platform: Platform; server: Server; url: string }): Functions {
  const all = async (): Promise<readonly Functions[]> =>
    (await Promise.all(startedIn(platform))).map(({ functions }) => functions);
  const signal = async (name: NodeJS.Signals): Promise<void> => {
    for (const { pids } of await all()) for (const pid of pids()) process.kill(pid, name);
  };
  return {
    url: (name) => `${url}/${name}`,
    ready: async () => void (await Promise.all((await all()).map(({ ready }) => ready()))),
    pids: () => [...platform.started].flatMap(({ functions }) => functions.pids()),
    suspend: async () => {
      ({ promise: platform.resumed, resolve: platform.endPause } = Promise.withResolvers<void>());
      await signal('SIGSTOP');
    },
    resume: async () => {
      await signal('SIGCONT');
      platform.endPause();
    },
    restart: async () => void (await Promise.all((await all()).map(({ restart }) => restart()))),
    kill: async () => void (await Promise.all((await all()).map(({ kill }) => kill()))),
    async stop() {
      platform.stopped = true;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      const stopping = (await Promise.allSettled(startedIn(platform))).map((started) =>
        started.status === 'fulfilled' ? started.value.functions.stop() : undefined,
      );
      await Promise.all([closed, ...stopping]);
    },
  };
}

async function answer(platform: Platform, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const [, name = ''] = (incoming.url ?? '').split(/[/?]/);
  const deployment = isFunction(name)
    ? deploymentOf(platform, { function: name, headers: incoming.headers })
    : undefined;
  if (deployment === undefined) {
    incoming.resume();
    return void outgoing.writeHead(404, { 'content-type': 'text/plain' }).end(`no ${name} is deployed for this\n`);
  }
  await platform.resumed;
  const place = placeFor(platform, deployment);
  if (place === undefined) {
    incoming.resume();
    return void outgoing.writeHead(429, { 'content-type': 'text/plain' }).end(`no instance of ${name} is free\n`);
  }
  place.taken += 1;
  try {
    await answerBy(platform, await place.started, { incoming, outgoing });
  } finally {
    place.taken -= 1;
  }
}

async function answerBy(
  platform: Platform,
  instance: Instance,
  { incoming, outgoing }: { incoming: IncomingMessage; outgoing: ServerResponse },
): Promise<void> {
  await instance.killed;
  await instance.functions.ready();
  instance.underWay += 1;
  if (!instance.isWatched) void watch(platform, instance);
  try {
    await handOn({ incoming, outgoing, url: new URL(incoming.url ?? '/', instance.functions.url('')) });
  } finally {
    instance.underWay -= 1;
  }
}

function startedIn({ places }: Platform): readonly Promise<Instance>[] {
  return [...places.values()].flat().map(({ started }) => started);
}

function deploymentOf({ options }: Platform, call: Parameters<Deployments>[0]): Deployment | undefined {
  return (options.deployments ?? oneOfEach)(call);
}

/** Where a call may be answered, which starts an instance where none is free; undefined where there may be no more. */
function placeFor(platform: Platform, deployment: Deployment): Place | undefined {
  const places = platform.places.get(deployment.name) ?? [];
  platform.places.set(deployment.name, places);
  const { concurrency, maxInstances } = functionSizes[deployment.function];
  const [most, callsOfEach] = platform.instances === 'one' ? [1, Infinity] : [maxInstances, concurrency];
  const free = places.find(({ taken }) => taken < callsOfEach);
  if (free !== undefined || places.length >= most) return free;
  const taken = new Set(places.map(({ folder }) => folder));
  const names = [deployment.name, ...Array.from({ length: most }, (_, index) => `${deployment.name}-${index + 2}`)];
  const name = names.find((one) => !taken.has(folderOf(platform.options, one))) ?? deployment.name;
  const folder = folderOf(platform.options, name);
  const place: Place = { folder, taken: 0, started: start(platform, { deployment, folder }) };
  places.push(place);
  place.started.catch(() => places.splice(places.indexOf(place), 1));
  return place;
}

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(functionSizes, name);
}

async function start(
  { options, started }: Platform,
  { deployment, folder }: { deployment: Deployment; folder: string },
): Promise<Instance> {
  const functions = await startFunctions({
    ...options,
    environment: {
      ...options.environment,
      ...deployment.variables,
      NODE_OPTIONS: `--max-old-space-size=${heapMiB(deployment.function)}`,
      TMPDIR: folder,
    },
    beforeStart() {
      deployment.prepare();
      // A new instance has a file system of its own.
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true });
    },
  });
  const instance: Instance = {
    ...{ deployment, functions, folder, underWay: 0, isWatched: false, isTold: false },
    killed: Promise.resolve(),
  };
  started.add(instance);
  return instance;
}

function folderOf({ environment }: FunctionsOptions, name: string): string {
  return join(environment['TMPDIR'] ?? tmpdir(), name);
}

/** Looks at its memory while it works at a call. */
async function watch(platform: Platform, instance: Instance): Promise<void> {
  const { deployment, functions } = instance;
  instance.isWatched = true;
  while (instance.underWay > 0 && !platform.stopped) {
    await sleep(lookMilliseconds);
    const [pid = 0] = functions.pids();
    const use = await memoryUse({ pid, folder: instance.folder });
    const { memoryMiB } = functionSizes[deployment.function];
    if (use.processes + use.files > memoryMiB) await tooMuch({ platform, instance, use });
  }
  instance.isWatched = false;
}

async function tooMuch({
  platform: { memory, options },
  instance,
  use: { processes, files },
}: {
  platform: Platform;
  instance: Instance;
  use: MemoryUse;
}): Promise<void> {
  if (instance.isTold && memory === 'told') return;
  instance.isTold = true;
  const { name, function: hosted } = instance.deployment;
  const taken = `${name} takes ${processes} MiB and ${files} MiB of files of the ${functionSizes[hosted].memoryMiB} MiB that it has`;
  options.onTooMuchMemory?.(memory === 'enforced' ? `${taken}, and is killed` : `${taken}: Google Cloud would kill it`);
  if (memory === 'enforced') await (instance.killed = instance.functions.kill());
}

/** Resolves when the answer is sent; rejects where none came, or not the whole of it. */
async function handOn({
  incoming,
  outgoing,
  url,
}: {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  url: URL;
}): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sent = httpRequest(url, { method: incoming.method, headers: incoming.headers, agent: false });
  sent.once('error', reject);
  sent.once('response', (response) => {
    outgoing.writeHead(response.statusCode ?? 502, response.headers);
    response.once('error', reject).once('end', resolve).pipe(outgoing);
  });
  // Whoever called may be gone before the answer: the call is none of the instance's any more.
  outgoing.once('close', () => {
    sent.destroy();
    resolve();
  });
  incoming.pipe(sent);
  await promise;
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the functions listen on no port');
  return `http://127.0.0.1:${address.port}`;
}
