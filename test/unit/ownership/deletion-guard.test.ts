import { describe, expect, it } from 'vitest';
import { applySetOf, hookOfLabel, idLabel, partOfLabel } from '../../../shared/inventory/applyset.ts';
import type {
  KubernetesObject,
  ManagedFieldsEntry,
  ObjectMetadata,
} from '../../../shared/objects/kubernetes-object.ts';
import { deletionRefusal, occupancyOf, type Purpose } from '../../../shared/ownership/deletion-guard.ts';

const ours = applySetOf({ repository: 'master', environment: 'shop', namespace: 'shop' });
const theirs = applySetOf({ repository: 'master', environment: 'globex', namespace: 'globex' });
/** Of another class, so that name and id are the same. */
const twin = applySetOf({ repository: 'staging', environment: 'shop', namespace: 'shop' });

const entry = (label: string): ManagedFieldsEntry => ({
  manager: 'converge',
  operation: 'Apply',
  apiVersion: 'v1',
  time: '2026-11-21T01:00:00Z',
  fieldsV1: {
    'f:metadata': { 'f:annotations': { 'f:converge.dev/environment': {} }, 'f:labels': { [`f:${label}`]: {} } },
  },
});
const byKubectl: ManagedFieldsEntry = {
  manager: 'kubectl-create',
  operation: 'Update',
  apiVersion: 'v1',
  time: '2026-11-20T01:00:00Z',
  fieldsV1: { 'f:data': {} },
};

function object({
  kind = 'ConfigMap',
  apiVersion = 'v1',
  status,
  ...metadata
}: { kind?: string; apiVersion?: string; status?: unknown } & ObjectMetadata): KubernetesObject {
  return {
    apiVersion,
    kind,
    metadata: { name: 'a', namespace: 'shop', ...metadata },
    ...(status === undefined ? {} : { status }),
  };
}
const marked = (
  label: string,
  of: typeof ours,
  more: { kind?: string; apiVersion?: string; annotations?: Record<string, string>; status?: unknown } = {},
): KubernetesObject =>
  object({
    ...more,
    labels: { [label]: of.id },
    annotations: { 'converge.dev/environment': of.environment, ...more.annotations },
    managedFields: [entry(label)],
  });

const member = (more = {}): KubernetesObject => marked(partOfLabel, ours, more);
const ofHook = (more = {}): KubernetesObject => marked(hookOfLabel, ours, more);
const job = { kind: 'Job', apiVersion: 'batch/v1' };
const ended = { status: { conditions: [{ type: 'Complete', status: 'True' }], succeeded: 1 } };

const now = new Date('2026-11-29T01:00:00Z');
const why = (asked: KubernetesObject, purpose: Purpose, more: { desired?: KubernetesObject; adopt?: boolean } = {}) =>
  deletionRefusal({ object: asked, applySets: [ours], purpose, now, ...more })?.why;

describe('an object may be deleted', () => {
  it.each<[string, KubernetesObject, Purpose]>([
    ['a member that Git no longer wants', member(), 'prune'],
    ['a member in whose place another one comes', member(), 'replace'],
    [
      'what our hooks made, by their policies, also those of the version before, whose objects do not name themselves',
      ofHook(),
      'hook',
    ],
    [
      'what our hooks made, and names itself',
      ofHook({ annotations: { 'converge.dev/object': '/ConfigMap/shop/a' } }),
      'hook',
    ],
    ['what our hooks left', ofHook(), 'leftover'],
    ['a member that has ended, and that a hook of its name follows', member({ ...job, ...ended }), 'hook'],
    [
      'the seed of an environment that is gone',
      object({
        kind: 'Secret',
        name: 'converge-shop-seed',
        annotations: { 'converge.dev/environment': 'master/shop' },
      }),
      'state',
    ],
    [
      'the inventory of one',
      object({
        name: 'converge-shop',
        labels: { [idLabel]: ours.id },
        annotations: { 'converge.dev/environment': 'master/shop' },
      }),
      'state',
    ],
    [
      'a seed that somebody restored without its annotation',
      object({ kind: 'Secret', name: 'converge-shop-seed' }),
      'state',
    ],
  ])('%s', (_what, asked, purpose) => {
    expect(why(asked, purpose)).toBeUndefined();
  });

  it('that Helm left, where the release is adopted and the Job or Pod has ended', () => {
    const left = object({
      ...job,
      ...ended,
      annotations: { 'helm.sh/hook': 'pre-install' },
      managedFields: [{ ...byKubectl, manager: 'helm' }],
    });
    expect(why(left, 'hook', { adopt: true })).toBeUndefined();
    expect(why(left, 'hook')).toBe('not-made');
    expect(why({ ...left, status: {} }, 'hook', { adopt: true })).toBe('not-made');
    expect(why({ ...left, apiVersion: 'v1', kind: 'Secret' }, 'hook', { adopt: true })).toBe('not-made');
    expect(why(object({ ...job, ...ended, managedFields: [byKubectl] }), 'hook', { adopt: true })).toBe('not-made');
  });
});

