import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Storage } from '@google-cloud/storage';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startStorage, type StorageService } from '../../local/parts/storage.ts';
import { ensureProgram } from '../../local/programs.ts';
import { unpackArchive } from '../../shared/adapters/archive.ts';
import { createRepositories } from '../../shared/adapters/git.ts';
import { connectStorage, createBuckets, createStateStore } from '../../shared/adapters/storage.ts';
import { configSchema } from '../../shared/config/config.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import type { OutgoingEvent } from '../../shared/events/cloud-event.ts';
import { deadLetterType } from '../../shared/events/dead-letter.ts';
import { uploadRefusedType } from '../../shared/events/upload-alert.ts';
import { copyArtifact } from '../../shared/pipeline/copy-artifact.ts';
import type { CopyPorts, CopySettings } from '../../shared/pipeline/copy-artifact/run.ts';
import { copyUnseen } from '../../shared/pipeline/copy-artifact/copy-unseen.ts';
import type { IntakeTimes } from '../../shared/pipeline/copy-artifact/intake-times.ts';
import type { Repository } from '../../shared/ports/git.ts';
import { readLedger } from '../../shared/pipeline/copy-artifact/ledger.ts';
import { ledgerPath } from '../../shared/source/ledger.ts';
import { converge, gitHostOfFile } from './git-host-of-file.ts';
import { writeFiles } from '../write-files.ts';

const run = promisify(execFile);
const host = gitHostOfFile({ tests: 110 });
const { onHost } = host;
const limits = configSchema.shape.limits.parse({ uploadBytes: 1_000_000, uploadFiles: 20, unpackRatio: 100 });
const times: Partial<IntakeTimes> = { leaseSeconds: 1, quiet: 200, poll: 30, writePause: 30, longestWritePause: 100 };
let service: StorageService;
let storage: Storage;
/** Of the test, as its repository is. */
let bucket: string;
let published: OutgoingEvent[];

beforeAll(async () => {
  const { folder } = host;
  service = await startStorage({ program: await ensureProgram('storage'), folder, pubsubHost: '127.0.0.1:9' });
  storage = connectStorage({ project: 'local', storage: { endpoint: service.url } });
  await storage.createBucket('family-state');
});
afterAll(async () => {
  await service.stop();
});
beforeEach(async () => {
  bucket = `family-${host.name}`;
  published = [];
  await storage.createBucket(bucket);
});

/** What one instance of the function holds; another call is another instance, with a clone of its own. */
function instance(changes: Partial<CopyPorts> = {}): CopyPorts {
  const now = () => new Date();
  return {
    now,
    sleep: async (milliseconds) => sleep(milliseconds),
    log: () => {},
    buckets: createBuckets(storage),
    state: createStateStore({ storage, bucket: 'family-state' }),
    repository: openRepositories(now),
    topics: { publish: async (_topic, event) => void published.push(event) },
    unpack: unpackArchive,
    ...changes,
  };
}

function openRepositories(now: () => Date): CopyPorts['repository'] {
  const repositories = configSchema.shape.repositories.parse({ [host.name]: { url: host.url, bucket } });
  return createRepositories({
    config: { repositories },
    author: converge,
    cacheFolder: join(host.folder, 'cache'),
    now,
  });
}

const settings = (changes: Partial<CopySettings> = {}): CopySettings => ({
  repositoryClass: host.name,
  limits,
  conflicts: 'artifact-wins',
  holder: 'test',
  times,
  ...changes,
});
const copy = (object: string, ports = instance(), changes: Partial<CopySettings> = {}) =>
  copyArtifact({ bucket, name: object, generation: '1' }, ports, settings(changes));

async function upload(
  object: string,
  content: string | Uint8Array,
  metadata: Record<string, string> = {},
): Promise<void> {
  await storage.bucket(bucket).file(object).save(content, { resumable: false, metadata: { metadata } });
}

const commits = async () => Number(await onHost('rev-list', '--count', '--all'));
const paths = async () => (await onHost('ls-tree', '-r', '--name-only', 'main')).split('\n');
const content = (path: string) => onHost('show', `main:${path}`);

/** Somebody else at work, with native git. */
async function byHand(
  script: (git: (...parameters: string[]) => Promise<unknown>, workTree: string) => Promise<void>,
): Promise<void> {
  const workTree = await mkdtemp(join(host.folder, 'work-'));
  await run('git', ['clone', '--quiet', host.url, workTree]);
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com'];
  await script((...parameters) => run('git', ['-C', workTree, ...identity, ...parameters]), workTree);
  await run('git', ['-C', workTree, 'push', '--quiet', 'origin', 'HEAD:main']);
}

/** Packed by native tar, as CI does. */
async function tgz(
  files: Record<string, string>,
  prepare: (root: string) => Promise<void> = async () => {},
): Promise<Buffer> {
  const root = await mkdtemp(join(host.folder, 'pack-'));
  await writeFiles(root, files);
  await prepare(root);
  const { stdout } = await run('tar', ['-C', root, '-cz', '.'], { encoding: 'buffer', maxBuffer: 50_000_000 });
  return stdout;
}

/** Packed entry by entry, for what native tar would not pack. */
async function tgzOf(entries: readonly { name: string; text: string }[]): Promise<Buffer> {
  const tar = pack();
  for (const { name: entry, text } of entries) tar.entry({ name: entry }, text);
  tar.finalize();
  return gzipSync(await buffer(tar));
}

