import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import type { Storage } from '@google-cloud/storage';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { startStorage, type StorageService } from '../../local/parts/storage.ts';
import { ensureProgram } from '../../local/programs.ts';
import { connectStorage } from '../../shared/adapters/storage.ts';
import { usualTimes, type IntakeTimes } from '../../shared/pipeline/copy-artifact/intake-times.ts';
import { parseProvenance } from '../../shared/source/commit-message.ts';

/**
 * Rounds of kills, and the seed of the first: `CONVERGE_KILL_ROUNDS=10` is the full test, `CONVERGE_KILL_SEED` plays a
 * round again.
 */
const rounds = Number(process.env['CONVERGE_KILL_ROUNDS'] ?? 1);
const firstSeed = Number(process.env['CONVERGE_KILL_SEED'] ?? 1);
const kills = 20;
/** Objects of a burst that are no archives. */
const plain = 980;
const run = promisify(execFile);
const names = ['calm', 'large', ...Array.from({ length: rounds }, (_one, index) => `killed-${index}`)];
let folder: string;
let host: GitHost;
let service: StorageService;
let storage: Storage;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-burst-'));
  host = await startGit({ folder, repositories: names });
  service = await startStorage({ program: await ensureProgram('storage'), folder, pubsubHost: '127.0.0.1:9' });
  storage = connectStorage({ project: 'local', storage: { endpoint: service.url } });
});
afterAll(async () => {
  await Promise.all([host.stop(), service.stop()]);
  await rm(folder, { recursive: true, force: true });
});

/** A number from 0 up to 1, equal for equal facts. */
function draw(...facts: readonly (string | number)[]): number {
  return createHash('sha256').update(JSON.stringify(facts)).digest().readUInt32BE() / 2 ** 32;
}

interface Instance {
  readonly post: (object: { bucket: string; name: string; generation: string }) => Promise<number | undefined>;
  /** The most memory it ever held, in MiB. */
  readonly peak: () => Promise<number>;
  readonly kill: () => void;
  readonly child: ChildProcess;
}

/** A bucket with a repository, and the processes that copy from the one to the other. */
async function startSite(name: string, times: Partial<IntakeTimes> = {}) {
  const bucket = `family-${name}`;
  await storage.createBucket(bucket);
  await storage.createBucket(`${bucket}-state`);
  const announced = join(folder, `${name}.announced`);
  const claims = join(folder, `${name}.claims`);
  await Promise.all([writeFile(announced, ''), writeFile(claims, '')]);
  let started = 0;

  async function start(): Promise<Instance> {
    const cache = join(folder, 'cache', `${name}-${started++}`);
    const facts = JSON.stringify({
      url: host.url(name),
      bucket,
      storage: service.url,
      cache,
      announced,
      claims,
      times,
    });
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'burst-child.ts'), facts],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const [port] = await Promise.race([
      new Promise<string[]>((resolve) =>
        createInterface({ input: child.stdout }).once('line', (line) => resolve([line])),
      ),
      new Promise<never>((_resolve, reject) =>
        child.once('exit', (code) => reject(new Error(`the process ended with ${code}`))),
      ),
    ]);
    return {
      child,
      kill: () => void child.kill('SIGKILL'),
      peak: async () => Number(await (await fetch(`http://127.0.0.1:${port}/`)).text()) / 1024,
      post: async (object) =>
        fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: JSON.stringify(object) }).then(
          ({ status }) => status,
          () => undefined,
        ),
    };
  }

  return {
    name,
    bucket,
    announced,
    claims,
    start,
    git: async (...parameters: string[]) =>
      (await run('git', ['--git-dir', host.path(name), ...parameters], { maxBuffer: 100_000_000 })).stdout.trim(),
  };
}
type Site = Awaited<ReturnType<typeof startSite>>;

/**
 * Delivers each event, some twice, each until it is taken or refused; in an order drawn from the seed, to any instance.
 */
