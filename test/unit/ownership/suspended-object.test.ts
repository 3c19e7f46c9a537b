import { describe, expect, it } from 'vitest';
import type { KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import {
  suspensionOf,
  suspensionProblem,
  suspensionsOf,
  suspensionWords,
} from '../../../shared/ownership/suspended-object.ts';

const now = new Date('2026-11-29T01:00:00Z');
const tool = (manager: string, time: string, annotation = 'converge.dev/reconcile'): ManagedFieldsEntry => ({
  ...{ manager, operation: 'Update', apiVersion: 'v1', time },
  fieldsV1: { 'f:metadata': { 'f:annotations': { [`f:${annotation}`]: {} } } },
});

function object(said: string | undefined, until?: string, managedFields: ManagedFieldsEntry[] = []): KubernetesObject {
  const annotations = {
    ...(said === undefined ? {} : { 'converge.dev/reconcile': said }),
    ...(until === undefined ? {} : { 'converge.dev/reconcile-until': until }),
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'acme', annotations, managedFields },
  };
}
const zone = 'expected a time with its zone like 2026-11-30T06:00:00Z';
const value = (text: string) =>
  `converge.dev/reconcile is "${text}", and leaves nothing alone: expected disabled or enabled`;

describe('an object', () => {
  it.each<[string, KubernetesObject, boolean, string | undefined]>([
    ['without the annotation is not left alone', object(undefined), false, undefined],
    ['that says disabled is', object('disabled'), true, undefined],
    ['that says enabled is not', object('enabled'), false, undefined],
    ['that says anything else is not', object('Disabled'), false, value('Disabled')],
    ['that says nothing is not', object(''), false, value('')],
    ['whose end is to come is', object('disabled', '2026-11-29T01:00:01Z'), true, undefined],
    ['whose end is now is not', object('disabled', '2026-11-29T01:00:00Z'), false, undefined],
    ['whose end is past is not', object('disabled', '2026-11-28T23:00:00.5Z'), false, undefined],
    ['whose end is to come in another zone is', object('disabled', '2026-11-29T00:30-01:00'), true, undefined],
    ['whose end is past in another zone is not', object('disabled', '2026-11-29T01:30+01:00'), false, undefined],
    ...['tomorrow', '2026-02-30T00:00:00Z', '2026-11-30', '2026-11-30T06:00:00', '2h', ''].map(
      (until): [string, KubernetesObject, boolean, string] => [
        `whose end is ${JSON.stringify(until)} is, without an end`,
        object('disabled', until),
        true,
        `converge.dev/reconcile-until is "${until}", so that it is left alone without an end: ${zone}`,
      ],
    ),
    [
      'with an end that ends nothing is not',
      object(undefined, 'soon'),
      false,
      `converge.dev/reconcile-until is "soon", and ends nothing: ${zone}`,
    ],
    ['with an end alone is not', object(undefined, '2026-11-30T06:00:00Z'), false, undefined],
  ])('%s', (_row, asked, isLeft, problem) => {
    expect(suspensionOf({ object: asked, in: 'cluster', now }) !== undefined).toBe(isLeft);
    expect(suspensionProblem(asked)?.message).toBe(problem);
  });

  it('quotes no more of a wrong value than a line takes', () => {
    expect(suspensionProblem(object('x'.repeat(5_000)))?.message.length).toBeLessThan(200);
  });

  it('names who wrote the annotation last, and when', () => {
    const writers = [
      tool('kubectl-annotate', '2026-11-28T22:00:00Z'),
      tool('k9s', '2026-11-28T23:00:00Z'),
      tool('kubectl-edit', '2026-11-28T23:30:00Z', 'team'),
    ];
    const suspension = suspensionOf({ object: object('disabled', undefined, writers), in: 'cluster', now });
    expect(suspension).toEqual({ in: 'cluster', by: 'k9s', changedBefore: '2026-11-28T23:00:00Z' });
    expect(suspension && suspensionWords(suspension)).toBe(
      'left alone by converge.dev/reconcile: disabled (k9s, at or before 2026-11-28T23:00:00Z), without an end',
    );
  });

  it.each([
    ['Git', 'left alone by converge.dev/reconcile: disabled (in Git), until 2026-11-30T06:00:00Z'],
    ['cluster', 'left alone by converge.dev/reconcile: disabled (somebody), until 2026-11-30T06:00:00Z'],
  ] as const)('of %s says so', (place, words) => {
    const suspension = suspensionOf({ object: object('disabled', '2026-11-30T06:00:00Z'), in: place, now });
    expect(suspension && suspensionWords(suspension)).toBe(words);
  });
});

describe('all that is left alone', () => {
  const one = (key: string, said?: string, until?: string) => ({ key, object: object(said, until) });

  it('is what Git or the cluster says, and of both the cluster', () => {
    const found = suspensionsOf({
      desired: [one('git', 'disabled'), one('both', 'disabled'), one('none'), one('kept on', 'disabled')],
      observed: [one('both', 'disabled', '2026-12-01T00:00Z'), one('stale', 'disabled'), one('kept on', 'enabled')],
      now,
    });
    expect([...found].map(([key, { in: place }]) => `${key}: ${place}`).sort()).toEqual([
      'both: cluster',
      'git: Git',
      'kept on: Git',
      'stale: cluster',
    ]);
  });
});
