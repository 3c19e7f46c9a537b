import { describe, expect, it } from 'vitest';
import { applySetOf, hookMarks, memberMarks } from '../../../shared/inventory/applyset.ts';
import { seedSecret } from '../../../shared/inventory/seed-secret.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { refusalToAnswer, refusalToTellState, type Looker } from '../../../shared/ownership/lookup-scope.ts';

const applySet = applySetOf({ repository: 'master', environment: 'acme', namespace: 'acme' });
const previous = applySetOf({ repository: 'master', environment: 'acme-old', namespace: 'acme' });
const looker: Looker = { applySets: [applySet, previous], adopted: ['redis'] };
const secret = (metadata: KubernetesObject['metadata']): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'login', namespace: 'acme', ...metadata },
});
const helm = {
  labels: { 'app.kubernetes.io/managed-by': 'Helm' },
  annotations: { 'meta.helm.sh/release-name': 'redis', 'meta.helm.sh/release-namespace': 'acme' },
};

describe('what is there and looked up', () => {
  it.each<[string, KubernetesObject]>([
    ['a hook of its own', secret(hookMarks(applySet))],
    ['a hook of its previous name', secret(hookMarks(previous))],
    ['its namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'acme' } }],
    ['of the release that it adopts', secret(helm)],
  ])('is answered where it is %s', (_what, object) => {
    expect(refusalToAnswer({ found: [object], looker })).toBeUndefined();
  });

  it.each<[string, KubernetesObject, string]>([
    [
      'made by somebody',
      secret({ managedFields: [{ manager: 'kubectl-create' }] }),
      "Secret acme/login is there and not this environment's own (it is of kubectl-create); spec.lookup: cluster",
    ],
    [
      'of another environment',
      secret(memberMarks(applySetOf({ repository: 'master', environment: 'globex', namespace: 'globex' }))),
      '(it is of environment master/globex)',
    ],
    [
      'of another namespace',
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system' } },
      'Namespace kube-system',
    ],
    ['a node', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } }, 'Node node-1'],
    [
      'of a release that it does not adopt',
      secret({ ...helm, annotations: { ...helm.annotations, 'meta.helm.sh/release-name': 'other' } }),
      'Secret acme/login',
    ],
  ])('is refused by name where it is %s', (_what, object, words) => {
    expect(refusalToAnswer({ found: [object], looker })).toContain(words);
  });

  it("is refused where one of a list is another's", () => {
    expect(refusalToAnswer({ found: [secret(hookMarks(applySet)), secret({ name: 'other' })], looker })).toContain(
      'Secret acme/other',
    );
  });
});

describe('what Converge keeps of itself', () => {
  it('is told to no template, and named with its environment', () => {
    const told = (object: KubernetesObject): string | undefined => refusalToTellState({ found: object, looker });
    expect(told(seedSecret({ applySet, seed: 'c2VlZA==', time: '2026-11-21T01:02:03.456Z' }))).toContain(
      'Secret acme/converge-acme-seed holds what this environment keeps of itself',
    );
    expect(told(seedSecret({ applySet: previous, seed: 'c2VlZA==', time: '2026-11-21T01:02:03.456Z' }))).toContain(
      'holds what environment master/acme-old keeps of itself',
    );
    expect(
      told({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'any', namespace: 'acme', labels: { 'applyset.kubernetes.io/id': applySet.id } },
      }),
    ).toContain('ConfigMap acme/any');
    expect(told(secret({}))).toBeUndefined();
  });
});
