import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ObjectMetadata } from '../../../shared/objects/kubernetes-object.ts';
import { applySetOf } from '../../../shared/inventory/applyset.ts';
import { foreignOwnerOf, ownersRefusal, refusalOf, type OwnersVerdict } from '../../../shared/ownership/refusal.ts';

const applySet = applySetOf({ repository: 'master', environment: 'acme', namespace: 'acme' });
const desired: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', labels: { 'app.kubernetes.io/managed-by': 'Helm' } },
};
const refusal = (metadata: ObjectMetadata, adopt = false): string | undefined =>
  refusalOf({ observed: { ...desired, metadata }, desired, adopt });
const partOf = (id: string): ObjectMetadata => ({
  labels: { 'applyset.kubernetes.io/part-of': id },
  annotations: { 'converge.dev/environment': 'master/globex' },
});
const helm: ObjectMetadata = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': 'shop', 'meta.helm.sh/release-namespace': 'acme' },
};

describe('an object that is there already', () => {
  const ownerOf = (metadata: ObjectMetadata) =>
    foreignOwnerOf({ observed: { apiVersion: 'v1', kind: 'ConfigMap', metadata }, applySet });

  it('has an owner where it is labelled for another set, named by its environment', () => {
    expect(ownerOf(partOf('applyset-other-v1'))).toEqual({
      set: 'applyset-other-v1',
      title: 'environment master/globex',
      environment: 'globex',
      isNamed: true,
      as: 'member',
    });
    expect(
      ownerOf({ ...partOf(applySet.id), annotations: { 'converge.dev/environment': 'master/acme' } }),
    ).toBeUndefined();
    expect(ownerOf(partOf(applySet.id))).toMatchObject({ title: 'environment master/globex' });
    expect(ownerOf({})).toBeUndefined();
  });

  it('of another repository, or of nobody by name, has an owner that cannot be asked', () => {
    const annotations = { 'converge.dev/environment': 'staging/globex' };
    expect(ownerOf({ ...partOf('applyset-other-v1'), annotations })).toMatchObject({
      title: 'environment staging/globex',
      environment: undefined,
      isNamed: true,
    });
    expect(ownerOf({ labels: partOf('applyset-other-v1').labels ?? {} })).toMatchObject({
      title: 'the ApplySet applyset-other-v1',
      environment: undefined,
      isNamed: false,
    });
  });

  it.each<[string, OwnersVerdict, string | undefined]>([
    ['wants it', { answer: 'wants' }, 'is owned by environment master/globex; remove it there first'],
    ['cannot be asked', { answer: 'other' }, 'is owned by environment master/globex; remove it there first'],
    [
      'is suspended',
      { answer: 'suspended' },
      'is owned by environment master/globex, which is suspended and keeps what it owns; remove spec.suspend and spec.suspendUntil there, or its file',
    ],
    [
      'is frozen',
      { answer: 'frozen', until: '2026-11-21T01:31:00.000Z' },
      'is owned by environment master/globex, which is frozen until 2026-11-21T01:31:00.000Z and keeps what it owns',
    ],
    [
      'does not render',
      { answer: 'unknown', reason: 'no chart' },
      'is owned by environment master/globex, and whether that still wants it cannot be told: no chart',
    ],
    ['does not want it', { answer: 'free' }, undefined],
  ])('whose owner %s is refused, unless it is handed over', (_what, said, message) => {
    const owner = ownerOf(partOf('applyset-other-v1'));
    expect(owner === undefined ? 'no owner' : ownersRefusal({ owner, said })).toBe(message);
  });

  it.each([
    [
      'the parent of a set',
      {
        labels: { 'applyset.kubernetes.io/id': 'applyset-other-v1' },
        annotations: { 'converge.dev/environment': 'master/globex' },
      },
    ],
    [
      'the seed of an environment',
      { name: 'converge-globex-seed', annotations: { 'converge.dev/environment': 'master/globex' } },
    ],
  ])('is never applied over where it is %s, whatever its owner says', (_what, metadata) => {
    const owner = foreignOwnerOf({ observed: { apiVersion: 'v1', kind: 'Secret', metadata }, applySet });
    expect(owner && ownersRefusal({ owner, said: { answer: 'free' } })).toContain(
      'holds what environment master/globex keeps of itself',
    );
  });

  it.each([
    [
      'the Flux Kustomization flux-system/apps',
      {
        labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' },
      },
    ],
    [
      'the Flux HelmRelease apps/shop',
      { labels: { 'helm.toolkit.fluxcd.io/name': 'shop', 'helm.toolkit.fluxcd.io/namespace': 'apps' } },
    ],
    ['the Argo CD Application shop', { annotations: { 'argocd.argoproj.io/tracking-id': 'shop:/ConfigMap:acme/a' } }],
    ['the Argo CD Application shop', { labels: { 'argocd.argoproj.io/instance': 'shop' } }],
    ['the Helm release acme/shop', helm],
  ])('is refused where it is reconciled by %s, unless that is to be taken over', (owner, metadata) => {
    expect(refusal(metadata)).toContain(`is reconciled by ${owner}`);
    expect(refusal(metadata, true)).toBeUndefined();
  });

  it.each([
    ['kubectl made it', { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } }],
    ['a chart rendered the label of Helm', { labels: { 'app.kubernetes.io/managed-by': 'Helm' } }],
    ['it only names a release', { annotations: { 'meta.helm.sh/release-name': 'shop' } }],
  ])('is adopted where %s', (_why, metadata) => {
    expect(refusal(metadata)).toBeUndefined();
  });

  it('is adopted where the marks come from Git itself', () => {
    const labels = { 'argocd.argoproj.io/instance': 'shop' };
    expect(
      refusalOf({
        observed: { ...desired, metadata: { labels } },
        desired: { ...desired, metadata: { name: 'a', labels } },
        adopt: false,
      }),
    ).toBeUndefined();
  });
});
