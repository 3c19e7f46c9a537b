import { describe, expect, it } from 'vitest';
import { neededAtOnce } from '../../../shared/pipeline/plan-commit/needed-at-once.ts';

const podSpec = {
  serviceAccountName: 'robot',
  runtimeClassName: 'sandboxed',
  containers: [{ name: 'a', image: 'a:1' }],
};
const metadata = { name: 'web', namespace: 'acme' };

describe('what has to be there before the API server can be asked', () => {
  it('is the account and the classes of a Pod', () => {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata, spec: podSpec };
    expect(neededAtOnce({ object, definitions: new Map() })).toEqual([
      ...['/Namespace//acme', '/ServiceAccount/acme/robot', 'node.k8s.io/RuntimeClass//sandboxed'],
    ]);
  });

  it('is neither of what makes Pods', () => {
    const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { template: { spec: podSpec } } };
    expect(neededAtOnce({ object, definitions: new Map() })).toEqual(['/Namespace//acme']);
  });
});
