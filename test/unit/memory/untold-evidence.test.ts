import { describe, expect, it } from 'vitest';
import type { Incident } from '../../../shared/memory/incident.ts';
import { noLease, type Lease } from '../../../shared/memory/lease.ts';
import { owedEnds, untoldEvidence } from '../../../shared/memory/untold-evidence.ts';
import { diff, earlier, incidentOf, later, now } from './transitions/states.ts';

const since = now.toISOString();

/** Drift of these fields, as it is told. */
function driftOf(fields: readonly string[], rest: Partial<Incident> = {}): Incident {
  const objects = [
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'colors', change: 'modified' as const, message: '' },
  ].map((object) => ({ ...object, fields: fields.map((path) => ({ path })) }));
  const { since: began = since, occurrence = 1 } = rest;
  const told = { ...diff, reason: 'Drifted' as const, incident: 'drift', since: began, occurrence, objects };
  return incidentOf('Drifted', { id: 'drift', since: began, occurrence, diff: told, ...rest });
}

function untold(incident: Incident | undefined, found: Incident, { isTold = true } = {}) {
  const outbox = found.diff !== undefined && isTold ? [{ topic: 'diff' as const, time: since, data: found.diff }] : [];
  const { incidents, outbox: alerts } = untoldEvidence({ incident }, { incidents: [found], outbox });
  const facts = incidents.map(({ since: began, occurrence, announced }) => ({ began, occurrence, announced }));
  return { incidents: facts, alerts: alerts.map(({ data }) => ({ began: data.since, occurrence: data.occurrence })) };
}

const nothing = { incidents: [], alerts: [] };
const asFound = (occurrence = 1) => ({
  incidents: [{ began: since, occurrence, announced: undefined }],
  alerts: [{ began: since, occurrence }],
});

describe('evidence that a memory which was written since', () => {
  const found = driftOf(['/data/a']);

  it('knows nothing of is told', () => {
    expect(untold(undefined, found)).toEqual(asFound());
  });

  it.each([
    ['tells, too', found],
    ['told, and the end of it', driftOf(['/data/a'], { closedAt: later })],
    ['tells of a look that found it a moment before', driftOf(['/data/a'], { since: earlier })],
  ])('%s is of the past', (_how, remembered) => {
    expect(untold(remembered, found)).toEqual(nothing);
  });

  it.each([
    ['knows from an earlier period only', driftOf(['/data/a'], { since: earlier, closedAt: earlier })],
    ['knows, and told nobody of', driftOf(['/data/a'], { told: false })],
    ['knows, and closed without a word', driftOf(['/data/a'], { told: false, closedAt: later })],
  ])('%s is told', (_how, remembered) => {
    expect(untold(remembered, found)).toEqual(asFound());
  });

  it('tells less of is told of the period that was told of', () => {
    const period = { began: earlier, occurrence: 2 };
    expect(untold(driftOf(['/data/b'], { since: earlier, occurrence: 2 }), found)).toEqual({
      incidents: [{ ...period, announced: true }],
      alerts: [period],
    });
  });

  it('told less of, and the end of it, has come back', () => {
    expect(untold(driftOf(['/data/b'], { closedAt: later }), found)).toEqual(asFound(2));
  });

  it('is open and told, and nothing new is told of, is known as the memory has it', () => {
    expect(untold(found, found, { isTold: false })).toEqual(nothing);
    expect(untold(driftOf(['/data/a'], { closedAt: later }), found, { isTold: false })).toEqual(nothing);
  });

  it('knows, and told nobody of, as one that was put back, owes its end', () => {
    const remembered = driftOf(['/data/a'], { told: false, diff: undefined });
    expect(untold(remembered, found, { isTold: false }).incidents).toEqual([
      { began: since, occurrence: 1, announced: true },
    ]);
  });

  it('knows from an earlier period only, as one that was put back, owes its end', () => {
    const remembered = driftOf(['/data/a'], { since: earlier, closedAt: earlier });
    expect(untold(remembered, found, { isTold: false }).incidents).toHaveLength(1);
  });
});

describe('the end of an incident that a lease of nobody says to be told', () => {
  const found = driftOf(['/data/a'], { subject: 'ConfigMap colors' });
  const owed = (incident: Incident | undefined, lease: Partial<Lease> = {}): readonly Incident[] =>
    owedEnds({ incident }, { ...noLease, evidence: { incidents: [found], outbox: [] }, ...lease });

  it('is owed by a memory that knows nothing of it', () => {
    expect(owed(undefined)).toEqual([found]);
    expect(owed(driftOf(['/data/a'], { since: earlier, closedAt: earlier }))).toEqual([found]);
  });

  it.each([
    ['knows it', found],
    ['knows its end', { ...found, closedAt: later }],
    ['knows that it came back, and told nobody yet', { ...found, since: later, told: false }],
  ])('is owed by no memory that %s', (_how, remembered) => {
    expect(owed(remembered)).toEqual([]);
  });

  it('is owed by no memory of the version before, whose incident is of all that differs', () => {
    expect(owed(driftOf(['/data/a'], { id: 'former' }))).toEqual([]);
  });

  it('is not known of one that is held, or was given back before it was told', () => {
    expect(owed(undefined, { nonce: 'held' })).toEqual([]);
    const outbox = [{ topic: 'diff' as const, time: since, data: { ...diff, incident: found.id } }];
    expect(owed(undefined, { evidence: { incidents: [found], outbox } })).toEqual([]);
  });
});
