import { describe, expect, it } from 'vitest';
import { repeatedWarning } from '../../../shared/health/repeated-warning.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const web: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace: 'acme', uid: 'pod-1' },
};

const event = (fields: Record<string, unknown>): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'e', namespace: 'acme', creationTimestamp: '2026-11-21T01:00:00Z' },
  type: 'Warning',
  involvedObject: { kind: 'Pod', namespace: 'acme', name: 'web-1', uid: 'pod-1' },
  reason: 'FailedMount',
  message: 'MountVolume.SetUp failed for volume "keys" :\n secret "keys" not found',
  count: 7,
  lastTimestamp: '2026-11-21T01:02:03Z',
  ...fields,
});

const told = (events: readonly KubernetesObject[], since?: string) =>
  repeatedWarning({ objects: [web], events, since });

describe('the Warning event that repeats', () => {
  it('is named with its object, its words in one line, how often it came, and when last', () => {
    expect(told([event({})])).toEqual({
      object: 'Pod acme/web-1',
      reason: 'FailedMount',
      message: 'MountVolume.SetUp failed for volume "keys" : secret "keys" not found',
      count: 7,
      last: '2026-11-21T01:02:03Z',
    });
  });

  it('is counted by its series, where its reporter writes one', () => {
    const series = { count: 12, lastObservedTime: '2026-11-21T01:05:00.000000Z' };
    const newer = event({ series, count: null, lastTimestamp: null, eventTime: '2026-11-21T01:00:00.000000Z' });
    expect(told([newer])).toMatchObject({ count: 12, last: '2026-11-21T01:05:00.000000Z' });
    expect(told([event({ count: null, lastTimestamp: null })])).toMatchObject({
      count: 1,
      last: '2026-11-21T01:00:00Z',
    });
  });

  it('is the most frequent, of equals the newest, and only then one that says that something is tried again', () => {
    const backOff = event({ reason: 'BackOff', count: 40 });
    const rare = event({ reason: 'Failed', count: 2 });
    const older = event({ reason: 'Unhealthy', lastTimestamp: '2026-11-21T01:01:00Z' });
    expect(told([backOff, rare, older, event({})])?.reason).toBe('FailedMount');
    expect(told([backOff, rare])?.reason).toBe('Failed');
    expect(told([backOff])?.reason).toBe('BackOff');
  });

  it.for([
    ['one of another object', { involvedObject: { kind: 'Pod', namespace: 'acme', name: 'web-1', uid: 'pod-0' } }],
    ['one of another name', { involvedObject: { kind: 'Pod', namespace: 'acme', name: 'api-1' } }],
    ['one that is no warning', { type: 'Normal' }],
    ['one that cannot be read', { involvedObject: 'web-1' }],
    ['one whose time cannot be read', { lastTimestamp: 'yesterday' }],
    ['one of the past', { lastTimestamp: '2026-11-21T00:59:59Z' }],
  ] as const)('is not %s', ([, fields]) => {
    expect(told([event(fields)], '2026-11-21T01:00:00.700Z')).toBeUndefined();
  });

  it('is of an object of that kind and name, where it says no uid', () => {
    const involvedObject = { kind: 'Pod', namespace: 'acme', name: 'web-1' };
    expect(told([event({ involvedObject })], '2026-11-21T01:02:03.700Z')).toMatchObject({ reason: 'FailedMount' });
  });

  it('is of the claim that its Pod waits for, before that no node takes the Pod for it', () => {
    const volumes = [
      { name: 'data', persistentVolumeClaim: { claimName: 'data-web-1' } },
      { name: 'scratch', ephemeral: { volumeClaimTemplate: {} } },
      { name: 'keys', secret: { secretName: 'keys' } },
    ];
    const scheduling = event({
      reason: 'FailedScheduling',
      message: 'pod has unbound immediate PersistentVolumeClaims',
      count: 40,
    });
    const ofClaim = (name: string) =>
      event({
        involvedObject: { kind: 'PersistentVolumeClaim', namespace: 'acme', name, uid: 'claim-1' },
        reason: 'ProvisioningFailed',
        message: 'storageclass.storage.k8s.io "fast" not found',
      });
    const toldOf = (name: string) =>
      repeatedWarning({
        objects: [{ ...web, spec: { volumes } }],
        events: [scheduling, ofClaim(name)],
        since: undefined,
      });
    for (const name of ['data-web-1', 'web-1-scratch'])
      expect(toldOf(name)).toMatchObject({
        object: `PersistentVolumeClaim acme/${name}`,
        reason: 'ProvisioningFailed',
      });
    expect(toldOf('data-web-2')).toMatchObject({ reason: 'FailedScheduling', count: 40 });
    expect(toldOf('web-1-keys')).toMatchObject({ reason: 'FailedScheduling' });
  });
});
