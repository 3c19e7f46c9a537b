import { cp, readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { policyWords } from '../../shared/environment/policy.ts';
import { reportSchema } from '../../shared/events/report.ts';
import { renderText } from '../../shared/report/plain.ts';
import { latestReportPath } from '../../shared/report/report-paths.ts';
import { storageEvent } from '../binary-event.ts';
import { LocalError } from '../local-error.ts';
import type { Inbox, InboxMessage } from '../parts/inbox.ts';
import { dailyReport, type EarlyPipeline } from '../pipeline.ts';
import type { PullRequests } from '../parts/pull-requests.ts';
import type { Say } from '../say.ts';
import { acceptDrift, proposeChange, suspendForAWhile } from './proposals.ts';
import { type Seen } from '../topics.ts';
import {
  acme,
  globex,
  abbreviatedRevision,
  branch,
  cloneFolder,
  type Committed,
  countsOf,
  driftOf,
  endOf,
  gitIn,
  lookForDrift,
  push,
  readStatus,
  sayConverged,
  sayDeployments,
  sayDiff,
  type Scene,
  secondsSince,
  shortened,
  stepMilliseconds,
  watchTopics,
} from './scene.ts';

const example = resolve(import.meta.dirname, '..', '..', 'examples', 'family-insurance');
const platform = 'platform';
const initech = { environment: 'initech-production', namespace: 'initech' };
/** Until it is said what is waited for. */
const aMoment = 1000;
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
    if (pipeline.pullRequests !== undefined) await tellOfPeople(scene, pipeline.pullRequests);
    await step(scene, 'Where everything stands', sayStatus);
    await step(scene, 'The report of it (at other times, one is made by a schedule)', sayReport);
  } finally {
    await watch.stop();
  }
}

/** What people propose, accept, and have left alone for a while. */
async function tellOfPeople(scene: Scene, pulls: PullRequests): Promise<void> {
  await step(scene, '8. A pull request says what it would do, and is merged', (here) => proposeChange(here, pulls));
  await step(scene, '9. Somebody scales by hand what is asked about, and it is accepted', (here) =>
    acceptDrift(here, pulls),
  );
  await step(scene, '10. A customer is suspended for a repair, which ends by itself', suspendForAWhile);
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
  const diff = await driftOf(scene, acme.environment, mark);
  const converged = await endOf(scene, diff.incident, mark);
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

// --- Input: uploads ------------------------------------------------------------------------------------------------

interface CopiedUpload extends Committed {
  readonly notification: Extract<Seen, { readonly kind: 'upload' }>['message'];
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

// --- Outcome -------------------------------------------------------------------------------------------------------

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

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
