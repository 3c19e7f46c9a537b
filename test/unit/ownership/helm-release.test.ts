import { describe, expect, it } from 'vitest';
import { saysDeployed } from '../../../shared/ownership/helm-release.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const labels = { owner: 'helm', name: 'shop', status: 'deployed', version: '3' };
const record = (more: Record<string, unknown> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'sh.helm.release.v1.shop.v3', namespace: 'acme', labels },
  type: 'helm.sh/release.v1',
  ...more,
});
const says = (more?: Record<string, unknown>): boolean => saysDeployed({ record: record(more), release: 'shop' });

describe("Helm's record of a release", () => {
  it('says that it is deployed, in a Secret or a ConfigMap', () => {
    expect(says()).toBe(true);
    expect(says({ kind: 'ConfigMap', type: undefined })).toBe(true);
  });

  it.each([
    ['its status is another', { metadata: { ...record().metadata, labels: { ...labels, status: 'superseded' } } }],
    ['it is that of another release', { metadata: { ...record().metadata, labels: { ...labels, name: 'shop.v1' } } }],
    ['its name is not one that Helm gives', { metadata: { ...record().metadata, name: 'shop' } }],
    [
      'its name is that of a release with a longer name',
      { metadata: { ...record().metadata, name: 'sh.helm.release.v1.shop.v1.v3' } },
    ],
    ['it is a Secret of another type', { type: 'Opaque' }],
    ['it is of another kind', { kind: 'Service' }],
    ['somebody else keeps it', { metadata: { ...record().metadata, labels: { ...labels, owner: 'flux' } } }],
  ])('says nothing where %s', (_why, more) => {
    expect(says(more)).toBe(false);
  });
});
