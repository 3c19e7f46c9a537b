import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import {
  convergedSchema,
  convergedType,
  diffSchema,
  diffType,
  encodeAlert,
  type Alert,
  type Converged,
  type Diff,
} from '../../shared/events/alert.ts';
import { deadLetterSchema, type DeadLetter } from '../../shared/events/dead-letter.ts';
import { startPipeline, type Pipeline, type PipelineOptions } from '../../local/pipeline.ts';
import { eventually } from '../eventually.ts';

export { eventually };

const run = promisify(execFile);

export type Files = Readonly<Record<string, string | undefined>>;

/** One running pipeline, and what a person, a CI and a subscriber can do with it. */
export interface World {
  readonly pipeline: Pipeline;
  /** A person's clone of a repository; `git` runs there. */
  clone(repository?: RepositoryClass): Promise<Clone>;
  /** Uploads an object as CI does, and resolves with its generation. */
  upload(
    name: string,
    content: string | Buffer,
    options?: { bucket?: RepositoryClass; metadata?: Record<string, string> },
  ): Promise<string>;
  readonly diffs: Diff[];
  readonly converged: Converged[];
  readonly deadLetters: DeadLetter[];
  /**
   * Resolves when every alert that was published before is received: an alert of no environment's follows them on each
   * topic.
   */
  allHeard(): Promise<void>;
  /** Calls `checkDrift` as the scheduler does. */
  checkDrift(): Promise<void>;
  kubectl(...parameters: string[]): Promise<string>;
  /** What kubectl reads, or undefined where the object is not there. */
  find(kind: string, name: string, namespace?: string): Promise<Observed | undefined>;
  apply(manifest: string): Promise<void>;
  stop(): Promise<void>;
}

export type RepositoryClass = 'master' | 'staging' | 'develop';

export interface Observed {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: Record<string, unknown>;
  readonly data?: Record<string, string>;
}

export interface Clone {
  git(...parameters: string[]): Promise<string>;
  /** Writes (or, where undefined, removes) files, commits and pushes; resolves with the commit. */
  push(files: Files, message?: string): Promise<string>;
  /** The commit the host's branch is at. */
  head(): Promise<string>;
}