describe('nothing that this environment did not make is deleted', () => {
  it.each<[string, KubernetesObject, Purpose, string]>([
    [
      'by a hook that finds what a person made',
      object({ managedFields: [byKubectl] }),
      'hook',
      "was not made by this release's hooks (kubectl-create made it)",
    ],
    [
      'by a hook that finds an ordinary member',
      member(),
      'hook',
      "was not made by this release's hooks (converge made it)",
    ],
    [
      'by a hook that finds what copied its label',
      object({
        labels: { [hookOfLabel]: ours.id },
        annotations: { 'converge.dev/environment': 'master/shop' },
        managedFields: [byKubectl],
      }),
      'hook',
      "was not made by this release's hooks (kubectl-create made it)",
    ],
    [
      'in the place of which another one comes',
      object({ managedFields: [byKubectl] }),
      'replace',
      'was not made by this environment (kubectl-create made it)',
    ],
    [
      'that copied the label of its members',
      object({ labels: { [partOfLabel]: ours.id }, managedFields: [byKubectl] }),
      'prune',
      'was not made by this environment (kubectl-create made it)',
    ],
    ['that only a hook of it made', ofHook(), 'prune', 'was not made by this environment (converge made it)'],
    ['of nobody', object({}), 'state', 'is not what Converge keeps of an environment'],
  ])('%s', (_what, asked, purpose, message) => {
    expect(deletionRefusal({ object: asked, applySets: [ours], purpose, now })).toEqual({ why: 'not-made', message });
  });
});

describe("what is another environment's is never deleted", () => {
  const purposes = ['prune', 'replace', 'hook', 'leftover', 'state'] as const;
  it.each(purposes)('by %s, and is told by its name', (purpose) => {
    for (const asked of [
      marked(partOfLabel, theirs),
      marked(hookOfLabel, theirs),
      marked(partOfLabel, twin),
      marked(hookOfLabel, twin),
    ]) {
      expect(deletionRefusal({ object: asked, applySets: [ours], purpose, now })).toMatchObject({
        why: 'foreign',
        message: expect.stringMatching(/environment (master\/globex|staging\/shop)/),
      });
    }
  });

  it.each(purposes)('nor its inventory and seed, by %s', (purpose) => {
    const parent = object({
      name: 'converge-globex',
      labels: { [idLabel]: theirs.id },
      annotations: { 'converge.dev/environment': 'master/globex', 'converge.dev/prune': 'true' },
    });
    const seed = object({
      kind: 'Secret',
      name: 'converge-globex-seed',
      annotations: { 'converge.dev/environment': 'master/globex' },
    });
    for (const asked of [parent, seed])
      expect(deletionRefusal({ object: asked, applySets: [ours], purpose, now })).toMatchObject({
        message: expect.stringContaining('environment master/globex keeps of itself'),
      });
  });

  it.each(['prune', 'replace', 'hook', 'leftover'] as const)('nor its own inventory and seed, by %s', (purpose) => {
    const parent = object({
      name: 'converge-shop',
      labels: { [idLabel]: ours.id, [partOfLabel]: ours.id, [hookOfLabel]: ours.id },
      annotations: { 'converge.dev/environment': 'master/shop' },
      managedFields: [entry(partOfLabel), entry(hookOfLabel)],
    });
    expect(why(parent, purpose)).toBe('state');
    expect(
      why(
        object({
          kind: 'Secret',
          name: 'converge-shop-seed',
          annotations: { 'converge.dev/environment': 'master/shop' },
        }),
        purpose,
      ),
    ).toBe('state');
  });
});

