import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../shared/config/config.ts';
import { copyArtifact } from '../../../../shared/pipeline/copy-artifact.ts';
import { copyUnseen } from '../../../../shared/pipeline/copy-artifact/copy-unseen.ts';
import type { CopyPorts } from '../../../../shared/pipeline/copy-artifact/run.ts';
import { statusNow } from '../../../../shared/pipeline/status.ts';
import { findUpload } from '../../../../shared/pipeline/common/find-upload.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import type { StoredObject } from '../../../../shared/ports/storage.ts';
import { ledgerPath } from '../../../../shared/source/ledger.ts';
import {
  clockAt,
  commitId,
  recordingLog,
  recordingTopics,
  repositories,
  repositoryWith,
  stateInMemory,
} from '../ports.ts';

const path = ledgerPath({ repositoryClass: 'master' });
const name = 'environments/acme.yaml';
const wrong = 'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: acme }\nspec: { clusters: sandbox }\n';
const right =
  'apiVersion: converge.dev/v1\nkind: Environment\nmetadata: { name: acme }\n' +
  'spec: { cluster: sandbox, namespace: acme, sources: [{ manifests: manifests }] }\n';
const artifact = (generation: number) => `gs://family-master/${name}#${generation}`;

/** A branch that takes what is pushed, and names it in its history. */
function openBranch(): Repository {
  const first = { id: commitId('a'), tree: 'tree', parents: [], message: 'Initial', committedAt: new Date(0) };
  const commits = [first];
  const head = () => commits.at(-1) ?? first;
  return {
    ...repositoryWith({ files: {} }),
    head: async () => head().id,
    fetchHead: async () => head(),
    findCommit: async (id) => commits.find((one) => one.id === id),
    entry: async () => undefined,
    history: async () => commits.toReversed(),
    writeBlob: async () => commitId('b'),
    commit: async ({ message }) => {
      const id = commitId(String(commits.length));
      return { id, tree: id, parents: [head().id], message, committedAt: new Date('2026-11-28T09:00:00Z') };
    },
    push: async (commit) => {
      commits.push({ ...commit, parents: [] });
      return 'pushed';
    },
  };
}

/** A bucket, and whoever copies from it. */
async function site() {
  const clock = clockAt('2026-11-28T09:00:00Z');
  const state = stateInMemory(clock.now);
  await state.write({ path, value: { version: 1, copied: [], refused: [] }, ifGeneration: 'absent' });
  const objects = new Map<string, StoredObject & { text: string }>();
  let generation = 0;
  const topics = recordingTopics();
  const repository = openBranch();
  const ports: CopyPorts = {
    ...{ now: clock.now, sleep: async (milliseconds) => clock.forward(milliseconds / 1000), log: recordingLog() },
    ...{ state, topics, repository: repositories(repository) },
    unpack: async () => {
      throw new Error('there is no archive');
    },
    buckets: {
      find: async (of) => objects.get(of.name),
      list: async () => [...objects.values()],
      read: async (live) => each(objects.get(live.name)?.text ?? ''),
    },
  };
  const settings = {
    ...{ repositoryClass: 'master', limits: configSchema.shape.limits.parse({}), holder: 'i' },
    conflicts: 'artifact-wins',
  } as const;
  const put = (text: string, of = name) => {
    generation += 1;
    clock.forward(60);
    const metadata = { 'converge-author': 'Ana <ana@example.com>' };
    objects.set(of, {
      ...{ bucket: 'family-master', name: of, generation: String(generation), createdAt: clock.now() },
      ...{ bytes: text.length, metadata, text },
    });
  };
  return {
    ...{ clock, state, ports, put, objects },
    copy: async (with_: Partial<CopyPorts> = {}) =>
      copyArtifact({ bucket: 'family-master', name, generation: '1' }, { ...ports, ...with_ }, settings),
    check: async () => copyUnseen([{ bucket: 'family-master', settings }], ports),
    alerts: () =>
      topics.published.flatMap(({ topic, event }) =>
        event.type.startsWith('dev.converge.upload.') ? [{ topic, event }] : [],
      ),
    shown: async () =>
      (
        await statusNow(
          { repositories: { master: {} }, checks: { interval: '5m' } },
          { now: clock.now, repository: repositories(repository), state },
        )
      ).uploads,
  };
}

