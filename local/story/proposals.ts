import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { revisionOf } from '../../shared/base/revision.ts';
import { planWords } from '../../shared/notices/alert-lines.ts';
import { partEnvironment } from '../environment.ts';
import { LocalError } from '../local-error.ts';
import type { PullRequests } from '../parts/pull-requests.ts';
import type { EarlyPipeline } from '../pipeline.ts';
import {
  acme,
  branch,
  cloneFolder,
  driftOf,
  endOf,
  globex,
  lookForDrift,
  person,
  push,
  readStatus,
  repository,
  sayConverged,
  sayDeployments,
  secondsSince,
  shortened,
  stepMilliseconds,
  type Scene,
} from './scene.ts';

const root = resolve(import.meta.dirname, '..', '..');
/** Lines of a comment and of what a command prints, beyond which the rest is left away. */
const mostLines = 16;

/** A person proposes a change, reads what it would do, and merges it. */
export async function proposeChange(scene: Scene, pulls: PullRequests): Promise<void> {
  const { pipeline, say, git } = scene;
  const clone = cloneFolder(pipeline);
  await startBranch(scene, 'globex-asks');
  await edit(clone, 'config/globex.yaml', (text) => text.replace('replicas: 1', 'replicas: 2'));
  await edit(clone, `environments/${globex.environment}.yaml`, (text) => `${text}  selfHeal: ask\n`);
  await git('-C', clone, 'commit', '--quiet', '--all', '--message', 'Ask before healing Globex, and run two of it');
  await git('-C', clone, 'push', '--quiet', 'origin', 'globex-asks');
  say(`git        push ${(await git('-C', clone, 'log', '-1', '--format=%h by %an: %s')).trim()} to globex-asks`);
  const pull = await openPull(pulls, { from: 'globex-asks', title: 'Ask before healing Globex' });
  const opened = performance.now();
  say(`proposed   ${pull.html_url}`);
  await sayPlan(scene, { pulls, number: pull.number, head: await headOf(scene), comment: 'awaited' });
  say(`         ${secondsSince(opened)} after it was opened`, 'detail');
  const before = await sayDeployments(scene, globex.namespace);
  const merged = await merge(scene, { from: 'globex-asks', number: pull.number });
  await sayConverged(scene, { ...merged, environments: [globex.environment] });
  const { plan } = await convergedAt(scene, merged.commit);
  if (plan?.asPlanned !== true)
    throw new LocalError({ message: `not as planned: ${plan === undefined ? 'nothing is said' : planWords(plan)}` });
  say(`plan       ${planWords(plan)}`, 'good');
  const after = await sayDeployments(scene, globex.namespace);
  if (after !== before) throw new LocalError({ message: `the image went from ${before} to ${after}` });
}

/** Drift that is asked about, and accepted: it becomes a pull request, whose merge ends the incident. */
export async function acceptDrift(scene: Scene, pulls: PullRequests): Promise<void> {
  const { pipeline, say, watch, git } = scene;
  const mark = watch.mark();
  const command = ['scale', 'deployment/web', '--replicas', '3', '--namespace', globex.namespace];
  await (await pipeline.whole()).kubernetes.kubectl(command);
  say(`kubectl    ${command.join(' ')}`);
  await lookForDrift(pipeline);
  const { incident } = await driftOf(scene, globex.environment, mark);
  await runCommand(scene, ['accept', incident, '--reason', 'the campaign needs three']);
  const [proposed] = await openPulls(pulls);
  if (proposed === undefined) throw new LocalError({ message: 'no pull request was opened' });
  await git('-C', cloneFolder(pipeline), 'fetch', '--quiet', 'origin', proposed.head.ref);
  await sayPlan(scene, { pulls, number: proposed.number, head: proposed.head.sha, comment: 'none' });
  const merged = await merge(scene, { from: 'FETCH_HEAD', number: proposed.number });
  const ended = await endOf(scene, incident, mark);
  if (ended.accepted === undefined || ended.revision !== revisionOf({ branch, commit: merged.commit }))
    throw new LocalError({ message: `incident ${incident} has ended otherwise than by what was accepted` });
  say(
    `accepted   by ${ended.accepted.by}, as ${shortened(ended.accepted.commit)}: incident ${incident} is closed`,
    'good',
  );
  await sayDeployments(scene, globex.namespace);
}

