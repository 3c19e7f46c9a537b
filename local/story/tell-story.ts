import { execFile } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { cp, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { z } from 'zod';
import { policySchema, policyWords } from '../../shared/environment/policy.ts';
import { environmentKey, revisionOf } from '../../shared/base/revision.ts';
import type { Converged, Diff } from '../../shared/events/alert.ts';
import { eventId } from '../../shared/events/cloud-event.ts';
import { encodeReconcileRequested } from '../../shared/events/reconcile-requested.ts';
import { reportSchema } from '../../shared/events/report.ts';
import { renderText } from '../../shared/report/plain.ts';
import { latestReportPath } from '../../shared/report/report-paths.ts';
import { storageEvent } from '../binary-event.ts';
import { partEnvironment } from '../environment.ts';
import { LocalError } from '../local-error.ts';
import type { Inbox, InboxMessage } from '../parts/inbox.ts';
import { dailyReport, type EarlyPipeline } from '../pipeline.ts';
import type { Say } from '../say.ts';
import { subscribeToTopics, type Seen } from '../topics.ts';

const example = resolve(import.meta.dirname, '..', '..', 'examples', 'family-insurance');
const repository = 'master';
const branch = 'main';
const platform = 'platform';
const acme = { environment: 'acme-production', namespace: 'acme' };
const globex = { environment: 'globex-production', namespace: 'globex' };
const initech = { environment: 'initech-production', namespace: 'initech' };
/** Until it is said what is waited for. */
const aMoment = 1000;
/** How long a single thing that a step waits for may take. */
const stepMilliseconds = 60_000;

/**
 * Tells the Family Insurance story through a running pipeline that nobody else has used yet: real pushes, uploads and
 * `kubectl`, and what the pipeline's own topics say about them, and the inbox, where the configuration has its sinks.
 *
 * Throws `LocalError` naming the step, what did not come true in its time, and what was seen last.
 */
export async function tellStory(pipeline: EarlyPipeline, say: Say, inbox?: Inbox): Promise<void> {
  const watch = await watchTopics(pipeline);
  const scene: Scene = { pipeline, say, watch, git: gitIn(pipeline) };
  watch.onDiff((diff) => sayDiff({ diff, say }));
  try {
    await step(scene, '1. Operations pushes the configuration of the first two customers to Git', pushRepository);
    const chart = await step(scene, '2. CI uploads version 1.5.0 of the shop as one archive', uploadChart);
    await step(scene, '3. CI uploads a single file: new settings for Acme', uploadSettings);
    await step(scene, '4. Somebody edits a Deployment by hand', editByHand);
    await step(scene, '5. A new customer signs up: two more files', addCustomer);
    await step(scene, '6. The new shop disappoints: a person reverts its upload', (here) => revertChart(here, chart));
    if (inbox !== undefined)
      await step(scene, '7. CI uploads settings that nobody can read, and mends them', (here) => mend(here, inbox));
    await step(scene, 'Where everything stands', sayStatus);
    await step(scene, 'The report of it (at other times, one is made by a schedule)', sayReport);
  } finally {
    await watch.stop();
  }
}

interface Scene {
  readonly pipeline: EarlyPipeline;
  readonly say: Say;
  readonly watch: Watch;
  /** Runs git in the person's clone of the repository; resolves with its output. */
  readonly git: (...parameters: readonly string[]) => Promise<string>;
}

async function step<T>(scene: Scene, title: string, play: (scene: Scene) => Promise<T>): Promise<T> {
  scene.say(`\n${title}`, 'heading');
  try {
    return await play(scene);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    const message = `The story failed at "${title}": ${problem}`;
    throw new LocalError({ message, remedy: `Last seen: ${scene.watch.lastSeen()}`, cause: error });
  }
}

// --- The steps ---------------------------------------------------------------------------------------------------

async function pushRepository(scene: Scene): Promise<void> {
  const { pipeline, git } = scene;
  const clone = cloneFolder(pipeline);
  await git('clone', '--quiet', pipeline.facts.repositories.master, clone);
  await cp(join(example, 'repository'), clone, { recursive: true });
  await git('-C', clone, 'checkout', '--quiet', '-B', branch);
  await git('-C', clone, 'add', '--all');
  await git('-C', clone, 'commit', '--quiet', '--message', 'Open the shop for Acme and Globex');
  const pushed = await push(scene);
  await untilWhole(scene);
  await sayConverged(scene, { ...pushed, environments: [acme.environment, globex.environment, platform] });
  await sayDeployments(scene, acme.namespace);
}

/** The first start on a machine tells as much of the story as needs no cluster while the control plane is being built. */
async function untilWhole({ pipeline, say }: Scene): Promise<void> {
  const whole = pipeline.whole().then(() => 'whole' as const);
  const now = await Promise.race([whole, sleep(aMoment, 'waiting' as const)]);
  if (now === 'waiting') say('waits      the jobs do, for the cluster, which is not up yet');
  await whole;
}

/** Resolves with the commit of the upload, the bucket's own notification of it, and the image it brought. */
async function uploadChart(scene: Scene): Promise<CopiedUpload & { image: string }> {
  const content = await packChart(join(example, 'uploads', 'charts', 'shop'));
  const metadata = {
    'converge-commit': '0d6c3b1f5a7e4f0b9c28d1e6a3f47b5092ce81da',
    'converge-build': 'https://ci.family-insurance.example/shop/builds/1500',
    'converge-author': 'Dana Weber <dana@family-insurance.example>',
  };
  const upload = await uploadObject(scene, { name: 'charts/shop.tgz', content, metadata });
  await sayConverged(scene, { ...upload, environments: [acme.environment, globex.environment] });
  return { ...upload, image: await sayDeployments(scene, acme.namespace) };
}

async function uploadSettings(scene: Scene): Promise<void> {
  const content = await readFile(join(example, 'uploads', 'config', 'acme.yaml'));
  const upload = await uploadObject(scene, { name: 'config/acme.yaml', content, metadata: {} });
  await sayConverged(scene, { ...upload, environments: [acme.environment] });
  await sayDeployments(scene, acme.namespace);
}

async function editByHand(scene: Scene): Promise<void> {
  const { pipeline, say, watch } = scene;
  const { kubectl } = (await pipeline.whole()).kubernetes;
  const debugImage = 'shop:debug';
  const command = ['set', 'image', 'deployment/web', `web=${debugImage}`, '--namespace', acme.namespace];
  const mark = watch.mark();
  const edited = performance.now();
  await kubectl(command);
  say(`kubectl    ${command.join(' ')}`);
  const { checked } = await lookForDrift(pipeline);
  say(
    `schedule   checkDrift looks at ${checked.length} environments ` +
      '(called by hand here, so that nobody waits for the scheduler)',
  );
  const diff = await watch.first({
    what: `a diff of ${acme.environment}`,
    from: mark,
    pick: (seen) => {
      const isOurs =
        seen.kind === 'diff' && seen.data.environment === acme.environment && seen.data.reason === 'Drifted';
      return isOurs ? seen.data : undefined;
    },
  });
  const converged = await watch.first({
    what: `the end of incident ${diff.incident}`,
    from: mark,
    pick: (seen) => (seen.kind === 'converged' && seen.data.incident === diff.incident ? seen.data : undefined),
  });
  say(
    `converged  ${acme.environment.padEnd(18)} ${countsOf(converged.changes)}; ${secondsSince(edited)} after the edit`,
    'good',
  );
  say(`         incident ${diff.incident} is closed`, 'detail');
  const image = await sayDeployments(scene, acme.namespace);
  if (image === debugImage) throw new LocalError({ message: `the image is still ${image} after the healing` });
}

async function addCustomer(scene: Scene): Promise<void> {
  const folder = join(example, 'uploads', 'new-customer');
  const neighbours = [acme.namespace, globex.namespace, platform];
  const before = await footprint(scene, neighbours);
  const settings = await readFile(join(folder, 'config', 'initech.yaml'));
  await uploadObject(scene, { name: 'config/initech.yaml', content: settings, metadata: {} });
  const content = await readFile(join(folder, 'environments', 'initech-production.yaml'));
  const upload = await uploadObject(scene, { name: 'environments/initech-production.yaml', content, metadata: {} });
  await sayConverged(scene, { ...upload, environments: [initech.environment] });
  await sayDeployments(scene, initech.namespace);
  const after = await footprint(scene, neighbours);
  if (after !== before)
    throw new LocalError({ message: `objects of other environments changed:\n${after}\nbefore:\n${before}` });
  scene.say(`kubectl    the objects of ${neighbours.join(', ')} are the same as before`);
}

async function revertChart(scene: Scene, chart: CopiedUpload & { image: string }): Promise<void> {
  const { pipeline, say, git } = scene;
  const clone = cloneFolder(pipeline);
  await git('-C', clone, 'pull', '--quiet', '--ff-only', 'origin', branch);
  await git('-C', clone, 'revert', '--no-edit', chart.commit);
  say(`git        revert ${shortened(chart.commit)}`);
  const pushed = await push(scene);
  await sayConverged(scene, { ...pushed, environments: [acme.environment, globex.environment, initech.environment] });
  const reverted = await sayDeployments(scene, acme.namespace);
  if (reverted === chart.image) throw new LocalError({ message: `the image is still ${reverted} after the revert` });

  say('again      the bucket announces the upload of charts/shop.tgz a second time');
  await announceAgain(pipeline, chart.notification);
  const head = (await git('ls-remote', pipeline.facts.repositories.master, branch)).slice(0, 40);
  if (head !== pushed.commit)
    throw new LocalError({ message: `the revert was undone: ${branch} is at ${shortened(head)}` });
  say(
    `unmoved    that generation was copied once, as ${shortened(chart.commit)}: ${branch} stays at ${shortened(head)}`,
    'good',
  );
  const image = await sayDeployments(scene, acme.namespace);
  if (image !== reverted) throw new LocalError({ message: `the image went from ${reverted} to ${image}` });
}

async function mend(scene: Scene, inbox: Inbox): Promise<void> {
  const { say, watch } = scene;
  const mark = watch.mark();
  const name = 'config/acme.yaml';
  const settings = (await readFile(join(example, 'uploads', name), 'utf8')).replace('Welcome back', 'Hello');
  await uploadObject(scene, { name, content: Buffer.from(settings.replace('Hello', '[Hello')), metadata: {} });
  const { incident } = await watch.first({
    what: `a diff of ${acme.environment}`,
    from: mark,
    pick: (seen) => (seen.kind === 'diff' && seen.data.reason === 'Failed' ? seen.data : undefined),
  });
  await sayInbox(inbox, { incident, state: 'opened', say });
  const mended = await uploadObject(scene, { name, content: Buffer.from(settings), metadata: {} });
  await sayConverged(scene, { ...mended, environments: [acme.environment] });
  await sayInbox(inbox, { incident, state: 'closed', say });
}

/** Waits until each sink of the inbox was told that of the incident, and says what came. */
async function sayInbox(
  inbox: Inbox,
  { incident, state, say }: { incident: string; state: InboxMessage['state']; say: Say },
): Promise<void> {
  const signal = AbortSignal.timeout(stepMilliseconds);
  const told = (): readonly InboxMessage[] =>
    inbox.messages().filter((message) => message.incident === incident && message.state === state);
  while (new Set(told().map(({ by }) => by)).size < inbox.sinks.length) {
    await inbox.next(signal).catch(() => {
      const message = `incident ${incident} was not told to be ${state} in the inbox within ${stepMilliseconds / 1000} s`;
      throw new LocalError({ message });
    });
  }
  say(`inbox      ${inbox.url}`);
  for (const { by, title } of told()) say(`         ${by.padEnd(7)} ${state}: ${title}`, 'detail');
}

async function sayStatus({ pipeline, say }: Scene): Promise<void> {
  const environments = await readStatus(pipeline);
  const heads = ['environment', 'state', 'health', 'objects', 'revision', ''];
  const rows = environments.map((row) => [
    row.name,
    row.state,
    row.health,
    String(row.objects),
    abbreviatedRevision(row.revision),
    policyWords(row.policy).join(', '),
  ]);
  for (const line of table([heads, ...rows])) say(line);
  const other = environments.filter(({ state }) => state !== 'Converged');
  const problems = other.map(({ name, state, message }) => `${name} is ${state} ${message}`.trim());
  if (problems.length > 0) throw new LocalError({ message: problems.join('; ') });
}

// --- Input: Git, uploads -----------------------------------------------------------------------------------------

interface Committed {
  readonly commit: string;
  /** When the input was handed over, by `performance.now()`. */
  readonly at: number;
}

interface CopiedUpload extends Committed {
  readonly notification: Extract<Seen, { readonly kind: 'upload' }>['message'];
}

function cloneFolder(pipeline: EarlyPipeline): string {
  return join(pipeline.folder, 'clone');
}

function gitIn(pipeline: EarlyPipeline): Scene['git'] {
  const run = promisify(execFile);
  const env = partEnvironment({
    home: join(pipeline.folder, 'home'),
    variables: {
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Olga Ops',
      GIT_AUTHOR_EMAIL: 'olga@family-insurance.example',
      GIT_COMMITTER_NAME: 'Olga Ops',
      GIT_COMMITTER_EMAIL: 'olga@family-insurance.example',
    },
  });
  return async (...parameters) => (await run('git', parameters, { env })).stdout;
}

/** Pushes what the clone holds, and waits until the Git host's webhook has announced it. */
async function push({ pipeline, say, watch, git }: Scene): Promise<Committed> {
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

/** Uploads as CI does, and waits until the upload is a commit and announced. */
async function uploadObject(
  { pipeline, say, watch, git }: Scene,
  object: { name: string; content: Buffer; metadata: Record<string, string> },
): Promise<CopiedUpload> {
  const { name, content, metadata } = object;
  const bucket = pipeline.facts.buckets.master;
  const at = performance.now();
  const file = pipeline.clients.ci.master.bucket(bucket).file(name);
  await file.save(content, { resumable: false, metadata: { metadata } });
  const generation = String(file.metadata.generation);
  say(`upload     gs://${bucket}/${name}, ${content.byteLength} bytes`);
  const isThis = (artifact: { bucket: string; name: string; generation: string }): boolean =>
    artifact.bucket === bucket && artifact.name === name && artifact.generation === generation;
  const notification = await watch.first({
    what: `the bucket's notification of ${name}`,
    pick: (seen) => (seen.kind === 'upload' && isThis(seen.data) ? seen.message : undefined),
  });
  const commit = await watch.first({
    what: `the commit of ${name}`,
    pick: (seen) =>
      seen.kind === 'change-committed' && seen.data.artifacts.some(isThis) ? seen.data.commit : undefined,
  });
  const clone = cloneFolder(pipeline);
  await git('-C', clone, 'fetch', '--quiet', 'origin', branch);
  const [subject = '', ...body] = (await git('-C', clone, 'show', '--no-patch', '--format=%B', commit))
    .trim()
    .split('\n');
  say(`commit     ${shortened(commit)} ${subject}, ${secondsSince(at)} after the upload`);
  for (const trailer of body.filter((line) => line !== '')) say(`         ${trailer}`, 'detail');
  return { commit, at, notification };
}

/** A chart as `helm package` lays it out: one top folder that holds `Chart.yaml`. */
async function packChart(folder: string): Promise<Buffer> {
  const archive = pack();
  const paths = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
  for (const path of paths) archive.entry({ name: `shop/${path}` }, await readFile(join(folder, path)));
  archive.finalize();
  return await buffer(archive.pipe(createGzip()));
}

// --- Outcome: alerts, cluster, status ----------------------------------------------------------------------------

/** Waits until exactly these environments have converged at the commit, and says what each run did. */
async function sayConverged(
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

function sayDiff({ diff, say }: { diff: Diff; say: Say }): void {
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
async function sayDeployments({ pipeline, say }: Scene, namespace: string): Promise<string> {
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

/** One line for each object of these namespaces, which changes with its content, not with its status. */
async function footprint({ pipeline }: Scene, namespaces: readonly string[]): Promise<string> {
  const kinds = 'deployments,configmaps,services,serviceaccounts,networkpolicies,cronjobs';
  const facts = '{.metadata.namespace} {.kind} {.metadata.name} {.metadata.uid} {.metadata.generation} {.data}';
  const output = `jsonpath={range .items[*]}${facts}{"\\n"}{end}`;
  const lines = (
    await (await pipeline.whole()).kubernetes.kubectl(['get', kinds, '--all-namespaces', '--output', output])
  ).split('\n');
  return lines.filter((line) => namespaces.some((namespace) => line.startsWith(`${namespace} `))).join('\n');
}

/** The bucket's notification once more, as Eventarc would deliver it. Resolves when the function has taken it. */
async function announceAgain(
  { functions, authorize }: EarlyPipeline,
  { data, attributes }: CopiedUpload['notification'],
): Promise<void> {
  const { headers, body } = storageEvent({ id: 'again', publishTime: new Date(), attributes, data });
  const answer = await fetch(functions.url('copyArtifact'), {
    method: 'POST',
    headers: { ...headers, ...(await authorize('copyArtifact')) },
    body: Buffer.from(body),
  });
  if (!answer.ok) throw new LocalError({ message: `copyArtifact answered ${answer.status} ${await answer.text()}` });
  await answer.text();
}

/** Has the report made that the configuration has for each day, and says it as text. */
async function sayReport({ pipeline, say }: Scene): Promise<void> {
  const { clients, functions, authorize, stateBucket } = pipeline;
  const url = `${functions.url('report')}?report=${dailyReport}`;
  const answer = await fetch(url, { method: 'POST', headers: await authorize('report') });
  if (!answer.ok) throw new LocalError({ message: `report answered ${answer.status} ${await answer.text()}` });
  await answer.text();
  const [content] = await clients.storage.bucket(stateBucket).file(latestReportPath(dailyReport)).download();
  const report = reportSchema.parse(JSON.parse(content.toString()));
  say(`report     ${report.kept?.html ?? 'is kept nowhere'}`);
  for (const line of renderText(report).trimEnd().split('\n')) say(`           ${line}`.trimEnd());
}

async function lookForDrift({ functions, authorize }: EarlyPipeline): Promise<{ checked: readonly string[] }> {
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

async function readStatus({ facts }: EarlyPipeline): Promise<z.infer<typeof statusSchema>['environments']> {
  const answer = await fetch(facts.status);
  if (!answer.ok)
    throw new LocalError({ message: `the status function answered ${answer.status} ${await answer.text()}` });
  return statusSchema.parse(await answer.json()).environments;
}

// --- The topics --------------------------------------------------------------------------------------------------

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

async function watchTopics({ clients: { pubsub } }: EarlyPipeline): Promise<Watch> {
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

// --- Words -------------------------------------------------------------------------------------------------------

function shortened(commit: string): string {
  return commit.slice(0, 7);
}

/** `main@9f2c1ab` */
function abbreviatedRevision(revision: string): string {
  const [name = '', commit = ''] = revision.split('@sha1:');
  return commit === '' ? 'none' : `${name}@${shortened(commit)}`;
}

function secondsSince(at: number): string {
  return `${((performance.now() - at) / 1000).toFixed(1)} s`;
}

/** The time of day, in UTC. */
function timeOf(iso: string): string {
  return `${new Date(iso).toISOString().slice(11, 19)} UTC`;
}

function countsOf({ created, configured, pruned, unchanged }: Converged['changes']): string {
  const counts = Object.entries({ created, configured, pruned, unchanged }).filter(([, count]) => count > 0);
  return counts.map(([verb, count]) => `${count} ${verb}`).join(', ');
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
