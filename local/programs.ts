import { createHash, randomUUID } from 'node:crypto';
import { access, glob, link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSettings, goWords, runGoBuild, type Platform } from './go-build.ts';
import { LocalError, systemErrorCode } from './local-error.ts';
import { shippedProgram } from './shipped-programs.ts';
import { cacheFolder } from '../shared/adapters/cache-folder.ts';

/** The packages of the module `tools/`, in the order in which Go builds them: what the story needs first comes first. */
export const programNames = ['pubsub', 'storage', 'render', 'kwok', 'cluster'] as const;
export type ProgramName = (typeof programNames)[number];
export type Programs = Readonly<Record<ProgramName, string>>;
/** Each is there once it is built, while others still are. None of them need be awaited. */
export type ComingPrograms = Readonly<Record<ProgramName, Promise<string>>>;

/** Programs of others that only the tests of `terraform/` need: `npm start` builds neither. */
export const infrastructureProgramNames = ['tofu', 'google-provider'] as const;
/** gVisor's `runsc` is built for `npm run test:gvisor` alone. */
type ForeignProgramName = (typeof infrastructureProgramNames)[number] | 'gvisor';

/** Takes one line of progress. A line that ends in `…` is superseded by the next one. */
export type Report = (line: string) => void;

export interface EnsureOptions {
  readonly report?: Report;
  readonly signal?: AbortSignal;
  /** The folder of the Go modules; absent: `tools/` of this project. */
  readonly tools?: string;
  /** A program for another machine. Absent: for this one. */
  readonly target?: Platform;
  /** Go's build tags, beside those that all have; absent: none. */
  readonly tags?: readonly string[];
}

const toolsFolder = resolve(import.meta.dirname, '..', 'tools');
const pollMilliseconds = 500;
const lockTouchMilliseconds = 5000;
/** A lock untouched for this long is abandoned, even where its process id lives on as another program. */
const lockStaleMilliseconds = 60_000;

/** All that the pipeline is made of, in one build: see `comingPrograms`. */
export async function ensurePrograms(options: EnsureOptions = {}): Promise<Programs> {
  const { pubsub, storage, render, kwok, cluster } = comingPrograms(options);
  const built = await Promise.all([pubsub, storage, render, kwok, cluster]);
  return { pubsub: built[0], storage: built[1], render: built[2], kwok: built[3], cluster: built[4] };
}

/**
 * All that the pipeline is made of, each as soon as it is there. What the cache lacks is built, in one build that fills
 * all cores; `CONVERGE_PROGRAMS` names a folder that `npm run build -- --programs` made, and nothing is built then.
 *
 * They reject with `LocalError` where Go is missing, the build fails, or that folder lacks one or holds another.
 */
export function comingPrograms(options: EnsureOptions = {}): ComingPrograms {
  const waiting = new Map(programNames.map((name) => [name, Promise.withResolvers<string>()]));
  // Who awaits only some of them is told by those.
  for (const { promise } of waiting.values()) promise.catch(() => {});
  const work = async (): Promise<void> => {
    const wanted = await Promise.all(programNames.map((name) => wantedProgram(name, options)));
    await ensureAll({ wanted, options, there: ({ name, program }) => waiting.get(name)?.resolve(program) });
  };
  work().catch((error: unknown) => waiting.forEach(({ reject }) => reject(error)));
  const coming = (name: ProgramName): Promise<string> => waiting.get(name)?.promise ?? Promise.reject(unknown(name));
  return {
    pubsub: coming('pubsub'),
    storage: coming('storage'),
    render: coming('render'),
    kwok: coming('kwok'),
    cluster: coming('cluster'),
  };
}

const unknown = (name: string): Error => new Error(`there is no program ${name}`);

/**
 * The path of a program of `tools/`, built now if no build of exactly these sources is in the cache. Of several
 * processes that ask at once, one builds and the others wait for it.
 *
 * Throws `LocalError` where Go is missing or the build fails.
 */
export async function ensureProgram(
  name: ProgramName | ForeignProgramName,
  options: EnsureOptions = {},
): Promise<string> {
  const wanted = await wantedProgram(name, options);
  await ensureAll({ wanted: [wanted], options, there: () => {} });
  return wanted.program;
}

interface Wanted<Name> {
  readonly name: Name;
  /** The path of what exactly these sources make. */
  readonly program: string;
  /** The folder of the Go module. */
  readonly module: string;
  readonly package: string;
  readonly settings: readonly string[];
  readonly target: Platform;
}

