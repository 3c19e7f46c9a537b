import { readFileSync, readdirSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { explainRollout, podSelectorOf } from '../../../shared/health/stuck-rollout.ts';
import type { KubernetesObject } from '../../../shared/objects/kubernetes-object.ts';
import { objectSchema } from './object-schema.ts';

/**
 * One folder a case, named by its result: what is observed (the workload first), and what `explainRollout` says (null:
 * nothing).
 */
const folder = new URL('rollouts/', import.meta.url);

function readCase(name: string) {
  const [workload, ...others] = z
    .tuple([objectSchema], objectSchema)
    .parse(loadAll(readFileSync(new URL(`${name}/observed.yaml`, folder), 'utf8')));
  const expected: unknown = JSON.parse(readFileSync(new URL(`${name}/expected.json`, folder), 'utf8'));
  return {
    workload,
    pods: others.filter(({ kind }) => kind === 'Pod'),
    replicaSets: others.filter(({ kind }) => kind === 'ReplicaSet'),
    expected,
  };
}

describe('explainRollout', () => {
  it.for(readdirSync(folder))('explains %s', (name) => {
    const { expected, ...observed } = readCase(name);
    expect(explainRollout(observed) ?? null).toEqual(expected);
  });

  it('says nothing of objects it cannot read', () => {
    const workload = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', uid: 'u' },
      status: { conditions: 'none' },
    };
    expect(explainRollout({ workload, pods: [], replicaSets: [] })).toBeUndefined();
    const { workload: good, replicaSets } = readCase('deployment-is-starting');
    const pods = readCase('deployment-is-starting').pods.map((pod) => ({ ...pod, status: { containerStatuses: [1] } }));
    expect(explainRollout({ workload: good, replicaSets, pods })).toBeUndefined();
  });
});

describe('podSelectorOf', () => {
  const workload = (selector: unknown): KubernetesObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { selector },
  });

  it('writes labels and expressions as a LIST takes them', () => {
    const selector = {
      matchLabels: { app: 'web', 'acme.io/tier': 'front' },
      matchExpressions: [
        { key: 'track', operator: 'In', values: ['stable', 'canary'] },
        { key: 'region', operator: 'NotIn', values: ['us'] },
        { key: 'owner', operator: 'Exists' },
        { key: 'legacy', operator: 'DoesNotExist' },
      ],
    };
    expect(podSelectorOf(workload(selector))).toBe(
      'app=web,acme.io/tier=front,track in (stable,canary),region notin (us),owner,!legacy',
    );
  });

  it.for([[undefined], [null], [{}], [{ matchLabels: {} }], ['app=web']])(
    'has none for the selector %j',
    ([selector]) => {
      expect(podSelectorOf(workload(selector))).toBeUndefined();
    },
  );
});
