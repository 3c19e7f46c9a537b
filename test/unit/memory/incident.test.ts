import { describe, expect, it } from 'vitest';
import type { Divergence } from '../../../shared/drift/divergence.ts';
import { encodeAlert } from '../../../shared/events/alert.ts';
import { isDue, isOpen, mayHeal, openIncident, withDiff, type Incident } from '../../../shared/memory/incident.ts';
import type { ObjectDiff } from '../../../shared/drift/object-diff.ts';

const start = new Date('2026-11-21T01:00:00Z');
const after = (seconds: number) => new Date(start.getTime() + seconds * 1000);
const object = (name: string): ObjectDiff => ({
  ...{ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'acme', name },
  ...{ change: 'modified', message: 'image differs', fields: [] },
});
const drift: Divergence = {
  reason: 'Drifted',
  revision: 'main@sha1:9f2c',
  summary: 'Deployment acme/web: image differs',
  objects: [object('web')],
};

function open({
  last,
  divergence = drift,
  now = start,
  cause,
}: {
  last?: Incident;
  divergence?: Divergence;
  now?: Date;
  cause?: string;
}): Incident {
  const incidents = last === undefined ? [] : [last];
  return openIncident({ incidents, divergence, environment: 'master/acme', now, convergedAfter: 900_000, cause });
}
const tellOf = (incident: Incident, divergence: Divergence): Incident =>
  withDiff({
    ...{ incident, divergence, environment: 'acme', repository: 'master', cluster: 'sandbox' },
    ...{ action: 'none', policy: null, cause: null },
  });
const told = (incident: Incident): Incident => ({ ...incident, told: true });
const closed = (incident: Incident, now: Date): Incident => ({ ...told(incident), closedAt: now.toISOString() });

describe('an incident', () => {
  it('opens with the first divergence, at our own time', () => {
    expect(open({})).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
      since: '2026-11-21T01:00:00.000Z',
      subject: 'Deployment acme/web',
      objects: ['Deployment acme/web'],
      occurrence: 1,
      reason: 'Drifted',
      revision: 'main@sha1:9f2c',
      summary: 'Deployment acme/web: image differs',
      diff: undefined,
      told: false,
      closedAt: undefined,
    });
  });

  it('stays as it is while the same divergence lasts', () => {
    const last = told(open({}));
    expect(open({ last, now: after(60) })).toEqual(last);
  });

  it('is not told again where only its details move', () => {
    const last = told(open({ divergence: { ...drift, reason: 'Unhealthy', summary: '1 of 3 ready' } }));
    const moved = { ...drift, reason: 'Unhealthy' as const, summary: '2 of 3 ready' };
    expect(open({ last, divergence: moved, now: after(60) })).toEqual({ ...last, summary: '2 of 3 ready' });
  });

  it('stays the same one with another revision, and is told again', () => {
    const change = { revision: 'main@sha1:1b7e' };
    const last = told(open({}));
    const next = open({ last, divergence: { ...drift, ...change }, now: after(60) });
    expect(next).toEqual({ ...last, ...change, told: false, announced: true, diff: undefined });
  });

  it('is told once for what changed its inputs last, at whatever revision, and follows that', () => {
    const failed = { ...drift, reason: 'Failed' as const };
    const last = told(open({ divergence: failed, cause: 'bad' }));
    const later = { ...failed, revision: 'main@sha1:1b7e' };
    expect(open({ last, divergence: later, cause: 'bad' })).toEqual({ ...last, revision: later.revision });
    expect(open({ last: { ...last, passed: true }, divergence: later, cause: 'bad' }).told).toBe(true);
    expect(open({ last, divergence: later, cause: 'worse' })).toMatchObject({ told: false, announced: true });
    expect(open({ last, divergence: failed, cause: 'worse' }).told).toBe(false);
  });

  it('of the version before was told for what its alert names', () => {
    const cause = { commit: 'bad', subject: 'Break it', author: null, artifact: null, build: null, restores: null };
    const named = { environment: 'acme', repository: 'master', cluster: 'sandbox' };
    const last = told(
      withDiff({ incident: open({}), divergence: drift, ...named, action: 'none', policy: null, cause }),
    );
    const later = { ...drift, revision: 'main@sha1:1b7e' };
    expect(open({ last, divergence: later, cause: 'bad' }).told).toBe(true);
    expect(open({ last, divergence: later, cause: 'worse' }).told).toBe(false);
  });

  it('is told again where another object drifts, also beside one of which fields were left out', () => {
    const fields = Array.from({ length: 400 }, (_, index) => ({ path: `/data/${index}`, observed: 'x'.repeat(3_000) }));
    const large = { ...drift, objects: [{ ...object('web'), fields }] };
    const last = told(tellOf(open({ divergence: large }), large));
    expect(last.diff?.objects[0]?.omittedFields).toBeGreaterThan(0);
    expect(open({ last, divergence: large, now: after(60) }).told).toBe(true);
    const both = { ...drift, objects: [...large.objects, object('api')] };
    expect(open({ last, divergence: both, now: after(60) })).toMatchObject({ id: last.id, told: false });
  });

  it('opens again where it comes back within convergedAfter', () => {
    const last = closed(open({}), after(10));
    expect(open({ last, now: after(10 + 900) })).toMatchObject({
      id: last.id,
      occurrence: 2,
      since: after(910).toISOString(),
      told: false,
      closedAt: undefined,
    });
  });

  it('is of one reason and one object', () => {
    const last = told(open({}));
    const failed = open({ last, divergence: { ...drift, reason: 'Failed' } });
    const api = open({ last, divergence: { ...drift, objects: [object('api')] } });
    const whole = open({ last, divergence: { ...drift, objects: [] } });
    expect(new Set([last, failed, api, whole].map(({ id }) => id)).size).toBe(4);
    expect([failed, api, whole]).toMatchObject([
      { subject: 'Deployment acme/web', reason: 'Failed', told: false },
      { subject: 'Deployment acme/api', reason: 'Drifted', told: false },
      { subject: '', reason: 'Drifted', told: false },
    ]);
  });

  it('goes on as long as one of its objects differs', () => {
    const both = open({ divergence: { ...drift, objects: [object('api'), object('web')] } });
    const web = open({ last: both, now: after(60) });
    const api = open({ last: web, divergence: { ...drift, objects: [object('api')] }, now: after(120) });
    expect([web, api]).toMatchObject([both, both].map(({ id, since }) => ({ id, since, subject: both.subject })));
  });

  it('of the version before goes on with whatever differs for its reason', () => {
    const { subject: _subject, objects: _objects, ...last } = { ...told(open({})), id: 'former' };
    expect(open({ last, divergence: { ...drift, objects: [object('api')] } }).id).toBe('former');
    expect(open({ last, divergence: { ...drift, reason: 'Failed' } }).id).not.toBe('former');
  });

  it('is the same one where the memory of it was lost, whatever was committed since', () => {
    const again = open({ divergence: { ...drift, revision: 'main@sha1:1b7e' }, now: after(3600) });
    expect(again.id).toBe(open({}).id);
  });

  it('has no alert that was told where it comes back later', () => {
    const last = closed(open({}), after(10));
    const next = open({ last, now: after(10 + 901) });
    expect(next).toMatchObject({ id: last.id, occurrence: 1 });
    const named = { environment: 'acme', repository: 'master', cluster: 'sandbox' };
    const [first, later] = [last, next].map((incident) => {
      const { diff } = withDiff({ incident, divergence: drift, ...named, action: 'none', policy: null, cause: null });
      return diff === undefined ? undefined : encodeAlert({ topic: 'diff', data: diff }, start).id;
    });
    expect(later).not.toBe(first);
  });

  it('is told again where it had passed, and is found again', () => {
    const last = { ...told(open({})), passed: true };
    expect(open({ last })).toEqual({ ...last, passed: undefined, told: false, announced: true, diff: undefined });
  });

  it('has an id of its own in each environment', () => {
    const here = openIncident({
      incidents: [],
      divergence: drift,
      environment: 'master/acme',
      now: start,
      convergedAfter: 0,
    });
    const there = openIncident({
      incidents: [],
      divergence: drift,
      environment: 'master/globex',
      now: start,
      convergedAfter: 0,
    });
    expect(here.id).not.toBe(there.id);
  });

  it('is open until it is closed', () => {
    expect([undefined, open({}), closed(open({}), after(1))].map(isOpen)).toEqual([false, true, false]);
  });
});