/** Those of one module and the same settings. What is there already is told at once. */
async function ensureAll<Name extends string>({
  wanted,
  options,
  there,
}: {
  wanted: readonly Wanted<Name>[];
  options: EnsureOptions;
  there: (built: Wanted<Name>) => void;
}): Promise<void> {
  let missing = await withoutThose(wanted, there);
  const [first] = missing;
  if (first === undefined) return;
  const { report = () => {}, signal } = options;
  const words = goWords(missing.map(({ name }) => name));
  const lock = `${first.program}.lock`;
  await mkdir(join(cacheFolder(), 'programs'), { recursive: true });
  let told = false;
  while (!(await takeLock(lock))) {
    if (!told) report(`${words}: another process is building, waiting …`);
    told = true;
    await sleep(pollMilliseconds, undefined, signal === undefined ? {} : { signal });
    missing = await withoutThose(missing, there);
    if (missing.length === 0) return;
  }
  const touching = setInterval(() => {
    utimes(lock, new Date(), new Date()).catch(() => {});
  }, lockTouchMilliseconds);
  try {
    missing = await withoutThose(missing, there);
    if (missing.length > 0) await build({ missing, report, signal, there });
  } finally {
    clearInterval(touching);
    await rm(lock, { force: true });
  }
}

async function withoutThose<Name>(
  wanted: readonly Wanted<Name>[],
  there: (built: Wanted<Name>) => void,
): Promise<Wanted<Name>[]> {
  const missing: Wanted<Name>[] = [];
  for (const one of wanted)
    if (await exists(one.program)) there(one);
    else missing.push(one);
  return missing;
}

async function build<Name extends string>({
  missing,
  report,
  signal,
  there,
}: {
  missing: readonly Wanted<Name>[];
  report: Report;
  signal: AbortSignal | undefined;
  there: (built: Wanted<Name>) => void;
}): Promise<void> {
  const [first] = missing;
  if (first === undefined) return;
  const unfinished = `${first.program}.${randomUUID()}`;
  await mkdir(unfinished);
  const left = new Set(missing);
  const takeBuilt = async (): Promise<void> => {
    for (const one of left) {
      const made = join(unfinished, one.name);
      if (!(await exists(made))) continue;
      await rename(made, one.program);
      left.delete(one);
      there(one);
    }
  };
  let taking = Promise.resolve();
  const looking = setInterval(() => {
    taking = taking.then(takeBuilt);
    taking.catch(() => {});
  }, pollMilliseconds);
  try {
    await runGoBuild({
      names: missing.map(({ name }) => name),
      packages: missing.map((one) => one.package),
      ...{ module: first.module, settings: first.settings, target: first.target },
      ...{ into: unfinished, timesIn: join(cacheFolder(), 'build-times'), report, signal },
    });
  } finally {
    clearInterval(looking);
    // Where one does not build, others may have been built.
    await taking.then(takeBuilt, takeBuilt);
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function wantedProgram<Name extends ProgramName | ForeignProgramName>(
  name: Name,
  { tools = toolsFolder, target = here(), tags = [] }: EnsureOptions,
): Promise<Wanted<Name>> {
  const foreign = isForeign(name);
  const module = foreign ? join(tools, name) : tools;
  const settings = buildSettings({ tags, ...(name === 'google-provider' ? { compiler: ['-N'] } : {}) });
  const sources = foreign ? ['go.mod', 'go.sum'] : [`${name}/**/*.go`, 'go.mod', 'go.sum'];
  const key = await sourceKey({ module, sources, settings: [target.os, target.arch, ...settings] });
  const file = `${name}-${key}`;
  const shipped = foreign ? undefined : await shippedProgram({ folder: process.env['CONVERGE_PROGRAMS'], name, file });
  const program = shipped ?? join(cacheFolder(), 'programs', file);
  return { name, program, module, package: foreign ? 'tool' : `./${name}`, settings, target };
}

/** Modules without code of ours: what they build is their one `tool`. */
function isForeign(name: ProgramName | ForeignProgramName): name is ForeignProgramName {
  return !programNames.some((own) => own === name);
}

/** This machine, in Go's words. */
function here(): Platform {
  return { os: process.platform, arch: process.arch === 'x64' ? 'amd64' : process.arch };
}

async function sourceKey({
  module,
  sources,
  settings,
}: {
  module: string;
  sources: readonly string[];
  settings: readonly string[];
}): Promise<string> {
  const files: string[] = [];
  for await (const file of glob(sources, { cwd: module })) files.push(file);
  if (!files.includes('go.mod')) throw new LocalError({ message: `${module} holds no Go module` });
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const file of files.sort()) {
    const content = await readFile(join(module, file));
    hash.update(`\0${file.replaceAll('\\', '/')}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

/** A lock file appears whole, with its owner's process id, or not at all. */
async function takeLock(lock: string): Promise<boolean> {
  const mine = `${lock}.${randomUUID()}`;
  await writeFile(mine, String(process.pid));
  try {
    await link(mine, lock);
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(mine, { force: true });
  }
  if (await isAbandoned(lock)) await rm(lock, { force: true });
  return false;
}

/**
 * Two processes may both find a lock abandoned and one remove the other's new one: the program is then built twice, no
 * worse.
 */
async function isAbandoned(lock: string): Promise<boolean> {
  try {
    const [owner, { mtimeMs }] = await Promise.all([readFile(lock, 'utf8'), stat(lock)]);
    return Date.now() - mtimeMs > lockStaleMilliseconds || !isRunning(Number(owner));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Whether a process of that id exists, also one of another user. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
