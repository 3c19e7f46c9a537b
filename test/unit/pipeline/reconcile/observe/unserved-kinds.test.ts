import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../../../shared/base/errors.ts';
import type { ClusterApi } from '../../../../../shared/objects/cluster-api.ts';
import type { KubernetesObject } from '../../../../../shared/objects/kubernetes-object.ts';
import { hiddenKeys } from '../../../../../shared/pipeline/reconcile/observe/unserved-kinds.ts';
import { unservedKinds } from '../../../../../shared/pipeline/reconcile/observe/unserved-kinds.ts';

const served = { group: 'example.com', version: 'v1', kind: 'Served', plural: 'serveds', namespaced: true };
const api: ClusterApi = { version: 'v1.36.3', resources: [served], unreadable: [] };
const definition: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'hiddens.example.com' },
  spec: { group: 'example.com', names: { kind: 'Hidden' } },
};
const listing = (list: () => readonly KubernetesObject[]) => ({ list: async () => list() });
const refused = (disposition: 'refuse' | 'retry') => (): never => {
  throw new ConvergeError({ code: 'ClusterRefused', subject: 'cluster a', message: '403', disposition });
};
const kinds = ['ConfigMap', 'Deployment.apps', 'Served.example.com', 'Hidden.example.com', 'Gone.example.com'];

describe('a kind that is served in no version', () => {
  it('may have objects while its definition is there, and has none without', async () => {
    expect(
      await unservedKinds(
        listing(() => [definition]),
        { kinds, api },
      ),
    ).toEqual([{ kind: 'Hidden.example.com', definition }]);
  });

  it('may have objects where definitions may not be read, and is asked for again where they cannot be', async () => {
    expect(await unservedKinds(listing(refused('refuse')), { kinds, api })).toEqual([
      { kind: 'Hidden.example.com', definition: undefined },
      { kind: 'Gone.example.com', definition: undefined },
    ]);
    await expect(unservedKinds(listing(refused('retry')), { kinds, api })).rejects.toThrow('403');
  });

  it('is not looked for where all are served, or built in', async () => {
    expect(
      await unservedKinds(listing(refused('retry')), {
        kinds: ['ConfigMap', 'Deployment.apps', 'Served.example.com'],
        api,
      }),
    ).toEqual([]);
  });

  it('has what is remembered of it, in Git or left', () => {
    const remembered = { desired: 'a', observed: 'b', apiVersion: 'example.com/v1' };
    const memory = {
      objects: { 'example.com/Hidden/a/one': remembered, '/ConfigMap/a/one': remembered },
      left: ['example.com/Hidden/a/two'],
      pending: ['example.com/Hidden/a/two', 'example.com/Served/a/one'],
    };
    expect(hiddenKeys(memory, [{ kind: 'Hidden.example.com', definition }])).toEqual([
      'example.com/Hidden/a/one',
      'example.com/Hidden/a/two',
    ]);
  });
});
