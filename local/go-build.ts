import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { LocalError, systemErrorCode } from './local-error.ts';
import type { Report } from './programs.ts';

/** In Go's words. */
export interface Platform {
  readonly os: string;
  readonly arch: string;
}

export interface GoBuild {
  /** What is built, for people; the files are called so. */
  readonly names: readonly string[];
  readonly packages: readonly string[];
  /** The folder of the module. */
  readonly module: string;
  readonly settings: readonly string[];
  readonly target: Platform;
  /** An empty folder, into which each program comes, whole, as soon as it is linked. */
  readonly into: string;
  /** A folder where this machine keeps how long such a build took. */
  readonly timesIn: string;
  readonly report: Report;
  readonly signal: AbortSignal | undefined;
}

const progressMilliseconds = 1000;
/** What Go said last, of which the end counts. */
const keptOutput = 8000;
/** A compiler that collects later is done sooner, by a tenth; its largest package takes 610 MiB then. */
const collectLater = '400';

/** Kubernetes' components parse their own version: without it they call themselves `v0.0.0-master+$Format:%H$`. */
const versions = ['gitVersion=v1.36.3', 'gitMajor=1', 'gitMinor=36'].map(
  (value) => `-X k8s.io/component-base/version.${value}`,
);

/**
 * The flags of `go build`. The same for all programs, so that what several of them are made of is compiled once, and
 * without a trace of this machine. What debuggers need is left out where it is made, too: a sixth of the time.
 *
 * @param compiler for all packages, beside that. Google's provider is so large that optimising it takes longer than all
 * its runs in the tests
 */
export function buildSettings({
  tags,
  compiler = [],
}: {
  tags: readonly string[];
  compiler?: readonly string[];
}): readonly string[] {
  return [
    '-trimpath',
    '-buildvcs=false',
    ...['-ldflags', ['-s', '-w', ...versions].join(' ')],
    `-gcflags=all=${['-dwarf=false', ...compiler].join(' ')}`,
    // The storage server's client could look for servers by xDS, and would bring Envoy's API along.
    ...['-tags', ['disable_grpc_modules', ...tags].join(',')],
  ];
}

/** `pubsub, storage and render` */
export function goWords(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/**
 * Runs `go build`, and reports once a second what is built, how many packages are done, and how long it took here the
 * last time.
 *
 * Throws `LocalError` where Go is missing or the build fails, and what `signal` was aborted with.
 */
export async function runGoBuild(job: GoBuild): Promise<void> {
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  const words = goWords(job.names);
  const times = join(job.timesIn, `${job.names.join('-')}.seconds`);
  const before = await secondsOfLastTime(times);
  const lastTime = before === undefined ? 'once per machine' : `took ${before} s the last time`;
  let done = 0;
  let all: number | undefined;
  let isDownloading = false;
  const onLine = (line: string): void => {
    if (isPackage(line)) done++;
    else isDownloading ||= line.startsWith('go: downloading ');
  };
  const tell = (): void => {
    const packages = `, ${done}${all === undefined ? '' : ` of ${Math.max(all, done)}`} packages`;
    const far = done > 0 ? packages : isDownloading ? ', downloading modules' : '';
    job.report(`building ${words} (${lastTime}): ${seconds()} s${far} …`);
  };
  tell();
  const ticking = setInterval(tell, progressMilliseconds);
  try {
    const counting = countPackages(job).then((count) => (all = count));
    // Each name: `-o` alone would take those of the packages. A folder takes several.
    const output = job.names.length === 1 ? join(job.into, job.names.join('')) : `${job.into}/`;
    await Promise.all([
      go(job, ['build', '-v', ...job.settings, '-o', output, ...job.packages], onLine),
      counting.catch(() => {}),
    ]);
  } finally {
    clearInterval(ticking);
  }
  job.report(`built ${words} in ${seconds()} s`);
  // What was in Go's own cache says nothing of a build of all.
  if (all !== undefined && done > all / 2) await keepTime({ times, seconds: seconds() });
}

/** A cache that cannot be written to has failed the build already. */
async function keepTime({ times, seconds }: { times: string; seconds: number }): Promise<void> {
  await mkdir(dirname(times), { recursive: true });
  await writeFile(times, String(seconds));
}

async function secondsOfLastTime(file: string): Promise<number | undefined> {
  try {
    return Number.parseInt(await readFile(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined;
  }
}

async function countPackages(job: GoBuild): Promise<number> {
  let count = 0;
  const tags = job.settings.slice(-2);
  await go(job, ['list', '-deps', '-f', '{{.ImportPath}}', ...tags, ...job.packages], (line) => {
    if (isPackage(line)) count++;
  });
  return count;
}

/** As `-v` and `list` print it. */
function isPackage(line: string): boolean {
  return /^[^\s#:]+$/.test(line);
}

async function go(
  { names, module, target, into, signal }: GoBuild,
  parameters: readonly string[],
  onLine: (line: string) => void,
): Promise<void> {
  const child = spawn('go', parameters, {
    cwd: module,
    env: {
      GOGC: collectLater,
      // Go's own settings and proxies stay the user's: modules may have to be downloaded.
      ...process.env,
      ...{ CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly' },
      ...{ GOOS: target.os, GOARCH: target.arch, GOAMD64: 'v1', GOARM64: 'v8.0', GOEXPERIMENT: '' },
      // On the same disk, so that a program is moved into place, and never seen half.
      GOTMPDIR: into,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => {
      onLine(line);
      if (!isPackage(line)) output = `${output}${line}\n`.slice(-keptOutput);
    });
  await new Promise<void>((done, fail) => {
    child.once('error', (error) => {
      if (systemErrorCode(error) !== 'ENOENT') fail(error);
      else
        fail(
          new LocalError({
            message: `Go is needed to build ${goWords(names)}, and \`go\` is not on the path.`,
            remedy: 'Install Go 1.26 or newer (https://go.dev/dl/) and run the same command again.',
          }),
        );
    });
    child.once('close', (code) => {
      if (code === 0) done();
      else if (signal?.aborted) fail(signal.reason);
      else
        fail(
          new LocalError({
            message: `${goWords(names)} cannot be built: go exited with code ${code}\n${output.trimEnd()}`,
          }),
        );
    });
  });
}
