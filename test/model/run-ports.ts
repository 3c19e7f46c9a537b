import { configSchema } from '../../shared/config/config.ts';
import { ConvergeError } from '../../shared/base/errors.ts';
import { alertInOutboxSchema } from '../../shared/memory/outbox.ts';
import type { OutgoingEvent, Topic } from '../../shared/events/cloud-event.ts';
import { objectIdOf } from '../../shared/objects/object-id.ts';
import { fenceManager } from '../../shared/objects/field-manager.ts';
import type { Cluster, WriteFence } from '../../shared/ports/kubernetes.ts';
import type { StateStore } from '../../shared/ports/storage.ts';
import { fenceWrites } from '../../shared/pipeline/reconcile/run/fence-writes.ts';
import { leaseOf } from '../../shared/pipeline/reconcile/run/lease.ts';
import { memoryFileOf } from '../../shared/pipeline/reconcile/run/memory-file.ts';
import type { Run } from '../../shared/pipeline/reconcile/run/run.ts';
import type { State, StatePorts } from '../../shared/pipeline/reconcile/run/state.ts';
import { keyNamed, objectOf, startedAt } from './objects.ts';
import type { Answer, Key, Name, Request } from './requests.ts';
import type { Rule } from './rules.ts';

/** One phase of a run, as it is played: what it asks is recorded, and answered where the answer is known. */
export interface Stage {
  ask(request: Request): Promise<Answer>;
  /** Milliseconds since the phase began, by the run's clock. */
  stood(): number;
  readonly text: (content: { content: number; symbols: readonly string[] }) => string;
  readonly broken: Rule | undefined;
  readonly phase: string;
  /** What was read of each object first, in this phase. */
  readonly read: Map<Name, Read>;
  /** What the run takes for published, where that rule is broken. */
  believeTold: (generation: string) => void;
  /** The state that the phase is about, once it is open. */
  state: State | undefined;
}

export const begins = new Date(startedAt).getTime();
export const paths: Readonly<Record<Name, string>> = { memory: 'acme/memory.json', lease: 'acme/lease.json' };
export const nameOf = (path: string): Name => (path === paths.memory ? 'memory' : 'lease');
const unused = (): never => {
  throw new Error('is no part of the model');
};

export function statePorts(stage: Stage): StatePorts {
  return {
    now: () => new Date(begins + stage.stood()),
    async sleep() {
      if (stage.broken !== 'no second between writes') await stage.ask({ op: 'sleep' });
    },
    log: () => {},
    state: storeOf(stage),
    topics: { publish: async (topic, event) => publish(stage, topic, event) },
  };
}

async function publish(stage: Stage, topic: Topic, { data }: OutgoingEvent): Promise<void> {
  const alert = alertInOutboxSchema.parse({ topic, time: startedAt, data });
  await stage.ask({ op: 'publish', alert: alertName(alert) });
}

/** An alert as the model tells it from others. */
export function alertName({ topic, data }: Zod<typeof alertInOutboxSchema>): string {
  return `${topic} ${data.incident?.slice(0, 4) ?? '-'} ${data.revision.slice(-2)}`;
}
type Zod<T extends { _output: unknown }> = T['_output'];

function storeOf(stage: Stage): StateStore {
  return {
    async read(path) {
      const { lease } = stage.state ?? {};
      if (stage.broken === 'a verdict without a look at the lease' && stage.phase === 'commit')
        if (nameOf(path) === 'lease' && stage.state?.hold === undefined)
          return lease?.generation === undefined
            ? undefined
            : {
                generation: lease.generation,
                value: lease.value,
                writtenAt: new Date(begins),
                readAt: new Date(begins),
              };
      const answer = await stage.ask({ op: 'read', name: nameOf(path) });
      if (!('found' in answer) || answer.found === null) return undefined;
      const { generation, age } = answer.found;
      if (nameOf(path) === 'memory') stage.believeTold(generation);
      const value: unknown = JSON.parse(stage.text(answer.found));
      const now = begins + stage.stood();
      const read = { generation, value, writtenAt: new Date(now - age), readAt: new Date(now) };
      return asRead(stage, nameOf(path), read);
    },
    async generationOf(path) {
      const known = stage.state?.memory.generation;
      if (stage.broken === 'the memory is not looked at under the lease' && stage.phase === 'claim')
        if (nameOf(path) === 'memory') return known;
      const answer = await stage.ask({ op: 'generation', name: nameOf(path) });
      return 'generation' in answer ? (answer.generation ?? undefined) : undefined;
    },
    async write({ path, value, ifGeneration }) {
      const name = nameOf(path);
      const precise = typeof ifGeneration === 'string' ? null : ifGeneration.generation;
      const blind =
        (name === 'lease' && stage.broken === 'claim without precondition') ||
        (name === 'memory' && stage.broken === 'memory without precondition');
      const holds = stage.state?.hold !== undefined;
      const text = JSON.stringify(asWritten(stage, name, value));
      const answer = await stage.ask({ op: 'write', name, value: text, expected: precise, blind, holds });
      return 'written' in answer && answer.written !== null ? { generation: answer.written } : 'conflict';
    },
    list: unused,
    delete: unused,
  };
}

export type Read = { generation: string; value: unknown; writtenAt: Date; readAt: Date };

