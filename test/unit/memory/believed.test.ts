import { describe, expect, it } from 'vitest';
import { believedLease, believedMemory } from '../../../shared/memory/believed.ts';
import { decodeDeparted, departedOf } from '../../../shared/memory/departed.ts';
import { claimOf } from '../../../shared/memory/lease.ts';
import { decodeMemory, type Memory } from '../../../shared/memory/memory.ts';
import { attemptAt, diff, earlier, incidentOf, later, now, states } from './transitions/states.ts';

const { converged } = states;
/** What cannot be, in a memory that was written now: no time, and too far ahead. */
const oddTimes = ['yesterday', '2026-11-21', '2026-11-21T04:00:00.000Z', '+200000-01-01T00:00:00.000Z', ''];
const written = now.toISOString();
/** Of a request that was made as it was written. */
const late = '2026-11-21T02:15:00.000Z';

describe('a memory of what can be', () => {
  it.each(Object.entries(states))('that %s is believed as it is', (_which, memory) => {
    const doubted: string[] = [];
    const read: unknown = JSON.parse(JSON.stringify(memory));
    expect(decodeMemory(read, { writtenAt: now, doubt: (part) => void doubted.push(part) })).toEqual(memory);
    expect(doubted).toEqual([]);
  });

  it('is believed where the clock of who wrote it was ahead by less than an hour', () => {
    expect(believedMemory({ ...converged, since: '2026-11-21T02:45:00.000Z' }, now).since).toBe(
      '2026-11-21T02:45:00.000Z',
    );
  });
});

describe.each(oddTimes)('a memory that says %j', (odd) => {
  it.each<[string, Partial<Memory>, Partial<Memory>]>([
    ['when it became as it is', { since: odd }, { since: written }],
    [
      'when it converged',
      { converged: { ...attemptAt('1'), renderKey: 'one', at: odd } },
      { converged: { ...attemptAt('1'), renderKey: 'one', at: written } },
    ],
    [
      'when an incident began and ended',
      { incident: incidentOf('Drifted', { since: odd, closedAt: odd, diff: { ...diff, since: odd } }) },
      { incident: incidentOf('Drifted', { since: written, closedAt: written, diff: { ...diff, since: written } }) },
    ],
    [
      'when what is to be published was so',
      { outbox: [{ topic: 'diff', time: odd, data: { ...diff, since: odd } }] },
      { outbox: [{ topic: 'diff', time: written, data: { ...diff, since: written } }] },
    ],
    [
      'until when it pauses',
      { retry: { revision: 'main', count: 3, notBefore: odd, healing: true } },
      { retry: undefined },
    ],
    ['until when it is suspect', { suspects: { '*': odd, web: later } }, { suspects: { '*': late, web: later } }],
    ['until when something may come late', { lateUntil: odd }, { lateUntil: late }],
    [
      'until when a fight rests',
      { heals: { web: { at: [earlier], managers: [], pausedUntil: odd.replace('T04', 'T06') }, db: fought } },
      { heals: { db: fought } },
    ],
    ['when something was healed', { heals: { web: { at: [odd], managers: [] } } }, { heals: {} }],
  ])('%s says of nothing else', (_what, said, believed) => {
    expect(believedMemory({ ...converged, ...said }, now)).toEqual({ ...converged, ...believed });
  });
});

const fought = { at: [earlier], managers: ['rogue'], pausedUntil: later, pause: 3600 };

describe('a memory that says otherwise what cannot be', () => {
  it.each([
    ['yesterday', later],
    [earlier, 'never'],
    [later, earlier],
    [earlier, '9999-01-01T00:00:00.000Z'],
    ['2027-06-20T00:00:00.000Z', '2027-06-21T00:00:00.000Z'],
  ])('has no roll-out from %s until %s', (since, until) => {
    expect(believedMemory({ ...converged, rollout: { revision: 'main', since, until } }, now).rollout).toBeUndefined();
  });

  it('has no attempt, and no note, of what is no commit', () => {
    const note = { commit: '1'.repeat(40), text: 'converged' };
    const odd = {
      ...converged,
      attempted: { ...attemptAt('1'), commit: 'HEAD' },
      notes: [{ ...note, commit: '' }, note],
    };
    expect(believedMemory(odd, now)).toEqual({ ...converged, attempted: undefined, notes: [note] });
  });

  it.each([-1, 1e300, -1e300, 7201])('fights nobody for %d seconds', (pause) => {
    expect(believedMemory({ ...converged, heals: { web: { ...fought, pause } } }, now).heals).toEqual({});
  });

  it('tells which parts of it are doubted', () => {
    const doubted: string[] = [];
    const odd = { ...converged, since: 'x', lateUntil: 'y', notes: [{ commit: 'z', text: '' }] };
    decodeMemory(odd, { writtenAt: now, doubt: (part) => void doubted.push(part) });
    expect(doubted.toSorted()).toEqual(['lateUntil', 'notes', 'since']);
  });
});

it.each(oddTimes)('an environment that is no more is looked after until %j for as long as it may be', (until) => {
  const found = decodeDeparted(departedOf({ ...converged, since: until }, until), { writtenAt: now });
  expect(found).toMatchObject({ until: late, memory: { since: written } });
});

it('the evidence and the intent of a lease are believed as those of a memory are', () => {
  const lease = claimOf({
    ...{ nonce: 'one', event: 'job', base: '7', last: undefined },
    intent: {
      attempted: { ...attemptAt('1'), commit: 'HEAD' },
      rollout: { revision: 'main', since: earlier, until: 'never' },
      keys: [],
    },
    evidence: {
      incidents: [incidentOf('Drifted', { since: 'yesterday' })],
      outbox: [{ topic: 'diff', time: 'yesterday', data: diff }],
    },
  });
  const { intent, evidence } = believedLease(lease, now);
  expect(intent).toEqual({ attempted: undefined, rollout: undefined, keys: [] });
  expect(evidence).toEqual({
    incidents: [incidentOf('Drifted', { since: written })],
    outbox: [{ topic: 'diff', time: written, data: diff }],
  });
});