function createDelivery({ instances, seed }: { instances: Instance[]; seed: number }) {
  const refused = new Set<string>();
  const slots = 24;
  let free = slots;
  const queue: (() => void)[] = [];
  let drawn = 0;
  async function deliver(object: { bucket: string; name: string; generation: string }): Promise<void> {
    await sleep(draw(seed, 'delay', object.name, object.generation, drawn++) * 300);
    for (;;) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
      const instance = instances[Math.floor(draw(seed, 'instance', drawn++) * instances.length)];
      const status = await instance?.post(object);
      const next = queue.shift();
      if (next === undefined) free += 1;
      else next();
      if (status === 204) return;
      if (status === 422) return void refused.add(object.name);
      await sleep(100);
    }
  }
  return { refused, deliver };
}

interface Burst {
  /** What is to be in Git, by path. */
  readonly tree: ReadonlyMap<string, string>;
  readonly bad: readonly string[];
  readonly groups: readonly Group[];
  /** In how many bursts the intake may see it: a pause of the uploads ends one, and so does its longest time. */
  readonly seenAs: number;
}

type Tree = ReadonlyMap<string, string>;

/** A folder that is replaced as a whole: each of its trees by path, in the order in which they are uploaded. */
interface Group {
  readonly name: string;
  readonly trees: readonly Tree[];
}

/**
 * Small groups and one whose unpacking takes a while; no two trees of one have a file in common, nor the same paths.
 */
function groupsOf(seed: number): readonly Group[] {
  return [10, 10, 20, 20, 40, 600].map((files, index) => {
    const name = `groups/${index}`;
    const trees = ['older', 'newer'].map(
      (age) =>
        new Map(
          Array.from({ length: files }, (_one, file) => {
            const path = `${name}/${file % 3 === 0 ? age : 'both'}/${file}.yaml`;
            return [
              path,
              `age: ${age}\nfile: ${file}\nseed: ${seed}\nnoise: ${createHash('sha512').update(`${path}${age}${seed}`).digest('hex').repeat(10)}\n`,
            ];
          }),
        ),
    );
    return { name, trees };
  });
}

async function packGroup({ name, tree }: { name: string; tree: Tree }): Promise<Buffer> {
  const tar = pack();
  for (const [path, text] of tree) tar.entry({ name: path.slice(name.length + 1) }, text);
  tar.finalize();
  return buffer(tar.pipe(createGzip()));
}

const blobOf = (text: string): string =>
  createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex');

/** As `git ls-tree -r` lists it. */
const listingOf = (tree: Tree): string[] =>
  [...tree].map(([path, text]) => `100644 blob ${blobOf(text)}\t${path}`).toSorted();

/**
 * A thousand objects: plain ones, some of them overwritten, groups that replace older ones, and some that nobody can
 * take.
 */
async function uploadBurst({
  site,
  deliver,
  seed,
}: {
  site: Site;
  deliver: (object: { bucket: string; name: string; generation: string }) => Promise<void>;
  seed: number;
}): Promise<Burst> {
  const tree = new Map<string, string>();
  const deliveries: Promise<void>[] = [];
  const arrivals = [performance.now()];
  const bad = ['config/C:/drive.yaml', 'config/.GIT/hooks', 'groups/broken.tgz', 'environments/none.yaml'];
  const put = async (name: string, content: string | Uint8Array): Promise<void> => {
    const file = storage.bucket(site.bucket).file(name);
    await file.save(content, { resumable: false });
    arrivals.push(performance.now());
    const object = { bucket: site.bucket, name, generation: String(file.metadata.generation) };
    const times = draw(seed, 'twice', name) < 0.1 ? 2 : 1;
    for (let time = 0; time < times; time++) deliveries.push(deliver(object));
  };
  const works: (() => Promise<void>)[] = [];
  const groups = groupsOf(seed);
  for (const [
    index,
    {
      name,
      trees: [older = new Map<string, string>(), newer = new Map<string, string>()],
    },
  ] of groups.entries()) {
    const packed = { older: await packGroup({ name, tree: older }), newer: await packGroup({ name, tree: newer }) };
    for (const [path, text] of newer) tree.set(path, text);
    const isThereBefore = index % 2 === 1;
    if (isThereBefore) await put(`${name}.tgz`, packed.older);
    works.push(async () => {
      if (!isThereBefore) await put(`${name}.tgz`, packed.older);
      await put(`${name}.tgz`, packed.newer);
    });
  }
  await Promise.all(deliveries.splice(0));
  for (let index = 0; index < plain; index++) {
    const name = `config/${index % 30}/${index}.yaml`;
    const text = `index: ${index}\nseed: ${seed}\n`;
    tree.set(name, text);
    works.push(async () => {
      if (index % 50 === 0) await put(name, 'older\n');
      await put(name, text);
    });
  }
  works.push(async () => put('config/deep.yaml', ''));
  tree.set('config/deep.yaml', '');
  for (const name of bad) works.push(async () => put(name, 'not what it should be'));
  works.sort((one, other) => draw(seed, works.indexOf(one)) - draw(seed, works.indexOf(other)));
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let work = works[next++]; work !== undefined; work = works[next++]) await work();
    }),
  );
  await Promise.all(deliveries);
  return { tree, bad, groups, seenAs: burstsOf(arrivals) };
}

