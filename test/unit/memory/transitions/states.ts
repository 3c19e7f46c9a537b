import type { Incident } from '../../../../shared/memory/incident.ts';
import { emptyMemory, type AttemptedRevision, type Memory } from '../../../../shared/memory/memory.ts';

/** When each state began, and when a transition finds it. */
export const earlier = '2026-11-21T01:00:00.000Z';
export const now = new Date('2026-11-21T02:00:00.000Z');
export const later = '2026-11-21T03:00:00.000Z';

export const revisionAt = (digit: string): string => `main@sha1:${digit.repeat(40)}`;

/** @param digit what its commit's id is made of, and its inputs */
export function attemptAt(digit: string): AttemptedRevision {
  return {
    commit: digit.repeat(40),
    revision: revisionAt(digit),
    at: earlier,
    inputs: { 'environments/shop.yaml': digit },
  };
}

export const remembered = (hash: string): Memory['objects'][string] => ({
  desired: hash,
  observed: hash,
  apiVersion: 'v1',
});
export const colors = '/ConfigMap/acme/colors';
export const web = 'apps/Deployment/acme/web';
export const old = '/ConfigMap/acme/old';

export function incidentOf(reason: Incident['reason'], rest: Partial<Incident> = {}): Incident {
  const told = { id: 'one', since: earlier, occurrence: 1, reason, revision: revisionAt('2'), summary: 'it is so' };
  return { ...told, told: true, ...rest };
}

/** An alert that is not published yet. */
export const diff: NonNullable<Incident['diff']> = {
  ...{ environment: 'shop', repository: 'master', cluster: 'sandbox', revision: revisionAt('2') },
  ...{
    reason: 'Failed',
    incident: 'one',
    subject: null,
    cause: null,
    since: earlier,
    occurrence: 1,
    action: 'none',
    summary: 'it is so',
  },
  ...{ objects: [], omitted: 0, rollback: null, policy: null },
};

const quarantine: NonNullable<Memory['quarantine']> = {
  ...{ revision: revisionAt('2'), inputs: attemptAt('2').inputs, reason: 'it is so', at: earlier },
  revert: null,
};

const converged: Memory = {
  ...emptyMemory(new Date(earlier)),
  attempted: attemptAt('1'),
  converged: { ...attemptAt('1'), renderKey: 'one' },
  previous: attemptAt('0'),
  objects: { [colors]: remembered('1'), [web]: remembered('1') },
  left: [old],
  ...{ cluster: 'sandbox', namespace: 'acme', health: 'Healthy' },
  notes: [{ commit: '1'.repeat(40), text: 'converged' }],
  verified: { commit: '1'.repeat(40), allowedSigners: 'somebody' },
  unproven: { count: 1, objects: [{ key: '/Endpoints/acme/web', missing: 'annotation' }] },
};
const tried: Memory = {
  ...converged,
  attempted: attemptAt('2'),
  converged: { ...attemptAt('1'), renderKey: '' },
  rolledOut: { created: [], configured: [web], pruned: [] },
};
const failed: Memory = {
  ...tried,
  health: 'Unknown',
  incident: incidentOf('Failed'),
  retry: { revision: revisionAt('2'), count: 2, notBefore: later, healing: true, since: earlier },
};
const held: Memory = {
  ...converged,
  attempted: attemptAt('2'),
  held: { revision: revisionAt('2'), message: 'waits for platform' },
};

/** Every kind of state that a run can find an environment in, or bring it to. */
export const states = {
  'never ran, or lost its memory': emptyMemory(new Date(earlier)),
  converged,
  'settled without what may never come': {
    ...converged,
    health: 'Progressing',
    unawaited: 'Job acme/seed: is running',
  },
  'is rolling out': {
    override: { window: 'night', by: 'Anna', reason: 'a hole is closed', at: earlier },
    ...tried,
    health: 'Progressing',
    rollout: { revision: revisionAt('2'), since: earlier, until: later },
    waiting: { revision: revisionAt('2'), message: 'waits for Deployment acme/web: 0 of 1' },
  },
  'installs for the first time': {
    ...{ ...tried, converged: undefined, previous: undefined, notes: undefined, verified: undefined },
    health: 'Progressing',
    rollout: { revision: revisionAt('2'), since: earlier, until: later },
    waiting: { revision: revisionAt('2'), message: 'waits for Deployment acme/web: 0 of 1' },
  },
  failed,
  'is not healthy': {
    ...tried,
    health: 'Degraded',
    incident: incidentOf('Unhealthy'),
    rollout: { revision: revisionAt('2'), since: earlier, until: earlier },
  },
  drifted: {
    ...converged,
    incident: incidentOf('Drifted', { revision: revisionAt('1') }),
    heals: { [colors]: { at: ['2026-11-21T01:59:00.000Z'], managers: ['kubectl'] } },
  },
  'is about to be healed': {
    ...converged,
    incident: incidentOf('Drifted', { revision: revisionAt('1') }),
    heals: { [colors]: { at: [], trying: '2026-11-21T01:59:00.000Z', managers: ['kubectl'] } },
  },
  'is fought over': {
    ...converged,
    incident: incidentOf('Drifted', { revision: revisionAt('1') }),
    heals: {
      [colors]: { at: ['2026-11-21T01:59:00.000Z'], managers: ['kubectl'], pausedUntil: later, pause: 3600 },
    },
  },
  mended: { ...converged, incident: incidentOf('Failed', { closedAt: earlier }) },
  'is frozen': {
    ...converged,
    attempted: attemptAt('2'),
    frozen: { until: later, window: 'night', waits: revisionAt('2') },
  },
  'waits for others': held,
  'waits for others that failed': { ...held, health: 'Unknown', incident: incidentOf('Blocked') },
  'is rolling back': { ...failed, quarantine, incident: incidentOf('Failed', { told: false, diff }) },
  'was rolled back': {
    ...converged,
    attempted: attemptAt('3'),
    quarantine: { ...quarantine, revert: '3'.repeat(40), restored: attemptAt('1').inputs },
    incident: incidentOf('Failed', { diff }),
  },
  'has something left to prune': { ...converged, left: [colors, old], pending: [old], unwanted: [old] },
  'is being removed': {
    ...converged,
    rollout: { revision: revisionAt('2'), since: earlier, until: later },
    waiting: { revision: revisionAt('2'), message: 'waits for ConfigMap acme/colors: is being deleted' },
  },
  'was told to be gone': { ...converged, endTold: revisionAt('1') },
} satisfies Record<string, Memory>;
export type StateName = keyof typeof states;
