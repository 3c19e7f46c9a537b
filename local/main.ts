import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { ConvergeError } from '../shared/base/errors.ts';
import { LocalError, systemErrorCode } from './local-error.ts';
import { tellLive } from './live.ts';
import { holdAlone, holderOf } from './only-one.ts';
import { requireGit } from './parts/git.ts';
import { startInbox, type Inbox } from './parts/inbox.ts';
import { startPipelineEarly, type EarlyPipeline, type Pipeline } from './pipeline.ts';
import { comingPrograms, isRunning } from './programs.ts';
import { sayTo, tell } from './say.ts';
import { tellStory } from './story/tell-story.ts';

const usage = `npm start -- [options]

Brings up the whole pipeline on this machine (Kubernetes, Storage, Pub/Sub, Git and
the functions), runs the Family Insurance story through it, and stays up. Its start
says which of Google Cloud's limits are on.

  --once              end after the story: exit code 0, or 1 if a step failed
  --no-story          stay up without it
  --end               end the pipeline of this checkout, and wait for its end
  --schedule SECONDS  how often the drift check runs (default 10, 0: never)
  --platform          start as many instances of a function as Google Cloud, and kill
                      one that takes more memory than it has, rather than say so
  --seed NUMBER       repeat the disturbances of an earlier run
  --help              this text

Exit codes: 0 all went well, 1 a step failed, 2 wrong usage.
`;

interface Arguments {
  readonly once: boolean;
  readonly story: boolean;
  readonly end: boolean;
  readonly platform: boolean;
  readonly seed: number | undefined;
  readonly scheduleSeconds: number;
}

const root = resolve(import.meta.dirname, '..');
const stateFolder = join(root, '.converge');
const factsFile = join(stateFolder, 'local.json');
const holdFile = join(stateFolder, 'running');
const { say, report } = tell({ out: process.stdout, progress: process.stderr });

function readArguments(): Arguments | 'help' {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      story: { type: 'boolean', default: true },
      end: { type: 'boolean', default: false },
      platform: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      seed: { type: 'string' },
      schedule: { type: 'string', default: '10' },
    },
    allowNegative: true,
  });
  if (values.help) return 'help';
  if (values.once && !values.story)
    throw new LocalError({ message: '--once ends after the story, and --no-story tells none' });
  return {
    once: values.once,
    story: values.story,
    end: values.end,
    platform: values.platform,
    seed: values.seed === undefined ? undefined : wholeNumber('--seed', values.seed),
    scheduleSeconds: wholeNumber('--schedule', values.schedule),
  };
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new LocalError({ message: `${option} takes a whole number, not '${text}'` });
  return Number(text);
}

/** Folders of runs that were killed before they could clear up. */
async function removeAbandonedRuns(runs: string): Promise<void> {
  for (const run of await readdir(runs)) {
    if (!isRunning(Number(run))) await rm(join(runs, run), { recursive: true, force: true });
  }
}

function here(path: string): string {
  return relative(process.cwd(), path) || '.';
}

function printFacts(pipeline: Pipeline, inbox: Inbox): void {
  const { facts, programs } = pipeline;
  const uploads = `${facts.storage}/upload/storage/v1/b/${facts.buckets.master}/o`;
  const storageUpload = `${uploads}?uploadType=media&name=config/defaults.yaml`;
  say('The pipeline stays up.', 'heading');
  for (const [name, url] of [
    ['Status', facts.status],
    ['Inspect', facts.inspect],
    ['Act', facts.act],
    ['Storage', facts.storage],
    ['Pub/Sub', facts.pubsub],
    ['Webhook', facts.webhook],
    ['Inbox', inbox.url],
  ]) {
    say(`${name?.padEnd(9)} ${url}`);
  }
  for (const [name, url] of Object.entries(facts.repositories)) say(`${name.padEnd(9)} ${url}`);
  say(`Details   ${here(factsFile)}, logs in ${here(pipeline.folder)}`);
  say('Try, in another terminal:', 'heading');
  say(`curl ${facts.status}`);
  say(`git clone ${facts.repositories.master}`);
  say(`curl --data-binary @FILE '${storageUpload}'`);
  const query = `--kubeconfig ${here(facts.kubeconfig)} get pods --all-namespaces`;
  // The control plane's program is a kubectl too, when called by that name.
  say(hasKubectl() ? `kubectl ${query}` : `bash -c "exec -a kubectl ${programs.cluster} ${query}"`);
}

function hasKubectl(): boolean {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .some((folder) => folder !== '' && existsSync(join(folder, 'kubectl')));
}

/** Resolves at the first Ctrl-C or request to end. A second one ends this process at once, and every part with it. */
function endRequested(): Promise<void> {
  return new Promise((requested) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => requested());
  });
}

/** Throws `LocalError` where a pipeline of this checkout runs: another one would take its place in what the command reads. */
async function runAlone(wanted: Arguments): Promise<void> {
  const ended = endRequested();
  await mkdir(stateFolder, { recursive: true });
  const hold = await holdAlone(holdFile);
  if (hold.kind === 'taken') throw runsAlready(hold.pid, await statusUrl());
  try {
    await requireGit();
    await run(wanted, ended);
  } finally {
    await hold.release();
  }
}

function runsAlready(pid: number, status: string | undefined): LocalError {
  const where = status === undefined ? 'it is starting' : `its status is ${status}, and ${here(factsFile)} says more`;
  return new LocalError({
    message: `A pipeline of this checkout runs already, as process ${pid}: ${where}.`,
    remedy: 'Use that one, or end it with Ctrl-C where it runs; another checkout may have one of its own.',
  });
}

