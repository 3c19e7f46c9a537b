import { describe, expect, it } from 'vitest';
import { assessHealth } from '../../../shared/health/assess-health.ts';
import type { HealthExpressions } from '../../../shared/health/expression-rule.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';

const ready: HealthExpressions = {
  target: { kind: 'Tariff' },
  healthy: "status.phase == 'Published'",
  degraded: "status.phase == 'Refused' || status.failures > 3",
};

const tariff = (status: unknown): KubernetesObject => ({
  apiVersion: 'family.example/v1',
  kind: 'Tariff',
  metadata: { name: 'home', namespace: 'acme' },
  status,
});
const assess = (status: unknown, rule = ready) => assessHealth(tariff(status), [rule]);

describe('a rule of the environment file', () => {
  it.for([
    [{ phase: 'Published' }, 'Healthy', 'its healthy expression is true'],
    [{ phase: 'Refused', message: 'no such\nproduct' }, 'Degraded', 'no such product'],
    [{ phase: 'Refused' }, 'Degraded', 'its phase is Refused'],
    [{ phase: 'Published', failures: 4 }, 'Degraded', 'its phase is Published'],
    [
      { phase: 'Checking', failures: 0 },
      'Progressing',
      'its healthy expression is not true yet: its phase is Checking',
    ],
    [{}, 'Progressing', 'its healthy expression is not true yet: No such key: phase'],
    [undefined, 'Progressing', 'its healthy expression is not true yet: Unknown variable: status'],
    [
      { phase: 'Checking', failures: 'many' },
      'Unknown',
      'its degraded expression cannot be evaluated: no such overload: dyn<string> > int',
    ],
    ['none', 'Progressing', 'its healthy expression is not true yet: No such key: phase'],
  ] as const)('judges the status %j as %s', ([status, state, message]) => {
    expect(assess(status)).toEqual({ state, message });
  });

  it('says Unknown of a healthy expression that fails, and of one that does not compile', () => {
    expect(assess({ phase: 3 }, { target: {}, healthy: "status.phase > 'a'" })).toMatchObject({
      state: 'Unknown',
      message: expect.stringContaining('cannot be evaluated'),
    });
    expect(assess({}, { target: {}, healthy: 'status.' })).toMatchObject({
      state: 'Unknown',
      message: expect.stringContaining('does not compile'),
    });
  });

  it('comes before the rule of a built-in kind, and the first of several decides', () => {
    const paused: KubernetesObject = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { paused: true },
    };
    const rules = [
      { target: { group: 'apps' }, healthy: 'spec.paused' },
      { target: { kind: 'Deployment' }, healthy: 'false' },
    ];
    expect(assessHealth(paused).state).toBe('Suspended');
    expect(assessHealth(paused, rules).state).toBe('Healthy');
  });

  it('waits for an object that is being deleted', () => {
    const object = {
      ...tariff({ phase: 'Published' }),
      metadata: { name: 'home', deletionTimestamp: '2026-11-21T01:02:03Z' },
    };
    expect(assessHealth(object, [ready])).toEqual({ state: 'Progressing', message: 'it is being deleted' });
  });

  it.for([
    [{ kind: 'Tariff' }, true],
    [{ group: 'family.example' }, true],
    [{ namespace: 'acme' }, true],
    [{ group: 'family.example', kind: 'Tariff', namespace: 'acme', name: 'home' }, true],
    [{ kind: 'Tariff', name: 'car' }, false],
    [{ group: '' }, false],
    [{ kind: 'Tariff', namespace: 'other' }, false],
  ] as const)('is about the objects that agree with its target %j', ([target, isAbout]) => {
    expect(assess({ phase: 'New' }, { target, healthy: 'true' }).message).toBe(
      isAbout ? 'its healthy expression is true' : 'its phase is New',
    );
  });

  it('means the core group by an empty one', () => {
    const settings: KubernetesObject = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings' },
      data: { loaded: 'no' },
    };
    expect(assessHealth(settings, [{ target: { group: '' }, healthy: "data.loaded == 'yes'" }]).state).toBe(
      'Progressing',
    );
  });
});