describe('an incident is told', () => {
  const due = (incident: Incident, { now = start, healing = false, diffAfter = 300_000 } = {}) =>
    isDue({ incident, healing, now, diffAfter });

  it.each(['Failed', 'Unhealthy', 'Blocked', 'Guarded'] as const)('at once where it is %s', (reason) => {
    expect(due(open({ divergence: { ...drift, reason } }))).toBe(true);
  });

  it('at once where drift is being healed: healing erases the evidence', () => {
    expect(due(open({}), { healing: true })).toBe(true);
  });

  it('where other drift has lasted diffAfter, and not before', () => {
    expect(due(open({}), { now: after(299) })).toBe(false);
    expect(due(open({}), { now: after(300) })).toBe(true);
    expect(due(open({}), { diffAfter: 0 })).toBe(true);
  });

  it('once', () => {
    expect(due(told(open({})), { now: after(3600), healing: true })).toBe(false);
    expect(due(told(open({ divergence: { ...drift, reason: 'Failed' } })))).toBe(false);
  });

  it('again where it comes back', () => {
    const again = open({ last: closed(open({}), after(10)), now: after(20) });
    expect(due(again, { now: after(20), healing: true })).toBe(true);
    expect(due(again, { now: after(301) })).toBe(false);
  });
});

describe('drift may be healed', () => {
  it('when it has stood for healAfter, and not before', () => {
    const incident = open({});
    expect(mayHeal({ incident, now: start, healAfter: 0 })).toBe(true);
    expect(mayHeal({ incident, now: after(59), healAfter: 60_000 })).toBe(false);
    expect(mayHeal({ incident, now: after(60), healAfter: 60_000 })).toBe(true);
  });
});

describe('the alert of an incident', () => {
  const policy = { suspend: false, selfHeal: true, prune: false, ignored: 2 };
  const alertOf = (objects: readonly ObjectDiff[]) =>
    withDiff({
      incident: told(open({})),
      divergence: { ...drift, objects },
      ...{ environment: 'acme', repository: 'master', cluster: 'sandbox', action: 'healing', policy, cause: null },
    });

  it('says what the incident says, and is yet to be told', () => {
    const incident = alertOf(drift.objects);
    expect(incident.told).toBe(false);
    expect(incident.diff).toEqual({
      environment: 'acme',
      repository: 'master',
      cluster: 'sandbox',
      policy,
      revision: drift.revision,
      cause: null,
      reason: 'Drifted',
      incident: incident.id,
      subject: 'Deployment acme/web',
      since: incident.since,
      occurrence: 1,
      action: 'healing',
      summary: drift.summary,
      objects: drift.objects,
      omitted: 0,
      rollback: null,
    });
  });

  it('lists fifty objects and counts the others', () => {
    const { diff } = alertOf(Array.from({ length: 53 }, (_, index) => object(`web-${index}`)));
    expect(diff?.objects).toHaveLength(50);
    expect(diff?.omitted).toBe(3);
  });
});