describe('a plain object', () => {
  it('becomes a commit that says where it came from, and is announced', async () => {
    await upload('config/acme.yaml', 'replicas: 2\n', { 'converge-commit': '9f2c', 'converge-author': 'Ada' });
    const outcome = await copy('config/acme.yaml');
    const commit = await onHost('rev-parse', 'main');
    expect(outcome).toEqual({ outcome: 'copied', commit });
    expect(await content('config/acme.yaml')).toBe('replicas: 2');
    const generation = (await createBuckets(storage).find({ bucket, name: 'config/acme.yaml' }))?.generation ?? '';
    expect(await onHost('log', '--format=%B', 'main')).toBe(
      `Copy config/acme.yaml\n\nArtifact: gs://${bucket}/config/acme.yaml#${generation}\nSource-Commit: 9f2c\nUploaded-By: Ada`,
    );
    expect(published.map(({ data }) => data)).toEqual([
      {
        ...{ repository: host.name, url: host.url, branch: 'main', commit, previous: null },
        artifacts: [{ bucket, name: 'config/acme.yaml', generation }],
      },
    ]);
  });

  it('that is gone, or never was, changes nothing', async () => {
    expect(await copy('config/never.yaml')).toEqual({ outcome: 'gone' });
    expect(published).toEqual([]);
    expect(await commits()).toBe(0);
  });

  it('keeps the executable bit that its path has in Git', async () => {
    await upload('other.txt', 'x');
    await copy('other.txt');
    await byHand(async (git, workTree) => {
      await writeFile(join(workTree, 'run.sh'), 'one');
      await chmod(join(workTree, 'run.sh'), 0o755);
      await git('add', '--all');
      await git('commit', '--quiet', '--message', 'A script');
    });
    await upload('run.sh', 'two');
    await copy('run.sh');
    expect(await onHost('ls-tree', '--format=%(objectmode) %(path)', 'main', 'run.sh')).toBe('100755 run.sh');
    expect(await content('run.sh')).toBe('two');
  });

  it('with the content that the branch has makes no commit, and none later', async () => {
    await upload('a.yaml', 'a');
    const { outcome } = await copy('a.yaml');
    await upload('a.yaml', 'a');
    expect([outcome, (await copy('a.yaml')).outcome, (await copy('a.yaml')).outcome]).toEqual([
      'copied',
      'unchanged',
      'already-copied',
    ]);
    expect(await commits()).toBe(1);
  });

  it('that was uploaded packed is a file with what is in it, unless that is larger than the limit', async () => {
    const packed = async (object: string, text: string): Promise<void> => {
      await storage
        .bucket(bucket)
        .file(object)
        .save(gzipSync(text), { resumable: false, metadata: { contentEncoding: 'gzip' } });
    };
    await packed('packed.yaml', `${'a: 1\n'.repeat(1000)}z: 1`);
    expect((await copy('packed.yaml')).outcome).toBe('copied');
    expect(await content('packed.yaml')).toBe(`${'a: 1\n'.repeat(1000)}z: 1`);
    await packed('bomb.yaml', ' '.repeat(1_000_001));
    await expect(copy('bomb.yaml')).rejects.toMatchObject({ code: 'TooLarge', disposition: 'refuse' });
  });

  it('larger than the limit is refused', async () => {
    await upload('big.bin', Buffer.alloc(1_000_001));
    await expect(copy('big.bin')).rejects.toMatchObject({ code: 'TooLarge', disposition: 'refuse' });
  });

  it('of 1 GB is refused by its size, and never read', async () => {
    const described = {
      bucket,
      name: 'huge.bin',
      generation: '7',
      bytes: 1_000_000_000,
      createdAt: new Date(),
      metadata: {},
    };
    const unread = async (): Promise<never> => {
      throw new Error('was read');
    };
    const buckets = { find: async () => described, list: async () => [described], read: unread };
    await expect(copy('huge.bin', instance({ buckets }))).rejects.toMatchObject({
      code: 'TooLarge',
      disposition: 'refuse',
    });
  });

  it('of 0 bytes is a file, and under a path of 1,000 bytes, too', async () => {
    const long = `${'d'.repeat(200)}/`.repeat(4) + 'f'.repeat(196);
    expect(Buffer.byteLength(long)).toBe(1000);
    for (const object of ['empty.yaml', long]) {
      await upload(object, '');
      expect((await copy(object)).outcome).toBe('copied');
    }
    expect(await paths()).toEqual([long, 'empty.yaml'].sort());
  });

  it.each([
    'gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details/part_0',
    'config/',
    'config_$folder$',
  ])('that a tool made for itself is passed over: %s', async (object) => {
    await upload(object, '');
    expect(await copy(object)).toEqual({ outcome: 'passed-over' });
    expect(await commits()).toBe(0);
  });

  it.each([
    `${'a/'.repeat(150)}f`,
    `${'d'.repeat(250)}/`.repeat(4) + 'f'.repeat(20),
    'a/../../b.yaml',
    '.git/hooks/pre-push',
    'a\\b.yaml',
  ])('named %j is refused', async (object) => {
    await upload(object, 'x');
    await expect(copy(object)).rejects.toMatchObject({ code: 'UnsafePath', disposition: 'refuse' });
    expect(await commits()).toBe(0);
  });

  it('is refused where it would turn a folder into a file, or a file into a folder', async () => {
    await upload('shop/values.yaml', 'x');
    await copy('shop/values.yaml');
    for (const object of ['shop', 'shop/values.yaml/below', 'shop/values.yaml.tgz']) {
      await upload(object, await tgz({ a: 'a' }));
      await expect(copy(object)).rejects.toMatchObject({ code: 'UnsafePath', disposition: 'refuse' });
    }
    expect(await paths()).toEqual(['shop/values.yaml']);
  });
});

describe('an environment file', () => {
  const text = (environment: string) =>
    `apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: ${environment} }\n` +
    'spec: { cluster: sandbox, namespace: acme, sources: [{ manifests: manifests }] }\n';

  it('is copied when it is valid', async () => {
    await upload('environments/acme.yaml', text('acme'));
    expect((await copy('environments/acme.yaml')).outcome).toBe('copied');
  });

  it.each([
    ['has an unknown key', `${text('acme')}extra: 1\n`],
    ['is named unlike its file', text('other')],
  ])('is refused when it %s, alone or in an archive', async (_what, broken) => {
    await upload('environments/acme.yaml', broken);
    await expect(copy('environments/acme.yaml')).rejects.toMatchObject({
      code: 'InvalidEnvironment',
      disposition: 'refuse',
    });
    await upload('environments.tgz', await tgz({ 'acme.yaml': broken }));
    await expect(copy('environments.tgz')).rejects.toMatchObject({ code: 'InvalidEnvironment', disposition: 'refuse' });
    expect(await commits()).toBe(0);
  });
});

