import { describe, expect, it } from 'vitest';
import type { Environment } from '../../../shared/environment/environment-file.ts';
import { declaredPaths, inputPaths, sameInputs, type Inputs } from '../../../shared/environment/inputs.ts';

const environment: Environment = {
  name: 'acme',
  cluster: 'sandbox',
  namespace: 'acme',
  sources: [
    { kind: 'helm', chart: 'charts/shop', release: 'shop', values: ['config/defaults.yaml', 'config/acme.yaml'] },
    { kind: 'kustomize', folder: 'overlays/production' },
    { kind: 'manifests', path: 'config/defaults.yaml' },
  ],
  prune: true,
  selfHeal: true,
  suspend: false,
  freeze: [],
  adopt: false,
  verify: undefined,
  replace: false,
  lookup: 'own',
  timeout: 300_000,
  healAfter: 0,
  diffAfter: 300_000,
  askFor: 14_400_000,
  convergedAfter: 900_000,
  dependsOn: [],
  ignore: [],
  health: [],
  deletion: 'release',
  rollback: { onFailure: 'none' },
  previousNames: [],
  labels: {},
};

describe('the inputs of an environment', () => {
  it('are its file and all it names, once each', () => {
    expect(declaredPaths(environment)).toEqual([
      'charts/shop',
      'config/acme.yaml',
      'config/defaults.yaml',
      'environments/acme.yaml',
      'overlays/production',
    ]);
  });

  it('hold what a render read beside them: a change of a shared base is a change of every overlay', () => {
    const reads = ['bases/claims/deployment.yaml', 'charts/shop/Chart.yaml', 'overlays/production/kustomization.yaml'];
    const beside = inputPaths({ environment, reads }).filter((path) => !declaredPaths(environment).includes(path));
    expect(beside).toEqual(['bases/claims/deployment.yaml']);
  });

  it('do not cover a folder whose name only begins the same', () => {
    expect(inputPaths({ environment, reads: ['charts/shop-extra/values.yaml'] })).toContain(
      'charts/shop-extra/values.yaml',
    );
  });
});

describe('two sets of inputs', () => {
  it('are the same in any order', () => {
    expect(sameInputs({ attempted: { a: '1', b: '2' }, current: { b: '2', a: '1' } })).toBe(true);
  });

  it.each<{ what: string; current: Inputs }>([
    { what: 'an object id', current: { a: '1', b: '3' } },
    { what: 'a path that is gone', current: { a: '1', b: null } },
    { what: 'a path more', current: { a: '1', b: '2', c: '3' } },
    { what: 'a path less', current: { a: '1' } },
    { what: 'a path instead of another', current: { a: '1', c: '2' } },
  ])('differ by $what', ({ current }) => {
    expect(sameInputs({ attempted: { a: '1', b: '2' }, current })).toBe(false);
  });
});