async function* each(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

const refusal = {
  topic: 'diff',
  event: {
    type: 'dev.converge.upload.refused.v1',
    subject: `gs://family-master/${name}`,
    data: {
      ...{ repository: 'master', artifact: artifact(1), since: '2026-11-28T09:01:00.000Z' },
      ...{ reason: 'InvalidEnvironment', message: expect.stringContaining(`${name}:4`) },
      ...{ author: 'Ana <ana@example.com>', build: null },
    },
  },
};

describe('an upload that is refused', () => {
  it('is told as an alert of its own, shown by status, and given with its reason to who waits for it', async () => {
    const { put, copy, alerts, shown, state, ports } = await site();
    put(wrong);
    await expect(copy()).rejects.toMatchObject({ code: 'InvalidEnvironment' });
    expect(alerts()).toMatchObject([refusal]);
    expect(await shown()).toMatchObject([{ artifact: artifact(1), reason: 'InvalidEnvironment' }]);
    const of = { bucket: 'family-master', name, generation: '1', repositoryClass: 'master' };
    expect(await findUpload(of, { state, log: ports.log })).toMatchObject({
      landing: 'refused',
      alert: { reason: 'InvalidEnvironment' },
    });
  });

  it('is told once, also where its event comes again', async () => {
    const { put, copy, alerts } = await site();
    put(wrong);
    await expect(copy()).rejects.toThrow();
    await expect(copy()).rejects.toThrow();
    expect(alerts()).toHaveLength(1);
  });

  it('is told again under the same id where the function died before the ledger knew', async () => {
    const { put, copy, alerts, state } = await site();
    put(wrong);
    const dies: CopyPorts['state'] = {
      ...state,
      write: async (write) => {
        if (write.path === path) throw new Error('killed');
        return await state.write(write);
      },
    };
    await expect(copy({ state: dies, repository: repositories(openBranch()) })).rejects.toThrow('killed');
    await expect(copy()).rejects.toMatchObject({ code: 'InvalidEnvironment' });
    const ids = alerts().map(({ event }) => event.id);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  it('is not in the ledger where Pub/Sub did not take the alert: its event comes again', async () => {
    const { put, copy, alerts, shown } = await site();
    put(wrong);
    const silent = { publish: async () => Promise.reject(new Error('no answer')) };
    await expect(copy({ topics: silent })).rejects.toThrow('no answer');
    expect(await shown()).toEqual([]);
    await expect(copy()).rejects.toMatchObject({ code: 'InvalidEnvironment' });
    expect(alerts()).toHaveLength(1);
  });

  it('is one incident with the next that is refused, and ended by the one that mends it', async () => {
    const { put, copy, alerts, shown } = await site();
    put(wrong);
    await expect(copy()).rejects.toThrow();
    put(`${wrong}---\n`);
    await expect(copy()).rejects.toThrow();
    put(right);
    expect(await copy()).toMatchObject({ outcome: 'copied' });
    const [first, second, end] = alerts();
    expect(second).toMatchObject({
      topic: 'diff',
      event: { data: { artifact: artifact(2), since: refusal.event.data.since } },
    });
    expect(second?.event.id).not.toBe(first?.event.id);
    expect(second?.event.data).toMatchObject({ incident: incidentOf(first) });
    expect(end).toMatchObject({
      topic: 'converged',
      event: {
        ...{ type: 'dev.converge.upload.accepted.v1', subject: refusal.event.subject },
        data: {
          ...{ repository: 'master', artifact: artifact(3), incident: incidentOf(first) },
          ...{ since: refusal.event.data.since, outcome: 'committed', commit: commitId('1') },
        },
      },
    });
    expect(alerts()).toHaveLength(3);
    expect(await shown()).toEqual([]);
  });

  it('is told by the check where its event never came, and ended by it once it is gone', async () => {
    const { put, check, alerts, shown, clock, objects } = await site();
    put(wrong);
    clock.forward(3600);
    await check();
    await check();
    expect(alerts()).toMatchObject([refusal]);
    expect(await shown()).toHaveLength(1);
    objects.clear();
    await check();
    await check();
    expect(alerts()).toMatchObject([
      refusal,
      {
        topic: 'converged',
        event: { data: { artifact: artifact(1), incident: incidentOf(alerts()[0]), outcome: 'gone', commit: null } },
      },
    ]);
    expect(alerts()).toHaveLength(2);
    expect(await shown()).toEqual([]);
  });
});

describe('an upload that is accepted', () => {
  it('is told to nobody where none of its name was refused', async () => {
    const { put, copy, alerts } = await site();
    put(right);
    await copy();
    expect(alerts()).toEqual([]);
  });
});

function incidentOf(alert: { event: { data: unknown } } | undefined): unknown {
  const data = alert?.event.data;
  return data instanceof Object && 'incident' in data ? data.incident : undefined;
}
