import { randomUUID } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { unpackArchive } from '../../shared/adapters/archive.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { configSchema } from '../../shared/config/config.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { checkDrift } from '../../shared/pipeline/check-drift.ts';
import { copyArtifact } from '../../shared/pipeline/copy-artifact.ts';
import type { CopyPorts } from '../../shared/pipeline/copy-artifact/run.ts';
import type { StoredObject } from '../../shared/ports/storage.ts';
import { environmentText, recordingTopics, stateInMemory } from '../unit/pipeline/ports.ts';
import { startFaultyGitHost, type FaultyGitHost, type GitFault, type GitRequest } from './faulty-git-host.ts';

/*
 * The way from an upload to a commit on a bad line to the Git host: whatever breaks, the next try ends with exactly one
 * commit of the upload. Real git serves and judges.
 */

const run = promisify(execFile);
const repositories = ['requests', 'answers', 'fetches', 'looks', 'words', 'polls'] as const;
type Name = (typeof repositories)[number];
/** Every byte, instead of some of them. */
const everyByte = process.env['CONVERGE_EVERY_BYTE'] !== undefined;
let folder: string;
let host: GitHost;
let proxy: FaultyGitHost;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-faulty-git-'));
  host = await startGit({ folder, repositories });
  proxy = await startFaultyGitHost(host);
});
afterAll(async () => {
  await Promise.all([proxy.stop(), host.stop()]);
  await rm(folder, { recursive: true, force: true });
});

const now = () => new Date();

/** Uploads to one repository, and the function that copies them. */
function startUploads(name: Name) {
  const objects = new Map<string, StoredObject & { readonly content: string }>();
  const state = stateInMemory(now);
  const topics = recordingTopics();
  const limits = configSchema.shape.limits.parse({});
  let generations = 0;
  const open = (): CopyPorts => ({
    ...{ now, state, topics, log: () => {}, unpack: unpackArchive },
    sleep: async (milliseconds) => sleep(milliseconds),
    buckets: {
      find: async (object) => objects.get(object.name),
      read: async (object) => readOnce(objects.get(object.name)?.content ?? ''),
      list: async () => [...objects.values()],
    },
    repository: createRepositories({
      config: {
        repositories: configSchema.shape.repositories.parse({ [name]: { url: proxy.url(name), bucket: name } }),
      },
      author: { name: 'Converge', email: 'converge@example.com' },
      cacheFolder: join(folder, 'cache'),
      now,
    }),
  });
  let instance = open();
  return {
    topics,
    /** Makes an upload: content of no pattern, so that a commit of it is more than a few bytes. */
    upload(object: string): string {
      const content = `${object}: ${Array.from({ length: 40 }, (_one, index) => (index * 7919 + ++generations * 104_729).toString(36)).join('')}\n`;
      const generation = String(generations);
      objects.set(object, {
        bucket: name,
        name: object,
        generation,
        bytes: content.length,
        createdAt: now(),
        metadata: {},
        content,
      });
      return content;
    },
    copy: async (object: string) =>
      copyArtifact({ bucket: name, name: object, generation: objects.get(object)?.generation ?? '' }, instance, {
        repositoryClass: name,
        limits,
        conflicts: 'artifact-wins',
        holder: randomUUID(),
      }),
    /** Another instance goes on, with a clone of its own. */
    restart(): void {
      instance = open();
    },
    artifactOf: (object: string) => `gs://${name}/${object}#${objects.get(object)?.generation ?? ''}`,
  };
}

async function* readOnce(content: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(content);
}

async function onHost(name: Name, ...parameters: string[]): Promise<string> {
  return (await run('git', ['--git-dir', host.path(name), ...parameters], { maxBuffer: 50_000_000 })).stdout.trim();
}

/** Tries under the fault, then without it, and holds what must be true whatever happened. */
async function survive(
  name: Name,
  uploads: ReturnType<typeof startUploads>,
  { object, decide, restarts }: { object: string; decide: (request: GitRequest) => GitFault; restarts: boolean },
): Promise<'failed' | 'went through'> {
  const before = Number(await onHost(name, 'rev-list', '--count', 'main'));
  const content = uploads.upload(object);
  proxy.fail(decide);
  let error: unknown;
  try {
    await uploads.copy(object);
  } catch (thrown) {
    error = thrown;
  }
  proxy.mend();
  // An error that nobody foresaw is tried again, too; one that says so must not be a refusal.
  if (error instanceof ConvergeError) expect(error.disposition).toBe('retry');
  if (restarts) uploads.restart();
  await uploads.copy(object);
  expect(
    await onHost(
      name,
      'log',
      '--format=%H',
      '--fixed-strings',
      `--grep=Artifact: ${uploads.artifactOf(object)}`,
      'main',
    ).then((ids) => ids.split('\n').length),
  ).toBe(1);
  expect(Number(await onHost(name, 'rev-list', '--count', 'main'))).toBe(before + 1);
  expect(await onHost(name, 'show', `main:${object}`)).toBe(content.trim());
  const head = await onHost(name, 'rev-parse', 'main');
  expect(uploads.topics.published.at(-1)?.event.data).toMatchObject({ commit: head });
  return error === undefined ? 'went through' : 'failed';
}

/** The ends, and some in between. */
function cutsOf(bytes: number, count: number): readonly number[] {
  if (everyByte) return Array.from({ length: bytes + 1 }, (_one, at) => at);
  const between = Array.from({ length: count }, (_one, index) => Math.floor((index * bytes) / count));
  return [...new Set([...between, 1, 4, 5, bytes - 1, bytes])]
    .filter((at) => at >= 0 && at <= bytes)
    .toSorted((a, b) => a - b);
}

