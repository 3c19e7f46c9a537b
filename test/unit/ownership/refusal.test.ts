import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ObjectMetadata } from '../../../shared/objects/kubernetes-object.ts';
import { applySetOf } from '../../../shared/inventory/applyset.ts';
import { refusalOf } from '../../../shared/ownership/refusal.ts';

const applySet = applySetOf({ repository: 'master', environment: 'acme', namespace: 'acme' });
const desired: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', labels: { 'app.kubernetes.io/managed-by': 'Helm' } } };
const refusal = (metadata: ObjectMetadata, adopt = false): string | undefined => refusalOf({ observed: { metadata }, desired, applySet, adopt });
const partOf = (id: string): ObjectMetadata => ({ labels: { 'applyset.kubernetes.io/part-of': id }, annotations: { 'converge.dev/environment': 'master/globex' } });
const helm: ObjectMetadata = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': 'shop', 'meta.helm.sh/release-namespace': 'acme' },
};

describe('an object that is there already', () => {
  it('is refused where it belongs to another set, whatever the environment says', () => {
    expect(refusal(partOf('applyset-other-v1'), true)).toBe('is owned by environment master/globex; remove it there first');
    expect(refusal(partOf(applySet.id))).toBeUndefined();
  });

  it.each([
    ['the Flux Kustomization flux-system/apps', { labels: { 'kustomize.toolkit.fluxcd.io/name': 'apps', 'kustomize.toolkit.fluxcd.io/namespace': 'flux-system' } }],
    ['the Flux HelmRelease apps/shop', { labels: { 'helm.toolkit.fluxcd.io/name': 'shop', 'helm.toolkit.fluxcd.io/namespace': 'apps' } }],
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
    expect(refusalOf({ observed: { metadata: { labels } }, desired: { ...desired, metadata: { name: 'a', labels } }, applySet, adopt: false })).toBeUndefined();
  });
});
