import { describe, expect, it } from 'vitest';
import { ConvergeError, describeError } from '../../../../shared/base/errors.ts';
import { configSchema } from '../../../../shared/config/config.ts';
import { quarantinePath, type Quarantine } from '../../../../shared/memory/quarantine.ts';
import { copyArtifact } from '../../../../shared/pipeline/copy-artifact.ts';
import type { CopyPorts } from '../../../../shared/pipeline/copy-artifact/run.ts';
import { decodeLedger } from '../../../../shared/source/ledger.ts';
import type { Buckets, StoredObject } from '../../../../shared/ports/storage.ts';
import { clockAt, recordingLog, recordingTopics, stateInMemory } from '../ports.ts';
import { sha1 } from '../reconcile/world/field-sets.ts';
import { recordingRepository, type RecordingRepository } from '../reconcile/world/repository.ts';

const bucket = 'family-master';
const name = 'charts/shop.yaml';
const limits = configSchema.shape.limits.parse({});
const ledger = 'ledger/master.json';

interface Site {
  readonly git: RecordingRepository;
  readonly state: ReturnType<typeof stateInMemory>;
  readonly ports: CopyPorts;
  readonly wait: (seconds: number) => void;
  upload(text: string): StoredObject;
  /** Whether the Git host takes none. */
  refusesPushes: boolean;
  /** One instance copies; what becomes of the event, in one word. */
  copy(live: StoredObject, through?: CopyPorts): Promise<string>;
}

/** A bucket of one object, whose first content is in Git, and known to the ledger. */
async function createSite(): Promise<Site> {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const git = recordingRepository({ repositoryClass: 'master', now: clock.now });
  const state = stateInMemory(clock.now);
  let live: (StoredObject & { readonly text: string }) | undefined;
  let generation = 0;
  const buckets: Buckets = {
    find: async () => live,
    list: async () => (live === undefined ? [] : [live]),
    read: async (asked) => (live?.generation === asked.generation ? chunksOf(live.text) : undefined),
  };
  const writeBlob: RecordingRepository['writeBlob'] = async (content) => {
    const all: Uint8Array[] = [];
    for await (const chunk of 'chunks' in content ? content.chunks : [content]) all.push(chunk);
    return sha1(Buffer.concat(all).toString('utf8'));
  };
  const ports: CopyPorts = {
    ...{ now: clock.now, log: recordingLog(), buckets, state, topics: recordingTopics() },
    sleep: async (milliseconds) => clock.forward(Math.ceil(milliseconds) / 1000),
    unpack: async () => [],
    repository: () => ({
      ...git,
      writeBlob,
      async push(commit) {
        if (!site.refusesPushes) return await git.push(commit);
        throw new ConvergeError({
          code: 'GitRefused',
          subject: git.url,
          message: 'is protected',
          disposition: 'refuse',
        });
      },
    }),
  };
  const site: Site = {
    ...{ git, state, ports, wait: clock.forward },
    refusesPushes: false,
    upload(text) {
      generation += 1;
      const facts = { bucket, name, generation: `${generation}`, metadata: {}, createdAt: clock.now() };
      live = { ...facts, bytes: Buffer.byteLength(text), text };
      return live;
    },
    async copy(object, through = ports) {
      const repository = through.repository('master');
      const instance = { ...through, repository: () => repository };
      const settings = { repositoryClass: 'master', limits, conflicts: 'refuse', holder: 'one' } as const;
      try {
        return (await copyArtifact(object, instance, settings)).outcome;
      } catch (error) {
        return error instanceof ConvergeError ? error.code : describeError(error);
      }
    },
  };
  // What is in no commit has no content here.
  git.add({ 'charts/other.yaml': 'two', [name]: 'one' });
  expect(await site.copy(site.upload('one'))).toBe('unchanged');
  clock.forward(3600);
  return site;
}

async function* chunksOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

