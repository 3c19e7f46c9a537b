import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from './child.ts';
import type { Deployments } from './deployments.ts';

export interface FunctionsOptions {
  /** The module that registers the functions. */
  readonly source: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Each line that the functions print. */
  readonly onLine?: (line: string) => void;
  /** Told where an instance takes more memory than its function has, by a host that looks. */
  readonly onTooMuchMemory?: (message: string) => void;
  /** How they stand on Google Cloud, for a host that starts each in a process of its own. Absent: one of each. */
  readonly deployments?: Deployments;
  /** Called before each process starts. */
  readonly beforeStart?: () => void;
  /** Told of an end that nobody asked for, and of the new start after it. */
  readonly log?: (message: string) => void;
}

export interface Functions {
  /** The URL of a function, the same over all restarts. */
  url(name: string): string;
  /** Resolves once the functions listen; at once where they do. Rejects after `stop`. */
  ready(): Promise<void>;
  /** The processes that host them now. */
  pids(): readonly number[];
  /** Stops every process at the line it is at, until `resume`. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  /** Ends the process in order and starts a new one. */
  restart(): Promise<void>;
  /** Ends the process at once, at whatever line it is, as a dying instance does. A new one starts by itself. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const hostProgram = join(import.meta.dirname, 'functions-host.ts');
/** A process that lived at least this long is replaced at once; one that did not, after a pause. */
const soundMilliseconds = 2000;
const pauseMilliseconds = 1000;

/**
 * Runs all functions in one process of their own, and a new process whenever that one ends.
 *
 * Throws `LocalError` with what the process printed where the first one does not come up.
 */
export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  const host: Host = {
    options,
    child: startHostProcess({ options, port: 0 }),
    listening: Promise.resolve(),
    port: 0,
    endIsWanted: false,
    stopped: false,
  };
  host.listening = listen(host);
  await host.listening;

  return {
    url: (name) => `http://127.0.0.1:${host.port}/${name}`,
    ready: () => host.listening,
    pids: () => [host.child.pid],
    async suspend() {
      await host.listening;
      process.kill(host.child.pid, 'SIGSTOP');
    },
    async resume() {
      process.kill(host.child.pid, 'SIGCONT');
    },
    async restart() {
      await host.listening;
      host.endIsWanted = true;
      await host.child.stop();
      await host.listening;
    },
    async kill() {
      await host.listening;
      host.endIsWanted = true;
      await host.child.kill();
    },
    async stop() {
      host.stopped = true;
      await host.child.stop();
      await host.listening.catch(() => {});
    },
  };
}

/** The process of the moment, and what is wanted of it. */
interface Host {
  readonly options: FunctionsOptions;
  child: Child;
  /** Resolves once `child` listens, or the one that replaces it. */
  listening: Promise<void>;
  /** 0 until the first process has drawn it; the later ones take the same. */
  port: number;
  endIsWanted: boolean;
  stopped: boolean;
}

function startHostProcess({ options, port }: { options: FunctionsOptions; port: number }): Child {
  options.beforeStart?.();
  return startChild({
    name: 'functions',
    program: process.execPath,
    arguments: [
      '--disable-warning=ExperimentalWarning',
      hostProgram,
      '--source',
      options.source,
      '--port',
      String(port),
    ],
    environment: options.environment,
    logFile: options.logFile,
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  });
}

async function listen(host: Host): Promise<void> {
  const { child } = host;
  host.port = Number(await child.firstLine);
  void replaceAfterEnd({ host, ending: child, since: performance.now() });
}

async function replaceAfterEnd({ host, ending, since }: { host: Host; ending: Child; since: number }): Promise<void> {
  const how = await ending.ended;
  if (host.stopped) return;
  if (!host.endIsWanted) host.options.log?.(`the functions ended (${how}); starting them again`);
  const crashedAtOnce = !host.endIsWanted && performance.now() - since < soundMilliseconds;
  host.endIsWanted = false;
  host.listening = startAgain({ host, pause: crashedAtOnce ? pauseMilliseconds : 0 });
  // Whoever waits for readiness sees a failure; one that nobody waits for must not end this process.
  host.listening.catch(() => {});
}

/** Tries until a process listens: a module that is broken now may be mended by the next try. */
async function startAgain({ host, pause }: { host: Host; pause: number }): Promise<void> {
  for (let wait = pause; ; wait = pauseMilliseconds) {
    await sleep(wait);
    if (host.stopped) throw new Error('the functions are stopped');
    host.child = startHostProcess(host);
    try {
      return await listen(host);
    } catch (error) {
      host.options.log?.(error instanceof Error ? error.message : String(error));
    }
  }
}
