import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { policySchema, policyWords } from '../../shared/environment/policy.ts';
import { environmentKey, revisionOf } from '../../shared/base/revision.ts';
import type { Converged, Diff } from '../../shared/events/alert.ts';
import { eventId } from '../../shared/events/cloud-event.ts';
import { encodeReconcileRequested } from '../../shared/events/reconcile-requested.ts';
import { partEnvironment } from '../environment.ts';
import { LocalError } from '../local-error.ts';
import type { EarlyPipeline } from '../pipeline.ts';
import type { Say } from '../say.ts';
import { subscribeToTopics, type Seen } from '../topics.ts';

export const repository = 'master';
export const branch = 'main';
export const acme = { environment: 'acme-production', namespace: 'acme' };
export const globex = { environment: 'globex-production', namespace: 'globex' };
/** How long a single thing that a step waits for may take. */
export const stepMilliseconds = 60_000;

export interface Scene {
  readonly pipeline: EarlyPipeline;
  readonly say: Say;
  readonly watch: Watch;
  /** Runs git in the person's clone of the repository; resolves with its output. */
  readonly git: (...parameters: readonly string[]) => Promise<string>;
}

export interface Committed {
  readonly commit: string;
  /** When the input was handed over, by `performance.now()`. */
  readonly at: number;
}

export function cloneFolder(pipeline: EarlyPipeline): string {
  return join(pipeline.folder, 'clone');
}

/** Who acts in the story, as git names people. */
export const person = {
  GIT_AUTHOR_NAME: 'Olga Ops',
  GIT_AUTHOR_EMAIL: 'olga@family-insurance.example',
  GIT_COMMITTER_NAME: 'Olga Ops',
  GIT_COMMITTER_EMAIL: 'olga@family-insurance.example',
};

export function gitIn(pipeline: EarlyPipeline): Scene['git'] {
  const run = promisify(execFile);
  const env = partEnvironment({
    home: join(pipeline.folder, 'home'),
    variables: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', ...person },
  });
  return async (...parameters) => (await run('git', parameters, { env })).stdout;
}

/** Pushes what the clone holds, and waits until the Git host's webhook has announced it. */
export async function push({ pipeline, say, watch, git }: Scene): Promise<Committed> {
  const clone = cloneFolder(pipeline);
  const commit = (await git('-C', clone, 'rev-parse', 'HEAD')).trim();
  const at = performance.now();
  await git('-C', clone, 'push', '--quiet', 'origin', branch);
  say(`git        push ${(await git('-C', clone, 'log', '-1', '--format=%h by %an: %s')).trim()}`);
  await watch.first({
    what: `the announcement of ${shortened(commit)}`,
    pick: (seen) => (seen.kind === 'change-committed' && seen.data.commit === commit ? seen : undefined),
  });
  say(`announced  ${shortened(commit)} by the webhook, ${secondsSince(at)} after the push`);
  return { commit, at };
}

/** Waits until exactly these environments have converged at the commit, and says what each run did. */
export async function sayConverged(
  scene: Scene,
  { commit, at, environments }: Committed & { environments: readonly string[] },
): Promise<void> {
  const { pipeline, say, watch } = scene;
  const revision = revisionOf({ branch, commit });
  const isJob = (seen: Seen, environment: string): boolean =>
    seen.kind === 'reconcile' && seen.id === jobId({ environment, commit });
  const convergedOf = (seen: Seen, environment: string): Converged | undefined =>
    seen.kind === 'converged' && seen.data.environment === environment && seen.data.revision === revision
      ? seen.data
      : undefined;

  // A look of the schedule may have met the commit before its job was due.
  const hasBegun = (seen: Seen, environment: string): boolean =>
    isJob(seen, environment) || convergedOf(seen, environment) !== undefined;
  const begun = environments.map((environment) =>
    watch.first({ what: `a job for ${environment}`, pick: (seen) => (hasBegun(seen, environment) ? seen : undefined) }),
  );
  await Promise.all(begun);
  say(`jobs       ${environments.join(', ')}`);
  const ended = environments.map(async (environment) => {
    const what = `${environment} converged at ${shortened(commit)}`;
    const { changes, policy } = await watch.first({ what, pick: (seen) => convergedOf(seen, environment) });
    const words = [countsOf(changes), ...policyWords(policy)].join(', ');
    say(`converged  ${environment.padEnd(18)} ${words}; ${secondsSince(at)}`, 'good');
  });
  await Promise.all(ended);

  const others = (await readStatus(pipeline)).filter(({ name }) => !environments.includes(name));
  const touched = others.filter(({ name, revision: at }) => at === revision || watch.has((seen) => isJob(seen, name)));
  if (touched.length > 0)
    throw new LocalError({ message: `touched without a need: ${touched.map(({ name }) => name).join(', ')}` });
  if (others.length > 0)
    say(`untouched  ${others.map(({ name, revision: at }) => `${name} (${abbreviatedRevision(at)})`).join(', ')}`);
}