/** What is read, where a rule is broken by misreading it. */
function asRead({ broken, state, phase, read: known }: Stage, name: Name, read: Read): Read {
  const first = known.get(name);
  if (first === undefined) known.set(name, read);
  const value = record(read.value);
  const isOver = read.readAt.getTime() - read.writtenAt.getTime() > 45_000;
  switch (broken) {
    case 'overtaken without a fold':
      return name === 'lease' && isOver ? { ...read, value: { ...value, nonce: null } } : read;
    case 'a lost answer is a conflict':
      if (state === undefined) return read;
      return { ...read, value: { ...value, writer: 'somebody', ...('nonce' in value ? { nonce: 'somebody' } : {}) } };
    case 'a verdict in between makes the holder leave':
      return phase === 'commit' && name === 'lease' ? { ...read, value: { ...value, nonce: null } } : read;
    case 'a dead run is ended as it was read first':
      return phase === 'open' ? (first ?? read) : read;
    default:
      return read;
  }
}

/** What is written, where a rule is broken by leaving it out. */
function asWritten({ broken, phase, read }: Stage, name: Name, written: unknown): unknown {
  const value = record(written);
  if (name === 'lease') {
    const isClaim = value['nonce'] !== null;
    if (broken === 'no evidence' && isClaim) return { ...value, evidence: null };
    if (broken === 'the lease does not keep the incident' && !isClaim) return { ...value, evidence: null };
    return written;
  }
  if (broken === 'the outbox is not stored') return { ...value, outbox: undefined };
  if (broken === 'the fold forgets nothing' && phase === 'open') {
    const { objects, converged } = record(read.get('memory')?.value);
    return { ...value, objects: objects ?? {}, converged };
  }
  if (broken === 'the fold suspects nothing') return { ...value, suspects: undefined, lateUntil: undefined };
  return written;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** The run as the stages of the product know it. */
export function runOf(
  stage: Stage,
  { state, revision, incidents }: { state: State; revision: number; incidents: number },
): { run: Run; cluster: Cluster } & Pick<Run, 'unsettled' | 'unansweredCreations'> {
  const ports = statePorts(stage);
  const isHead = async (): Promise<boolean> => {
    if (stage.broken === 'the head is not looked at under the lease') return true;
    const answer = await stage.ask({ op: 'head' });
    return 'head' in answer && answer.head === revision;
  };
  const lease = leaseOf(state, { isHead });
  const fence = stage.broken === 'no fence' ? { assertHeld: async () => {} } : lease;
  const unfenced = clusterOf(stage);
  const { cluster, ...unanswered } = fenceWrites({ cluster: async () => unfenced }, fence);
  const run: Run = {
    ...{ repository: 'master', environment: 'acme', key: 'master/acme', lease, ...unanswered },
    settings: { limits: configSchema.shape.limits.parse({}), event: 'job', writeback: false },
    ports: {
      ...ports,
      // Incidents are told apart by when they began.
      now: () => new Date(begins + incidents * 1000),
      cluster,
      repository: unused,
      renderer: { version: unused, render: unused, kept: { find: () => [], keep: () => {} } },
      signatures: { trustRoot: unused, verifyOpenpgp: unused, problemOfOpenpgpKeys: unused },
    },
    memoryFile: memoryFileOf(state),
    ...{ head: undefined, startedAt: new Date(begins), cause: 'commit', waitId: 'job' },
    waitUntil: () => new Date(begins),
    learnTime: () => {},
    isSuperseded: async () => false,
  };
  return { run, cluster: unfenced, ...unanswered };
}

/** The cluster before the fence. */
function clusterOf(stage: Stage): Cluster {
  async function put(
    { key, to, expected }: { key: Key; to: number | 'touch'; expected: string | null },
    fence: WriteFence | undefined,
  ): Promise<Extract<Answer, { put: unknown }>> {
    await fence?.assertHeld();
    const blind = stage.broken === 'writes without versions';
    const answer = await stage.ask({ op: 'put', key, to, expected, blind });
    if (!('put' in answer)) return unused();
    if (answer.put !== 'unanswered') return answer;
    if (stage.broken !== 'a write without an answer is forgotten') fence?.unanswered();
    throw new ConvergeError({
      code: 'ClusterUnavailable',
      ...{ subject: key, message: 'no answer', disposition: 'retry' },
    });
  }
  return {
    name: 'model',
    api: async () => ({ version: 'v1', resources: [resource], unreadable: [] }),
    warnings: async () => [],
    async get({ name }) {
      const key = keyNamed(name);
      const answer = key === undefined ? unused() : await stage.ask({ op: 'get', key });
      const object = 'object' in answer ? answer.object : null;
      return key === undefined || object === null ? undefined : objectOf(key, object);
    },
    async apply({ object, manager, fence }) {
      const key = keyNamed(objectIdOf(object).name) ?? unused();
      const { resourceVersion } = object.metadata;
      const to = manager === fenceManager ? ('touch' as const) : valueOf(object);
      const expected = resourceVersion === '1' ? null : (resourceVersion ?? null);
      const { object: seen } = await put({ key, to, expected }, fence);
      if (seen === null)
        return { outcome: 'rejected', status: 409, reason: 'Conflict', message: 'conflict', causes: [] };
      return { outcome: 'applied', object: objectOf(key, seen) };
    },
    async delete({ name, resourceVersion, fence }) {
      const key = keyNamed(name) ?? unused();
      const { put: outcome } = await put({ key, to: 0, expected: resourceVersion ?? null }, fence);
      return outcome === 'conflict' ? { outcome: 'changed' } : { outcome: 'deleted', gone: true };
    },
    list: unused,
    writeManagedFields: unused,
  };
}

export const resource = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

function valueOf(object: { readonly [key: string]: unknown }): number {
  return Number(record(object['data'])['value']);
}
