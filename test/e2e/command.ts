import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What became of a command. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly out: string;
  /** But for the lines that say that it still waits, one every 15 s: how busy the machine is decides how many. */
  readonly err: string;
}

const stillWaits = /^.* \(\d+ s\)\n/gm;

/** How a command is run: where, with which variables, and what interrupts it, or ends it where its reason is `SIGTERM`. */
interface Running {
  readonly folder?: string;
  readonly variables?: Record<string, string>;
  readonly signal?: AbortSignal;
  /** Told all of its output, each time that there is more. */
  readonly onOutput?: (told: { readonly out: string; readonly err: string }) => void;
}

/** `converge` as its users run it: a process of its own, its output piped. */
export async function runConverge(
  parameters: readonly string[],
  { folder, variables = {}, signal, onOutput }: Running = {},
): Promise<Ended> {
  const program = join(import.meta.dirname, '../../cli/converge.js');
  const child = spawn(process.execPath, [program, ...parameters], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: tmpdir(), METADATA_SERVER_DETECTION: 'none', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  signal?.addEventListener('abort', () => child.kill(signal.reason === 'SIGTERM' ? 'SIGTERM' : 'SIGINT'));
  const told = { out: '', err: '' };
  const hear = (stream: 'out' | 'err') => (text: string) => {
    told[stream] += text;
    onOutput?.(told);
  };
  child.stdout.setEncoding('utf8').on('data', hear('out'));
  child.stderr.setEncoding('utf8').on('data', hear('err'));
  const code = await new Promise<number | null>((ended) => child.on('close', ended));
  return { code, out: told.out, err: told.err.replace(stillWaits, '') };
}
