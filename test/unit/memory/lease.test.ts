import { describe, expect, it } from 'vitest';
import {
  claimOf,
  covers,
  decodeLease,
  encodeLease,
  joinIntents,
  keysOf,
  leaseSeconds,
  standingOf,
  toldLease,
  unreadableLease,
} from '../../../shared/memory/lease.ts';
import { incidentOf } from './transitions/states.ts';

const lease = claimOf({
  ...{ nonce: 'mine', event: 'job', base: '7', last: undefined },
  intent: { keys: ['a'] },
  evidence: { incidents: [], outbox: [] },
});

describe('a lease', () => {
  it.each([
    ['that nobody has', undefined, undefined, 0, 'free'],
    ['that was given back', { ...lease, nonce: null }, undefined, 0, 'free'],
    ['whose end the memory tells', lease, 'mine', 0, 'free'],
    ['of another run than the memory tells the end of', lease, 'other', 0, 'held'],
    ['within its time', lease, undefined, leaseSeconds * 1000, 'held'],
    ['whose time has passed', lease, 'other', leaseSeconds * 1000 + 1, 'over'],
  ])('%s is as it is', (_which, found, ended, age, standing) => {
    expect(standingOf({ lease: found, ended, age })).toBe(standing);
  });

  it('is read as it was written', () => {
    expect(decodeLease(JSON.parse(JSON.stringify(encodeLease(lease, { isOver: false }))))).toEqual(lease);
  });

  it('of the version before is held by whom it names, for as long as it says', () => {
    const former = { holder: 'instance', event: 'job', seconds: 90 };
    expect(decodeLease(former)).toMatchObject({ nonce: 'instance job', seconds: 90, intent: null, evidence: null });
    expect(decodeLease({ ...former, holder: null })).toMatchObject({ nonce: null });
  });

  it('is held to the version before for as long as it is', () => {
    expect(encodeLease(lease, { isOver: false })).toMatchObject({
      holder: 'mine',
      event: 'job',
      seconds: leaseSeconds,
    });
    expect(encodeLease(lease, { isOver: true })).toMatchObject({ holder: null });
  });

  it.each([[null], [[]], ['text'], [{}], [{ version: 3, nonce: 'x' }], [{ holder: 7, seconds: 1 }]])(
    'is none where it says %j',
    (value) => {
      expect(decodeLease(value)).toBeUndefined();
    },
  );

  it('that nobody can read is held, by somebody known by its generation', () => {
    expect(standingOf({ lease: unreadableLease({ generation: '9' }), ended: undefined, age: 0 })).toBe('held');
    expect(standingOf({ lease: unreadableLease({ generation: '9' }), ended: 'generation 9', age: 0 })).toBe('free');
  });

  it('names what was told, and keeps the incidents that are open', () => {
    const incident = incidentOf('Drifted');
    expect(toldLease({ last: lease, told: '8', open: [incident] })).toMatchObject({
      ...{ nonce: null, told: '8', intent: null },
      evidence: { incidents: [incident], outbox: [] },
    });
    expect(
      claimOf({
        nonce: 'next',
        event: '',
        base: '8',
        intent: { keys: [] },
        evidence: { incidents: [], outbox: [] },
        last: toldLease({ last: lease, told: '8', open: [] }),
      }).told,
    ).toBe('8');
  });
});

describe('what a run intends', () => {
  it('covers what is part of it', () => {
    expect(covers({ keys: ['a', 'b'] }, { keys: ['b'] })).toBe(true);
    expect(covers({ keys: ['a'] }, { keys: ['b'] })).toBe(false);
    expect(covers({ keys: '*' }, { keys: ['b'] })).toBe(true);
    expect(covers({ keys: ['a'] }, { keys: '*' })).toBe(false);
    expect(covers({ keys: [] }, { keys: [] })).toBe(true);
  });

  it('grows by what comes to it', () => {
    expect(joinIntents({ keys: ['b'] }, { keys: ['a', 'b'] }).keys).toEqual(['a', 'b']);
    expect(joinIntents({ keys: '*' }, { keys: ['a'] }).keys).toBe('*');
  });

  it('is anything where it is too much to be listed', () => {
    expect(keysOf(Array.from({ length: 2_000 }, (_, at) => String(at)))).toHaveLength(2_000);
    expect(keysOf(Array.from({ length: 2_001 }, (_, at) => String(at)))).toBe('*');
  });
});