/** The id of the job that `fanOut` sends for a commit. */
function jobId({ environment, commit }: { environment: string; commit: string }): string {
  const job = { repository, environment, cause: 'commit' } as const;
  return encodeReconcileRequested({ job, occasion: commit, time: new Date() }).id;
}

export function sayDiff({ diff, say }: { diff: Diff; say: Say }): void {
  const words = [diff.reason, diff.action, ...policyWords(diff.policy)].join(', ');
  say(`diff       ${diff.environment}: ${diff.summary} (${words})`, 'bad');
  for (const object of diff.objects) {
    if (object.fields.length === 0) say(`         ${object.kind} ${object.name} ${object.message}`, 'detail');
    for (const { path, desired, observed, manager, changedBefore } of object.fields) {
      say(`         ${object.kind} ${object.name} ${path}`, 'detail');
      say(`         desired ${JSON.stringify(desired)}, observed ${JSON.stringify(observed)}`, 'detail');
      const when = changedBefore === undefined ? '' : ` at ${timeOf(changedBefore)} or before`;
      const who = manager === undefined ? '' : `changed by ${manager}${when}, `;
      say(`         ${who}seen since ${timeOf(diff.since)}, incident ${diff.incident}`, 'detail');
    }
  }
}

/** Says what runs in a namespace; resolves with the image of the Deployment `web`. */
export async function sayDeployments({ pipeline, say }: Scene, namespace: string): Promise<string> {
  const row =
    '{.metadata.name} {.spec.template.spec.containers[0].image} {.status.readyReplicas}/{.spec.replicas} ready';
  const output = `jsonpath={range .items[*]}${row}{"\\n"}{end}`;
  const deployments = await (
    await pipeline.whole()
  ).kubernetes.kubectl(['get', 'deployments', '--namespace', namespace, '--output', output]);
  const lines = deployments.trim().split('\n');
  say(`kubectl    ${namespace}: ${lines.join(', ')}`);
  const image = lines.flatMap((line) => /^web (\S+)/.exec(line)?.[1] ?? [])[0];
  if (image === undefined) throw new LocalError({ message: `there is no Deployment web in ${namespace}` });
  return image;
}

/** Waits for what is told of drift, from a mark of the watch on. */
export async function driftOf({ watch }: Scene, environment: string, from: number): Promise<Diff> {
  return await watch.first({
    what: `a diff of ${environment}`,
    from,
    pick: (seen) =>
      seen.kind === 'diff' && seen.data.environment === environment && seen.data.reason === 'Drifted'
        ? seen.data
        : undefined,
  });
}

/** Waits for the end of an incident, from a mark of the watch on. */
export async function endOf({ watch }: Scene, incident: string, from: number): Promise<Converged> {
  return await watch.first({
    what: `the end of incident ${incident}`,
    from,
    pick: (seen) => (seen.kind === 'converged' && seen.data.incident === incident ? seen.data : undefined),
  });
}

export async function lookForDrift({ functions, authorize }: EarlyPipeline): Promise<{ checked: readonly string[] }> {
  const answer = await fetch(functions.url('checkDrift'), { method: 'POST', headers: await authorize('checkDrift') });
  if (!answer.ok) throw new LocalError({ message: `checkDrift answered ${answer.status} ${await answer.text()}` });
  return z.object({ checked: z.array(z.string()) }).parse(await answer.json());
}

const statusSchema = z.object({
  environments: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      health: z.string(),
      objects: z.number(),
      revision: z.string(),
      message: z.string(),
      policy: policySchema.nullable(),
    }),
  ),
});

export async function readStatus({ facts }: EarlyPipeline): Promise<z.infer<typeof statusSchema>['environments']> {
  const answer = await fetch(facts.status);
  if (!answer.ok)
    throw new LocalError({ message: `the status function answered ${answer.status} ${await answer.text()}` });
  return statusSchema.parse(await answer.json()).environments;
}