/** Seconds: long enough for what happens meanwhile on a slow machine, and for whoever watches to wait for its end. */
const suspendedFor = 30;

/** A suspension, in which nothing is healed, and which ends by itself. */
export async function suspendForAWhile(scene: Scene): Promise<void> {
  const { pipeline, say, watch } = scene;
  const { kubectl } = (await pipeline.whole()).kubernetes;
  const ends = Date.now() + suspendedFor * 1000;
  await runCommand(scene, ['suspend', acme.environment, '--for', `${suspendedFor}s`, '--reason', 'a repair at night']);
  await untilState(scene, 'Suspended');
  const mark = watch.mark();
  const repair = ['set', 'image', 'deployment/web', 'web=shop:repaired', '--namespace', acme.namespace];
  await kubectl(repair);
  say(`kubectl    ${repair.join(' ')}`);
  await lookForDrift(pipeline);
  const image = await sayDeployments(scene, acme.namespace);
  const wait = ends - Date.now();
  if (wait > 0 && image !== 'shop:repaired')
    throw new LocalError({ message: `the image is ${image}, though nothing is healed in a suspension` });
  say(`waits      ${Math.max(0, Math.ceil(wait / 1000))} s, until the suspension ends by itself`);
  await sleep(Math.max(0, wait) + 1000);
  await lookForDrift(pipeline);
  const { incident } = await driftOf(scene, acme.environment, mark);
  await endOf(scene, incident, mark);
  say(`converged  ${acme.environment}, suspended no more`, 'good');
  const healed = await sayDeployments(scene, acme.namespace);
  if (healed === 'shop:repaired')
    throw new LocalError({ message: `the image is still ${healed} after the suspension` });
}

// --- Git and its host --------------------------------------------------------------------------------------------

async function startBranch({ pipeline, git }: Scene, name: string): Promise<void> {
  const clone = cloneFolder(pipeline);
  await git('-C', clone, 'fetch', '--quiet', 'origin', branch);
  await git('-C', clone, 'checkout', '--quiet', '-B', name, `origin/${branch}`);
}

async function headOf({ pipeline, git }: Scene): Promise<string> {
  return (await git('-C', cloneFolder(pipeline), 'rev-parse', 'HEAD')).trim();
}

async function edit(folder: string, path: string, change: (text: string) => string): Promise<void> {
  const file = join(folder, path);
  const text = await readFile(file, 'utf8');
  const changed = change(text);
  if (changed === text) throw new LocalError({ message: `${path} is not what the story takes it for` });
  await writeFile(file, changed);
}

async function merge(
  scene: Scene,
  { from, number }: { from: string; number: number },
): Promise<{ commit: string; at: number }> {
  const { pipeline, git } = scene;
  const clone = cloneFolder(pipeline);
  const commit = (await git('-C', clone, 'rev-parse', from)).trim();
  await git('-C', clone, 'checkout', '--quiet', '-B', branch, `origin/${branch}`);
  await git('-C', clone, 'merge', '--quiet', '--no-ff', '--message', `Merge pull request #${number}`, commit);
  return await push(scene);
}

const pullSchema = z.object({
  number: z.number(),
  html_url: z.string(),
  head: z.object({ ref: z.string(), sha: z.string() }),
});