/** An instance that stands still before one of its requests, or before it hears of its answer, while something else happens. */
function frozenAt(ports: CopyPorts, { moment, meanwhile }: { moment: number; meanwhile: () => Promise<void> }) {
  let moments = 0;
  let at = '';
  async function pass(request: string): Promise<void> {
    moments += 1;
    if (moments !== moment) return;
    at = request;
    await meanwhile();
  }
  function slow<A extends readonly unknown[], R>(
    request: string,
    does: (...asked: A) => Promise<R>,
  ): (...asked: A) => Promise<R> {
    return async (...asked) => {
      await pass(`before ${request}`);
      try {
        return await does(...asked);
      } finally {
        await pass(`after ${request}`);
      }
    };
  }
  const { state, buckets } = ports;
  const git = ports.repository('master');
  const repository = {
    ...git,
    ...{ fetchHead: slow('head', git.fetchHead), history: slow('history', git.history) },
    ...{ entry: slow('entry', git.entry), commit: slow('commit', git.commit), push: slow('push', git.push) },
  };
  const frozen: CopyPorts = {
    ...ports,
    buckets: {
      find: slow('find', buckets.find),
      list: slow('list of the bucket', buckets.list),
      read: slow('content', buckets.read),
    },
    state: {
      read: slow('read of state', state.read),
      generationOf: state.generationOf,
      write: async (write) => slow(`write of ${write.path}`, state.write)(write),
      list: slow('list of state', state.list),
      delete: state.delete,
    },
    repository: () => repository,
  };
  return { frozen, passed: () => moments, at: () => at };
}

interface Begun {
  readonly site: Site;
  readonly live: StoredObject;
  readonly meanwhile: () => Promise<void>;
}

interface Outcome {
  readonly at: string;
  readonly outcome: string;
  /** How many refusals the ledger says. */
  readonly refused: number;
}

/** What becomes of the event of an instance that stands still, wherever that is, past the end of its lease. */
async function outcomesOf(begin: () => Promise<Begun>): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let moment = 1; ; moment++) {
    const { site, live, meanwhile } = await begin();
    const { frozen, passed, at } = frozenAt(site.ports, { moment, meanwhile });
    const outcome = await site.copy(live, frozen);
    if (passed() < moment) return outcomes;
    const refused = decodeLedger(site.state.valueAt(ledger))?.refused.size ?? 0;
    outcomes.push({ at: at(), outcome, refused });
  }
}

/** Without those moments at which it had found, with its lease, what is only told after them. */
function untilLast(request: string, outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.slice(0, outcomes.findLastIndex(({ at }) => at === request) + 1);
}

/** The outcomes that are wrong: the other instance has brought it to Git. */
function refusals(outcomes: readonly Outcome[]): readonly Outcome[] {
  expect(outcomes.length).toBeGreaterThan(20);
  return outcomes.filter(
    ({ outcome, refused }) => !['unchanged', 'already-copied', 'copied', 'IntakeBusy'].includes(outcome) || refused > 0,
  );
}

/** Past the end of the lease another instance copies it. */
async function another({ site, live }: { site: Site; live: StoredObject }): Promise<void> {
  site.wait(40);
  expect(await site.copy(live)).toMatch(/^(unchanged|already-copied|copied)$/);
  site.wait(5);
}

describe('an instance that stands still past the end of its lease', () => {
  it.each(['kept', 'lost'])(
    'refuses no upload that another one found in Git before somebody changed it, with the ledger %s',
    async (what) => {
      const outcomes = await outcomesOf(async () => {
        const site = await createSite();
        site.git.add({ [name]: 'two' });
        site.wait(60);
        const live = site.upload('two');
        site.wait(5);
        if (what === 'lost') site.state.spoil(ledger, '{}');
        const meanwhile = async () => {
          await another({ site, live });
          site.git.add({ [name]: 'three' });
        };
        return { site, live, meanwhile };
      });
      expect(refusals(outcomes)).toEqual([]);
    },
  );

  it('refuses no upload for a quarantine that ended since, and that another one copied', async () => {
    const outcomes = await outcomesOf(async () => {
      const site = await createSite();
      const path = quarantinePath({ repository: 'master', environment: 'shop' });
      const value: Quarantine = {
        ...{ revision: 'main@sha1:1', inputs: { [name]: sha1('two') }, reason: 'unhealthy' },
        ...{ at: '2026-11-21T01:00:00Z', revert: 'a'.repeat(40), restored: { [name]: sha1('one') } },
      };
      const written = await site.state.write({ path, value, ifGeneration: 'any' });
      if (written === 'conflict') throw new Error('is not written');
      const live = site.upload('two');
      site.wait(5);
      const meanwhile = async () => {
        await site.state.delete({ path, generation: written.generation });
        await another({ site, live });
      };
      return { site, live, meanwhile };
    });
    expect(refusals(untilLast('after entry', outcomes))).toEqual([]);
  });

  it('refuses no upload that its host took from another one', async () => {
    const outcomes = await outcomesOf(async () => {
      const site = await createSite();
      site.refusesPushes = true;
      const live = site.upload('two');
      site.wait(5);
      const meanwhile = async () => {
        site.refusesPushes = false;
        await another({ site, live });
      };
      return { site, live, meanwhile };
    });
    expect(refusals(untilLast('after push', outcomes))).toEqual([]);
  });
});
