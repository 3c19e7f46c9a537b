import { describe, expect, it } from 'vitest';
import { applySetOf, parentObject, parentSays } from '../../../shared/inventory/applyset.ts';
import {
  areHooksDue,
  convergedRecord,
  dueHooks,
  hasFailed,
  isCompleted,
  readHookRecord,
  withCompleted,
  withFailed,
  withFinished,
  type DueHooks,
  type HookRecord,
  type ReleaseHooks,
} from '../../../shared/inventory/hook-record.ts';
import type { Hook, HookEvent, HookPhase } from '../../../shared/desired/hook.ts';

function hook(name: string, events: readonly HookEvent[]): Hook {
  const id = { group: 'batch', kind: 'Job', namespace: 'acme', name };
  const object = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: 'acme' } };
  return {
    release: 'shop',
    desired: { key: `batch/Job/acme/${name}`, id, object, hash: '', source: '' },
    events,
    weight: 0,
    deletePolicies: [],
  };
}
const account = hook('account', ['pre-install', 'pre-upgrade']);
const migrate = hook('migrate', ['pre-install', 'pre-upgrade']);
const announce = hook('announce', ['post-install']);
const shop = (key: string): ReleaseHooks => ({ release: 'shop', key, hooks: [account, migrate, announce] });
const eventsDue = (record: HookRecord, key: string, phase: HookPhase) =>
  dueHooks({ releases: [shop(key)], record, phase }).map(({ event, hooks }) => [
    event,
    ...hooks.map(({ desired }) => desired.id.name),
  ]);
const firstDue = (record: HookRecord, key: string): DueHooks =>
  dueHooks({ releases: [shop(key)], record, phase: 'pre' })[0]!;

describe('the hooks that are due', () => {
  it('are those of an install where the release never converged', () => {
    expect(eventsDue({}, 'k1', 'pre')).toEqual([['pre-install', 'account', 'migrate']]);
    expect(eventsDue({}, 'k1', 'post')).toEqual([['post-install', 'announce']]);
  });

  it('are those of an upgrade where it converged with other inputs', () => {
    expect(eventsDue({ shop: { converged: 'k1' } }, 'k2', 'pre')).toEqual([['pre-upgrade', 'account', 'migrate']]);
    expect(eventsDue({ shop: { converged: 'k1' } }, 'k2', 'post')).toEqual([]);
  });

  it('are none where it converged with these', () => {
    expect(areHooksDue({ releases: [shop('k1')], record: convergedRecord([shop('k1')]) })).toBe(false);
  });

  it('are none where it converged with these, and others were tried in vain since', () => {
    const tried = withFinished({
      record: { shop: { converged: 'k1' } },
      due: firstDue({ shop: { converged: 'k1' } }, 'k2'),
    });
    expect(areHooksDue({ releases: [shop('k1')], record: tried })).toBe(false);
  });

  it('of a phase that is through are none, until the inputs change', () => {
    const record = withFinished({ record: {}, due: firstDue({}, 'k1') });
    expect(eventsDue(record, 'k1', 'pre')).toEqual([]);
    expect(eventsDue(record, 'k1', 'post')).toHaveLength(1);
    expect(eventsDue(record, 'k2', 'pre')).toEqual([['pre-install', 'account', 'migrate']]);
  });

  it('of a release that is deleted are those of a deletion, once for each phase, whatever converged before', () => {
    const leaving = {
      ...shop('k1'),
      hooks: [
        hook('goodbye', ['pre-delete']),
        hook('migrate', ['pre-install', 'pre-upgrade']),
        hook('sweep', ['post-delete']),
      ],
    };
    const events = (record: HookRecord, phase: HookPhase) =>
      dueHooks({ releases: [leaving], record, phase, deleting: true });
    const [before] = events({ shop: { converged: 'k1' } }, 'pre');
    expect(before).toMatchObject({
      event: 'pre-delete',
      key: 'k1-delete',
      hooks: [{ desired: { id: { name: 'goodbye' } } }],
    });
    const through = withFinished({ record: { shop: { converged: 'k1' } }, due: before! });
    expect(events(through, 'pre')).toEqual([]);
    expect(events(through, 'post')).toMatchObject([{ event: 'post-delete' }]);
    // An installation that was cut short has not run them.
    const cutShort: HookRecord = { shop: { attempt: { key: 'k1', completed: [], finished: ['pre'] } } };
    expect(events(cutShort, 'pre')).toHaveLength(1);
  });

  it('of a release that left and comes back are those of an install', () => {
    expect(eventsDue(convergedRecord([]), 'k1', 'pre')[0]?.[0]).toBe('pre-install');
  });
});

describe('the record of hooks', () => {
  const due = firstDue({}, 'k1');
  const through = withCompleted({ record: {}, due, hook: account });

  it('knows which are through, for these inputs only', () => {
    expect(isCompleted({ record: through, due, hook: account })).toBe(true);
    expect(isCompleted({ record: through, due, hook: migrate })).toBe(false);
    expect(isCompleted({ record: through, due: firstDue({}, 'k2'), hook: account })).toBe(false);
  });

  it('knows which one failed, until it is through', () => {
    const failed = withFailed({ record: through, due, hook: migrate, again: [] });
    expect(hasFailed({ record: failed, due, hook: migrate })).toBe(true);
    expect(isCompleted({ record: failed, due, hook: account })).toBe(true);
    expect(hasFailed({ record: withCompleted({ record: failed, due, hook: migrate }), due, hook: migrate })).toBe(
      false,
    );
  });

  it('forgets what was deleted with the failure: the next attempt needs it', () => {
    const failed = withFailed({ record: through, due, hook: migrate, again: [account] });
    expect(isCompleted({ record: failed, due, hook: account })).toBe(false);
  });

  const applySet = applySetOf({ repository: 'master', environment: 'acme', namespace: 'acme' });
  const parent = (hooks?: HookRecord) =>
    parentObject({ applySet, extent: { groupKinds: [], additionalNamespaces: [] }, record: undefined, hooks });

  it('is what the parent says', () => {
    expect(readHookRecord(parent(through))).toEqual(through);
    expect(parentSays({ observed: parent(through), desired: parent(convergedRecord([shop('k1')])) })).toBe(false);
    expect(parentSays({ observed: parent(through), desired: parent(through) })).toBe(true);
  });

  it('is no annotation where there are no releases', () => {
    expect(parent({}).metadata.annotations).not.toHaveProperty('converge.dev/hooks');
  });

  it.each(['', 'nonsense', '[]', '{"shop":7}'])('%j is a lost one', (text) => {
    expect(
      readHookRecord({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { annotations: { 'converge.dev/hooks': text } },
      }),
    ).toBeUndefined();
    expect(readHookRecord(undefined)).toBeUndefined();
  });
});