async function openPull(
  { api, token }: PullRequests,
  { from, title }: { from: string; title: string },
): Promise<z.infer<typeof pullSchema>> {
  const answer = await fetch(`${api}/repos/${repository}/pulls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title, head: from, base: branch, body: '' }),
  });
  if (!answer.ok) throw new LocalError({ message: `the Git host answered ${answer.status} ${await answer.text()}` });
  return pullSchema.parse(await answer.json());
}

async function openPulls({ api }: PullRequests): Promise<z.infer<typeof pullSchema>[]> {
  const answer = await fetch(`${api}/repos/${repository}/pulls?base=${branch}`);
  return z.array(pullSchema).parse(await answer.json());
}

/** Waits for the check of a head, and for the comment of its pull request where there is to be one, and says both. */
async function sayPlan(
  { say }: Scene,
  { pulls, number, head, comment }: { pulls: PullRequests; number: number; head: string; comment: 'awaited' | 'none' },
): Promise<void> {
  const signal = AbortSignal.timeout(stepMilliseconds);
  const shown = () => {
    const check = pulls
      .statuses({ repository, commit: head })
      .find(({ context }) => context === `converge/plan/${repository}`);
    const body = comment === 'none' ? '' : pulls.comments({ repository, number })[0]?.body;
    return check === undefined || body === undefined ? undefined : { ...check, body };
  };
  let found = shown();
  while (found === undefined) {
    await pulls.next(signal).catch(() => {
      const problem = `no plan was shown on pull request ${number} within ${stepMilliseconds / 1000} s`;
      throw new LocalError({ message: problem });
    });
    found = shown();
  }
  say(`check      converge/plan/${repository} of ${shortened(head)}: ${found.state}, ${found.description}`);
  sayLines(say, commentLines(found.body));
}

/** But for what only Markdown needs. */
function commentLines(comment: string): string[] {
  return comment
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('<!--') && !line.startsWith('```'))
    .map((line) => line.replaceAll(/[*`]/g, ''));
}

function sayLines(say: Scene['say'], lines: readonly string[]): void {
  for (const line of lines.slice(0, mostLines)) say(`         ${line}`.trimEnd(), 'detail');
  if (lines.length > mostLines) say(`         (${lines.length - mostLines} more lines)`, 'detail');
}

// --- The command -------------------------------------------------------------------------------------------------

/** Runs `converge` as the person of the story, where it finds this pipeline, and says what it prints. */
async function runCommand({ pipeline, say }: Scene, parameters: readonly string[]): Promise<void> {
  const folder = await desk(pipeline);
  const words = parameters.map((word) => (/^[\w./-]+$/.test(word) ? word : `'${word}'`));
  say(`converge   ${words.join(' ')}`);
  const env = partEnvironment({ home: join(pipeline.folder, 'home'), variables: { ...person, NO_COLOR: '1' } });
  const program = join(root, 'cli', 'converge.js');
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...parameters], { cwd: folder, env });
  sayLines(say, stdout.trimEnd().split('\n'));
}

/** A folder in which the command finds this pipeline. */
async function desk({ folder, facts }: EarlyPipeline): Promise<string> {
  const place = join(folder, 'desk');
  await mkdir(join(place, '.converge'), { recursive: true });
  await writeFile(join(place, '.converge', 'local.json'), JSON.stringify(facts));
  return place;
}

async function convergedAt({ watch }: Scene, commit: string) {
  const revision = revisionOf({ branch, commit });
  return await watch.first({
    what: `${globex.environment} converged at ${shortened(commit)}`,
    pick: (seen) =>
      seen.kind === 'converged' && seen.data.environment === globex.environment && seen.data.revision === revision
        ? seen.data
        : undefined,
  });
}

async function untilState({ pipeline, say }: Scene, state: string): Promise<void> {
  const deadline = performance.now() + stepMilliseconds;
  for (;;) {
    const row = (await readStatus(pipeline)).find(({ name }) => name === acme.environment);
    if (row?.state === state) return say(`status     ${acme.environment} is ${state}`);
    if (performance.now() > deadline)
      throw new LocalError({ message: `${acme.environment} is ${row?.state ?? 'unknown'}, and not ${state}` });
    await sleep(200);
  }
}
