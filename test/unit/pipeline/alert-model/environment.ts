import { divergenceOf } from '../../../../shared/drift/divergence.ts';
import type { DiffReason } from '../../../../shared/base/diff-reasons.ts';
import type { FieldDiff, ObjectDiff } from '../../../../shared/drift/object-diff.ts';
import { configSchema } from '../../../../shared/config/config.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import { decodeMemory, emptyMemory, type AttemptedRevision, type Memory } from '../../../../shared/memory/memory.ts';
import type { AlertInOutbox } from '../../../../shared/memory/outbox.ts';
import type { Left } from '../../../../shared/memory/transitions/divergence.ts';
import { incidentTold } from '../../../../shared/memory/transitions/divergence.ts';
import { causeNoted } from '../../../../shared/memory/transitions/accept.ts';
import { driftStands, unchanged } from '../../../../shared/memory/transitions/end.ts';
import { quarantineEnded, rollbackDone } from '../../../../shared/memory/transitions/quarantine.ts';
import { unkeptMemory } from '../../../../shared/pipeline/reconcile/run/memory-file.ts';
import type { Run } from '../../../../shared/pipeline/reconcile/run/run.ts';
import { tellConverged, tellDivergence } from '../../../../shared/pipeline/reconcile/tell/tell.ts';
import { noSignatures, recordingLog } from '../ports.ts';

/**
 * What a look finds. `drifted more`: one more field. `healed`: drift that this look itself undoes. `rolled back`: a failure
 * of which the cause is taken back by a commit of Converge's own.
 */
export const findings = ['ok', 'drifted', 'drifted more', 'healed', 'failed', 'unhealthy', 'rolled back'] as const;
export type Finding = (typeof findings)[number];

/** Milliseconds: how long drift stands before it is told, and how soon it comes back as the same incident. */
export const diffAfter = 10 * 60_000;
const convergedAfter = 15 * 60_000;

/** An environment of the model: what is remembered of it, and where its branch is. */
export interface Environment {
  readonly name: string;
  readonly memory: Memory;
  /** Counts the commits, and those of them that changed an input. */
  readonly commits: number;
  readonly changes: number;
  /** Whether the last cause was rolled back: that happens once. */
  readonly isRolledBack: boolean;
}

export function environmentNamed(name: string, now: Date): Environment {
  return { name, memory: emptyMemory(now), commits: 1, changes: 1, isRolledBack: false };
}

/** A commit: one that changes an input, or anybody else's. */
export function withCommit(environment: Environment, { isCause }: { isCause: boolean }): Environment {
  const commits = environment.commits + 1;
  return isCause ? { ...environment, commits, changes: commits, isRolledBack: false } : { ...environment, commits };
}

const commitOf = (count: number): string => String(count).padStart(40, '0');
const revisionOf = ({ commits }: Environment): string => `main@sha1:${commitOf(commits)}`;

/**
 * The environment after a look by the real transitions, and what the look is to publish: the memory is written and read
 * again, as between two runs.
 */
export function look(
  environment: Environment,
  { finding, now }: { finding: Finding; now: Date },
): { environment: Environment; alerts: readonly AlertInOutbox[] } {
  const found = finding === 'rolled back' && environment.isRolledBack ? 'failed' : finding;
  const run = runOf(environment, now);
  noteCause(run, environment);
  steps[found](run, environment, now);
  const { outbox = [], ...memory } = run.memoryFile.memory();
  const read = decodeMemory(JSON.parse(JSON.stringify(memory)), { writtenAt: now });
  const after = { ...environment, memory: read ?? emptyMemory(now) };
  if (found !== 'rolled back') return { environment: after, alerts: outbox };
  return { environment: { ...withCommit(after, { isCause: true }), isRolledBack: true }, alerts: outbox };
}

type Step = (run: Run, environment: Environment, now: Date) => void;

const image: FieldDiff = { path: '/spec/image', desired: 'shop:1', observed: 'shop:2', manager: 'kubectl-set' };
const replicas: FieldDiff = { path: '/spec/replicas', desired: 1, observed: 3, manager: 'kubectl-scale' };

const steps: Readonly<Record<Finding, Step>> = {
  ok: (run, environment, now) => converge(run, { environment, now }),
  drifted: (run, environment, now) => drift(run, { environment, now, fields: [image] }),
  'drifted more': (run, environment, now) => drift(run, { environment, now, fields: [image, replicas] }),
  healed(run, environment, now) {
    differ(run, { environment, now, reason: 'Drifted', action: 'healing', objects: [objectOf('modified', [image])] });
    converge(run, { environment, now });
  },
  failed: (run, environment, now) => stop(run, { environment, now, reason: 'Failed' }),
  unhealthy: (run, environment, now) => stop(run, { environment, now, reason: 'Unhealthy' }),
  'rolled back'(run, environment, now) {
    const inputs = inputsOf(environment);
    const due = { revision: revisionOf(environment), inputs, reason: 'no', at: now.toISOString(), revert: null };
    stop(run, { environment, now, reason: 'Failed', quarantine: due });
    const commit = commitOf(environment.commits + 1);
    const restored = { ...due, revert: commit, restored: { [path]: commitOf(1) } };
    const done = { note: 'rolled back', rollback: { to: `main@sha1:${commitOf(1)}`, commit }, quarantine: restored };
    run.memoryFile.remember(rollbackDone, done);
    run.memoryFile.remember(incidentTold, { now });
    run.memoryFile.remember(quarantineEnded);
  },
};

