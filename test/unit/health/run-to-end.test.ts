import { describe, expect, it } from 'vitest';
import { assessProgress } from '../../../shared/health/run-to-end.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const job = (status: object): KubernetesObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'a' },
  spec: {},
  status,
});
const pod = (status: object, spec: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a' },
  spec,
  status,
});
const condition = (type: string, more: object = {}) => ({ conditions: [{ type, status: 'True', ...more }] });

describe('something that ends by itself', () => {
  it.each([
    ['a Job that is complete', job(condition('Complete')), 'succeeded'],
    ['a Job that has failed', job(condition('Failed')), 'failed'],
    ['a Job without a status', job({}), 'running'],
    ['a Job that is suspended', { ...job({}), spec: { suspend: true } }, 'running'],
    ['a Pod that has succeeded', pod({ phase: 'Succeeded' }), 'succeeded'],
    ['a Pod that has failed', pod({ phase: 'Failed' }), 'failed'],
    ['a Pod that serves, and is healthy', pod({ phase: 'Running', ...condition('Ready') }), 'running'],
    ['a Pod that waits for a node', pod({ phase: 'Pending' }), 'running'],
    ['a Pod without a status', pod({}), 'running'],
  ])('%s has %s', (_what, object, state) => {
    expect(assessProgress(object).state).toBe(state);
  });

  it('says why it failed, in the words and with the reason of its controller', () => {
    const failed = condition('Failed', {
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    });
    expect(assessProgress(job(failed)).message).toBe(
      'BackoffLimitExceeded: Job has reached the specified backoff limit',
    );
    expect(assessProgress(pod({ phase: 'Failed', message: 'out of memory' })).message).toBe('out of memory');
  });
});
