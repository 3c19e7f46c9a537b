import { describe, expect, it } from 'vitest';
import { keepRenders } from '../../../shared/adapters/kept-renders.ts';
import type { KeptRender } from '../../../shared/ports/renderer.ts';

const renderOf = (size: number): KeptRender => ({
  inputs: {},
  answers: [],
  render: { objects: [], hooks: [], reads: [], size },
});

describe('the renders that an instance keeps', () => {
  it('are found under their key, the newest first', () => {
    const kept = keepRenders({ limit: 100 });
    const [older, newer, other] = [renderOf(1), renderOf(2), renderOf(3)];
    kept.keep('key', older);
    kept.keep('other', other);
    kept.keep('key', newer);
    expect(kept.find('key')).toEqual([newer, older]);
    expect(kept.find('other')).toEqual([other]);
    expect(kept.find('absent')).toEqual([]);
  });

  it('give up what was used longest ago', () => {
    const kept = keepRenders({ limit: 100 });
    const [first, second, third] = [renderOf(40), renderOf(41), renderOf(42)];
    kept.keep('first', first);
    kept.keep('second', second);
    kept.find('first');
    kept.keep('third', third);
    expect(['first', 'second', 'third'].map((key) => kept.find(key))).toEqual([[first], [], [third]]);
  });

  it('give up the oldest under one key first', () => {
    const kept = keepRenders({ limit: 100 });
    const [older, newer] = [renderOf(60), renderOf(61)];
    kept.keep('key', older);
    kept.keep('key', newer);
    expect(kept.find('key')).toEqual([newer]);
    kept.keep('other', renderOf(39));
    expect(kept.find('key')).toEqual([newer]);
  });

  it('do not count one that is too large by itself', () => {
    const kept = keepRenders({ limit: 100 });
    const small = renderOf(100);
    kept.keep('small', small);
    kept.keep('large', renderOf(101));
    expect([kept.find('small'), kept.find('large')]).toEqual([[small], []]);
  });
});