const path = 'environments/shop.yaml';
const inputsOf = ({ changes }: Environment): AttemptedRevision['inputs'] => ({ [path]: commitOf(changes) });

function attemptOf(environment: Environment, now: Date): AttemptedRevision {
  const [commit, revision] = [commitOf(environment.commits), revisionOf(environment)];
  return { commit, revision, at: now.toISOString(), inputs: inputsOf(environment) };
}

function noteCause({ memoryFile }: Run, environment: Environment): void {
  const commit = commitOf(environment.changes);
  const found = { commit, subject: 'Change', author: null, artifact: null, build: null, restores: null };
  memoryFile.remember(causeNoted, { cause: { found, inputs: inputsOf(environment), head: commit } });
}

interface At {
  readonly environment: Environment;
  readonly now: Date;
}

function converge(run: Run, { environment, now }: At): void {
  const [attempted, memory] = [attemptOf(environment, now), run.memoryFile.memory()];
  const health = { state: 'Healthy', unawaited: undefined } as const;
  if (openIncidents(memory).length === 0 && memory.converged?.revision === attempted.revision)
    return run.memoryFile.remember(unchanged, { attempted, rollout: undefined, health });
  const { revision } = attempted;
  tellConverged(run, {
    reached: {
      ...{
        reached: 'revision',
        cluster: 'sandbox',
        namespace: 'acme',
        previous: memory.converged,
        desired: [],
        health,
      },
      ...{ converged: { ...attempted, renderKey: revision }, left: [], pending: undefined, unwanted: undefined },
    },
    converged: {
      ...{ cluster: 'sandbox', revision, seconds: 1, policy: null },
      changes: { created: 0, configured: 1, unchanged: 0, pruned: 0 },
    },
  });
}

function drift(run: Run, { fields, ...at }: At & { fields: readonly FieldDiff[] }): void {
  differ(run, { ...at, reason: 'Drifted', action: 'none', objects: [objectOf('modified', fields)] });
  const health = { state: 'Healthy', unawaited: undefined } as const;
  run.memoryFile.remember(driftStands, { left: [], pending: undefined, health });
}

function stop(run: Run, { quarantine, ...at }: At & { reason: DiffReason } & Partial<Pick<Left, 'quarantine'>>): void {
  const change = at.reason === 'Failed' ? 'failed' : 'unhealthy';
  const objects = [objectOf(change, [])];
  const stops: Left = { health: 'Degraded', rollout: undefined, retry: undefined, quarantine };
  differ(run, { ...at, objects, action: 'none', stops, anew: quarantine !== undefined });
}

function objectOf(change: ObjectDiff['change'], fields: readonly FieldDiff[]): ObjectDiff {
  const names = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name: 'web' };
  const message = fields.length === 0 ? change : `${fields.map(({ path: differs }) => differs).join(', ')} differ`;
  return { ...names, change, message, fields: [...fields] };
}

function differ(
  run: Run,
  {
    environment,
    now,
    reason,
    objects,
    ...told
  }: At & {
    reason: DiffReason;
    objects: readonly ObjectDiff[];
    action: 'none' | 'healing';
    stops?: Left;
    anew?: boolean;
  },
): void {
  tellDivergence(run, {
    divergence: divergenceOf({ reason, revision: revisionOf(environment), objects }),
    ...{ cluster: 'sandbox', attempted: attemptOf(environment, now), ...told },
    environment: { diffAfter, convergedAfter, labels: {}, suspend: false, selfHeal: false, prune: true, ignore: [] },
  });
}

const limits = configSchema.shape.limits.parse(undefined);

/** Of a run only what tells is asked: its memory, its names and the time. */
function runOf({ name, memory }: Environment, now: Date): Run {
  const unused = (): never => {
    throw new Error('who tells asks for no more');
  };
  const [repository, memoryFile] = ['master', unkeptMemory(memory)];
  const lease = {
    ...{ claim: unused, leaveEvidence: unused, assertHeld: unused, assertUndisturbed: unused, recordOnly: unused },
    ...{ isHeld: unused, hasActed: unused },
  };
  const state = { read: unused, generationOf: unused, write: unused, list: unused, delete: unused };
  const renderer = { version: unused, render: unused, kept: { find: () => [], keep: () => {} } };
  return {
    ...{ repository, environment: name, key: `${repository}/${name}`, memoryFile, lease, head: undefined },
    ...{ settings: { limits, event: 'event', writeback: false }, startedAt: now, cause: 'schedule', waitId: undefined },
    ...{ unsettled: new Set<string>(), unansweredCreations: new Set<string>(), learnTime: unused },
    ...{ waitUntil: () => now, isSuperseded: unused },
    ports: {
      ...{ now: () => now, log: recordingLog(), state, repository: unused, cluster: unused, renderer },
      ...{ topics: { publish: unused }, sleep: unused, signatures: noSignatures },
    },
  };
}
