import type { ApiResource } from './cluster-api.ts';

/*
 * Kinds that every cluster serves so, for what is read before, or whatever, the cluster says that it serves.
 */

export const namespaceResource: ApiResource = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

export const secretResource: ApiResource = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
};
