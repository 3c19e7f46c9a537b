import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { access } from 'node:fs/promises';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { ConvergeError } from '../base/errors.ts';
import type { RenderRequest } from '../ports/renderer.ts';
import { watchMemory } from './watch-memory.ts';

/** How a run of the program ended: it is there for the next request, or it is gone. */
export type Exit =
  | { readonly end: 'done' }
  | {
      readonly end: 'gone';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      /** Why it was ended from here; undefined: it ended by itself. */
      readonly killedFor: 'time' | 'memory' | 'output' | undefined;
      readonly stderr: string;
      /** Whether it had rendered another request before, and may have kept something of it. */
      readonly wasUsed: boolean;
    };

export interface RenderProcesses {
  /**
   * Has the program render one request. Of its limits the deadline is held here, and the memory is watched: the kernel
   * holds it, but not every kernel does. Throws `RenderFailed` (retry) where it could not be run, and what `onLine`
   * throws.
   *
   * @param by `any`: a process that waits, if there is one; `new`: one that has rendered nothing
   * @param onLine told each line; resolves with what the program is to be answered, if anything
   */
  run(asked: {
    request: RenderRequest;
    known: readonly string[];
    by: 'any' | 'new';
    onLine: (line: string) => Promise<object | undefined>;
  }): Promise<Exit>;
}

/** The line that ends a request that was rendered. */
const doneLine = '{"done":true}';

/** What is kept of the program's standard error: the first words of a crash tell why. */
const stderrCharacters = 8192;

/** What the program holds before its first request, most of it its own code: 28 MiB, and 62 as gVisor counts. */
const programMebibytes = 64;

/**
 * What a render writes may be an eighth of its memory: whoever reads it holds some eight times as much, beside the
 * program. MiB of a render, and so characters of its output.
 */
export function outputMebibytes({ mebibytes }: RenderRequest['limits']): number {
  return mebibytes / 8;
}

/** Milliseconds for which a process waits for the next request: those of one commit come side by side. */
const idle = 15_000;

/** One process of the program. */
interface Process {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: AsyncIterator<string>;
  /** Told how much it writes, before the lines of that. */
  readonly written: { told: (characters: number) => void };
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly stderr: Promise<string>;
  /** What the kernel holds it to, which stays as it is. */
  readonly mebibytes: number;
}

interface Pool {
  readonly program: string;
  /** Waits for a request, and is ended where none comes. */
  waiting: { readonly process: Process; readonly timer: NodeJS.Timeout } | undefined;
}

/**
 * The program's processes: one that ended a request well waits for the next for a while, and is not kept from ending
 * with this one. One that fails, or is more than waits already, ends alone.
 */
export function createRenderProcesses({ program }: { program: string }): RenderProcesses {
  const pool: Pool = { program, waiting: undefined };
  return {
    async run(asked) {
      await assertThere(asked.request.root);
      const used = asked.by === 'any' ? takeWaiting(pool, asked.request.limits) : undefined;
      return await serve(pool, {
        ...asked,
        process: used ?? start(pool.program, asked),
        wasUsed: used !== undefined,
      });
    },
  };
}

function start(program: string, { request }: { request: RenderRequest }): Process {
  const child = spawn(program, [], { cwd: '/', env: {}, stdio: 'pipe' });
  // A program that ends before it has read its request breaks the pipe; its end is reported by `ended`.
  child.stdin.on('error', () => undefined);
  const ended = endOf(child);
  const stderr = readBeginning(child.stderr);
  // Whoever waits for them hears of it; nobody may.
  ended.catch(() => undefined);
  stderr.catch(() => undefined);
  const written: Process['written'] = { told: () => undefined };
  const lines = linesOf(child.stdout, written);
  return { child, lines, written, ended, stderr, mebibytes: request.limits.mebibytes };
}

function takeWaiting(pool: Pool, { mebibytes }: RenderRequest['limits']): Process | undefined {
  const { waiting } = pool;
  if (waiting === undefined) return undefined;
  pool.waiting = undefined;
  clearTimeout(waiting.timer);
  if (waiting.process.mebibytes === mebibytes) {
    hold(waiting.process, true);
    return waiting.process;
  }
  waiting.process.child.stdin.end();
  return undefined;
}

function keepWaiting(pool: Pool, process: Process): void {
  hold(process, false);
  if (pool.waiting !== undefined) {
    process.child.stdin.end();
    return;
  }
  const timer = setTimeout(() => {
    pool.waiting = undefined;
    process.child.stdin.end();
  }, idle).unref();
  pool.waiting = { process, timer };
}

/** Whether this program waits for that one before it ends. */
function hold({ child }: Process, held: boolean): void {
  for (const part of [child, ...[child.stdin, child.stdout, child.stderr].filter((one) => one instanceof Socket)]) {
    if (held) part.ref();
    else part.unref();
  }
}

