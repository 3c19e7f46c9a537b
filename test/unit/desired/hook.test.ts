import { describe, expect, it } from 'vitest';
import { desiredObjects } from '../../../shared/desired/desired.ts';
import { desiredHooks, hooksOf, runsToAnEnd, withoutTimeToLive, type HookEvent } from '../../../shared/desired/hook.ts';
import type { KubernetesObject, RenderedHook } from '../../../shared/objects/kubernetes-object.ts';
import { refusalOf } from '../../refusal.ts';

const marks = { labels: { 'hook-of': 'set' }, annotations: {} };
const placing = { namespace: 'acme', scopes: new Map([['rbac.authorization.k8s.io/ClusterRole', false]]), marks };

function rendered(
  name: string,
  {
    events = ['pre-install'],
    kind = 'Job',
    annotations = {},
    source = 'charts/shop/templates/hook.yaml',
  }: { events?: string[]; kind?: string; annotations?: Record<string, string>; source?: string } = {},
): RenderedHook {
  const apiVersion = { Job: 'batch/v1', ClusterRole: 'rbac.authorization.k8s.io/v1' }[kind] ?? 'v1';
  return { object: { apiVersion, kind, metadata: { name, annotations } }, source, release: 'shop', events };
}
const hooksFrom = (...hooks: RenderedHook[]) => desiredHooks({ rendered: hooks, objects: [], ...placing });
const order = (event: HookEvent, ...hooks: RenderedHook[]) =>
  hooksOf({ hooks: hooksFrom(...hooks), event }).map(({ desired }) => `${desired.id.kind} ${desired.id.name}`);
const weight = (text: string) => ({ 'helm.sh/hook-weight': text });
const policy = (text: string) => ({ 'helm.sh/hook-delete-policy': text });

describe('the hooks of an event', () => {
  it('come by weight, as numbers, without one at 0', () => {
    const hooks = [
      rendered('ten', { annotations: weight('10') }),
      rendered('nine', { annotations: weight('9') }),
      rendered('none'),
      rendered('below', { annotations: weight('-1') }),
    ];
    expect(order('pre-install', ...hooks)).toEqual(['Job below', 'Job none', 'Job nine', 'Job ten']);
  });

  it('of one weight come by name, and of one name by kind: an account before the Job that uses it', () => {
    const hooks = [
      rendered('b'),
      rendered('b', { kind: 'ClusterRole' }),
      rendered('b', { kind: 'ServiceAccount' }),
      rendered('c', { kind: 'Secret' }),
      rendered('a', { kind: 'Tariff' }),
      rendered('b', { kind: 'Tariff' }),
    ];
    expect(order('pre-install', ...hooks)).toEqual([
      'Tariff a',
      'ServiceAccount b',
      'ClusterRole b',
      'Job b',
      'Tariff b',
      'Secret c',
    ]);
  });

  it('are those that name it, among others or alone', () => {
    const hooks = [
      rendered('both', { events: ['pre-install', 'post-upgrade'] }),
      rendered('one', { events: ['post-upgrade'] }),
      rendered('tested', { events: ['pre-install', 'test'] }),
    ];
    expect(order('pre-install', ...hooks)).toEqual(['Job both', 'Job tested']);
    expect(order('post-upgrade', ...hooks)).toEqual(['Job both', 'Job one']);
    expect(order('post-install', ...hooks)).toEqual([]);
  });
});

