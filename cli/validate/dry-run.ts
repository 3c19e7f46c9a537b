import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { KubernetesObject } from '../../shared/objects/kubernetes-object.ts';
import { CommandError } from '../command-error.ts';

export interface Refused {
  readonly index: number;
  readonly message: string;
}

/**
 * Asks an API server that is started for it, in a process of its own, for a dry run of each object. Throws
 * `CommandError` where the command was installed without the local pipeline, and where no API server comes up.
 */
export async function dryRun(objects: readonly KubernetesObject[]): Promise<readonly Refused[]> {
  const program = join(import.meta.dirname, '../../local/dry-run.ts');
  if (!existsSync(program))
    throw new CommandError({
      subject: '--api',
      message: 'starts an API server, which a checkout of Converge builds and this installation does not have',
      remedy: 'call the command of a checkout, or leave --api out',
    });
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] });
  const ended = once(child, 'close');
  child.stdin?.on('error', () => {});
  child.stdin?.end(JSON.stringify(objects));
  const said = child.stderr === null ? Promise.resolve('') : text(child.stderr);
  const out = child.stdout === null ? '' : await text(child.stdout);
  await ended;
  if (child.exitCode !== 0)
    throw new CommandError({ subject: '--api', message: `no API server answered: ${(await said).trim()}`, exit: 1 });
  return z.array(z.object({ index: z.number(), message: z.string() })).parse(JSON.parse(out));
}
