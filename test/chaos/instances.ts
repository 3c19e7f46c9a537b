import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFunctions, type Functions, type FunctionsOptions } from '../../local/functions.ts';
import { rollFor } from './dice.ts';
import type { Tally } from './figures.ts';
import { portOf } from '../../local/fronts/proxy.ts';

/**
 * Several instances of the functions behind one address. Each may die, or be stopped in the middle of a line while the
 * others go on, and each has a clock of its own.
 */
export interface Instances extends Functions {
  readonly count: number;
  /** Ends one at whatever line it is; the one that comes after it has a clock that is wrong by so many milliseconds. */
  killOne(index: number, next: { skew: number }): Promise<void>;
  /** Gives each instance whose clock is wrong a successor whose clock is right, and resolves when all run. */
  setClocks(): Promise<void>;
  /** Stops one; what it was asked is given to the others, as after the end of a delivery's time. */
  freeze(index: number): void;
  /** It goes on where it was. */
  thaw(index: number): void;
  thawAll(): void;
  /** Doubles messages, and delivers them late and out of order, from now on. */
  disturb(disturbed: { seed: number; tally: Tally }): void;
  calm(): void;
  /** Requests that are under way at instances that run. */
  underWay(): number;
}

interface Instance {
  readonly functions: Functions;
  readonly environment: NodeJS.ProcessEnv;
  /** Those who wait for its answers. */
  readonly waiting: Set<IncomingMessage>;
  state: 'runs' | 'frozen' | 'starts';
}

const doubledShare = 0.15;
const lateShare = 0.08;
const hurriedShare = 0.4;
const longestLate = 1_500;
const longestPause = 150;
/** Messages, and no calls that somebody makes and waits for. */
const messageFunctions = ['copyArtifact', 'fanOut', 'reconcile', 'planChange', 'deliverAlert'];

/** @param facts.source the module that each runs */
export async function startInstances(
  options: FunctionsOptions,
  { count, clock, source }: { count: number; clock: string; source: string },
): Promise<Instances> {
  const instances = await Promise.all(
    Array.from({ length: count }, (_, index) => startInstance({ ...options, source }, { index, clock })),
  );
  const front = openFront(instances);
  front.server.listen(0, '127.0.0.1');
  await once(front.server, 'listening');
  const url = `http://127.0.0.1:${portOf(front.server.address())}`;
  const at = (index: number): Instance => {
    const instance = instances[index % count];
    if (instance === undefined) throw new Error(`there is no instance ${index}`);
    return instance;
  };
  const thaw = (index: number): void => {
    const instance = at(index);
    if (instance.state !== 'frozen') return;
    for (const pid of instance.functions.pids()) process.kill(pid, 'SIGCONT');
    instance.state = 'runs';
  };
  const freeze = (index: number): void => {
    const instance = at(index);
    if (instance.state !== 'runs') return;
    for (const pid of instance.functions.pids()) process.kill(pid, 'SIGSTOP');
    instance.state = 'frozen';
    for (const incoming of instance.waiting) incoming.socket.destroy();
    instance.waiting.clear();
  };
  return {
    count,
    url: (name) => `${url}/${name}`,
    ready: () => Promise.any(instances.map(({ functions }) => functions.ready())),
    pids: () => instances.flatMap(({ functions }) => functions.pids()),
    restart: async () => void (await Promise.all(instances.map(({ functions }) => functions.restart()))),
    kill: async () => void (await Promise.all(instances.map((_, index) => killOne(at(index), { skew: 0 })))),
    killOne: (index, next) => killOne(at(index), next),
    async setClocks() {
      await Promise.all(instances.map(({ functions }) => functions.ready()));
      const wrong = instances.filter(({ environment }) => environment['CHAOS_SKEW'] !== '0');
      await Promise.all(wrong.map((instance) => killOne(instance, { skew: 0 })));
      await Promise.all(instances.map(({ functions }) => functions.ready()));
    },
    freeze,
    thaw,
    async suspend() {
      instances.forEach((_, index) => freeze(index));
    },
    async resume() {
      instances.forEach((_, index) => thaw(index));
    },
    thawAll: () => instances.forEach((_, index) => thaw(index)),
    disturb: front.disturb,
    calm: front.calm,
    underWay: front.underWay,
    async stop() {
      instances.forEach((_, index) => thaw(index));
      const closed = once(front.server, 'close');
      front.server.close();
      front.server.closeAllConnections();
      await Promise.all([closed, ...instances.map(({ functions }) => functions.stop())]);
    },
  };
}

