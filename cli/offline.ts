import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { configKeysSchema, type Limits } from '../shared/config/config.ts';
import type { Renderer } from '../shared/ports/renderer.ts';
import { CommandError } from './command-error.ts';
import { progressOn } from './progress.ts';
import { findConfiguration, type Configuration } from './configuration.ts';

/** What a command uses that works on files alone: a configuration only where there is one. */
export interface Offline {
  /** Where it was called. */
  readonly folder: string;
  readonly configuration: Configuration | undefined;
  readonly limits: Limits;
  /** Opens the renderer when it is first asked for. */
  renderer(): Promise<Renderer>;
  /** One line of what goes on. */
  readonly progress: (line: string) => void;
}

/** Throws `CommandError` or `BadConfiguration` where a configuration was named, and is wrong. */
export function openOffline({
  config,
  renderer: named,
  folder = process.cwd(),
  environment = process.env,
}: {
  config: string | undefined;
  /** The path of the renderer's program; undefined: it is looked for. */
  renderer: string | undefined;
  folder?: string;
  environment?: Readonly<Record<string, string | undefined>>;
}): Offline {
  const configuration = configurationIfAny({ file: config, environment, folder });
  let renderer: Promise<Renderer> | undefined;
  const every = (milliseconds: number, work: () => void): void => {
    setInterval(work, milliseconds).unref();
  };
  return {
    progress: progressOn(process.stderr, { now: () => performance.now(), every }),
    folder,
    configuration,
    limits: configuration?.config.limits ?? configKeysSchema.pick({ limits: true }).parse({}).limits,
    renderer: () => (renderer ??= openRenderer({ named, configuration, folder })),
  };
}

function configurationIfAny(where: Parameters<typeof findConfiguration>[0]): Configuration | undefined {
  try {
    return findConfiguration(where);
  } catch (error) {
    if (error instanceof CommandError && error.subject === 'configuration') return undefined;
    throw error;
  }
}

async function openRenderer({
  named,
  configuration,
  folder,
}: {
  named: string | undefined;
  configuration: Configuration | undefined;
  folder: string;
}): Promise<Renderer> {
  const program =
    (named === undefined ? undefined : resolve(folder, named)) ??
    configuration?.config.renderer?.program ??
    (await besideCommand());
  return (await import('../shared/adapters/renderer.ts')).createRenderer({ program });
}

/** The program that came with the command, or the one that a checkout of Converge builds. */
async function besideCommand(): Promise<string> {
  const shipped = join(import.meta.dirname, '..', 'bin', 'render');
  if (existsSync(shipped)) return shipped;
  const builder = join(import.meta.dirname, '..', 'local', 'program-path.ts');
  if (!existsSync(builder))
    throw new CommandError({
      subject: 'the renderer',
      message: 'does not come with the command',
      remedy: 'name the program with --renderer FILE: `npm run build` makes one for each machine, in dist/render/',
    });
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [builder, 'render']);
    return stdout.trim();
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
    throw new CommandError({ subject: 'the renderer', message: `could not be built: ${said}`, exit: 1 });
  }
}
