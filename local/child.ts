import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { LocalError, systemErrorCode } from './local-error.ts';

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
  /**
   * The first line on standard output, by which the parts say that they listen. Rejects when the child ends before it.
   */
  readonly firstLine: Promise<string>;
  /** Resolves when the child has ended and its output is read, with how it ended and the last lines it printed. */
  readonly ended: Promise<string>;
  /** Ends the child, whatever state it is in, and waits for its end. */
  stop(): Promise<void>;
  /** Ends it and what it started at once, as a crash would: `onUnexpectedEnd` is told. */
  kill(): Promise<void>;
}

const politeMilliseconds = 4000;
const keptLines = 30;

/**
 * Starts a program that lives as long as its standard input, which is a pipe held here: however this process ends, the
 * pipe closes and the child goes too. It gets a process group of its own, so that Ctrl-C reaches only this process,
 * which then stops the parts in its own order.
 */
export function startChild(options: ChildOptions): Child {
  const { name } = options;
  const child = spawnHeld(options);
  const transcript = openTranscript(options.logFile);
  const output = createInterface({ input: child.stdout });
  readLines({ output, errors: createInterface({ input: child.stderr }), transcript, onLine: options.onLine });

  let asked = false;
  const ended = endOf({
    child,
    transcript,
    onClose: (how) => {
      if (!asked) options.onUnexpectedEnd?.(how);
    },
  });
  const firstLine = firstLineOf({ name, output, ended });
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
      killGroup(child.pid);
      await ended;
    },
  };
}

/** A child leads the group of all that it starts. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}

type PipedProcess = ChildProcessByStdio<Writable, Readable, Readable>;

function spawnHeld(options: ChildOptions): PipedProcess {
  const child = spawn(options.program, options.arguments ?? [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.environment,
    detached: true,
    ...(options.argv0 === undefined ? {} : { argv0: options.argv0 }),
    ...(options.workingFolder === undefined ? {} : { cwd: options.workingFolder }),
  });
  // A child that ended closes the pipe: EPIPE here says nothing that `close` does not.
  child.stdin.on('error', () => {});
  return child;
}

/** Everything that a child printed goes to its log file, and the last lines stay here. */
interface Transcript {
  readonly lastLines: readonly string[];
  keep(line: string): void;
  close(): void;
}

function openTranscript(logFile: string | undefined): Transcript {
  const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  const lastLines: string[] = [];
  return {
    lastLines,
    keep(line) {
      log?.write(`${line}\n`);
      lastLines.push(line);
      if (lastLines.length > keptLines) lastLines.shift();
    },
    close: () => log?.end(),
  };
}

function readLines({
  output,
  errors,
  transcript,
  onLine,
}: {
  output: Interface;
  errors: Interface;
  transcript: Transcript;
  onLine: ChildOptions['onLine'];
}): void {
  const take = (line: string): void => {
    transcript.keep(line);
    onLine?.(line);
  };
  output.once('line', (line) => {
    transcript.keep(line);
    output.on('line', take);
  });
  errors.on('line', take);
}

/** Resolves after `onClose`; at once where the program cannot be started. */
function endOf({
  child,
  transcript,
  onClose,
}: {
  child: PipedProcess;
  transcript: Transcript;
  onClose: (how: string) => void;
}): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      transcript.close();
      const how = [signal === null ? `exit code ${code}` : `signal ${signal}`, ...transcript.lastLines].join('\n  ');
      onClose(how);
      resolve(how);
    });
  });
}

function firstLineOf({
  name,
  output,
  ended,
}: {
  name: string;
  output: Interface;
  ended: Promise<string>;
}): Promise<string> {
  const firstLine = new Promise<string>((resolve, reject) => {
    output.once('line', resolve);
    void ended.then((how) => reject(new LocalError({ message: `${name} ended before it was ready: ${how}` })));
  });
  // Not every caller waits for the first line, and a part that is stopped early never prints one.
  firstLine.catch(() => {});
  return firstLine;
}
