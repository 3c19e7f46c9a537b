import { describe, expect, it } from 'vitest';
import { claimOf, type Intent, type Lease } from '../../../shared/memory/lease.ts';
import { emptyMemory } from '../../../shared/memory/memory.ts';
import { fold } from '../../../shared/memory/transitions/fold.ts';
import { attemptAt, colors, diff, earlier, incidentOf, now, remembered, states, web } from './transitions/states.ts';

const drifted = incidentOf('Drifted', { id: 'drift', diff });
const alert = { topic: 'diff' as const, time: earlier, data: diff };
const until = '2026-11-21T02:15:00.000Z';

function leaseOf({
  evidence = { incidents: [], outbox: [] },
  intent = {},
}: {
  evidence?: Lease['evidence'];
  intent?: Partial<Intent>;
}) {
  return claimOf({
    ...{ nonce: 'dead', event: 'job', base: '7', last: undefined },
    intent: { attempted: attemptAt('2'), keys: [web], ...intent },
    evidence: evidence ?? { incidents: [], outbox: [] },
  });
}
const healing = leaseOf({ evidence: { incidents: [drifted], outbox: [alert] } });

describe('a run that is ended in its stead', () => {
  it('leaves its attempt, and forgets and suspects what it was about to write', () => {
    const memory = fold(states.converged, { lease: leaseOf({}), generation: '7', now });
    expect(memory).toEqual({
      ...states.converged,
      attempted: attemptAt('2'),
      converged: { ...attemptAt('1'), renderKey: '' },
      objects: { [colors]: remembered('1') },
      suspects: { [web]: until },
      lateUntil: until,
      ended: 'dead',
    });
  });

  it('tells what it was healing', () => {
    const memory = fold(states.converged, { lease: healing, generation: '7', now });
    expect(memory).toMatchObject({ incident: drifted, outbox: [alert], since: now.toISOString() });
  });

  it('leaves what was not to be told yet to the next look, which finds it again unless the memory was lost', () => {
    const waits = { ...drifted, told: false };
    const lease = leaseOf({ evidence: { incidents: [waits], outbox: [] } });
    expect(fold(states.converged, { lease, generation: '7', now }).incident).toBeUndefined();
    expect(fold(emptyMemory(now), { lease, generation: '0', now }).incident).toEqual(waits);
  });

  it('acted for an environment that is there again where its end was told before it, and not where that was told since', () => {
    const before = states['was told to be gone'];
    expect(fold(before, { lease: leaseOf({}), generation: '7', now }).endTold).toBeUndefined();
    expect(fold(before, { lease: leaseOf({}), generation: '8', now }).endTold).toBe(before.endTold);
  });

  it('adds to what is to be published, in order', () => {
    const before = { ...states.converged, outbox: [{ ...alert, time: now.toISOString() }] };
    expect(fold(before, { lease: healing, generation: '7', now }).outbox).toEqual([...before.outbox, alert]);
  });

  it('says nothing of an incident where the memory was written since', () => {
    expect(fold(states.failed, { lease: healing, generation: '8', now })).toMatchObject({
      incident: states.failed.incident,
      attempted: states.failed.attempted,
    });
    const closed = { ...states.converged, incident: { ...drifted, closedAt: earlier } };
    expect(fold(closed, { lease: healing, generation: '8', now }).incident).toEqual(closed.incident);
    expect(fold(states.converged, { lease: healing, generation: '8', now }).incident).toEqual(drifted);
  });

  it('opens each incident that a memory which was written since does not know, and tells its alerts alone', () => {
    const failed = incidentOf('Failed', { id: 'failed' });
    const known = { ...drifted, closedAt: earlier };
    const ofFailed = { ...alert, data: { ...diff, incident: 'failed' } };
    const ofDrift = { ...alert, data: { ...diff, incident: 'drift' } };
    const lease = leaseOf({ evidence: { incidents: [drifted, failed], outbox: [ofDrift, ofFailed] } });
    const memory = fold({ ...states.converged, incident: known }, { lease, generation: '8', now });
    expect(memory).toMatchObject({ incident: failed, incidents: [known, failed], outbox: [ofFailed] });
  });

  it('leaves its attempt to a memory that was lost', () => {
    const memory = fold(emptyMemory(now), { lease: healing, generation: '0', now });
    expect(memory).toMatchObject({
      attempted: attemptAt('2'),
      incident: drifted,
      ended: 'dead',
      suspects: { [web]: until },
    });
  });

  it('leaves any object suspect where nobody knows what it intended', () => {
    const lease: Lease = { ...leaseOf({}), intent: null };
    const { objects, suspects } = fold(states.converged, { lease, generation: '7', now });
    expect(objects).toEqual({});
    expect(suspects).toEqual({ '*': until, [colors]: until, [web]: until });
  });

  it('suspects nothing where it was to write nothing', () => {
    const memory = fold(states.converged, { lease: leaseOf({ intent: { keys: [] } }), generation: '7', now });
    expect(memory).toEqual({ ...states.converged, attempted: attemptAt('2'), ended: 'dead' });
  });
});
