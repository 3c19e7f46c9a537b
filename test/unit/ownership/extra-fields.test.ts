import { describe, expect, it } from 'vitest';
import { pointer } from '../../../shared/fields/field-path.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import { extraFields } from '../../../shared/ownership/extra-fields.ts';

const web: JsonObject = { 'k:{"name":"web"}': { '.': {}, 'f:name': {} } };
const shell: JsonObject = { 'k:{"name":"shell"}': { '.': {}, 'f:name': {} } };
const inContainers = (items: JsonObject): JsonObject => ({ 'f:spec': { 'f:containers': items } });

function extrasOf(manager: string, fieldsV1: JsonObject, rest: ManagedFieldsEntry = {}): string[] {
  const own: ManagedFieldsEntry = {
    manager: 'converge',
    operation: 'Apply',
    apiVersion: 'v1',
    fieldsV1: { ...inContainers(web), 'f:data': { 'f:a': {} } },
  };
  const object: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: {
      labels: { a: 'b' },
      finalizers: ['x'],
      managedFields: [own, { manager, operation: 'Update', apiVersion: 'v1', fieldsV1, ...rest }],
    },
    spec: { replicas: 3, paused: true, containers: [{ name: 'web' }, { name: 'shell' }], args: ['a'] },
    data: { a: '1', b: '2' },
    status: { phase: 'Ready' },
  };
  return extraFields(object).map(({ kind, path }) => `${kind} ${pointer(path)}`);
}

describe('what others added', () => {
  it.each([
    ['a field of kubectl is drift', 'kubectl-patch', { 'f:spec': { 'f:paused': {} } }, ['drift /spec/paused']],
    ['a key of a map, too', 'kubectl-edit', { 'f:data': { 'f:b': {} } }, ['drift /data/b']],
    ['an atomic list is one field', 'kubectl-edit', { 'f:spec': { 'f:args': {} } }, ['drift /spec/args']],
    [
      'an item in a list of ours is drift of kubectl',
      'kubectl-set',
      inContainers(shell),
      ['drift /spec/containers[name=shell]'],
    ],
    ['and of Helm', 'helm', inContainers(shell), ['drift /spec/containers[name=shell]']],
    ['and of anybody else it is co-owned', 'meter', inContainers(shell), ['co-owned /spec/containers[name=shell]']],
    ['a field of anybody else is theirs', 'meter', { 'f:spec': { 'f:paused': {} } }, []],
    ['a field of Helm, too', 'helm', { 'f:spec': { 'f:paused': {} } }, []],
    ['what stands for everything says nothing', 'before-first-apply', inContainers(shell), []],
    [
      'metadata never counts',
      'kubectl-label',
      { 'f:metadata': { 'f:labels': { 'f:a': {} }, 'f:finalizers': { 'v:"x"': {} } } },
      [],
    ],
    ['nor does a status', 'kubectl-edit', { 'f:status': { 'f:phase': {} } }, []],
    ['nor do replicas', 'kubectl-edit', { 'f:spec': { 'f:replicas': {} } }, []],
    ['nor does what is no longer there', 'kubectl-edit', { 'f:spec': { 'f:gone': {} } }, []],
    ['nor does what we own, too', 'kubectl-edit', inContainers(web), []],
  ] as const)('%s', (_what, manager, fields, expected) => {
    expect(extrasOf(manager, fields)).toEqual(expected);
  });

  it('is not read from entries of subresources or other API versions', () => {
    const fields: JsonObject = { 'f:spec': { 'f:paused': {} } };
    expect(extrasOf('kubectl', fields, { subresource: 'scale' })).toEqual([]);
    expect(extrasOf('kubectl', fields, { apiVersion: 'v1beta1' })).toEqual([]);
  });
});
