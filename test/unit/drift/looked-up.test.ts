import { describe, expect, it } from 'vitest';
import { lookedUpDrift } from '../../../shared/drift/looked-up.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const query = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'tariffs', name: 'basic' };
const basic = (premium: string, more: object = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'basic', namespace: 'tariffs', ...more },
  data: { premium },
});
const patched = [
  {
    manager: 'kubectl-patch',
    operation: 'Update' as const,
    time: '2026-11-21T01:00:00Z',
    fieldsV1: { 'f:data': { 'f:premium': {} } },
  },
];

describe('what a chart looked up', () => {
  it('drifted by its fields, with who changed it', () => {
    const [drift] = lookedUpDrift({
      query,
      before: basic('10', { resourceVersion: '1' }),
      now: [basic('12', { resourceVersion: '2', managedFields: patched })],
    });
    expect(drift).toMatchObject({
      key: 'lookup /ConfigMap/tariffs/basic',
      diff: {
        change: 'modified',
        message: 'premium changed, and is looked up by a chart',
        fields: [{ path: '/data/premium', desired: '10', observed: '12', manager: 'kubectl-patch' }],
      },
    });
  });

  it('quotes no Secret', () => {
    const login = (password: string): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'login', namespace: 'tariffs' },
      data: { password },
    });
    const drift = lookedUpDrift({
      query: { ...query, kind: 'Secret', name: 'login' },
      before: login('aHVudGVyMg=='),
      now: [login('c3dvcmRmaXNo')],
    });
    expect(JSON.stringify(drift)).not.toMatch(/aHVudGVyMg|c3dvcmRmaXNo/);
    expect(drift[0]?.diff.fields).toEqual([{ path: '/data/password', desired: '***', observed: '***' }]);
  });

  it('may have come or gone', () => {
    expect(lookedUpDrift({ query, before: null, now: [basic('1')] })[0]?.diff).toMatchObject({
      change: 'modified',
      message: 'is there now, and is looked up by a chart',
    });
    expect(lookedUpDrift({ query, before: basic('1'), now: [] })[0]?.diff).toMatchObject({ change: 'missing' });
  });

  it('is told item by item where a list was asked for', () => {
    const list = {
      apiVersion: 'v1',
      kind: 'ConfigMapList',
      metadata: {},
      items: [basic('1'), { ...basic('2'), metadata: { name: 'other', namespace: 'tariffs' } }],
    };
    const drift = lookedUpDrift({
      query: { ...query, name: '' },
      before: list,
      now: [basic('1', { resourceVersion: '9' })],
    });
    expect(drift.map(({ diff }) => [diff.name, diff.change])).toEqual([
      ['basic', 'modified'],
      ['other', 'missing'],
    ]);
  });
});