/** What each step takes when nothing is wrong. */
async function measure(uploads: ReturnType<typeof startUploads>): Promise<readonly GitRequest[]> {
  uploads.upload('first');
  await uploads.copy('first');
  uploads.restart();
  proxy.mend();
  uploads.upload('second');
  await uploads.copy('second');
  return [...proxy.requests];
}

/** The fault hits the first request of that step, and no later one. */
function once(step: GitRequest['step'], fault: GitFault): (request: GitRequest) => GitFault {
  let isDue = true;
  return (request) => {
    if (!isDue || request.step !== step) return { fault: 'none' };
    isDue = false;
    return fault;
  };
}

async function expectSound(name: Name): Promise<void> {
  await onHost(name, 'fsck', '--strict', '--full');
  expect(await onHost(name, 'rev-list', '--merges', 'main')).toBe('');
}

describe('a line that is cut', () => {
  it.each([
    { name: 'requests', step: 'push', fault: 'cut request', count: 10, fails: true },
    // The branch says what became of it.
    { name: 'answers', step: 'push', fault: 'cut answer', count: 6, fails: false },
    { name: 'fetches', step: 'fetch', fault: 'cut answer', count: 6, fails: true },
    { name: 'looks', step: 'ls-refs', fault: 'cut answer', count: 3, fails: true },
  ] as const)(
    'anywhere in the $name ($step: $fault) ends with one commit at the next try, by the same instance or another',
    async ({ name, step, fault, count, fails }) => {
      const uploads = startUploads(name);
      const measured = (await measure(uploads)).find((request) => request.step === step);
      const bytes = (fault === 'cut request' ? measured?.requestBytes : measured?.answerBytes) ?? 0;
      expect(bytes).toBeGreaterThan(0);
      const outcomes: string[] = [];
      for (const [index, at] of cutsOf(bytes, count).entries()) {
        // The file of before again now and then: another commit of the same path.
        const object = `config/${index % 7}.yaml`;
        // Only an instance without a clone fetches the whole branch.
        if (step === 'fetch') uploads.restart();
        const cut: GitFault = { fault, bytes: at };
        // A connection that breaks is tried once more at once: every second cut meets that one, too.
        const decide =
          index % 2 === 0
            ? once(step, cut)
            : (request: GitRequest): GitFault => (request.step === step ? cut : { fault: 'none' });
        outcomes.push(await survive(name, uploads, { object, decide, restarts: index % 4 > 1 }));
      }
      expect(outcomes.includes('failed')).toBe(fails);
      await expectSound(name);
    },
    everyByte ? 3_600_000 : undefined,
  );
});

it('a host that fails, is overloaded or slow, once or for a whole try, loses nothing and doubles nothing', async () => {
  const uploads = startUploads('words');
  await measure(uploads);
  const steps = ['ls-refs', 'fetch', 'push'] as const;
  const faults: readonly GitFault[] = [
    ...[500, 503].map((status) => ({ fault: 'answer', status }) as const),
    { fault: 'answer', status: 429, headers: { 'retry-after': '1' } },
    { fault: 'slow' },
  ];
  let index = 0;
  for (const step of steps) {
    for (const fault of faults) {
      const object = `config/${index++ % 5}.yaml`;
      if (step === 'fetch') uploads.restart();
      await survive('words', uploads, { object, decide: once(step, fault), restarts: index % 3 === 0 });
    }
  }
  for (const fault of faults)
    expect(await survive('words', uploads, { object: 'config/all.yaml', decide: () => fault, restarts: false })).toBe(
      fault.fault === 'slow' ? 'went through' : 'failed',
    );
  await expectSound('words');
});

it('a branch that has not moved costs the schedule one question and no fetch, and one that moved one fetch', async () => {
  const work = await mkdtemp(join(folder, 'work-'));
  const git = async (...parameters: string[]) =>
    run('git', ['-C', work, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...parameters]);
  await git('clone', '--quiet', host.path('polls'), '.');
  await run('sh', [
    '-c',
    `mkdir -p "$0/environments" && printf '%s' "$1" > "$0/environments/acme.yaml"`,
    work,
    environmentText('acme'),
  ]);
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'One environment');
  await git('push', '--quiet', 'origin', 'HEAD:main');

  const state = stateInMemory(now);
  const tick = async () => {
    const topics = recordingTopics();
    const repository = createRepositories({
      config: {
        repositories: configSchema.shape.repositories.parse({ polls: { url: proxy.url('polls'), bucket: 'polls' } }),
      },
      author: { name: 'Converge', email: 'converge@example.com' },
      cacheFolder: join(folder, 'cache'),
      now,
    });
    proxy.mend();
    const { checked } = await checkDrift(
      { repositories: ['polls'], tick: now().toISOString() },
      { now, state, topics, repository },
    );
    return {
      checked,
      topics: topics.published.map(({ topic }) => topic),
      steps: proxy.requests.map(({ step }) => step),
    };
  };
  const first = await tick();
  expect(first).toMatchObject({ checked: ['polls/acme'], topics: ['change-committed', 'reconcile'] });
  expect(first.steps.filter((step) => step === 'fetch')).toHaveLength(1);
  const quiet = await tick();
  expect(quiet).toMatchObject({ checked: ['polls/acme'], topics: ['reconcile'] });
  expect(quiet.steps.filter((step) => step !== 'refs of a fetch')).toEqual(['ls-refs']);
  await git('commit', '--quiet', '--allow-empty', '--message', 'Moved');
  await git('push', '--quiet', 'origin', 'HEAD:main');
  expect((await tick()).topics).toEqual(['change-committed', 'reconcile']);
});
