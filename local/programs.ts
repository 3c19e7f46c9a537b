import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { access, glob, link, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalError, systemErrorCode } from './local-error.ts';

/** The Go modules under `tools/`, in the order they are built: quick ones first. */
export const programNames = ['pubsub', 'storage', 'render', 'kwok', 'cluster'] as const;
export type ProgramName = (typeof programNames)[number];
export type Programs = Readonly<Record<ProgramName, string>>;

/** Programs of others that only the tests of `terraform/` need: `npm start` builds neither. */
export const infrastructureProgramNames = ['tofu', 'google-provider'] as const;
export type InfrastructureProgramName = (typeof infrastructureProgramNames)[number];

/** Takes one line of progress. A line that ends in `…` is superseded by the next one. */
export type Report = (line: string) => void;

export interface EnsureOptions {
  readonly report?: Report;
  readonly signal?: AbortSignal;
  /** The folder of the Go modules; absent: `tools/` of this project. */
  readonly tools?: string;
  /** A program for another machine, to be deployed: built without a trace of this one. Absent: for this machine. */
  readonly target?: Platform;
  /** Go's build tags; absent: none. */
  readonly tags?: readonly string[];
}

/** In Go's words. */
export interface Platform {
  readonly os: 'linux';
  readonly arch: 'amd64' | 'arm64';
}

const toolsFolder = resolve(import.meta.dirname, '..', 'tools');
const progressMilliseconds = 15_000;
const lockPollMilliseconds = 500;
const lockTouchMilliseconds = 5000;
/** A lock untouched for this long is abandoned, even where its process id lives on as another program. */
const lockStaleMilliseconds = 60_000;

/** Kubernetes' components parse their own version: without it they call themselves `v0.0.0-master+$Format:%H$`. */
const linkerVariables: Readonly<Partial<Record<BuildableName, readonly string[]>>> = {
  cluster: ['gitVersion=v1.36.3', 'gitMajor=1', 'gitMinor=36'].map(
    (value) => `-X k8s.io/component-base/version.${value}`,
  ),
};

/** Google's provider is so large that optimising it takes longer than all its runs in the tests. */
const compilerFlags: Readonly<Partial<Record<BuildableName, readonly string[]>>> = {
  'google-provider': ['-gcflags=all=-N'],
};

/** Modules without code of ours: what they build is their one `tool`. */
const packages: Readonly<Partial<Record<BuildableName, string>>> = {
  tofu: 'tool',
  'google-provider': 'tool',
  gvisor: 'tool',
};

/** gVisor's `runsc` is built for `npm run test:gvisor` alone. */
type BuildableName = ProgramName | InfrastructureProgramName | 'gvisor';

/** Where built programs and compiled code are kept between runs, outside of any checkout. */
export function cacheFolder(): string {
  if (process.env['CONVERGE_CACHE']) return resolve(process.env['CONVERGE_CACHE']);
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'converge');
}

/** Builds what is missing, one after the other: each build takes all cores by itself. */
export async function ensurePrograms(options: EnsureOptions = {}): Promise<Programs> {
  const built: Partial<Record<ProgramName, string>> = {};
  for (const name of programNames) built[name] = await ensureProgram(name, options);
  const { pubsub, storage, render, kwok, cluster } = built;
  if (!pubsub || !storage || !render || !kwok || !cluster) throw new Error('a program is missing after its build');
  return { pubsub, storage, render, kwok, cluster };
}

/**
 * The path of a program of `tools/`, built now if no build of exactly these sources is in the cache. Of several
 * processes that ask at once, one builds and the others wait for it.
 *
 * Throws `LocalError` where Go is missing or the build fails.
 */
