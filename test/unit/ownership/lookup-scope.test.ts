import { describe, expect, it } from 'vitest';
import { applySetOf, hookMarks, memberMarks } from '../../../shared/inventory/applyset.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { refusalToAnswer } from '../../../shared/ownership/lookup-scope.ts';

const applySet = applySetOf({ repository: 'master', environment: 'acme', namespace: 'acme' });
const looker = { applySet, adopted: ['redis'] };
const secret = (metadata: KubernetesObject['metadata']): KubernetesObject => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login', namespace: 'acme', ...metadata } });
const helm = { labels: { 'app.kubernetes.io/managed-by': 'Helm' }, annotations: { 'meta.helm.sh/release-name': 'redis', 'meta.helm.sh/release-namespace': 'acme' } };

describe('what is there and looked up', () => {
  it.each<[string, KubernetesObject]>([
    ['a hook of its own', secret(hookMarks(applySet))],
    ['its namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'acme' } }],
    ['of the release that it adopts', secret(helm)],
  ])('is answered where it is %s', (_what, object) => {
    expect(refusalToAnswer({ found: [object], looker })).toBeUndefined();
  });

  it.each<[string, KubernetesObject, string]>([
    ['made by somebody', secret({ managedFields: [{ manager: 'kubectl-create' }] }), 'Secret acme/login is there and not this environment\'s own (it is of kubectl-create); spec.lookup: cluster'],
    ['of another environment', secret(memberMarks(applySetOf({ repository: 'master', environment: 'globex', namespace: 'globex' }))), '(it is of environment master/globex)'],
    ['of another namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } }, 'Namespace kube-system'],
    ['a node', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } }, 'Node node-1'],
    ['of a release that it does not adopt', secret({ ...helm, annotations: { ...helm.annotations, 'meta.helm.sh/release-name': 'other' } }), 'Secret acme/login'],
  ])('is refused by name where it is %s', (_what, object, words) => {
    expect(refusalToAnswer({ found: [object], looker })).toContain(words);
  });

  it('is refused where one of a list is another\'s', () => {
    expect(refusalToAnswer({ found: [secret(hookMarks(applySet)), secret({ name: 'other' })], looker })).toContain('Secret acme/other');
  });
});
