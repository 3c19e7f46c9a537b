import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from './child.ts';

export interface FunctionsOptions {
  /** The module that registers the functions. */
  readonly source: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Each line that the functions print. */
  readonly onLine?: (line: string) => void;
  /** Told of an end that nobody asked for, and of the new start after it. */
  readonly log?: (message: string) => void;
}

export interface Functions {
  /** The URL of a function, the same over all restarts. */
  url(name: string): string;
  /** Resolves once the functions listen; at once where they do. Rejects after `stop`. */
  ready(): Promise<void>;
  /** The process that hosts them now. */
  pid(): number;
  /** Ends the process in order and starts a new one. */
  restart(): Promise<void>;
  /** Ends the process at once, at whatever line it is, as a dying instance does. A new one starts by itself. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

const host = join(import.meta.dirname, 'functions-host.ts');
/** A process that lived at least this long is replaced at once; one that did not, after a pause. */
const soundMilliseconds = 2000;
const pauseMilliseconds = 1000;

/**
 * Runs all functions in one process of their own, and a new process whenever that one ends.
 *
 * Throws `LocalError` with what the process printed where the first one does not come up.
 */
export async function startFunctions(options: FunctionsOptions): Promise<Functions> {
  const log = options.log ?? (() => {});
  let stopped = false;
  let endIsWanted = false;
  let port = 0;
  let child = startHost();
  let listening = listen(child);
  await listening;

  function startHost(): Child {
    return startChild({
      name: 'functions',
      program: process.execPath,
      arguments: ['--disable-warning=ExperimentalWarning', host, '--source', options.source, '--port', String(port)],
      environment: options.environment,
      logFile: options.logFile,
      ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    });
  }

  async function listen(started: Child): Promise<void> {
    port = Number(await started.firstLine);
    void replaceAfterEnd(started, performance.now());
  }

  async function replaceAfterEnd(ending: Child, since: number): Promise<void> {
    const how = await ending.ended;
    if (stopped) return;
    if (!endIsWanted) log(`the functions ended (${how}); starting them again`);
    const crashedAtOnce = !endIsWanted && performance.now() - since < soundMilliseconds;
    endIsWanted = false;
    listening = startAgain(crashedAtOnce ? pauseMilliseconds : 0);
    // Whoever waits for readiness sees a failure; one that nobody waits for must not end this process.
    listening.catch(() => {});
  }

  /** Tries until a process listens: a module that is broken now may be mended by the next try. */
  async function startAgain(pause: number): Promise<void> {
    for (let wait = pause; ; wait = pauseMilliseconds) {
      await sleep(wait);
      if (stopped) throw new Error('the functions are stopped');
      child = startHost();
      try {
        return await listen(child);
      } catch (error) {
        log(error instanceof Error ? error.message : String(error));
      }
    }
  }

  return {
    url: (name) => `http://127.0.0.1:${port}/${name}`,
    ready: () => listening,
    pid: () => child.pid,
    async restart() {
      await listening;
      endIsWanted = true;
      await child.stop();
      await listening;
    },
    async kill() {
      await listening;
      endIsWanted = true;
      await child.kill();
    },
    async stop() {
      stopped = true;
      await child.stop();
      await listening.catch(() => {});
    },
  };
}
