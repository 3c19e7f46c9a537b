import { describe, expect, it } from 'vitest';
import type { Context } from '../../../cli/context.ts';
import { exitOf } from '../../../cli/exit-codes.ts';
import { retryUpload, type RetryOptions } from '../../../cli/retry-upload.ts';
import { md5Of } from '../../../shared/source/same-upload.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import type { Buckets, StoredObject, Uploads } from '../../../shared/ports/storage.ts';
import { encodeLedger, emptyLedger, ledgerPath, type Ledger } from '../../../shared/source/ledger.ts';
import { clockAt, commitId, stateInMemory } from '../pipeline/ports.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: `project: family
state: { bucket: family-state }
repositories:
  master: { url: https://git.example.com/family/master.git, bucket: family-master }
  staging: { url: https://git.example.com/family/staging.git, bucket: family-staging }
clusters: {}
limits: { uploadBytes: 10 }
`,
});
const name = 'config/acme.yaml';
const metadata = { 'converge-build': 'https://ci.example.com/7' };
const uri = (generation: string): string => `gs://family-master/${name}#${generation}`;
const refusedAs = (generation: string): Ledger => ({ ...emptyLedger, refused: new Map([[name, generation]]) });
const copiedAs = (generation: string): Ledger => ({
  ...emptyLedger,
  copied: new Map([[name, { name, generation, commit: commitId('c'), at: '2026-11-21T01:00:00.000Z', content: null }]]),
});

interface Site {
  readonly ledger?: Ledger;
  /** The objects of the bucket by their names. */
  readonly objects?: Readonly<Record<string, string>>;
  /** What the ledger says once the object was written. */
  readonly after?: Ledger;
  /** Whether the answer to a write that is taken gets lost: the next try meets what it wrote. */
  readonly lost?: boolean;
  /** Somebody uploads that after the object was read. */
  readonly meanwhile?: string;
}

async function* each(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** A bucket whose objects are of generation 7 at first, and of 8 once they are written; `wrote` follows the write. */
function bucketInMemory({
  objects = { [name]: 'one' },
  lost = false,
  meanwhile,
  now,
  wrote,
}: Site & { now: () => Date; wrote: () => Promise<unknown> }) {
  const held = new Map<string, StoredObject & { content: Uint8Array }>();
  const put = (at: string, generation: string, content: Uint8Array, said: StoredObject['metadata']) =>
    held.set(at, {
      ...{ bucket: 'family-master', name: at, generation, bytes: content.length },
      ...{ createdAt: now(), metadata: said, content },
    });
  for (const [at, content] of Object.entries(objects)) put(at, '7', Buffer.from(content), metadata);
  const writes: Parameters<Uploads['write']>[0][] = [];
  const buckets: Buckets = {
    find: async (object) => (object.bucket === 'family-master' ? held.get(object.name) : undefined),
    list: async () => [...held.values()],
    async read(object) {
      const found = held.get(object.name);
      if (meanwhile !== undefined) put(object.name, '9', Buffer.from(meanwhile), {});
      return found?.generation === object.generation ? each(found.content) : undefined;
    },
  };
  const uploads: Uploads = {
    async find(object) {
      const found = held.get(object.name);
      return found === undefined ? undefined : { ...found, md5: md5Of(found.content) };
    },
    async write(upload) {
      writes.push(upload);
      const { ifGeneration } = upload;
      if (ifGeneration === 'absent' || held.get(upload.name)?.generation !== ifGeneration.generation) return 'conflict';
      put(upload.name, '8', upload.content, upload.metadata);
      await wrote();
      return lost ? 'conflict' : { generation: '8' };
    },
  };
  return { buckets, uploads, writes };
}

const unopened = () => {
  throw new Error('is not to be opened');
};

/** A bucket, a ledger and a clock, which sleeping moves. */
async function site({ ledger = refusedAs('7'), after = copiedAs('8'), ...changes }: Site) {
  const clock = clockAt('2026-11-21T02:00:00Z');
  const state = stateInMemory(clock.now);
  const path = ledgerPath({ repositoryClass: 'master' });
  const record = async (said: Ledger) => state.write({ path, value: encodeLedger(said), ifGeneration: 'any' });
  await record(ledger);
  const { buckets, uploads, writes } = bucketInMemory({
    ...changes,
    now: clock.now,
    wrote: async () => record(after),
  });
  const context: Context = {
    config,
    statusUrl: undefined,
    pubsub: undefined,
    ports: { now: clock.now, sleep: async (milliseconds) => clock.forward(milliseconds / 1000) },
    open: {
      uploads: async () => uploads,
      buckets: async () => buckets,
      state: async () => state,
      repository: unopened,
      topics: unopened,
      deadLetters: unopened,
      renderer: unopened,
    },
    environment: {},
    folder: '/',
    progress: () => undefined,
  };
  const retry = async (what: string = name, options: Partial<RetryOptions> = { class: 'master' }) =>
    retryUpload(context, what, { timeout: 60_000, ...options }).catch((error: unknown) => {
      throw error instanceof ConvergeError ? Object.assign(error, { exit: exitOf(error.code) }) : error;
    });
  return { retry, writes };
}

describe('converge retry-upload', () => {
  it.each([
    ['its name', name, { class: 'master' }],
    ['its name and a branch', name, { branch: 'main' }],
    ['what its refusal calls it', uri('7'), {}],
    ['its gs:// name', `gs://family-master/${name}`, {}],
  ])('writes an object that was refused once more as it is, by %s, and says what it became', async (_how, what, by) => {
    const { retry, writes } = await site({});
    expect(await retry(what, by)).toEqual({
      exit: 0,
      json: {
        repository: 'master',
        artifacts: [{ bucket: 'family-master', name, generation: '8' }],
        commits: [commitId('c')],
        environments: null,
        warnings: [],
      },
      lines: [
        { text: `refused   ${uri('7')} of 2026-11-21 02:00:00`, tone: 'detail' },
        { text: `uploaded  ${uri('8')}`, tone: 'plain' },
        { text: `committed ${commitId('c')} (master)`, tone: 'plain' },
      ],
    });
    expect(writes).toEqual([
      { bucket: 'family-master', name, content: Buffer.from('one'), metadata, ifGeneration: { generation: '7' } },
    ]);
  });

  it('knows its own write again, whose answer was lost', async () => {
    const { retry, writes } = await site({ lost: true });
    expect((await retry()).json).toMatchObject({ artifacts: [{ generation: '8' }] });
    expect(writes).toHaveLength(1);
  });

  it.each([
    ['that is not there', { objects: {} }, `gs://family-master/${name}`, /^is not there$/, 2],
    ['that is in Git', { ledger: copiedAs('7') }, uri('7'), /was not refused: it is in Git, by c{40}$/, 2],
    ['that nobody has looked at', { ledger: refusedAs('6') }, uri('7'), /neither copied nor refused yet/, 1],
    ['that is too large', { objects: { [name]: 'more than ten bytes' } }, uri('7'), /larger than 10 bytes/, 2],
  ] as const)('refuses one %s by its name, and writes nothing', async (_what, changes, subject, problem, exit) => {
    const { retry, writes } = await site(changes);
    await expect(retry()).rejects.toMatchObject({ subject, problem: expect.stringMatching(problem), exit });
    expect(writes).toEqual([]);
  });

  it.each([
    [
      'a generation that was replaced',
      uri('6'),
      {},
      uri('6'),
      /is not what the bucket holds, which is .*acme\.yaml#7$/,
    ],
    ['a bucket of nobody', 'gs://elsewhere/x#1', {}, 'gs://elsewhere', /is no bucket of uploads/],
    ['a bucket and a class', uri('7'), { class: 'staging' }, '--class', /chooses the bucket, and so does gs:/],
    ['a class that is none', name, { class: 'nobody' }, '--class nobody', /is no repository/],
    ['no class at all', name, {}, '--branch', /is not given/],
  ])('refuses %s as wrong usage', async (_what, what, by, subject, problem) => {
    const { retry, writes } = await site({});
    await expect(retry(what, by)).rejects.toMatchObject({
      subject,
      problem: expect.stringMatching(problem),
      exit: 2,
    });
    expect(writes).toEqual([]);
  });

  it('never replaces what somebody uploads meanwhile', async () => {
    const { retry } = await site({ meanwhile: 'theirs' });
    await expect(retry()).rejects.toMatchObject({
      subject: uri('7'),
      problem: 'was replaced or deleted by somebody else meanwhile',
      exit: 1,
    });
  });

  it('ends with 1 where it is refused again', async () => {
    const { retry } = await site({ after: refusedAs('8') });
    await expect(retry()).rejects.toMatchObject({ subject: uri('8'), problem: 'was refused', exit: 1 });
  });
});
