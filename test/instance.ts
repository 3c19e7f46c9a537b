import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '../local/child.ts';
import { partEnvironment } from '../local/environment.ts';
import { freePort } from '../local/free-port.ts';

/** A function that runs from the unpacked archive alone, as an instance of the platform does. */
export interface Instance {
  readonly url: string;
  /** The most memory that the process held so far, in MiB, by the kernel's count. */
  peakRssMiB(): Promise<number>;
  /** Seconds of processor that it took so far: less than a clock tells where the machine is busy with others. */
  processorSeconds(): Promise<number>;
  /** Ends it at once. */
  stop(): Promise<void>;
}

export interface InstanceOptions {
  /** Of the unpacked archive. */
  readonly folder: string;
  /** `FUNCTION_TARGET` */
  readonly target: string;
  /** After `node`; absent: the framework of the archive. */
  readonly arguments?: readonly string[];
  readonly home: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Told each line that it prints. */
  readonly onLine?: (line: string) => void;
}

const pollMilliseconds = 2;
/** USER_HZ of Linux, on every machine that Node runs on. */
const ticksPerSecond = 100;

/** Resolves once it listens. Rejects with what it printed where it ends before. */
export async function startInstance({
  folder,
  target,
  home,
  variables,
  onLine = () => {},
  ...options
}: InstanceOptions): Promise<Instance> {
  const port = await freePort();
  const child = startChild({
    name: target,
    program: process.execPath,
    arguments: options.arguments ?? ['framework/start.mjs'],
    workingFolder: folder,
    environment: partEnvironment({
      home,
      variables: {
        NODE_ENV: 'production',
        METADATA_SERVER_DETECTION: 'none',
        FUNCTION_TARGET: target,
        PORT: String(port),
        ...variables,
      },
    }),
    onLine,
  });
  child.firstLine.then(onLine, () => {});
  const ended = child.ended.then((how) => ({ how }));
  for (;;) {
    const end = await Promise.race([ended, listens(port)]);
    if (end === true) break;
    if (end !== false) throw new Error(`${target} ended before it listened: ${end.how}`);
    await sleep(pollMilliseconds);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async peakRssMiB() {
      const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1];
      if (kibibytes === undefined) throw new Error('the kernel does not tell how much memory a process held');
      return Math.round(Number(kibibytes) / 1024);
    },
    async processorSeconds() {
      // After the name in parentheses, the 12th and 13th fields: proc_pid_stat(5).
      const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    stop: child.kill,
  };
}

async function listens(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