describe.each([
  ['Namespace', 'v1'],
  ['PersistentVolumeClaim', 'v1'],
  ['PersistentVolume', 'v1'],
  ['CustomResourceDefinition', 'apiextensions.k8s.io/v1'],
])('a %s', (kind, apiVersion) => {
  const permission = (annotation: string) => ({ kind, apiVersion, annotations: { [annotation]: 'true' } });

  it.each(['prune', 'replace', 'hook', 'leftover'] as const)(
    'is not deleted by %s without its own permission',
    (purpose) => {
      const asked = { kind, apiVersion };
      expect(why(purpose === 'hook' || purpose === 'leftover' ? ofHook(asked) : member(asked), purpose)).toBe(
        'precious',
      );
    },
  );

  it('is pruned, and goes with its environment, where it says so', () => {
    expect(why(member(permission('converge.dev/prune')), 'prune')).toBeUndefined();
    expect(why(ofHook(permission('converge.dev/prune')), 'leftover')).toBeUndefined();
    expect(why(member(permission('converge.dev/replace')), 'prune')).toBe('precious');
  });

  it('is replaced, and makes room for a hook, where Git says so now', () => {
    expect(
      why(member({ kind, apiVersion }), 'replace', { desired: member(permission('converge.dev/replace')) }),
    ).toBeUndefined();
    expect(
      why(ofHook({ kind, apiVersion }), 'hook', { desired: ofHook(permission('converge.dev/replace')) }),
    ).toBeUndefined();
    expect(why(member(permission('converge.dev/prune')), 'replace')).toBe('precious');
  });
});

describe('what its annotations keep', () => {
  it('is not deleted where Git no longer wants it', () => {
    expect(why(member({ annotations: { 'converge.dev/prune': 'false' } }), 'prune')).toBe('kept');
    expect(why(ofHook({ annotations: { 'helm.sh/resource-policy': 'keep' } }), 'leftover')).toBe('kept');
  });

  it("goes by a hook's policy as with Helm, unless Converge's own annotation keeps it", () => {
    expect(why(ofHook({ annotations: { 'helm.sh/resource-policy': 'keep' } }), 'hook')).toBeUndefined();
    expect(why(ofHook({ annotations: { 'converge.dev/prune': 'false' } }), 'hook')).toBe('kept');
  });
});

describe('a Namespace stays', () => {
  const occupied = (...objects: KubernetesObject[]) =>
    occupancyOf({
      objects,
      applySets: [ours, applySetOf({ repository: 'master', environment: 'before', namespace: 'shop' })],
      how: 'lives in it',
    })?.message;

  it('with what is of another environment in it, which is named', () => {
    const lives = 'environment master/globex lives in it';
    expect(occupied(marked(partOfLabel, theirs))).toBe(`${lives} (ConfigMap shop/a)`);
    expect(occupied(marked(hookOfLabel, theirs))).toContain(lives);
    expect(
      occupied(
        object({
          name: 'converge-globex',
          labels: { [idLabel]: theirs.id },
          annotations: { 'converge.dev/environment': 'master/globex' },
        }),
      ),
    ).toContain(lives);
    expect(
      occupied(
        object({
          kind: 'Secret',
          name: 'converge-globex-seed',
          annotations: { 'converge.dev/environment': 'master/globex' },
        }),
      ),
    ).toContain(lives);
    expect(occupied(marked(partOfLabel, twin))).toContain('environment staging/shop lives in it');
    expect(occupied(object({ labels: { [partOfLabel]: 'applyset-of-another-tool-v1' } }))).toContain(
      'the ApplySet applyset-of-another-tool-v1 lives in it',
    );
  });

  it('with what this environment keeps of itself in it, but not with what it kept under a previous name', () => {
    const parent = (environment: string) =>
      object({
        name: 'converge',
        labels: { [idLabel]: ours.id },
        annotations: { 'converge.dev/environment': environment },
      });
    expect(occupied(parent('master/shop'))).toContain('holds what this environment keeps of itself');
    expect(occupied(parent('master/before'))).toBeUndefined();
  });

  it('for none of its own, and for nobody', () => {
    expect(
      occupied(member(), ofHook(), object({ kind: 'Secret', name: 'login', managedFields: [byKubectl] })),
    ).toBeUndefined();
  });
});
