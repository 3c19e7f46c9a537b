import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../../shared/environment/ignore-rule.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import { outlivedDefaults, refusedBeside } from '../../../shared/ownership/outlived-defaults.ts';

const deployment = (
  spec: Record<string, unknown>,
  managedFields: readonly ManagedFieldsEntry[] = [],
): KubernetesObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', managedFields }, spec });
const rolling = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } };
const selector: JsonObject = { 'f:spec': { 'f:selector': {} } };
const claimed: JsonObject = { 'f:spec': { 'f:strategy': { 'f:rollingUpdate': {} } } };

const outlived = (rest: Partial<Parameters<typeof outlivedDefaults>[0]>): JsonObject | undefined =>
  outlivedDefaults({
    desired: deployment({ strategy: { type: 'Recreate' } }),
    observed: deployment({ strategy: rolling }),
    ours: selector,
    others: [],
    ignored: [],
    ...rest,
  });
const podOf = (volume: object, rest: object = {}) => ({ template: { spec: { ...rest, volumes: [volume] } } });
const volumesOurs: JsonObject = {
  'f:spec': { 'f:template': { 'f:spec': { 'f:volumes': { 'k:{"name":"v"}': { '.': {}, 'f:name': {} } } } } },
};
const forbidden = { reason: 'FieldValueForbidden', field: 'spec.template.spec.volumes[0].secret' };

describe('what was defaulted for a choice', () => {
  it('is ours to drop where a type beside it changes', () => {
    expect(outlived({})).toEqual(claimed);
  });

  it.each<[string, Parameters<typeof outlived>[0]]>([
    ['where the type stays', { desired: deployment({ strategy: { type: 'RollingUpdate' } }) }],
    ['where Git says nothing of the type', { desired: deployment({ selector: {} }) }],
    ['where Git specifies it', { desired: deployment({ strategy: { type: 'Recreate', rollingUpdate: {} } }) }],
    [
      'where another manager owns some of it',
      {
        others: [
          { manager: 'tuner', fieldsV1: { 'f:spec': { 'f:strategy': { 'f:rollingUpdate': { 'f:maxSurge': {} } } } } },
        ],
      },
    ],
    ['where the environment ignores it', { ignored: fieldsOf(['/spec/strategy/rollingUpdate']) }],
    ['where the environment ignores some of it', { ignored: fieldsOf(['/spec/strategy/rollingUpdate/maxSurge']) }],
    ['where it is ours already, and goes by itself', { ours: claimed }],
  ])('stays %s', (_where, rest) => {
    expect(outlived(rest)).toBeUndefined();
  });

  it('is ours to drop where the API server forbids what Git says beside it, in that item alone', () => {
    const desired = deployment(podOf({ name: 'v', secret: { secretName: 'a' } }));
    const observed = deployment(podOf({ name: 'v', emptyDir: {} }, { securityContext: {}, restartPolicy: 'Always' }));
    expect(outlived({ desired, observed, ours: volumesOurs })).toBeUndefined();
    expect(outlived({ desired, observed, ours: volumesOurs, causes: [forbidden] })).toEqual({
      'f:spec': { 'f:template': { 'f:spec': { 'f:volumes': { 'k:{"name":"v"}': { 'f:emptyDir': {} } } } } },
    });
  });

  it.each([
    ['a template that never changes', { reason: 'FieldValueInvalid', field: 'spec.template' }],
    ['a spec that never changes', { reason: 'FieldValueForbidden', field: 'spec' }],
    ['a selector that never changes', { reason: 'FieldValueInvalid', field: 'spec.selector' }],
  ])('stays where the API server refuses %s', (_what, cause) => {
    const observed = deployment({
      ...podOf({ name: 'v', emptyDir: {} }, { securityContext: {} }),
      backoffLimit: 6,
      updateStrategy: rolling,
    });
    const desired = deployment(podOf({ name: 'v' }, { serviceAccountName: 'b' }));
    expect(outlived({ desired, observed, ours: volumesOurs, causes: [cause] })).toBeUndefined();
  });

  it('is the list that is derived from which rules a NetworkPolicy has', () => {
    const policy = (spec: Record<string, unknown>): KubernetesObject => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'a' },
      spec,
    });
    const observed = policy({ ingress: [{}], policyTypes: ['Ingress'] });
    const ours: JsonObject = { 'f:spec': { 'f:ingress': {} } };
    expect(outlived({ desired: policy({ ingress: [{}], egress: [{}] }), observed, ours })).toEqual({
      'f:spec': { 'f:policyTypes': {} },
    });
    expect(outlived({ desired: policy({ ingress: [] }), observed, ours })).toBeUndefined();
  });
});

describe('what another manager has in the way of a choice', () => {
  const observed = deployment({ strategy: rolling }, [
    {
      manager: 'tuner',
      operation: 'Apply',
      fieldsV1: { 'f:spec': { 'f:strategy': { 'f:rollingUpdate': { 'f:maxSurge': {} } } } },
    },
  ]);
  const desired = deployment({ strategy: { type: 'Recreate' } });

  it('is named with its owner', () => {
    const causes = [{ reason: 'FieldValueForbidden', field: 'spec.strategy.rollingUpdate' }];
    expect(refusedBeside({ desired, observed, causes })).toMatchObject([
      { path: [{ name: 'spec' }, { name: 'strategy' }, { name: 'rollingUpdate' }], manager: 'tuner' },
    ]);
  });

  it('is none where the refusal is about something else', () => {
    expect(
      refusedBeside({ desired, observed, causes: [{ reason: 'FieldValueForbidden', field: 'spec.strategysource' }] }),
    ).toEqual([]);
    expect(
      refusedBeside({ desired, observed, causes: [{ reason: 'FieldValueInvalid', field: 'spec.selector' }] }),
    ).toEqual([]);
  });
});
