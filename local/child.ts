import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { LocalError } from './local-error.ts';

export interface ChildOptions {
  /** For messages and logs. */
  readonly name: string;
  readonly program: string;
  /** What the program sees as its own name, where that differs from its path. */
  readonly argv0?: string;
  readonly arguments?: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly workingFolder?: string;
  /** Takes everything the child prints. Absent: only its last lines are kept, for the message of an early end. */
  readonly logFile?: string;
  /** Told every line but the first of standard output, which is `firstLine`. */
  readonly onLine?: (line: string) => void;
  /** Told when the child ends without having been asked to. */
  readonly onUnexpectedEnd?: (how: string) => void;
}

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** The first line on standard output, by which the parts say that they listen. Rejects when the child ends before it. */
  readonly firstLine: Promise<string>;
  /** Resolves when the child has ended and its output is read, with how it ended and the last lines it printed. */
  readonly ended: Promise<string>;
  /** Ends the child, whatever state it is in, and waits for its end. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash would: `onUnexpectedEnd` is told. */
  kill(): Promise<void>;
}

const politeMilliseconds = 4000;
const keptLines = 30;

/**
 * Starts a program that lives as long as its standard input, which is a pipe held here: however this process ends, the
 * pipe closes and the child goes too. It gets a process group of its own, so that Ctrl-C reaches only this process, which
 * then stops the parts in its own order.
 */
export function startChild(options: ChildOptions): Child {
  const { name, program, environment } = options;
  const child = spawn(program, options.arguments ?? [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: environment,
    detached: true,
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(options.workingFolder === undefined ? {} : { cwd: options.workingFolder }),
  });
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
  const lastLines: string[] = [];
  let asked = false;

  function keep(line: string): void {
    log?.write(`${line}\n`);
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
  }
  function take(line: string): void {
    keep(line);
    options.onLine?.(line);
  }

  const output = createInterface({ input: child.stdout });
  output.once('line', (line) => {
    keep(line);
    output.on('line', take);
  });
  createInterface({ input: child.stderr }).on('line', take);
  // A child that ended closes the pipe: EPIPE here says nothing that `close` does not.
  child.stdin.on('error', () => {});

  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      log?.end();
      const how = [signal === null ? `exit code ${code}` : `signal ${signal}`, ...lastLines].join('\n  ');
      if (!asked) options.onUnexpectedEnd?.(how);
      resolve(how);
    });
  });
  const firstLine = new Promise<string>((resolve, reject) => {
    output.once('line', resolve);
    void ended.then((how) => reject(new LocalError({ message: `${name} ended before it was ready: ${how}` })));
  });
  // Not every caller waits for the first line, and a part that is stopped early never prints one.
  firstLine.catch(() => {});

  const running = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

  return {
    name,
    pid: child.pid ?? 0,
    firstLine,
    ended,
    async stop() {
      asked = true;
      if (!running()) return;
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), politeMilliseconds);
      await ended;
      clearTimeout(timer);
    },
    async kill() {
      if (!running()) return;
      child.kill('SIGKILL');
      await ended;
    },
  };
}