export async function ensureProgram(name: BuildableName, options: EnsureOptions = {}): Promise<string> {
  const report = options.report ?? (() => {});
  const source = join(options.tools ?? toolsFolder, name);
  const { target } = options;
  const usual = [
    '-trimpath',
    '-ldflags',
    ['-s', '-w', ...(linkerVariables[name] ?? [])].join(' '),
    ...(compilerFlags[name] ?? []),
    ...(options.tags === undefined ? [] : ['-tags', options.tags.join(',')]),
  ];
  const flags = target === undefined ? usual : [...usual, '-buildvcs=false'];
  const folder = join(cacheFolder(), 'programs');
  const machine = target === undefined ? [process.platform, process.arch] : [target.os, target.arch];
  const program = join(folder, `${name}-${await sourceKey({ source, settings: [...machine, ...flags] })}`);
  if (await exists(program)) return program;

  await mkdir(folder, { recursive: true });
  const lock = `${program}.lock`;
  let told = false;
  while (!(await takeLock(lock))) {
    if (!told) report(`${name}: another process is building it, waiting …`);
    told = true;
    await sleep(lockPollMilliseconds, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  const touching = setInterval(() => {
    utimes(lock, new Date(), new Date()).catch(() => {});
  }, lockTouchMilliseconds);
  try {
    if (!(await exists(program)))
      await build({
        name,
        source,
        package: packages[name] ?? '.',
        flags,
        target,
        program,
        report,
        signal: options.signal,
      });
  } finally {
    clearInterval(touching);
    await rm(lock, { force: true });
  }
  return program;
}

async function sourceKey({ source, settings }: { source: string; settings: readonly string[] }): Promise<string> {
  const files: string[] = [];
  for await (const file of glob(['**/*.go', 'go.mod', 'go.sum'], { cwd: source })) files.push(file);
  if (!files.includes('go.mod')) throw new LocalError({ message: `${source} holds no Go module` });
  const hash = createHash('sha256').update(JSON.stringify(settings));
  for (const file of files.sort()) {
    const content = await readFile(join(source, file));
    hash.update(`\0${file.replaceAll('\\', '/')}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

async function build(job: {
  name: string;
  source: string;
  package: string;
  flags: readonly string[];
  target: Platform | undefined;
  program: string;
  report: Report;
  signal: AbortSignal | undefined;
}): Promise<void> {
  const { name, source, flags, program, report } = job;
  const started = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - started) / 1000)} s`;
  const unfinished = `${program}.${randomUUID()}`;
  report(`${name}: building (once per machine) …`);
  const ticking = setInterval(() => report(`${name}: building, ${seconds()} …`), progressMilliseconds);
  try {
    await runGo({
      name,
      source,
      arguments: ['build', ...flags, '-o', unfinished, job.package],
      target: job.target,
      signal: job.signal,
    });
    await rename(unfinished, program);
  } finally {
    clearInterval(ticking);
    await rm(unfinished, { force: true });
  }
  report(`${name}: built in ${seconds()}`);
}

async function runGo(run: {
  name: string;
  source: string;
  arguments: readonly string[];
  target: Platform | undefined;
  signal: AbortSignal | undefined;
}): Promise<void> {
  const machine =
    run.target === undefined
      ? {}
      : { GOOS: run.target.os, GOARCH: run.target.arch, GOAMD64: 'v1', GOARM64: 'v8.0', GOEXPERIMENT: '' };
  const child = spawn('go', run.arguments, {
    cwd: run.source,
    // Go's own settings and proxies stay the user's: modules may have to be downloaded.
    env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly', ...machine },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(run.signal === undefined ? {} : { signal: run.signal }),
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-8000);
  });
  await new Promise<void>((done, fail) => {
    child.once('error', (error) => {
      if (systemErrorCode(error) !== 'ENOENT') fail(error);
      else
        fail(
          new LocalError({
            message: `Go is needed to build ${run.name}, and \`go\` is not on the path.`,
            remedy: goRemedy,
          }),
        );
    });
    child.once('close', (code) => {
      if (code === 0) done();
      else if (run.signal?.aborted) fail(run.signal.reason);
      else
        fail(
          new LocalError({ message: `${run.name} does not build: go exited with code ${code}\n${output.trimEnd()}` }),
        );
    });
  });
}

const goRemedy = 'Install Go 1.26 or newer (https://go.dev/dl/) and run the same command again.';

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