describe('an archive', () => {
  it('replaces its folder as a whole, in one commit, with its executable bits', async () => {
    await upload('keep.yaml', 'kept');
    await copy('keep.yaml');
    await upload('overlays/production.tgz', await tgz({ 'old.yaml': 'old', 'both.yaml': '1' }));
    await copy('overlays/production.tgz');
    const next = await tgz({ 'both.yaml': '2', 'bin/run': 'run' }, (root) => chmod(join(root, 'bin/run'), 0o755));
    await upload('overlays/production.tgz', next);
    expect((await copy('overlays/production.tgz')).outcome).toBe('copied');
    expect(await paths()).toEqual(['keep.yaml', 'overlays/production/bin/run', 'overlays/production/both.yaml']);
    expect(await onHost('ls-tree', '-r', '--format=%(objectmode)', 'main', 'overlays/production/bin')).toBe('100755');
    expect(await commits()).toBe(3);
  });

  it('that would remove an environment is refused by its name, and taken with all of them in it', async () => {
    const file = (name: string): string =>
      JSON.stringify({
        apiVersion: 'converge.dev/v1',
        kind: 'Environment',
        metadata: { name },
        spec: { cluster: 'c', namespace: name, sources: [{ manifests: 'm' }] },
      });
    await upload('environments/stays.yaml', file('stays'));
    await copy('environments/stays.yaml');
    const before = await onHost('rev-parse', 'main');
    const known = (await paths()).filter((path) => path.startsWith('environments/'));
    await upload('environments.tgz', await tgz({ 'added.yaml': file('added') }));
    await expect(copy('environments.tgz')).rejects.toMatchObject({
      code: 'RemovalGuarded',
      disposition: 'refuse',
      message: expect.stringContaining('no upload removes an environment'),
    });
    expect(await onHost('rev-parse', 'main')).toBe(before);
    const contents = await Promise.all(
      known.map(async (path): Promise<[string, string]> => [
        path.slice('environments/'.length),
        await onHost('show', `main:${path}`),
      ]),
    );
    await upload('environments.tgz', await tgz({ ...Object.fromEntries(contents), 'added.yaml': file('added') }));
    await copy('environments.tgz');
    expect((await paths()).filter((path) => path.startsWith('environments/')).sort()).toEqual(
      [...known, 'environments/added.yaml'].sort(),
    );
  });

  it('that is a packaged chart is unpacked without its top folder', async () => {
    const chart = [
      { name: 'shop/Chart.yaml', text: 'name: shop' },
      { name: 'shop/templates/web.yaml', text: '{{ x }}' },
    ];
    await upload('charts/shop.tar.gz', await tgzOf(chart));
    await copy('charts/shop.tar.gz');
    expect(await paths()).toEqual(['charts/shop/Chart.yaml', 'charts/shop/templates/web.yaml']);
  });

  const tooMany = Array.from({ length: 21 }, (_one, index) => ({ name: `f${index}`, text: '' }));
  const noise = randomBytes(20_000).toString('hex');
  const bomb = gzipSync(Buffer.alloc(3_000_000));
  it.each([
    [
      'leaves the tree',
      () =>
        tgzOf([
          { name: 'fine', text: 'x' },
          { name: '../../escaped', text: 'x' },
        ]),
      'UnsafePath',
      /has a part \.\./,
    ],
    ['reaches into .git', () => tgzOf([{ name: '.git/config', text: 'x' }]), 'UnsafePath', /reaches into \.git/],
    [
      'holds a symbolic link',
      () => tgz({}, (root) => symlink('/etc/passwd', join(root, 'link'))),
      'InvalidArchive',
      /is a symlink/,
    ],
    ['unpacks past the ratio', () => tgz({ zeros: '0'.repeat(900_000) }), 'InvalidArchive', /allowed for its size/],
    ['is zero blocks without end', async () => bomb, 'InvalidArchive', /unpacks to more than \d+ bytes/],
    ['holds too many files', () => tgzOf(tooMany), 'InvalidArchive', /more than 20 files/],
    [
      'holds one path twice',
      () =>
        tgzOf([
          { name: 'a', text: '1' },
          { name: './a', text: '2' },
        ]),
      'InvalidArchive',
      /holds "a" twice/,
    ],
    ['is cut off', async () => (await tgz({ a: noise })).subarray(0, -60), 'InvalidArchive', /no whole gzip/],
    [
      'is cut off in the middle',
      async () => (await tgz({ a: noise })).subarray(0, 10_000),
      'InvalidArchive',
      /no whole gzip/,
    ],
    ['has 0 bytes', async () => Buffer.alloc(0), 'InvalidArchive', /no whole gzip/],
    ['is no archive', async () => Buffer.from('hello'), 'InvalidArchive', /no whole gzip/],
    ['is gzip, but no tar', async () => gzipSync('hello'.repeat(1000)), 'InvalidArchive', /no whole gzip/],
    ['is empty', () => tgzOf([]), 'InvalidArchive', /holds no file/],
  ])('that %s is refused, and what it would replace stays', async (_what, packed, code, problem) => {
    await upload('group/before.yaml', 'before');
    await copy('group/before.yaml');
    await upload('group.tgz', await packed());
    await expect(copy('group.tgz')).rejects.toMatchObject({
      ...{ code, disposition: 'refuse' },
      subject: expect.stringContaining(`gs://${bucket}/group.tgz#`),
      problem: expect.stringMatching(problem),
    });
    expect(await paths()).toEqual(['group/before.yaml']);
  });
});

describe('the same event twice', () => {
  it('makes one commit and one event id', async () => {
    await upload('a.yaml', 'a');
    const first = await copy('a.yaml');
    const second = await copy('a.yaml');
    expect([first.outcome, second.outcome]).toEqual(['copied', 'already-copied']);
    expect(await commits()).toBe(1);
    expect(new Set(published.map(({ id }) => id)).size).toBe(1);
  });

  it.each([
    ['in one instance', () => Array.from({ length: 5 }, () => undefined)],
    ['in five', () => Array.from({ length: 5 }, () => instance())],
  ])('makes one commit when five come at once, %s', async (_where, instances) => {
    await upload('a.yaml', 'a');
    const shared = instance();
    const outcomes = await Promise.all(instances().map((ports) => copy('a.yaml', ports ?? shared)));
    // Instances that work in the same second make the very same commit, and each may find it pushed.
    const commit = await onHost('rev-parse', 'main');
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ outcome: expect.stringMatching(/copied$/), commit });
    expect(await commits()).toBe(1);
  });
});

describe('a death', () => {
  const dying = async (): Promise<never> => {
    throw new Error('killed');
  };

  function withDyingLedger(): CopyPorts['state'] {
    const state = createStateStore({ storage, bucket: 'family-state' });
    return { ...state, write: async (write) => (write.path.startsWith('ledger/') ? dying() : state.write(write)) };
  }

  it('between announcement and ledger is healed by the next delivery', async () => {
    await upload('a.yaml', 'a');
    const state = withDyingLedger();
    await expect(copy('a.yaml', instance({ state }))).rejects.toThrow('killed');
    expect([await commits(), published.length]).toEqual([1, 1]);
    expect(await copy('a.yaml')).toEqual({ outcome: 'already-copied', commit: await onHost('rev-parse', 'main') });
    expect([await commits(), new Set(published.map(({ id }) => id)).size]).toEqual([1, 1]);
  });

  it('between push and announcement is healed by the next delivery', async () => {
    await upload('a.yaml', 'a');
    await expect(copy('a.yaml', instance({ topics: { publish: dying } }))).rejects.toThrow('killed');
    expect((await copy('a.yaml')).outcome).toBe('already-copied');
    expect(await commits()).toBe(1);
    expect(published.map(({ data }) => data)).toEqual([
      expect.objectContaining({ commit: await onHost('rev-parse', 'main') }),
    ]);
  });
});

