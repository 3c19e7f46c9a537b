import { expect, it } from 'vitest';
import { mayBeDeclared, undeclaredOf } from '../../../shared/inventory/undeclared.ts';
import type { KubernetesObject, ObjectMetadata } from '../../../shared/objects/kubernetes-object.ts';

let uids = 0;
function object(kind: string, name: string, metadata: ObjectMetadata = {}, apiVersion = 'v1'): KubernetesObject {
  return { apiVersion, kind, metadata: { namespace: 'acme', name, uid: `uid-${(uids += 1)}`, ...metadata } };
}
const namesOf = (objects: readonly KubernetesObject[], declared: readonly string[] = []): string[] =>
  undeclaredOf({ objects, declared: new Set(declared) }).map(({ name }) => name);

it('names what nobody declares', () => {
  const found = [object('ConfigMap', 'by-hand'), object('Deployment', 'old', {}, 'apps/v1'), object('Pod', 'debug')];
  expect(namesOf(found)).toEqual(['by-hand', 'old', 'debug']);
});

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'u' };
it.each([
  ['what Git declares', object('ConfigMap', 'colors'), ['/ConfigMap/acme/colors']],
  ['what another object owns', object('Pod', 'web-1-x', { ownerReferences: [owner] })],
  ['what is of another set', object('ConfigMap', 'theirs', { labels: { 'applyset.kubernetes.io/part-of': 'other' } })],
  ['the parent of a set', object('ConfigMap', 'converge-acme', { labels: { 'applyset.kubernetes.io/id': 'it' } })],
  ['a hook', object('Job', 'migrate', { labels: { 'converge.dev/hook-of': 'it' } }, 'batch/v1')],
  ['what was applied here', object('ConfigMap', 'x', { managedFields: [{ manager: 'converge', operation: 'Apply' }] })],
  ['what is going', object('Pod', 'debug', { deletionTimestamp: '2026-11-22T01:00:00Z' })],
  ['the account of each namespace', object('ServiceAccount', 'default')],
  ['the certificate of each namespace', object('ConfigMap', 'kube-root-ca.crt')],
  ['a token', object('Secret', 't', { annotations: { 'kubernetes.io/service-account.name': 'default' } })],
  ['the release of a chart', object('Secret', 'sh.helm.release.v1.shop.v3', { labels: { owner: 'helm' } })],
  [
    'a certificate that was asked for',
    object('Secret', 'c', { annotations: { 'cert-manager.io/certificate-name': 'c' } }),
  ],
  ['a claim of a set', object('PersistentVolumeClaim', 'data-my-db-0'), ['apps/StatefulSet/acme/my-db']],
])('does not name %s', (_what, one, declared: readonly string[] = []) => {
  expect(namesOf([one], declared)).toEqual([]);
});

it('names a claim of no set, and a release that only seems one', () => {
  const found = [object('PersistentVolumeClaim', 'data-db-0'), object('Secret', 'sh.helm.release.v1.x.v1')];
  expect(namesOf(found, ['apps/StatefulSet/acme/my-db'])).toEqual(['data-db-0', 'sh.helm.release.v1.x.v1']);
});

it('names once what several groups serve', () => {
  const uid = { uid: 'same' };
  expect(
    namesOf([
      object('Ingress', 'web', uid, 'networking.k8s.io/v1'),
      object('Ingress', 'web', uid, 'extensions/v1beta1'),
    ]),
  ).toEqual(['web']);
});

it.each([
  ['', 'Event', false],
  ['events.k8s.io', 'Event', false],
  ['', 'Endpoints', false],
  ['discovery.k8s.io', 'EndpointSlice', false],
  ['coordination.k8s.io', 'Lease', false],
  ['metrics.k8s.io', 'PodMetrics', false],
  ['', 'ConfigMap', true],
])('%s %s may be declared: %s', (group, kind, may) => {
  expect(mayBeDeclared({ group, kind })).toBe(may);
});
