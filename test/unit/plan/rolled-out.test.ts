import { describe, expect, it } from 'vitest';
import { countRolledOut, joinRolledOut } from '../../../shared/plan/rolled-out.ts';

const nothing = { created: [], configured: [], pruned: [] };

describe('what a roll-out has done', () => {
  it('is what all its runs have done, each object once', () => {
    const first = { ...nothing, created: ['a', 'b'], pruned: ['x'] };
    const rolledOut = joinRolledOut({
      earlier: first,
      later: { ...nothing, created: ['b'], configured: ['a', 'c'], pruned: ['x', 'y'] },
    });
    expect(rolledOut).toEqual({ created: ['a', 'b'], configured: ['c'], pruned: ['x', 'y'] });
    expect(countRolledOut({ rolledOut, desired: ['a', 'b', 'c', 'd'], left: ['y'] })).toEqual({
      created: 2,
      configured: 1,
      unchanged: 1,
      pruned: 1,
    });
  });

  it('counts what was given up apart from what was pruned, though it was to be pruned', () => {
    const rolledOut = joinRolledOut({
      earlier: { ...nothing, pruned: ['x', 'y'] },
      later: { ...nothing, released: ['x'] },
    });
    expect(countRolledOut({ rolledOut, desired: [], left: [] })).toEqual({
      created: 0,
      configured: 0,
      unchanged: 0,
      pruned: 1,
      released: 1,
    });
  });

  it('survives a last run that did nothing, and has none of what is no longer desired', () => {
    const rolledOut = joinRolledOut({ earlier: { ...nothing, created: ['a', 'gone'] }, later: nothing });
    expect(countRolledOut({ rolledOut, desired: ['a'], left: [] })).toEqual({
      created: 1,
      configured: 0,
      unchanged: 0,
      pruned: 0,
    });
  });
});