describe('a revert', () => {
  it.each(['kept', 'lost'])('is not undone by the next delivery, with the ledger %s', async (ledger) => {
    await upload('a.yaml', 'one');
    await copy('a.yaml');
    await upload('a.yaml', 'two');
    await copy('a.yaml');
    await byHand((git) => git('revert', '--no-edit', 'HEAD').then(() => undefined));
    if (ledger === 'lost')
      await storage
        .bucket('family-state')
        .file(ledgerPath({ repositoryClass: host.name }))
        .delete();
    expect((await copy('a.yaml')).outcome).toBe('already-copied');
    expect(await content('a.yaml')).toBe('one');
    expect(await commits()).toBe(3);
  });
});

describe('a ledger that is lost', () => {
  const path = () => ledgerPath({ repositoryClass: host.name });
  const losses = [
    ['deleted', async () => void (await storage.bucket('family-state').file(path()).delete())],
    ['empty', async () => storage.bucket('family-state').file(path()).save('', { resumable: false })],
  ] as const;
  /** A check at a time when the events of all that is in the bucket should have come. */
  const check = async (changes: Partial<CopySettings> = {}) =>
    copyUnseen([{ bucket, settings: settings(changes) }], instance({ now: () => new Date(Date.now() + 120_000) }));
  const commitTheirs = async (files: Record<string, string>, date?: string): Promise<string> => {
    await byHand(async (git, workTree) => {
      await writeFiles(workTree, files);
      await git('add', '--all');
      const environment = date === undefined ? {} : { GIT_COMMITTER_DATE: date };
      await run(
        'git',
        [
          '-C',
          workTree,
          '-c',
          'user.name=Ada',
          '-c',
          'user.email=ada@example.com',
          'commit',
          '--quiet',
          '-m',
          'Theirs',
        ],
        { env: { ...process.env, ...environment } },
      );
    });
    return onHost('rev-parse', 'main');
  };
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
  const letters = () => published.flatMap(({ type, data }) => (type === 'dev.converge.dead.letter.v1' ? [data] : []));

  it.each(losses)(
    '(%s) takes no commit back of a path whose upload changed nothing, and tells what it cannot decide',
    async (_how, lose) => {
      await commitTheirs({ 'x.txt': 'one', 'v.txt': 'v0' });
      await upload('x.txt', 'one');
      expect((await copy('x.txt')).outcome).toBe('unchanged');
      await upload('v.txt', 'v1');
      await copy('v.txt');
      await upload('v.txt', 'v1');
      expect((await copy('v.txt')).outcome).toBe('unchanged');
      const head = await commitTheirs({ 'x.txt': 'two', 'v.txt': 'v2' });
      await lose();
      expect(await check()).toEqual([]);
      expect(await check()).toEqual([]);
      expect(await onHost('rev-parse', 'main')).toBe(head);
      expect(letters()).toEqual(
        ['x.txt', 'v.txt'].map((name) =>
          expect.objectContaining({
            reason: 'WouldOverwrite',
            subject: expect.stringContaining(`/${name}#`),
            message: expect.stringContaining(head),
          }),
        ),
      );
      await upload('x.txt', 'one');
      expect((await copy('x.txt')).outcome).toBe('copied');
      expect(await content('x.txt')).toBe('one');
    },
  );

  it('has no upload copied by a run that slept past its lease, while another refused it', async () => {
    await commitTheirs({ 'x.txt': 'one' });
    await upload('y.txt', 'y');
    await copy('y.txt');
    await upload('x.txt', 'two');
    const asleep = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    const sleeper = instance();
    const overtaken = copy('x.txt', {
      ...sleeper,
      repository: (name) => {
        const repository = sleeper.repository(name);
        return {
          ...repository,
          async commit(request) {
            const made = await repository.commit(request);
            asleep.resolve();
            await woken.promise;
            return made;
          },
        };
      },
    });
    overtaken.catch(() => {});
    await asleep.promise;
    const head = await commitTheirs({ 'x.txt': 'theirs' }, inAnHour());
    await storage.bucket('family-state').file(path()).save('{', { resumable: false });
    await expect(copy('x.txt')).rejects.toMatchObject({ code: 'WouldOverwrite' });
    woken.resolve();
    await expect(overtaken).rejects.toMatchObject({ code: 'IntakeBusy', disposition: 'retry' });
    expect(await onHost('rev-parse', 'main')).toBe(head);
  });

  it('is not taken for lost where there never was one, and a check saw the bucket before the first upload', async () => {
    await commitTheirs({ 'group/a.yaml': 'theirs' });
    await check();
    await upload('group.tgz', await tgz({ 'a.yaml': 'a', 'b.yaml': 'b' }));
    expect((await copy('group.tgz')).outcome).toBe('copied');
    expect([await paths(), letters()]).toEqual([['group/a.yaml', 'group/b.yaml'], []]);
  });

  it.each(losses)('(%s) is known again where the dates say when a commit took an upload away', async (_how, lose) => {
    await commitTheirs({ 'x.txt': 'one' });
    const before = await onHost('rev-parse', 'main');
    await upload('x.txt', 'one');
    await copy('x.txt');
    const head = await commitTheirs({ 'x.txt': 'two' }, inAnHour());
    await lose();
    expect(await check()).toEqual([]);
    expect(await copy('x.txt')).toEqual({ outcome: 'already-copied', commit: before });
    expect([await onHost('rev-parse', 'main'), letters()]).toEqual([head, []]);
  });

  it.each([
    ['the day before yesterday', 2],
    ['25 hours before', 25 / 24],
    ['23 hours before', 23 / 24],
    // What stands before it on the branch is older than a day: so is any branch that rested over a weekend.
    ['a minute after', -1 / 1440],
  ])(
    'takes no commit back that was made %s the upload, and pushed after it, on a branch that rested',
    async (_when, days) => {
      const before = (count: number): string => new Date(Date.now() - count * 86_400_000).toISOString();
      await commitTheirs({ 'x.txt': 'one' }, before(3));
      await upload('x.txt', 'one');
      expect((await copy('x.txt')).outcome).toBe('unchanged');
      // On somebody's disk since Friday: a fast-forward, as the upload made no commit.
      const head = await commitTheirs({ 'x.txt': 'two' }, before(days));
      await storage.bucket('family-state').file(path()).delete();
      await check();
      expect([await content('x.txt'), await onHost('rev-parse', 'main')]).toEqual(['two', head]);
    },
  );

  it.each(losses)('(%s) costs no archive its folder', async (_how, lose) => {
    await commitTheirs({ 'group/a.yaml': 'a' });
    await upload('group.tgz', await tgz({ 'a.yaml': 'a' }));
    expect((await copy('group.tgz')).outcome).toBe('unchanged');
    const head = await commitTheirs({ 'group/b.yaml': 'b' });
    await lose();
    await check();
    expect(await onHost('rev-parse', 'main')).toBe(head);
    expect(letters()).toEqual([expect.objectContaining({ reason: 'WouldOverwrite' })]);
  });

  it.each(losses)('(%s) is made again whole of the trailers before anything is copied', async (_how, lose) => {
    for (const name of ['a.yaml', 'b.yaml']) {
      await upload(name, 'one');
      await copy(name);
    }
    await commitTheirs({ 'a.yaml': 'theirs' }, '2001-01-01T00:00:00Z');
    await lose();
    await upload('c.yaml', 'new');
    expect((await copy('c.yaml')).outcome).toBe('copied');
    const { ledger } = await readLedger({ ports: instance(), settings: settings() });
    expect([...ledger.copied.keys()].toSorted()).toEqual(['a.yaml', 'b.yaml', 'c.yaml']);
    expect(await check()).toEqual([]);
    expect([await content('a.yaml'), letters()]).toEqual(['theirs', []]);
  });

  it.each(losses)('(%s) keeps no upload from Git whose event never came', async (_how, lose) => {
    await upload('a.yaml', 'a');
    await copy('a.yaml');
    await commitTheirs({ 'b.yaml': 'theirs, before' });
    await upload('b.yaml', 'b');
    await upload('group.tgz', await tgz({ 'a.yaml': 'a' }));
    await lose();
    expect((await check()).map((uri) => uri.split('#')[0])).toEqual([
      `gs://${bucket}/b.yaml`,
      `gs://${bucket}/group.tgz`,
    ]);
    expect(await content('b.yaml')).toBe('b');
  });

  it('while it is written is written again, with all that was in it', async () => {
    await upload('a.yaml', 'a');
    await copy('a.yaml');
    const state = createStateStore({ storage, bucket: 'family-state' });
    let isLost = false;
    const losing: CopyPorts['state'] = {
      ...state,
      async write(write) {
        if (write.path === path() && !isLost) {
          isLost = true;
          await storage.bucket('family-state').file(path()).delete();
        }
        return state.write(write);
      },
    };
    await upload('b.yaml', 'b');
    await copy('b.yaml', instance({ state: losing }));
    expect(await state.read(path())).toMatchObject({ value: { copied: [{ name: 'a.yaml' }, { name: 'b.yaml' }] } });
  });
});