/** Of the pipeline that runs here; undefined while it starts. */
async function statusUrl(): Promise<string | undefined> {
  try {
    return z.object({ status: z.string() }).parse(JSON.parse(await readFile(factsFile, 'utf8'))).status;
  } catch {
    return undefined;
  }
}

async function run({ once, story, platform, seed, scheduleSeconds }: Arguments, ended: Promise<void>): Promise<void> {
  const interrupted = new AbortController();
  void ended.then(() => interrupted.abort());
  const runs = join(stateFolder, 'runs');
  const folder = join(runs, String(process.pid));
  await mkdir(runs, { recursive: true });
  await rm(folder, { recursive: true, force: true });
  await removeAbandonedRuns(runs);
  let wasEnded = false;
  try {
    await runIn(folder, { once, story, platform, seed, scheduleSeconds }, { ended, interrupted: interrupted.signal });
    // By a key of the terminal, which sends no signal.
    wasEnded = !once;
  } finally {
    // Who ends it has seen what they wanted to; of one that failed, the logs are kept until the next start.
    if (wasEnded || interrupted.signal.aborted) await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(
  folder: string,
  { once, story, platform, seed, scheduleSeconds }: Omit<Arguments, 'end'>,
  { ended, interrupted }: { ended: Promise<void>; interrupted: AbortSignal },
): Promise<void> {
  interrupted.throwIfAborted();
  const programs = comingPrograms({ report, signal: interrupted });
  const inbox = await startInbox();
  const pipeline = await startPipelineEarly({
    folder,
    programs,
    scheduleSeconds,
    ...(platform ? { memory: 'enforced', instances: 'as-deployed' } : { memory: 'told' }),
    log: ({ kind, part, message }) => {
      if (kind === 'failure') say(`${part} ${message}`, 'bad');
    },
    ...(seed === undefined ? {} : { seed }),
    pullRequests: 'served',
    configuration: { alerts: { sinks: inbox.sinks } },
  });
  const facts = `${JSON.stringify({ ...pipeline.facts, inbox: inbox.url }, undefined, 2)}\n`;
  try {
    if (interrupted.aborted) return;
    await writeFile(factsFile, facts);
    say(`The pipeline answers: ${here(factsFile)} tells where (disturbances from seed ${pipeline.seed}).`, 'heading');
    say(`Limits    ${pipeline.limits.join('; ')}.`);
    say(`Inbox     ${inbox.url} shows what people are told, by mail and by webhook.`);
    if (story) await Promise.race([tellStory(pipeline, say, inbox), ended]);
    if (interrupted.aborted && story) throw new LocalError({ message: 'ended before the story did' });
    if (!once && !interrupted.aborted) {
      printFacts(await pipeline.whole(), inbox);
      await stayUp({ pipeline, inbox, ended });
    }
  } finally {
    await pipeline.stop();
    await inbox.stop();
    await removeFacts(facts);
  }
}

/** Tells what happens, until Ctrl-C or `q`. */
async function stayUp({
  pipeline,
  inbox,
  ended,
}: {
  pipeline: EarlyPipeline;
  inbox: Inbox;
  ended: Promise<void>;
}): Promise<void> {
  const keys = process.stdin.isTTY ? watchKeys(process.stdin) : undefined;
  say(`${keys === undefined ? 'Ctrl-C' : 'q or Ctrl-C'} stops everything. What happens from now on:`, 'heading');
  const live = await tellLive({ pipeline, inbox, say });
  await Promise.race([ended, ...(keys === undefined ? [] : [keys.ended])]);
  keys?.stop();
  await live.stop();
}

/** Ctrl-C and Ctrl-D among them. */
const endKeys: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u0004']);

/** A terminal whose keys are read one by one: Ctrl-C is one of them then. */
function watchKeys(terminal: typeof process.stdin): { ended: Promise<void>; stop(): void } {
  terminal.setRawMode(true).setEncoding('utf8').resume();
  const ended = new Promise<void>((end) => {
    terminal.on('data', (keys) => {
      if ([...String(keys)].some((key) => endKeys.has(key))) end();
    });
  });
  return {
    ended,
    stop() {
      terminal.setRawMode(false).pause();
    },
  };
}

/** Leaves alone what another pipeline has written there since. */
async function removeFacts(written: string): Promise<void> {
  try {
    if ((await readFile(factsFile, 'utf8')) === written) await rm(factsFile);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

/** How long a pipeline may take to end: one that is just starting has its parts to start first. Milliseconds. */
const longestEnd = 120_000;

/** Ends the pipeline that runs here, by its own pid, as Ctrl-C does where it runs. */
async function endTheOther(): Promise<void> {
  const pid = await holderOf(holdFile);
  if (pid === undefined) {
    say(`No pipeline of this checkout runs: ${root}.`);
    return;
  }
  process.kill(pid, 'SIGTERM');
  for (const began = performance.now(); performance.now() - began < longestEnd;) {
    if ((await holderOf(holdFile)) !== pid && !isRunning(pid)) {
      say(`The pipeline of ${root} that ran as process ${pid} has ended.`);
      return;
    }
    await sleep(200);
  }
  throw new LocalError({
    message: `The pipeline that runs as process ${pid} has not ended in ${longestEnd / 1000} s.`,
    remedy: `Its second request to end is taken at once: kill ${pid}.`,
  });
}

function explain(error: unknown): string {
  if (error instanceof LocalError || error instanceof ConvergeError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(): Promise<number> {
  let parsed: Arguments | 'help';
  try {
    parsed = readArguments();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${message}\n\n${usage}`);
    return 2;
  }
  if (parsed === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  try {
    await (parsed.end ? endTheOther() : runAlone(parsed));
    return 0;
  } catch (error) {
    if (systemErrorCode(error) !== 'ABORT_ERR') sayTo(process.stderr)(explain(error), 'bad');
    return 1;
  }
}

process.exit(await main());