/**
 * On a machine that is busy with something else the uploads pause for as long as the intake waits for the next; how long
 * one was for Storage is seen here only within the time of an answer.
 */
function burstsOf(arrivals: readonly number[]): number {
  const pauses = arrivals.filter((at, index) => at - (arrivals[index - 1] ?? at) >= usualTimes.quiet / 2);
  const lasted = (arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0);
  return 1 + pauses.length + Math.floor(lasted / usualTimes.longestBurst);
}

interface Commits {
  readonly all: number;
  readonly groups: number;
  readonly holds: number;
}

async function expectWhole({
  site,
  burst,
  refused,
}: {
  site: Site;
  burst: Burst;
  refused: ReadonlySet<string>;
}): Promise<Commits> {
  const { git } = site;
  expect((await git('ls-tree', '-r', 'main')).split('\n').toSorted()).toEqual(listingOf(burst.tree));
  expect([...refused].toSorted()).toEqual(burst.bad.toSorted());
  await run('git', ['--git-dir', host.path(site.name), 'fsck', '--strict', '--no-dangling']);
  const commits = (await git('rev-list', 'main')).split('\n');
  expect(await git('rev-list', '--merges', 'main')).toBe('');
  const artifacts = (await git('log', '-z', '--format=%B', 'main'))
    .split('\0')
    .flatMap((message) => parseProvenance(message).artifacts.map(({ name, generation }) => `${name}#${generation}`));
  expect(new Set(artifacts).size).toBe(artifacts.length);
  const announced = new Set(
    (await readFile(site.announced, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { commit: string }).commit),
  );
  expect(commits.filter((commit) => !announced.has(commit))).toEqual([]);
  for (const group of burst.groups) await expectWholeAtEachCommit({ git, group, commits });
  return {
    all: commits.length,
    groups: artifacts.filter((artifact) => artifact.startsWith('groups/')).length,
    holds: await holdsOf(site),
  };
}

/** How often the right to copy was claimed: by its first holder, after one that died or was too slow, after a pause. */
async function holdsOf({ claims }: Site): Promise<number> {
  const lines = (await readFile(claims, 'utf8')).trim().split('\n');
  const holders = lines.map((line) => (JSON.parse(line) as { holder: string | null }).holder);
  return new Set(holders.filter((holder) => holder !== null)).size;
}

/** The folder is not there, then is one of the group's trees, then a later one, and never something else. */
async function expectWholeAtEachCommit({
  git,
  group,
  commits,
}: {
  git: Site['git'];
  group: Group;
  commits: readonly string[];
}): Promise<void> {
  const states = [[], ...group.trees.map(listingOf)].map((lines) => lines.join('\n'));
  let last = 0;
  for (const commit of commits.toReversed()) {
    const listing = (await git('ls-tree', '-r', commit, `${group.name}/`)).split('\n').toSorted().join('\n');
    const state = states.indexOf(listing);
    expect(
      state,
      `${group.name} at ${commit} is neither its older nor its newer tree, or the older one again: ${listing}`,
    ).toBeGreaterThanOrEqual(last);
    last = state;
  }
}