it('writes a ledger anew that nobody can read', async () => {
  await upload('a.yaml', 'a');
  const state = createStateStore({ storage, bucket: 'family-state' });
  const path = ledgerPath({ repositoryClass: host.name });
  await state.write({ path, value: { generation: 'x' }, ifGeneration: 'any' });
  const { outcome } = await copy('a.yaml');
  expect(outcome).toBe('copied');
  expect(await state.read(path)).toMatchObject({
    value: {
      version: 1,
      copied: [{ name: 'a.yaml', commit: await onHost('rev-parse', 'main') }],
    },
  });
});

it.each(['ledger/CLASS.json', 'intake/CLASS/lease.json', 'quarantine/CLASS/nobody.json'])(
  'copies though %s is empty, and says so',
  async (path) => {
    const spoilt = path.replace('CLASS', host.name);
    await storage.bucket('family-state').file(spoilt).save('', { resumable: false });
    const errors: unknown[] = [];
    const log: CopyPorts['log'] = (severity, _message, fields) => {
      if (severity === 'ERROR') errors.push(fields?.['path']);
    };
    await upload('a.yaml', 'a');
    expect((await copy('a.yaml', instance({ log }))).outcome).toBe('copied');
    expect(await content('a.yaml')).toBe('a');
    expect(errors).toContain(spoilt);
    if (path.startsWith('quarantine/')) return;
    expect(await createStateStore({ storage, bucket: 'family-state' }).read(spoilt)).not.toMatchObject({
      unreadable: expect.any(String),
    });
  },
);

describe('a newer generation', () => {
  it('is what an event for the older one copies', async () => {
    await upload('a.yaml', 'one');
    await upload('a.yaml', 'two');
    await copy('a.yaml');
    await copy('a.yaml');
    expect(await content('a.yaml')).toBe('two');
    expect(await commits()).toBe(1);
  });

  it('is never overwritten by an older one that was read before', async () => {
    await upload('a.yaml', 'one');
    const buckets = createBuckets(storage);
    const slow = instance({
      buckets: {
        ...buckets,
        async read(object) {
          const read = await buckets.read(object);
          await upload('a.yaml', 'two');
          await copy('a.yaml');
          return read;
        },
      },
    });
    expect((await copy('a.yaml', slow)).outcome).toBe('already-copied');
    expect(await content('a.yaml')).toBe('two');
    expect(await commits()).toBe(1);
  });

  it('is read where it arrived between the look and the read', async () => {
    await upload('a.yaml', 'one');
    const buckets = createBuckets(storage);
    let looks = 0;
    const overtaken = instance({
      buckets: {
        ...buckets,
        async find(object) {
          const found = await buckets.find(object);
          if (looks++ === 0) await upload('a.yaml', 'two');
          return found;
        },
      },
    });
    expect((await copy('a.yaml', overtaken)).outcome).toBe('copied');
    expect(await content('a.yaml')).toBe('two');
  });
});

describe('a push race', () => {
  /** An instance whose repository lets `before` happen right before its first `times` pushes. */
  function racing({ before, times }: { before: (count: number) => Promise<void>; times: number }): CopyPorts {
    const ports = instance();
    let count = 0;
    const repository: Repository = {
      ...ports.repository(host.name),
      async push(commit) {
        if (count++ < times) await before(count);
        return ports.repository(host.name).push(commit);
      },
    };
    return { ...ports, repository: () => repository };
  }
  const somebodyElse = (count: number) =>
    byHand(async (git, workTree) => {
      await writeFile(join(workTree, `theirs-${count}`), 'theirs');
      await git('add', '--all');
      await git('commit', '--quiet', '--message', `Theirs ${count}`);
    });

  it('is met by fetch and retry: both commits stand', async () => {
    await upload('a.yaml', 'a');
    expect((await copy('a.yaml', racing({ before: somebodyElse, times: 2 }))).outcome).toBe('copied');
    expect(await paths()).toEqual(['a.yaml', 'theirs-1', 'theirs-2']);
    expect(await commits()).toBe(3);
  });

  it('with another instance that copies the same makes one commit', async () => {
    await upload('a.yaml', 'a');
    const minutesAgo = () => new Date(Date.now() - 300_000);
    const before = async () => void (await copy('a.yaml', instance({ repository: openRepositories(minutesAgo) })));
    expect((await copy('a.yaml', racing({ before, times: 1 }))).outcome).toBe('already-copied');
    expect(await commits()).toBe(1);
  });

  it('that never ends is given up, to be tried again later', async () => {
    await upload('a.yaml', 'a');
    const ports = instance();
    const repository: Repository = { ...ports.repository(host.name), push: async () => 'moved' };
    const pauses: number[] = [];
    const pause = async (milliseconds: number) => void pauses.push(milliseconds);
    const attempt = copy('a.yaml', { ...ports, sleep: pause, repository: () => repository });
    await expect(attempt).rejects.toMatchObject({ code: 'GitUnavailable', disposition: 'retry' });
    expect(pauses).toHaveLength(24);
    expect(published).toEqual([]);
  });
});