async function serve(
  pool: Pool,
  {
    process,
    wasUsed,
    request,
    known,
    onLine,
  }: { process: Process; wasUsed: boolean } & Parameters<RenderProcesses['run']>[0],
): Promise<Exit> {
  const { child } = process;
  let killedFor: Extract<Exit, { end: 'gone' }>['killedFor'];
  const kill = (reason: NonNullable<typeof killedFor>): void => {
    killedFor ??= reason;
    child.kill('SIGKILL');
  };
  let left = outputMebibytes(request.limits) * 1024 * 1024;
  process.written.told = (characters) => {
    left -= characters;
    if (left < 0) kill('output');
  };
  const deadline = openDeadline(request.limits.seconds * 1000, () => kill('time'));
  const stopWatching = watchMemory({
    pid: child.pid,
    mebibytes: request.limits.mebibytes + programMebibytes,
    onExcess: () => kill('memory'),
  });
  try {
    send(process, requestLine({ request, known }));
    const timed: typeof onLine = async (line) => {
      // How fast the Git host is says nothing of what is rendered.
      if (!line.startsWith('{"need":')) return await onLine(line);
      deadline.stop();
      const answer = await onLine(line);
      deadline.goOn();
      return answer;
    };
    const answer = await readAnswer(process, timed);
    if (answer === 'done' && left >= 0) {
      keepWaiting(pool, process);
      return { end: 'done' };
    }
    const [end, stderr] = await Promise.all([process.ended, process.stderr]);
    return { end: 'gone', ...end, killedFor, stderr, wasUsed };
  } catch (error) {
    child.kill('SIGKILL');
    child.stdin.destroy();
    throw error instanceof ConvergeError ? error : notRun(request.root, error);
  } finally {
    deadline.stop();
    stopWatching();
  }
}

/**
 * The program would blame the repository for it, which may be there later. Before the program is there: one that ends
 * before its lines are read has said nothing, as Node throws away what nobody reads of who has ended.
 */
async function assertThere(root: string): Promise<void> {
  try {
    await access(root);
  } catch (error) {
    throw notRun(root, error);
  }
}

function notRun(root: string, cause: unknown): ConvergeError {
  return new ConvergeError({
    code: 'RenderFailed',
    subject: root,
    message: 'the renderer could not be run',
    disposition: 'retry',
    cause,
  });
}

/** Milliseconds that count while it is not stopped. */
function openDeadline(milliseconds: number, onOver: () => void): { stop(): void; goOn(): void } {
  let left = milliseconds;
  let startedAt = performance.now();
  let timer = setTimeout(onOver, left);
  return {
    stop() {
      clearTimeout(timer);
      left -= performance.now() - startedAt;
    },
    goOn() {
      startedAt = performance.now();
      timer = setTimeout(onOver, Math.max(0, left));
    },
  };
}

function requestLine({ request, known }: { request: RenderRequest; known: readonly string[] }): object {
  const { seed: _seed, lookup, partial, ...plain } = request;
  const whole = partial === undefined ? {} : { whole: partial.whole };
  return { ...plain, ...whole, root: resolve(request.root), lookup: lookup !== undefined, known };
}

function send({ child }: Process, message: object): void {
  child.stdin.write(`${JSON.stringify(message)}\n`);
}

/** Reads lines until the request is done, or no more come. */
async function readAnswer(
  process: Process,
  onLine: (line: string) => Promise<object | undefined>,
): Promise<'done' | 'over'> {
  for (;;) {
    const line = await process.lines.next();
    if (line.done === true) return 'over';
    if (line.value === doneLine) return 'done';
    const answer = await onLine(line.value);
    if (answer !== undefined) send(process, answer);
  }
}

async function endOf(child: ChildProcessWithoutNullStreams): ReturnType<() => Process['ended']> {
  return await new Promise((given, failed) => {
    child.once('error', failed);
    child.once('close', (code, signal) => given({ code, signal }));
  });
}

async function* linesOf(stream: NodeJS.ReadableStream, written: Process['written']): AsyncGenerator<string, undefined> {
  stream.setEncoding('utf8');
  let unfinished: string[] = [];
  for await (const chunk of stream) {
    written.told(String(chunk).length);
    const [first = '', ...others] = String(chunk).split('\n');
    unfinished.push(first);
    for (const next of others) {
      yield unfinished.join('');
      unfinished = [next];
    }
  }
  return undefined;
}

async function readBeginning(stream: NodeJS.ReadableStream): Promise<string> {
  stream.setEncoding('utf8');
  let text = '';
  for await (const chunk of stream) {
    if (text.length < stderrCharacters) text += String(chunk).slice(0, stderrCharacters - text.length);
  }
  return text;
}