async function startInstance(
  options: FunctionsOptions,
  { index, clock }: { index: number; clock: string },
): Promise<Instance> {
  // Read at each start: the next process of this instance may have another clock.
  const environment = { ...options.environment, CHAOS_CLOCK: clock, CHAOS_SKEW: '0' };
  const functions = await startFunctions({
    ...options,
    environment,
    logFile: options.logFile.replace(/\.log$/, `-${index + 1}.log`),
  });
  return { functions, environment, waiting: new Set(), state: 'runs' };
}

async function killOne(instance: Instance, { skew }: { skew: number }): Promise<void> {
  if (instance.state === 'starts') return;
  instance.environment['CHAOS_SKEW'] = String(skew);
  instance.state = 'starts';
  await instance.functions.kill();
  void instance.functions.ready().then(
    () => (instance.state = 'runs'),
    () => undefined,
  );
}

interface Front extends Pick<Instances, 'disturb' | 'calm' | 'underWay'> {
  readonly server: ReturnType<typeof createServer>;
}

/** Takes all calls, and gives each to one of the instances that run. */
function openFront(instances: readonly Instance[]): Front {
  let disturbed: { seed: number; tally: Tally } | undefined;
  let held = 0;
  const ordinals = new Map<string, number>();

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const name = incoming.url?.split('/')[1] ?? '';
    const ordinal = ordinals.get(name) ?? 0;
    ordinals.set(name, ordinal + 1);
    const { seed = 0, tally } = disturbed ?? {};
    const roll = (what: string): number => rollFor(seed, name, ordinal, what);
    const call = { incoming, body, name };
    if (tally !== undefined && messageFunctions.includes(name)) {
      if (roll('double') < doubledShare) {
        tally.count('messages: doubled');
        track(later(roll('double when') * longestLate, () => pass({ ...call, rolled: roll('double where') })));
      }
      if (roll('late') < lateShare) {
        tally.count('messages: late');
        await later(roll('late by') * longestLate, () => Promise.resolve());
      } else if (roll('pause') >= hurriedShare) await sleep(roll('pause by') * longestPause);
    }
    await pass({ ...call, rolled: roll('where'), outgoing });
  }

  function track(work: Promise<unknown>): void {
    held += 1;
    void work.catch(() => undefined).finally(() => (held -= 1));
  }

  const pass = (call: Call): Promise<void> => passOn(instances, call);
  const server = createServer((incoming, outgoing) => {
    const handled = handle(incoming, outgoing).catch(() => incoming.socket.destroy());
    track(handled);
  });
  server.requestTimeout = 0;
  return {
    server,
    underWay: () => held,
    disturb(by) {
      ordinals.clear();
      disturbed = by;
    },
    calm() {
      disturbed = undefined;
    },
  };
}

async function later<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  await sleep(milliseconds);
  return work();
}

interface Call {
  readonly incoming: IncomingMessage;
  readonly body: Buffer;
  /** From 0 up to 1: which of the instances that run. */
  readonly rolled: number;
  /** Absent for a double, whose answer nobody hears. */
  readonly outgoing?: ServerResponse;
}

/** Resolves when it is answered, or when nobody waits for the answer any more. */
async function passOn(instances: readonly Instance[], { incoming, body, rolled, outgoing }: Call): Promise<void> {
  const instance = await chosen(instances, rolled);
  if (outgoing !== undefined) instance.waiting.add(incoming);
  try {
    const { 'transfer-encoding': _chunked, ...headers } = incoming.headers;
    const sent = httpRequest(new URL(incoming.url ?? '/', instance.functions.url('')), {
      method: incoming.method,
      headers: { ...headers, 'content-length': body.length },
      agent: false,
    });
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined);
    outgoing?.once('close', () => lost.reject(new Error('nobody waits for it any more')));
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.once('response', resolve);
      sent.on('error', reject);
    });
    sent.end(body);
    const answer = await (outgoing === undefined ? answered : Promise.race([answered, lost.promise]));
    const content = await buffer(answer);
    outgoing?.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
    outgoing?.end(content);
  } finally {
    instance.waiting.delete(incoming);
  }
}

const pauseForOne = 20;

/** One of those that run, or of those that will. */
async function chosen(instances: readonly Instance[], rolled: number): Promise<Instance> {
  while (true) {
    const running = instances.filter(({ state }) => state === 'runs');
    const one = running[Math.floor(rolled * running.length)];
    if (one !== undefined) return one;
    await sleep(pauseForOne);
  }
}
