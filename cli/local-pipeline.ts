import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { CommandResult } from './command-result.ts';
import { CommandError } from './command-error.ts';

const root = resolve(import.meta.dirname, '..');
const program = join(root, 'local', 'main.ts');
const facts = join(root, '.converge', 'local.json');

/** Throws `CommandError` in the package of the command, which has no pipeline to run. */
function assertCheckout(verb: string): void {
  if (existsSync(program)) return;
  throw new CommandError({
    subject: verb,
    message: 'runs the pipeline of a checkout of Converge, and this is the command alone',
    remedy: 'clone the repository, and call it there after npm ci',
  });
}

function start(options: readonly string[], output: 'inherit' | 'ignore' | 2): ReturnType<typeof spawn> {
  const preload = join(root, 'cli', 'needed-node.cjs');
  return spawn(process.execPath, ['--require', preload, program, ...options], {
    // What waits for the end of this command's output is not to wait for the pipeline.
    stdio: output === 'ignore' ? 'ignore' : ['inherit', output, 'inherit'],
    detached: output === 'ignore',
  });
}

/**
 * Runs `local/main.ts` until it ends: `npm start` of the checkout that this command is of. Ctrl-C of a terminal reaches it by
 * itself; what asks this process alone to end is handed on. Nothing of it is left when this resolves.
 *
 * @param tells where it tells what happens: standard output is the answer's own where that is for programs
 */
export async function runLocal(
  verb: string,
  options: readonly string[],
  { tells }: { tells: 'inherit' | 2 },
): Promise<CommandResult> {
  assertCheckout(verb);
  const child = start(options, tells);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      if (signal === 'SIGTERM' || process.stdin.isTTY !== true) child.kill(signal);
    });
  }
  const code = await new Promise<number | null>((ended, failed) => child.on('close', ended).on('error', failed));
  return { exit: code === 0 ? 0 : 1, json: { ended: code === 0 }, lines: [] };
}

const factsSchema = z.object({ status: z.string() });

/** Starts it, and resolves when it answers; it stays up when this command has ended. */
export async function startDetached(options: readonly string[]): Promise<CommandResult> {
  assertCheckout('up');
  const child = start(options, 'ignore');
  let isOver = false;
  child.on('close', () => (isOver = true));
  while (!isOver) {
    await sleep(200);
    const status = await statusOf();
    if (status === undefined) continue;
    child.unref();
    const text = `a pipeline runs as process ${child.pid ?? 0}: its status is ${status}; converge down ends it`;
    return { exit: 0, json: { pid: child.pid ?? null, status }, lines: [{ text, tone: 'good' }] };
  }
  throw new CommandError({
    subject: 'up',
    message: 'the pipeline ended before it answered',
    remedy: 'converge up, without --detach, tells why',
    exit: 1,
  });
}

async function statusOf(): Promise<string | undefined> {
  try {
    return factsSchema.parse(JSON.parse(await readFile(facts, 'utf8'))).status;
  } catch {
    return undefined;
  }
}