it('passes on the refusal of a hook, and records nothing', async () => {
  await writeFile(join(host.path, 'hooks', 'pre-receive'), '#!/bin/sh\necho "not today" >&2\nexit 1\n', {
    mode: 0o755,
  });
  await upload('a.yaml', 'a');
  await expect(copy('a.yaml')).rejects.toMatchObject({
    code: 'GitRefused',
    problem: expect.stringContaining('not today'),
  });
  expect(published).toEqual([]);
  const path = ledgerPath({ repositoryClass: host.name });
  expect(await createStateStore({ storage, bucket: 'family-state' }).read(path)).toBeUndefined();
});

describe('uploads that wait for one push', () => {
  it('become one commit together, except for archives', async () => {
    const plain = Array.from({ length: 10 }, (_one, index) => `config/${index}.yaml`);
    await Promise.all(plain.map((object) => upload(object, object)));
    await upload('group.tgz', await tgz({ 'a.yaml': 'a' }));
    const ports = instance();
    const outcomes = await Promise.all(['group.tgz', ...plain].map((object) => copy(object, ports)));
    expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['copied']));
    expect(await paths()).toEqual([...plain, 'group/a.yaml']);
    expect(await commits()).toBeLessThan(11);
    const messages = await onHost('log', '--format=%(trailers:key=Artifact,valueonly)', 'main');
    expect(messages.match(/^gs:/gm)).toHaveLength(11);
    const groupCommit = await onHost(
      'log',
      '--format=%(trailers:key=Artifact,valueonly)',
      '--max-count=1',
      '--',
      'group/a.yaml',
    );
    expect(groupCommit.split('\n')).toEqual([expect.stringContaining('group.tgz')]);
  });

  it('do not fail for the one among them that is refused', async () => {
    await upload('shop/values.yaml', 'x');
    const ports = instance();
    await copy('shop/values.yaml', ports);
    const objects = ['first.yaml', 'shop', 'second.yaml', 'third.yaml'];
    await Promise.all(objects.map((object) => upload(object, object)));
    const results = await Promise.allSettled(objects.map((object) => copy(object, ports)));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await paths()).toEqual(['first.yaml', 'second.yaml', 'shop/values.yaml', 'third.yaml']);
  });
});

describe('an upload to a path that somebody else changed', () => {
  const theirs = (text: string, path = 'a.yaml') =>
    byHand(async (git, workTree) => {
      await writeFiles(workTree, { [path]: text });
      await git('add', '--all');
      await git('commit', '--quiet', '--message', 'Theirs');
    });
  const overwrites = () => onHost('log', '-1', '--format=%(trailers:key=Overwrites,valueonly)', 'main');

  it('replaces it, and names the commit', async () => {
    await upload('a.yaml', 'one');
    await copy('a.yaml');
    await theirs('their first');
    await theirs('their second');
    const last = await onHost('rev-parse', 'main');
    await theirs('elsewhere', 'b.yaml');
    await upload('a.yaml', 'two');
    await copy('a.yaml');
    expect(await content('a.yaml')).toBe('two');
    expect(await overwrites()).toBe(last);
    await upload('a.yaml', 'three');
    await copy('a.yaml');
    expect(await overwrites()).toBe('');
  });

  it('names each commit that touched the folder of an archive, and none of ours', async () => {
    await upload('group.tgz', await tgz({ 'a.yaml': 'a' }));
    await copy('group.tgz');
    await theirs('more', 'group/more.yaml');
    const commit = await onHost('rev-parse', 'main');
    await upload('group/ours.yaml', 'ours');
    await copy('group/ours.yaml');
    await upload('group.tgz', await tgz({ 'a.yaml': 'b' }));
    await copy('group.tgz');
    expect(await overwrites()).toBe(commit);
    expect(await paths()).toEqual(['group/a.yaml']);
  });

  it('is refused where the configuration says so, told once, and taken after a revert', async () => {
    const refuse = { conflicts: 'refuse' } as const;
    await upload('a.yaml', 'one');
    await copy('a.yaml', instance(), refuse);
    await theirs('theirs');
    const commit = await onHost('rev-parse', 'main');
    await upload('a.yaml', 'two');
    await expect(copy('a.yaml', instance(), refuse)).rejects.toMatchObject({
      code: 'WouldOverwrite',
      disposition: 'refuse',
      problem: expect.stringContaining(commit),
    });
    expect(await content('a.yaml')).toBe('theirs');
    await byHand((git) => git('revert', '--no-edit', 'HEAD').then(() => undefined));
    expect((await copy('a.yaml', instance(), refuse)).outcome).toBe('copied');
    expect(await content('a.yaml')).toBe('two');
  });
});

describe('an archive and an object below its folder', () => {
  it('take effect in the order of their generations, though the archive comes late', async () => {
    await upload('group.tgz', await tgz({ 'a.yaml': 'archive', 'b.yaml': 'archive' }));
    await upload('group/b.yaml', 'newer');
    await copy('group/b.yaml');
    await copy('group.tgz');
    expect([await content('group/a.yaml'), await content('group/b.yaml')]).toEqual(['archive', 'newer']);
  });

  it('take effect in the order of their generations, though the object comes late', async () => {
    await upload('group/b.yaml', 'older');
    await upload('group.tgz', await tgz({ 'a.yaml': 'archive' }));
    await copy('group.tgz');
    expect((await copy('group/b.yaml')).outcome).toBe('already-copied');
    expect(await paths()).toEqual(['group/a.yaml']);
  });
});