interface Watch {
  /** The place in the row of messages where the next one will stand. */
  mark(): number;
  has(matches: (seen: Seen) => boolean): boolean;
  /**
   * The first message, from a mark on, that `pick` makes something of. Throws `LocalError` where none comes in time,
   * and at once where the pipeline gave a message up: nothing that this story sends may be refused.
   */
  first<T>(wanted: { what: string; from?: number; pick: (seen: Seen) => T | undefined }): Promise<T>;
  /** Tells each diff once, as it arrives. */
  onDiff(tell: (diff: Diff) => void): void;
  /** The last messages, for people. */
  lastSeen(): string;
  stop(): Promise<void>;
}

export async function watchTopics({ clients: { pubsub } }: EarlyPipeline): Promise<Watch> {
  const log: ArrivalLog = { row: [], arrivals: new EventEmitter(), tellDiff: () => {}, problem: undefined };
  const subscriptions = await subscribeToTopics({
    pubsub,
    name: `story-${eventId(new Date().toISOString()).slice(0, 8)}`,
    take: (seen) => take(log, seen),
    fail: (error) => fail(log, error),
  });
  return {
    mark: () => log.row.length,
    has: (matches) => log.row.some(matches),
    first: (wanted) => firstOf(log, wanted),
    onDiff(tell) {
      log.tellDiff = tell;
    },
    lastSeen: () => (log.row.length === 0 ? 'nothing' : log.row.slice(-3).map(described).join('; ')),
    stop: subscriptions.stop,
  };
}

/** What has arrived on the topics, in its order. */
interface ArrivalLog {
  readonly row: Seen[];
  /** Emits `arrival` after each message and each problem. */
  readonly arrivals: EventEmitter;
  tellDiff: (diff: Diff) => void;
  /** What went wrong last. */
  problem: string | undefined;
}

function take(log: ArrivalLog, seen: Seen): void {
  const isNew = !log.row.some(({ kind, id }) => kind === seen.kind && id === seen.id);
  log.row.push(seen);
  if (seen.kind === 'diff' && isNew) log.tellDiff(seen.data);
  if (seen.kind === 'dead-letter') {
    const { stage, subject, reason, message } = seen.data;
    log.problem = `${stage} gave up ${subject}: ${reason}, ${message}`;
  }
  log.arrivals.emit('arrival');
}

function fail(log: ArrivalLog, error: Error): void {
  log.problem = error.message;
  log.arrivals.emit('arrival');
}

/** Waits as `Watch.first` says. */
async function firstOf<T>(
  log: ArrivalLog,
  { what, from = 0, pick }: { what: string; from?: number; pick: (seen: Seen) => T | undefined },
): Promise<T> {
  const signal = AbortSignal.timeout(stepMilliseconds);
  for (let index = from; ; index++) {
    while (index >= log.row.length) {
      if (log.problem !== undefined) throw new LocalError({ message: log.problem });
      if (signal.aborted) throw new LocalError({ message: `${what}: not seen within ${stepMilliseconds / 1000} s` });
      await once(log.arrivals, 'arrival', { signal }).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
    const seen = log.row[index];
    const found = seen === undefined ? undefined : pick(seen);
    if (found !== undefined) return found;
  }
}

function described(seen: Seen): string {
  switch (seen.kind) {
    case 'upload':
      return `upload of ${seen.data.name}`;
    case 'change-committed':
      return `commit ${shortened(seen.data.commit)} announced`;
    case 'reconcile':
      return `job for ${environmentKey(seen.data)}`;
    case 'diff':
      return `diff of ${seen.data.environment}, ${seen.data.reason}: ${seen.data.summary}`;
    case 'converged':
      return `${seen.data.environment} converged at ${abbreviatedRevision(seen.data.revision)}`;
    case 'alert':
      return `an alert about a ${seen.alert.kind}`;
    case 'dead-letter':
      return `dead letter of ${seen.data.stage}: ${seen.data.reason}`;
  }
}

export function shortened(commit: string): string {
  return commit.slice(0, 7);
}

/** `main@9f2c1ab` */
export function abbreviatedRevision(revision: string): string {
  const [name = '', commit = ''] = revision.split('@sha1:');
  return commit === '' ? 'none' : `${name}@${shortened(commit)}`;
}

export function secondsSince(at: number): string {
  return `${((performance.now() - at) / 1000).toFixed(1)} s`;
}

/** The time of day, in UTC. */
function timeOf(iso: string): string {
  return `${new Date(iso).toISOString().slice(11, 19)} UTC`;
}

export function countsOf({ created, configured, pruned, unchanged }: Converged['changes']): string {
  const counts = Object.entries({ created, configured, pruned, unchanged }).filter(([, count]) => count > 0);
  return counts.map(([verb, count]) => `${count} ${verb}`).join(', ');
}
