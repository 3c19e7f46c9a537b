import { describe, expect, it } from 'vitest';
import { parseEnvironmentFile } from '../../../shared/environment/environment-file.ts';
import type { Inputs } from '../../../shared/environment/inputs.ts';
import { releaseKeys } from '../../../shared/environment/release-key.ts';

function keysOf(inputs: Inputs, spec: Record<string, unknown> = {}): ReadonlyMap<string, string> {
  const helm = (release: string) => ({
    helm: { chart: `charts/${release}`, release, values: [`config/${release}.yaml`] },
  });
  const sources = [helm('shop'), helm('claims'), { manifests: 'manifests/network' }];
  const file = {
    apiVersion: 'converge.dev/v1',
    kind: 'Environment',
    metadata: { name: 'acme' },
    spec: { cluster: 'sandbox', namespace: 'acme', sources, ...spec },
  };
  return releaseKeys({
    environment: parseEnvironmentFile({ file: 'environments/acme.yaml', text: JSON.stringify(file) }),
    inputs,
  });
}
const inputs: Inputs = {
  'environments/acme.yaml': '1',
  'charts/shop': '2',
  'config/shop.yaml': '3',
  'charts/claims': '4',
  'config/claims.yaml': '5',
  'manifests/network': '6',
  'bases/linked.yaml': '7',
};
const usual = keysOf(inputs);
const changed = (path: string) =>
  [...keysOf({ ...inputs, [path]: 'other' })].flatMap(([release, key]) =>
    key === usual.get(release) ? [] : [release],
  );

describe('the key of a release', () => {
  it('is there for each Helm source in their order, and for all others together', () => {
    expect([...usual.keys()]).toEqual(['shop', 'claims', '(manifests)']);
  });

  it.each([
    ['its chart', 'charts/shop', ['shop']],
    ['its values', 'config/claims.yaml', ['claims']],
    ['what no source declares', 'bases/linked.yaml', ['shop', 'claims', '(manifests)']],
    ['a source that is no chart', 'manifests/network', ['(manifests)']],
    ['the environment file', 'environments/acme.yaml', []],
  ])('changes with %s', (_what, path, releases) => {
    expect(changed(path)).toEqual(releases);
  });

  it('changes with the namespace, and not with the timeout', () => {
    expect(keysOf(inputs, { namespace: 'other' }).get('shop')).not.toBe(usual.get('shop'));
    expect(keysOf(inputs, { timeout: '9m' })).toEqual(usual);
  });
});