describe('an object whose event never came', () => {
  const later = () => new Date(Date.now() + 120_000);
  const look = (ports: CopyPorts) => copyUnseen([{ bucket, settings: settings() }], { ...ports, now: later });

  it('is copied by the next check, once, and one whose event is on its way is left to it', async () => {
    await upload('a.yaml', 'a');
    expect(await copyUnseen([{ bucket, settings: settings() }], instance())).toEqual([]);
    expect(await look(instance())).toEqual([expect.stringContaining(`gs://${bucket}/a.yaml#`)]);
    expect(await look(instance())).toEqual([]);
    expect(await commits()).toBe(1);
  });

  it.each(['dies before', 'cannot reach the dead letters'])(
    'is told by a later check where the one that refuses it %s',
    async (how) => {
      await upload('.git/config', 'x');
      const killed = Promise.withResolvers<never>();
      const told = Promise.withResolvers<undefined>();
      const publish = async (): Promise<void> => {
        told.resolve(undefined);
        if (how === 'dies before') await killed.promise;
        throw new ConvergeError({ code: 'PubSubUnavailable', subject: 't', message: 'is away', disposition: 'retry' });
      };
      const check = look(instance({ topics: { publish } }));
      await told.promise;
      if (how !== 'dies before') await check;
      await look(instance());
      await look(instance());
      expect(published.map(({ type, data }) => ({ type, data }))).toEqual([
        { type: uploadRefusedType, data: expect.objectContaining({ reason: 'UnsafePath' }) },
        { type: deadLetterType, data: expect.objectContaining({ reason: 'UnsafePath' }) },
      ]);
    },
  );

  it('is told once, as an alert and on the dead-letter topic, where it is refused', async () => {
    await upload('.git/config', 'x');
    await look(instance());
    await look(instance());
    const [alert, ...others] = published.map(({ data }) => data);
    expect(alert).toMatchObject({ reason: 'UnsafePath', artifact: expect.stringContaining('.git/config#') });
    expect(others).toEqual([
      expect.objectContaining({
        stage: 'checkDrift',
        reason: 'UnsafePath',
        subject: expect.stringContaining('.git/config'),
      }),
    ]);
  });
});

describe('a burst', () => {
  /** Instances, as deployed, and the paths of the state bucket that they wrote. */
  function counted(instances: number): { ports: readonly CopyPorts[]; writes: string[] } {
    const writes: string[] = [];
    const counting = (state: CopyPorts['state']): CopyPorts['state'] => ({
      ...state,
      async write(write) {
        const written = await state.write(write);
        if (written !== 'conflict') writes.push(write.path.split('/')[0] ?? '');
        return written;
      },
    });
    const one = () => instance({ state: counting(createStateStore({ storage, bucket: 'family-state' })) });
    return { ports: Array.from({ length: instances }, one), writes };
  }
  const asDeployed: Partial<CopySettings> = { times: {} };

  it('of a thousand files is at most three commits and three writes of the ledger, with two instances at work', async () => {
    const names = Array.from({ length: 1_000 }, (_one, index) => `config/${index % 30}/${index}.yaml`);
    const { ports, writes } = counted(2);
    const due = [...names];
    const uploading = Array.from({ length: 16 }, async () => {
      for (let name = due.pop(); name !== undefined; name = due.pop()) await upload(name, name);
    });
    await Promise.all(uploading);
    const events = names.map((name, index) => copy(name, ports[index % 2], asDeployed));
    const outcomes = new Set((await Promise.all(events)).map(({ outcome }) => outcome));
    expect([...outcomes].filter((outcome) => !outcome.endsWith('copied'))).toEqual([]);
    expect((await paths()).toSorted()).toEqual(names.toSorted());
    expect(await commits()).toBeLessThanOrEqual(3);
    expect(writes.filter((path) => path === 'ledger').length).toBeLessThanOrEqual(3);
    expect(writes.filter((path) => path === 'intake').length).toBeLessThanOrEqual(4);
  });

  it('of fifty archives is at most six writes of the ledger', async () => {
    const packed = await tgz({ 'a.yaml': 'a' });
    const names = Array.from({ length: 50 }, (_one, index) => `groups/${index}.tgz`);
    await Promise.all(names.map((name) => upload(name, packed)));
    const { ports, writes } = counted(1);
    await Promise.all(names.map((name) => copy(name, ports[0], asDeployed)));
    expect(await commits()).toBe(50);
    expect(writes.filter((path) => path === 'ledger').length).toBeLessThanOrEqual(6);
  });

  it('announces each archive though the ledger of another is not written yet', async () => {
    const state = createStateStore({ storage, bucket: 'family-state' });
    const writing = Promise.withResolvers<undefined>();
    const announced = Promise.withResolvers<undefined>();
    const ports = instance({
      state: {
        ...state,
        async write(write) {
          if (write.path.startsWith('ledger/')) await writing.promise;
          return state.write(write);
        },
      },
      topics: {
        async publish(_topic, event) {
          published.push(event);
          if (published.length === 3) announced.resolve(undefined);
        },
      },
    });
    const names = ['a.tgz', 'b.tgz', 'c.tgz'];
    for (const name of names) await upload(name, await tgz({ name }));
    const copies = names.map((name) => copy(name, ports));
    await announced.promise;
    writing.resolve(undefined);
    expect((await Promise.all(copies)).map(({ outcome }) => outcome)).toEqual(['copied', 'copied', 'copied']);
  });
});

it('gives an event back where another instance holds the lease and does not come to its object', async () => {
  await upload('a.yaml', 'a');
  const state = createStateStore({ storage, bucket: 'family-state' });
  await state.write({
    path: `intake/${host.name}/lease.json`,
    value: { holder: 'another', event: '', seconds: 600 },
    ifGeneration: 'any',
  });
  await expect(copy('a.yaml', instance(), { times: { poll: 20, patience: 100 } })).rejects.toMatchObject({
    code: 'IntakeBusy',
    disposition: 'retry',
  });
  expect(await state.read(`intake/${host.name}/lease.json`)).toMatchObject({ value: { holder: 'another' } });
  expect(await commits()).toBe(0);
});

it('lands the others of a burst where the host refuses the commit for one of them', async () => {
  const hook = '#!/bin/sh\nread old new ref\ngit ls-tree -r --name-only $new | grep -q bad && exit 1\nexit 0\n';
  await writeFile(join(host.path, 'hooks', 'pre-receive'), hook, { mode: 0o755 });
  const ports = instance();
  await upload('first.yaml', 'x');
  const objects = ['a.yaml', 'bad.yaml', 'c.yaml', 'd.yaml'];
  await Promise.all(objects.map((object) => upload(object, object)));
  const results = await Promise.allSettled(['first.yaml', ...objects].map((object) => copy(object, ports)));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
  expect(await paths()).toEqual(['a.yaml', 'c.yaml', 'd.yaml', 'first.yaml']);
});

