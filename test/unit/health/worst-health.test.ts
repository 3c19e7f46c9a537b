import { describe, expect, it } from 'vitest';
import {
  degraded,
  healthy,
  missing,
  progressing,
  suspended,
  unknown,
  worstHealth,
} from '../../../shared/health/health.ts';

describe('worstHealth', () => {
  it('ranks from Healthy over Suspended, Progressing, Missing and Degraded to Unknown', () => {
    const ranked = [healthy('a'), suspended('b'), progressing('c'), missing('d'), degraded('e'), unknown('f')];
    for (let end = 1; end <= ranked.length; end++)
      expect(worstHealth(ranked.slice(0, end).toReversed())).toBe(ranked[end - 1]);
  });

  it('keeps the first of several that are equally bad', () => {
    expect(worstHealth([healthy('fine'), degraded('first'), degraded('second')]).message).toBe('first');
  });

  it('finds nothing wrong with no objects at all', () => {
    expect(worstHealth([]).state).toBe('Healthy');
  });
});