/**
 * Whoever claims the right to copy commits what waits for it at once, then the rest once it is quiet: of one holder and
 * one burst that makes three. A kill costs a claim, and so does a lease that a busy machine kept too late; however many
 * there are, a commit holds ten objects and more. A group is one for each of its generations.
 */
function expectFew({ all, groups, holds }: Commits, { seenAs }: Burst): void {
  expect(all - groups).toBeLessThanOrEqual(Math.min(2 * holds + seenAs, plain / 10));
}

describe('a burst of a thousand objects', () => {
  it('becomes at most three commits, whatever the order of its events, with three instances at work', async () => {
    const site = await startSite('calm');
    const instances = await Promise.all([site.start(), site.start(), site.start()]);
    try {
      const { deliver, refused } = createDelivery({ instances, seed: 7 });
      const burst = await uploadBurst({ site, deliver, seed: 7 });
      const commits = await expectWhole({ site, burst, refused });
      expectFew(commits, burst);
    } finally {
      for (const instance of instances) instance.kill();
    }
  });

  it.each(Array.from({ length: rounds }, (_one, index) => firstSeed + index))(
    `survives ${kills} kills at any line (seed %i): the tree is the bucket, nothing is there twice, and the commits are few`,
    async (seed) => {
      const site = await startSite(`killed-${seed - firstSeed}`, { leaseSeconds: 8, poll: 100 });
      const instances = await Promise.all([site.start(), site.start(), site.start()]);
      const { deliver, refused } = createDelivery({ instances, seed });
      let isOver = false;
      let killed = 0;
      const killing = (async () => {
        while (killed < kills && !isOver) {
          await sleep(100 + draw(seed, 'kill', killed) * 1400);
          const victim = Math.floor(draw(seed, 'victim', killed) * instances.length);
          instances[victim]?.kill();
          killed += 1;
          instances[victim] = await site.start();
        }
      })();
      try {
        const burst = await uploadBurst({ site, deliver, seed });
        isOver = true;
        await killing;
        const commits = await expectWhole({ site, burst, refused });
        const facts = `${killed} kills, ${commits.holds} holds, ${burst.seenAs} bursts, ${commits.all} commits, ${commits.groups} of them groups`;
        console.log(`seed ${seed}: ${facts}`);
        expectFew(commits, burst);
      } finally {
        isOver = true;
        await killing;
        for (const instance of instances) instance.kill();
      }
    },
    600_000,
  );
});

describe('an archive of 5,000 files and 200 MB', () => {
  it('becomes one commit within 512 MiB of memory', async () => {
    const site = await startSite('large');
    const instance = await site.start();
    try {
      const file = storage.bucket(site.bucket).file('groups/large.tgz');
      const packed = await packLarge();
      await file.save(packed, { resumable: false });
      expect(
        await instance.post({ bucket: site.bucket, name: file.name, generation: String(file.metadata.generation) }),
      ).toBe(204);
      expect(await site.git('rev-list', '--count', 'main')).toBe('1');
      expect((await site.git('ls-tree', '-r', '--name-only', 'main')).split('\n')).toHaveLength(5000);
      await run('git', ['--git-dir', host.path(site.name), 'fsck', '--strict']);
      const peak = await instance.peak();
      console.log(`an archive of ${Math.round(packed.length / 1e6)} MB packed took ${Math.round(peak)} MiB at most`);
      expect(peak).toBeLessThanOrEqual(512);
    } finally {
      instance.kill();
    }
  });
});

/** Text as it is in manifests: it packs to about a tenth. */
async function packLarge(): Promise<Buffer> {
  const tar = pack();
  void (async () => {
    for (let index = 0; index < 5000; index++) {
      const lines = Array.from(
        { length: 640 },
        (_one, line) =>
          `    value: ${line % 7 === 0 ? createHash('sha1').update(`${index}/${line}`).digest('hex') : 'the-same-in-each-and-every-file-but-of-that-length'}`,
      );
      tar.entry({ name: `${index % 50}/${index}.yaml` }, `${lines.join('\n')}\n`.slice(0, 40_000));
    }
    tar.finalize();
  })();
  return buffer(tar.pipe(createGzip({ level: 1 })));
}