it('twenty writers at one branch, people and instances, lose nothing, force nothing and merge nothing', async () => {
  await upload('start.yaml', 'x');
  await copy('start.yaml');
  const person = async (index: number): Promise<void> => {
    const workTree = await mkdtemp(join(host.folder, 'person-'));
    const git = (...parameters: string[]) =>
      run('git', ['-C', workTree, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...parameters]);
    await run('git', ['clone', '--quiet', host.url, workTree]);
    await writeFile(join(workTree, `person-${index}`), 'theirs');
    await git('add', '--all');
    await git('commit', '--quiet', '--message', `Person ${index}`);
    for (;;) {
      const pushed = await git('push', '--quiet', 'origin', 'HEAD:main').then(
        () => true,
        () => false,
      );
      if (pushed) return;
      await git('pull', '--quiet', '--rebase', 'origin', 'main');
    }
  };
  const writer = async (index: number): Promise<void> => {
    await upload(`ours-${index}`, 'ours');
    for (;;) {
      const failure: unknown = await copy(`ours-${index}`, instance()).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      // As the platform delivers it again: the bucket of the leases takes one write a second of one object.
      if (!(failure instanceof ConvergeError && failure.disposition === 'retry')) throw failure;
    }
  };
  const ten = Array.from({ length: 10 }, (_one, index) => index);
  await Promise.all([...ten.map(person), ...ten.map(writer)]);
  expect(await paths()).toEqual([
    ...ten.map((index) => `ours-${index}`),
    ...ten.map((index) => `person-${index}`),
    'start.yaml',
  ]);
  expect(await onHost('rev-list', '--merges', 'main')).toBe('');
  expect(Number(await onHost('rev-list', '--count', '--grep=^Person', 'main'))).toBe(10);
  await run('git', ['--git-dir', host.path, 'fsck', '--strict']);
});

function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64');
}

function manyFiles(): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 20 }, (_one, index) => [`${index}.bin`, randomText(10_000)]));
}

describe('a Storage that is silent for one content', () => {
  it.each([
    ['at all', 'stuck.yaml', async () => randomBytes(100), 0],
    ['half-way', 'stuck.bin', async () => randomBytes(900_000), 300_000],
    ['half-way an archive', 'stuck.tgz', async () => tgz({ 'a.bin': randomText(500_000) }), 200_000],
    ['half-way an archive of small files', 'stuck.tgz', async () => tgz(manyFiles()), 100_000],
  ])('%s costs that upload a time-out and a retry, and those behind it no more', async (_how, stuck, make, sent) => {
    let isSilent = true;
    const gate = createServer((incoming, outgoing) => {
      const { url = '/', method = 'GET', headers } = incoming;
      const isStuck = isSilent && url.includes(`${stuck}?alt=media`);
      const forward = request(new URL(url, service.url), { method, headers }, (real) => {
        if (isStuck && sent === 0) return void real.resume();
        outgoing.writeHead(real.statusCode ?? 500, real.headers);
        if (!isStuck) return void real.pipe(outgoing);
        let bytes = 0;
        real.on('data', (chunk: Buffer) => {
          if (bytes < sent) outgoing.write(chunk);
          bytes += chunk.length;
        });
      });
      incoming.pipe(forward);
    });
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
    const address = gate.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const silent = connectStorage({ project: 'local', storage: { endpoint: `http://127.0.0.1:${address.port}` } });
    const ports = instance({
      buckets: createBuckets(silent, {
        // What is not silent answers within this on a busy machine, too.
        ...{ answer: 5_000, wholeUpload: 25_000, wholeState: 25_000, upload: 5_000 },
        ...{ tries: 1, reads: 1, firstPause: 10 },
      }),
    });
    try {
      const behind = Array.from({ length: 10 }, (_one, index) => `behind-${index}.yaml`);
      await upload(stuck, await make());
      for (const name of behind) await upload(name, name);
      const results = await Promise.allSettled([stuck, ...behind].map(async (name) => copy(name, ports)));
      expect(results[0]).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'StorageUnavailable',
          disposition: 'retry',
          problem: 'Cloud Storage did not answer in 5 s',
        },
      });
      expect(results.slice(1).map(({ status }) => status)).toEqual(behind.map(() => 'fulfilled'));
      isSilent = false;
      expect(await copy(stuck, ports)).toMatchObject({ outcome: 'copied' });
      expect(await paths()).toEqual(expect.arrayContaining(behind));
    } finally {
      gate.closeAllConnections();
      gate.close();
    }
  });

  it('keeps no upload behind it for longer than its patience', async () => {
    const stuck = Promise.withResolvers<undefined>();
    const reading = Promise.withResolvers<undefined>();
    const own = instance();
    const ports = instance({
      buckets: {
        ...own.buckets,
        async read(live) {
          if (live.name !== 'a.yaml') return await own.buckets.read(live);
          reading.resolve(undefined);
          return await stuck.promise;
        },
      },
    });
    await upload('a.yaml', 'a');
    await upload('b.yaml', 'b');
    const first = copy('a.yaml', ports);
    await reading.promise;
    const behind = copy('b.yaml', ports, { times: { ...times, patience: 500 } });
    await expect(behind).rejects.toMatchObject({ code: 'IntakeBusy', disposition: 'retry' });
    stuck.resolve(undefined);
    await Promise.allSettled([first]);
  });
});

describe('an upload that meets a secret which cannot be read for a moment', () => {
  const repositoryWith = (settings: object): CopyPorts['repository'] =>
    createRepositories({
      config: {
        repositories: configSchema.shape.repositories.parse({ [host.name]: { url: host.url, bucket, ...settings } }),
      },
      author: converge,
      cacheFolder: join(host.folder, `cache-${host.name}-secret`),
      now: () => new Date(),
    });

  it('is no verdict: it is copied by the same message once the secret can be read', async () => {
    const file = join(host.folder, `secret-${host.name}`);
    const ports = instance({ repository: repositoryWith({ credentials: { file } }) });
    await upload('config/acme.yaml', 'a: 1\n');
    await expect(copy('config/acme.yaml', ports)).rejects.toMatchObject({
      code: 'SecretUnavailable',
      disposition: 'retry',
      subject: file,
    });
    const { ledger } = await readLedger({ ports, settings: settings() });
    expect(ledger.refused).toEqual(new Map());
    expect(published).toEqual([]);
    await writeFile(file, 'ana:token');
    expect(await copy('config/acme.yaml', ports)).toMatchObject({ outcome: 'copied' });
    expect(await content('config/acme.yaml')).toBe('a: 1');
  });

  it('is found by the check, too, and told as no refusal before', async () => {
    const file = join(host.folder, `secret-${host.name}`);
    const later = { now: () => new Date(Date.now() + 10 * 60_000) };
    const ports = instance({ ...later, repository: repositoryWith({ credentials: { file } }) });
    await upload('config/acme.yaml', 'a: 1\n');
    const buckets = [{ bucket, settings: settings() }];
    expect(await copyUnseen(buckets, ports)).toEqual([]);
    expect(published).toEqual([]);
    await writeFile(file, 'ana:token');
    expect(await copyUnseen(buckets, ports)).toEqual([expect.stringContaining('/config/acme.yaml')]);
  });
});