describe('a hook', () => {
  it('is placed and marked as any object is', () => {
    const [job, role] = hooksFrom(rendered('migrate'), rendered('reader', { kind: 'ClusterRole' }));
    expect(job?.desired.object.metadata).toMatchObject({ namespace: 'acme', labels: { 'hook-of': 'set' } });
    expect(role?.desired.id.namespace).toBeUndefined();
  });

  it('of events that never happen here is never run, and not refused', () => {
    expect(hooksFrom(rendered('wipe', { events: ['pre-rollback', 'post-rollback', 'test'] }))[0]?.events).toEqual([]);
  });

  it.each([
    [
      'an event of Helm 2',
      rendered('a', { events: ['crd-install'] }),
      'helm.sh/hook names an event that Helm does not know (put the definition into',
    ],
    [
      'an unknown event beside a known one',
      rendered('a', { events: ['pre-install', 'pre-instal'] }),
      'helm.sh/hook names an event',
    ],
    ['no event', rendered('a', { events: [''] }), 'helm.sh/hook names an event'],
    [
      'a weight that is no number',
      rendered('a', { annotations: weight('heavy') }),
      'helm.sh/hook-weight is no whole number',
    ],
    [
      'a weight with a fraction',
      rendered('a', { annotations: weight('1.5') }),
      'helm.sh/hook-weight is no whole number',
    ],
    [
      'an unknown delete policy',
      rendered('a', { annotations: policy('hook-succeeded,never') }),
      'helm.sh/hook-delete-policy names a policy',
    ],
  ])(
    'with %s is refused, and the error names file and annotation, whose value may be a secret',
    (_what, hook, words) => {
      const error = refusalOf(() => hooksFrom(hook));
      expect(error).toMatchObject({
        code: 'RenderFailed',
        disposition: 'refuse',
        subject: 'charts/shop/templates/hook.yaml, Job a',
      });
      expect(error.message).toContain(words);
    },
  );

  it.each([
    [undefined, ['before-hook-creation']],
    ['', ['before-hook-creation']],
    ['hook-succeeded', ['hook-succeeded']],
    [' Before-Hook-Creation, hook-failed,', ['before-hook-creation', 'hook-failed']],
  ])('with the delete policy %j has %j', (text, expected) => {
    expect(
      hooksFrom(rendered('a', text === undefined ? {} : { annotations: policy(text) }))[0]?.deletePolicies,
    ).toEqual(expected);
  });

  it.each([
    ['+5', 5],
    ['-5', -5],
    ['007', 7],
    ['', 0],
  ])('of weight %j weighs %d', (text, expected) => {
    expect(hooksFrom(rendered('a', { annotations: weight(text) }))[0]?.weight).toBe(expected);
  });

  it('that is an ordinary object, too, is refused: its run would delete a member', () => {
    const member: KubernetesObject = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'a' } };
    const objects = desiredObjects({ rendered: [{ object: member, source: 'manifests/a.yaml' }], ...placing });
    const error = refusalOf(() => desiredHooks({ rendered: [rendered('a')], objects, ...placing }));
    expect(error).toMatchObject({ code: 'DuplicateObject' });
    expect(error.message).toMatch(/manifests\/a\.yaml.*charts\/shop\/templates\/hook\.yaml/);
  });

  it('may be defined once for each event, and not twice for one', () => {
    expect(hooksFrom(rendered('a'), rendered('a', { events: ['post-install'] }))).toHaveLength(2);
    expect(
      refusalOf(() => hooksFrom(rendered('a'), rendered('a', { source: 'charts/shop/templates/again.yaml' }))),
    ).toMatchObject({ code: 'DuplicateObject' });
  });

  it('is refused with both places where one file has it twice', () => {
    expect(refusalOf(() => hooksFrom(rendered('a'), rendered('b'), rendered('a'))).message).toContain(
      'in charts/shop/templates/hook.yaml (hook 1) and in charts/shop/templates/hook.yaml (hook 3)',
    );
  });

  it.each([
    ['Job', true],
    ['Pod', true],
    ['ConfigMap', false],
    ['ClusterRole', false],
  ])('that is a %s is waited for: %j', (kind, expected) => {
    expect(hooksFrom(rendered('a', { kind })).map(({ desired }) => runsToAnEnd(desired))).toEqual([expected]);
  });
});

describe('the time to live of a finished Job', () => {
  const job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'a' },
    spec: { ttlSecondsAfterFinished: 0, backoffLimit: 1 },
  };

  it('is left out until its outcome is known', () => {
    expect(withoutTimeToLive(job)['spec']).toEqual({ backoffLimit: 1 });
  });

  it('leaves every other object as it is', () => {
    const without = { ...job, spec: { backoffLimit: 1 } };
    expect(withoutTimeToLive(without)).toBe(without);
  });
});
