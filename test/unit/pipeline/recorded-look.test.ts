import { ConvergeError } from '../../../shared/base/errors.ts';
import { describe, expect, it } from 'vitest';
import type { Look } from '../../../shared/pipeline/common/record-looks.ts';
import { recordedLook } from '../../../shared/pipeline/recorded-look.ts';
import type { ReconcileResult } from '../../../shared/pipeline/reconcile.ts';
import { clockAt } from './ports.ts';

const revision = 'main@sha1:9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const job = { repository: 'master', environment: 'acme', cause: 'schedule' } as const;

async function lookThat(ends: () => Promise<ReconcileResult>) {
  const clock = clockAt('2026-11-21T01:00:00Z');
  const looks: Look[] = [];
  const looked = async (look: Look): Promise<void> => void looks.push(look);
  const result = await recordedLook({ job, looks: { looked }, now: clock.now }, async () => {
    clock.forward(30);
    return await ends();
  }).catch((error: unknown) => error);
  return { result, looks };
}

const taken = (outcome: Look['outcome']): Look => ({
  ...{ repository: 'master', environment: 'acme', outcome },
  at: new Date('2026-11-21T01:00:00Z'),
});

describe('a look', () => {
  it.each<[Look['outcome'], ReconcileResult]>([
    ['checked', { outcome: 'unchanged', revision }],
    ['checked', { outcome: 'converged', revision }],
    ['checked', { outcome: 'waiting', revision, message: 'waits for platform' }],
    ['checked', { outcome: 'diverged', revision, reason: 'Drifted', summary: 'Deployment acme/web: image differs' }],
    ['checked', { outcome: 'suspended' }],
    ['gone', { outcome: 'removed', revision }],
    ['gone', { outcome: 'absent' }],
  ])('is %s, with when it began, where it says %j', async (outcome, says) => {
    const { result, looks } = await lookThat(async () => says);
    expect(result).toBe(says);
    expect(looks).toEqual([taken(outcome)]);
  });

  it('is attempted where it fails', async () => {
    const failure = new Error('the API server does not answer');
    const { result, looks } = await lookThat(async () => Promise.reject(failure));
    expect(result).toBe(failure);
    expect(looks).toEqual([taken('attempted')]);
  });

  it('says what it failed by, where that is known and is its own', async () => {
    const facts = { subject: 'cluster sandbox', message: 'got no answer', disposition: 'retry' } as const;
    const away = new ConvergeError({ code: 'ClusterUnavailable', ...facts });
    expect((await lookThat(async () => Promise.reject(away))).looks).toEqual([
      {
        ...taken('attempted'),
        failed: { code: 'ClusterUnavailable', subject: 'cluster sandbox', problem: 'got no answer' },
      },
    ]);
    const stale = new ConvergeError({ code: 'StaleLook', ...facts });
    expect((await lookThat(async () => Promise.reject(stale))).looks).toEqual([taken('attempted')]);
  });

  it('is none where another run is at work', async () => {
    const held = new ConvergeError({ code: 'LeaseHeld', subject: 'acme', message: 'is held', disposition: 'retry' });
    expect((await lookThat(async () => Promise.reject(held))).looks).toEqual([]);
  });
});