const person = ['-c', 'user.name=Olivia Ops', '-c', 'user.email=olivia@example.com'];
const gitEnvironment = {
  PATH: process.env['PATH'],
  HOME: tmpdir(),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

export async function startWorld(options: Partial<PipelineOptions> = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-e2e-'));
  const pipeline = await startPipeline({
    folder,
    scheduleSeconds: 0,
    memory: 'enforced',
    log: ({ part, message }) => appendFileSync(join(folder, 'all.log'), `[${part}] ${message}\n`),
    ...options,
  });
  const { facts, kubernetes, clients } = pipeline;
  const echoes: string[] = [];
  const hear = <T extends Diff | Converged>(alert: T): T | undefined => {
    if (alert.repository !== echoing) return alert;
    echoes.push(alert.environment);
    return undefined;
  };
  const diffs = await listen(pipeline, { topic: 'diff', type: diffType }, (data) => hear(diffSchema.parse(data)));
  const converged = await listen(pipeline, { topic: 'converged', type: convergedType }, (data) =>
    hear(convergedSchema.parse(data)),
  );
  const deadLetters = await listen(pipeline, { topic: 'dead-letter' }, (data) => deadLetterSchema.parse(data));

  async function kubectl(...parameters: string[]): Promise<string> {
    return kubernetes.kubectl(parameters);
  }

  return {
    pipeline,
    diffs,
    converged,
    deadLetters,
    kubectl,
    clone: async (repository = 'master') =>
      makeClone(facts.repositories[repository], await mkdtemp(join(folder, 'clone-'))),
    async upload(name, content, { bucket = 'master', metadata = {} } = {}) {
      const file = clients.ci[bucket].bucket(facts.buckets[bucket]).file(name);
      await file.save(content, { resumable: false, metadata: { metadata } });
      const [{ generation }] = await file.getMetadata();
      return String(generation);
    },
    async allHeard() {
      const echo = `echo-${randomUUID()}`;
      await publishEcho(pipeline, echo);
      await eventually('every alert is heard', () => echoes.filter((heard) => heard === echo).length === 2);
    },
    async checkDrift() {
      const response = await fetch(pipeline.functions.url('checkDrift'), {
        method: 'POST',
        headers: await pipeline.authorize('checkDrift'),
      });
      if (!response.ok) throw new Error(`checkDrift answered ${response.status}: ${await response.text()}`);
      await response.text();
    },
    async find(kind, name, namespace) {
      const scope = namespace === undefined ? [] : ['--namespace', namespace];
      const text = await kubectl('get', kind, name, ...scope, '--ignore-not-found', '--output', 'json');
      return text.trim() === '' ? undefined : (JSON.parse(text) as Observed);
    },
    async apply(manifest) {
      await kubernetes.kubectl(['apply', '--filename', '-'], manifest);
    },
    async stop() {
      await pipeline.stop();
      if (process.env['CONVERGE_KEEP_LOGS'] === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A pipeline, and a person's clone of its master, which has a first commit. */
export async function startWorldWithMaster(
  options: Partial<PipelineOptions> = {},
): Promise<{ world: World; master: Clone }> {
  const world = await startWorld(options);
  try {
    const master = await world.clone();
    await master.push({ 'README.md': 'Family Insurance' });
    return { world, master };
  } catch (error) {
    await world.stop();
    throw error;
  }
}

/** Alerts of environments in the order they came, each event id once: the pipeline doubles messages, as the real one may. */
async function listen<T>(
  pipeline: Pipeline,
  { topic, type }: { topic: string; type?: string },
  parse: (data: unknown) => T | undefined,
): Promise<T[]> {
  const received: T[] = [];
  const seen = new Set<string>();
  const [subscription] = await pipeline.clients.pubsub.topic(topic).createSubscription(`test-${topic}`);
  subscription.on('message', (message) => {
    const id = message.attributes['ce-id'] ?? message.id;
    const isNew = !seen.has(id) && (type === undefined || message.attributes['ce-type'] === type);
    const parsed = isNew ? parse(JSON.parse(message.data.toString('utf8'))) : undefined;
    if (parsed !== undefined) received.push(parsed);
    seen.add(id);
    message.ack();
  });
  subscription.on('error', () => undefined);
  return received;
}

const echoing = 'echo';

/** An alert on each topic that agrees with what the functions expect of one. */
async function publishEcho({ clients }: Pipeline, echo: string): Promise<void> {
  const alert = { environment: echo, repository: echoing, cluster: '', revision: '', cause: null, policy: null };
  const diff: Diff = {
    ...alert,
    reason: 'Drifted',
    incident: echo,
    subject: null,
    since: new Date().toISOString(),
    occurrence: 1,
    action: 'none',
    summary: '',
    objects: [],
    omitted: 0,
    rollback: null,
  };
  const changes = { created: 0, configured: 0, unchanged: 0, pruned: 0 };
  const converged: Converged = { ...alert, incident: null, occurrence: null, since: null, seconds: 0, changes };
  const alerts: Alert[] = [
    { topic: 'diff', data: diff },
    { topic: 'converged', data: converged },
  ];
  for (const told of alerts) {
    const { id, type, source, subject, data } = encodeAlert(told, new Date());
    await clients.pubsub.topic(told.topic).publishMessage({
      json: data,
      attributes: {
        'ce-specversion': '1.0',
        'ce-id': id,
        'ce-type': type,
        'ce-source': source,
        'ce-subject': subject,
        'content-type': 'application/json',
      },
    });
  }
}

async function makeClone(url: string, folder: string): Promise<Clone> {
  const git = async (...parameters: string[]): Promise<string> =>
    (await run('git', [...person, ...parameters], { cwd: folder, env: gitEnvironment })).stdout.trim();
  await git('clone', '--quiet', url, '.');
  await git('checkout', '--quiet', '-B', 'main');
  return {
    git,
    async push(files, message = 'Change by a person') {
      await git('fetch', '--quiet', 'origin');
      if ((await git('ls-remote', 'origin', 'refs/heads/main')) !== '')
        await git('reset', '--quiet', '--hard', 'origin/main');
      for (const [path, content] of Object.entries(files)) {
        const target = join(folder, path);
        if (content === undefined) await rm(target, { recursive: true });
        else {
          await mkdir(dirname(target), { recursive: true });
          await writeFile(target, content);
        }
      }
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', message);
      await git('push', '--quiet', 'origin', 'main');
      return git('rev-parse', 'HEAD');
    },
    head: async () => (await git('ls-remote', 'origin', 'refs/heads/main')).slice(0, 40),
  };
}

/**
 * Has the schedule look again and again until a probe gives a value: the functions may be down, and a look that finds
 * the lease of an environment taken does nothing.
 */
export async function lookUntil<T>(
  world: World,
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  return eventually(
    what,
    async () => {
      await world.checkDrift().catch(() => undefined);
      return probe();
    },
    { pauseMilliseconds: 500 },
  );
}

/**
 * Resolves when two looks, one after the other, find the same: nothing tells when the controllers of a cluster have
 * come to rest.
 */
export async function atRest(look: () => Promise<unknown>): Promise<void> {
  let last: string | undefined;
  await eventually(
    'the cluster came to rest',
    async () => {
      const found = JSON.stringify(await look());
      const isSame = found === last;
      last = found;
      return isSame;
    },
    { pauseMilliseconds: 700 },
  );
}

/** A gzipped tar archive of these files. */
export async function tgz(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return gzipSync(Buffer.concat(chunks));
}

/** An environment file of plain manifests in `manifests/<name>`, unless told otherwise. */
export function environmentFile(name: string, spec: Record<string, unknown> = {}): string {
  return JSON.stringify({
    apiVersion: 'converge.dev/v1',
    kind: 'Environment',
    metadata: { name },
    spec: {
      cluster: 'sandbox',
      namespace: name,
      timeout: '30s',
      diffAfter: '0s',
      sources: [{ manifests: `manifests/${name}` }],
      ...spec,
    },
  });
}

/** That file at its place in a repository. */
export function environment(name: string, spec: Record<string, unknown> = {}): Files {
  return { [`environments/${name}.yaml`]: environmentFile(name, spec) };
}

/** A file of an environment's plain manifests at its place in a repository. */
export function manifest(environmentName: string, file: string, content: string): Files {
  return { [`manifests/${environmentName}/${file}.yaml`]: content };
}

export function configMap(name: string, data: Record<string, string>, metadata: Record<string, unknown> = {}): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data });
}

export function deployment(name: string, image: string, spec: Record<string, unknown> = {}): string {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image }], ...spec } };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 2, selector: { matchLabels: labels }, template },
  });
}

/** What the API server counted of writes, by everyone, to kinds that no controller writes by itself. */
export async function countWrites(world: World, resources: readonly string[]): Promise<number> {
  const metrics = await world.kubectl('get', '--raw', '/metrics');
  let total = 0;
  for (const line of metrics.split('\n')) {
    if (
      !line.startsWith('apiserver_request_total{') ||
      !/verb="(APPLY|PATCH|POST|PUT|DELETE|DELETECOLLECTION)"/.test(line)
    )
      continue;
    if (resources.some((resource) => line.includes(`resource="${resource}"`)) && !line.includes('subresource="status"'))
      total += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return total;
}

/** The log of everything, for a failing test's eyes. */
export async function readLog(world: World): Promise<string> {
  return readFile(join(world.pipeline.folder, 'all.log'), 'utf8');
}
