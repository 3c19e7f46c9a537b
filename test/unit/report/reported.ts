import type { ObjectDiff } from '../../../shared/drift/object-diff.ts';
import type { Incident } from '../../../shared/memory/incident.ts';
import { withIncidents } from '../../../shared/memory/incidents.ts';
import { emptyMemory, type Memory } from '../../../shared/memory/memory.ts';
import { makeReport, type ReportFacts } from '../../../shared/report/make-report.ts';
import type { ReportedEnvironment } from '../../../shared/report/reported-environment.ts';

export const at = new Date('2026-11-22T06:00:00.000Z');
export const from = new Date('2026-11-15T06:00:00.000Z');
export const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
export const revision = `main@sha1:${commit}`;

export const image: ObjectDiff = {
  ...{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name: 'web', change: 'modified', message: '' },
  fields: [
    {
      path: '/spec/template/spec/containers[name=web]/image',
      ...{ desired: 'shop:1.4.2', observed: 'shop:1.4.3', manager: 'kubectl-set' },
      changedBefore: '2026-11-21T01:02:01.000Z',
    },
  ],
};

export function incidentOf(rest: Partial<Incident> = {}, objects: readonly ObjectDiff[] = [image]): Incident {
  const incident: Incident = {
    ...{ id: '4be0d1a2c3f40516', since: '2026-11-21T01:02:03.000Z', subject: 'Deployment acme/web', occurrence: 1 },
    ...{ objects: ['Deployment acme/web'], reason: 'Drifted', revision, summary: 'Deployment acme/web: image differs' },
    told: true,
    ...rest,
  };
  const { id, since, occurrence, reason, summary } = incident;
  return {
    ...incident,
    diff: {
      ...{ environment: 'acme', repository: 'master', cluster: 'production-eu', revision, cause: null, reason },
      ...{ incident: id, subject: incident.subject ?? null, since, occurrence, summary, omitted: 0 },
      ...{ action: 'none', rollback: null, policy: null, objects: [...objects], ...rest.diff },
    },
  };
}

export const surveyed: NonNullable<Memory['survey']> = {
  ...{ at: '2026-11-22T01:00:00.000Z', version: 'v1.31.4', undeclared: [], more: 0, unlisted: [], deprecated: [] },
};

export function environmentOf(
  rest: Partial<Omit<ReportedEnvironment, 'memory'>> & {
    readonly incidents?: readonly Incident[];
    readonly memory?: Partial<Memory>;
  } = {},
): ReportedEnvironment {
  const attempted = { commit, revision, at: '2026-11-20T01:00:00.000Z', inputs: {} };
  const { incidents = [], memory, ...shown } = rest;
  return {
    ...{ repository: 'master', name: 'acme', cluster: 'production-eu', state: 'Converged', message: '' },
    ...{ policy: { suspend: false, selfHeal: true, prune: true, ignored: 0 }, labels: {} },
    checkedAt: '2026-11-22T05:58:00.000Z',
    ...shown,
    memory: withIncidents(
      { ...emptyMemory(new Date('2026-11-01')), attempted, survey: surveyed, ...memory },
      incidents,
    ),
  };
}

export function reportOf(environments: readonly ReportedEnvironment[], rest: Partial<ReportFacts> = {}) {
  return makeReport({
    ...{ name: 'weekly', at, due: at, from, lookedAtWithin: 3_600_000, refused: [], unreadable: [] },
    ...{ unknown: [], unchosen: [], before: undefined },
    chosen: { classes: [], environments: [], labels: {} },
    environments,
    ...rest,
  });
}
