import { describe, expect, it } from 'vitest';
import type { Bearing } from '../../../shared/health/bearing.ts';
import { environmentHealth } from '../../../shared/health/environment-health.ts';
import { degraded, healthy, progressing, unknown, type Health } from '../../../shared/health/health.ts';
import { objectIdOf } from '../../../shared/objects/object-id.ts';

const id = objectIdOf({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' } });
const of = (...judged: readonly (readonly [Health, Bearing])[]) =>
  environmentHealth(judged.map(([health, bearing]) => ({ id, health, bearing })));

describe('environmentHealth', () => {
  it('shows what may never come, or is of the past, as on its way, and what cannot be judged as that', () => {
    expect(of([healthy('a'), 'reached'], [degraded('no metrics'), 'shown'])).toEqual({
      state: 'Progressing',
      unawaited: 'Service shop/web: no metrics',
    });
    expect(of([degraded('its last run did not succeed'), 'late'])).toEqual({
      state: 'Progressing',
      unawaited: 'Service shop/web: its last run did not succeed',
    });
    expect(of([progressing('no address'), 'shown'], [unknown('?'), 'shown'])).toEqual({
      state: 'Unknown',
      unawaited: 'Service shop/web: no address, and 1 more object',
    });
  });

  it('tells nothing of what is waited for, nor of what is settled', () => {
    expect(of([degraded('broken'), 'awaited'], [healthy('a'), 'reached'])).toEqual({
      state: 'Degraded',
      unawaited: undefined,
    });
    expect(of([degraded('no metrics'), 'shown'], [progressing('1 of 2'), 'awaited'])).toEqual({
      state: 'Progressing',
      unawaited: undefined,
    });
    expect(of()).toEqual({ state: 'Healthy', unawaited: undefined });
  });
});
