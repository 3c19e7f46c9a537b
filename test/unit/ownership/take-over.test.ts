import { describe, expect, it } from 'vitest';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import { keptByOthers, managedFieldsToWrite } from '../../../shared/ownership/take-over.ts';

const desired: KubernetesObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'acme', labels: { app: 'web' } },
  spec: { template: { spec: { containers: [{ name: 'web', image: 'shop:1', ports: [{ containerPort: 80 }] }] } } },
};
const entry = (manager: string, fieldsV1: JsonObject, rest: ManagedFieldsEntry = {}): ManagedFieldsEntry => ({
  ...{
    manager,
    operation: 'Update',
    apiVersion: 'apps/v1',
    time: '2026-11-21T01:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
  },
  ...rest,
});
const ours = (fieldsV1: JsonObject): ManagedFieldsEntry => entry('converge', fieldsV1, { operation: 'Apply' });
const metadata = (...names: string[]): JsonObject => ({
  'f:metadata': { 'f:labels': Object.fromEntries(names.map((name) => [`f:${name}`, {}])) },
});
const spec = (...names: string[]): JsonObject => ({
  'f:spec': Object.fromEntries(names.map((name) => [`f:${name}`, {}])),
});

function write(...managedFields: ManagedFieldsEntry[]): Record<string, JsonObject | undefined> | undefined {
  const written = managedFieldsToWrite({ desired, observed: { metadata: { managedFields } } });
  return written === undefined
    ? undefined
    : Object.fromEntries(
        written.map(({ manager, operation, fieldsV1 }) => [`${manager ?? ''} ${operation ?? ''}`, fieldsV1]),
      );
}

describe('the owners of an object that is adopted', () => {
  it.each([
    'kubectl-client-side-apply',
    'kubectl-create',
    'kubectl-edit',
    'kubectl',
    'helm',
    'kustomize-controller',
    'helm-controller',
    'argocd-controller',
  ])('give us what %s set beside metadata, and the metadata that Git specifies', (manager) => {
    expect(write(entry(manager, { ...metadata('app', 'team'), ...spec('paused') }))).toEqual({
      'converge Apply': { ...metadata('app'), ...spec('paused') },
      [`${manager} Update`]: metadata('team'),
    });
  });

  it('are left out where nothing is left to them', () => {
    expect(write(entry('helm', spec('paused')), entry('kubectl-edit', spec('minReadySeconds')))).toEqual({
      'converge Apply': spec('paused', 'minReadySeconds'),
    });
  });

  it('keep replicas and restarts that Git does not specify', () => {
    const restarted: JsonObject = {
      'f:spec': {
        'f:replicas': {},
        'f:template': { 'f:metadata': { 'f:annotations': { '.': {}, 'f:kubectl.kubernetes.io/restartedAt': {} } } },
      },
    };
    expect(write(entry('kubectl-rollout', restarted))?.['kubectl-rollout Update']).toEqual({
      'f:spec': {
        'f:replicas': {},
        'f:template': { 'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/restartedAt': {} } } },
      },
    });
  });

  it.each([
    ['another manager', entry('cert-manager-cainjector', spec('caBundle'))],
    ['whoever wrote before anybody was recorded', entry('before-first-apply', spec('volumeName'))],
    ['a write to a subresource', entry('kubectl', spec('replicas'), { subresource: 'scale' })],
    ['a manager with the name of a built-in property', entry('constructor', spec('paused'))],
  ])('stay as they are: %s', (_who, other) => {
    expect(write(other)).toBeUndefined();
  });

  it('stay where they speak of another API version than the rest', () => {
    const old = entry('kubectl-edit', spec('paused'), { apiVersion: 'apps/v1beta1' });
    expect(write(entry('helm', spec('minReadySeconds')), old)).toEqual({
      'converge Apply': spec('minReadySeconds'),
      'kubectl-edit Update': spec('paused'),
    });
  });

  it('are written in their API version where it is the only one', () => {
    const managedFields = [entry('helm', spec('paused'), { apiVersion: 'apps/v1beta1' })];
    expect(managedFieldsToWrite({ desired, observed: { metadata: { managedFields } } })).toMatchObject([
      { manager: 'converge', apiVersion: 'apps/v1beta1' },
    ]);
  });
});

describe('the owners of an object of ours', () => {
  const item: JsonObject = {
    'k:{"name":"web"}': {
      '.': {},
      'f:name': {},
      'f:image': {},
      'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
    },
  };
  const specified: JsonObject = {
    ...metadata('app'),
    'f:spec': { 'f:template': { 'f:spec': { 'f:containers': item } } },
  };

  it('stay as they are where they own only what Git specifies, defaulted keys of ports included', () => {
    expect(write(ours(specified), entry('kubectl-client-side-apply', specified))).toBeUndefined();
  });

  it('give us what kubectl added', () => {
    expect(write(ours(specified), entry('kubectl-patch', spec('paused')))?.['kubectl-patch Update']).toBeUndefined();
  });

  it('keep labels that kubectl added', () => {
    expect(write(ours(specified), entry('kubectl-label', metadata('team')))).toBeUndefined();
  });

  it.each(['kubectl-client-side-apply', 'helm', 'before-first-apply'])(
    'give us what Git specified before and %s owns, too: labels as well',
    (manager) => {
      const dropped: JsonObject = { ...metadata('tier'), ...spec('paused') };
      expect(write(ours(dropped), entry(manager, dropped))).toEqual({ 'converge Apply': dropped });
    },
  );

  it.each(['helm', 'argocd-controller', 'before-first-apply'])('keep what %s added since', (manager) => {
    expect(write(ours(specified), entry(manager, spec('paused')))).toBeUndefined();
  });

  it('get the replicas that Git drops, under a name that keeps them', () => {
    expect(write(ours(spec('replicas')))).toEqual({
      'converge Apply': spec('replicas'),
      'converge-released Update': spec('replicas'),
    });
  });
});

describe('the owners of what the environment ignores', () => {
  const ignored = [
    [
      { step: 'field', name: 'spec' },
      { step: 'field', name: 'paused' },
    ],
  ] as const;
  const writeIgnoring = (object: KubernetesObject, ...managedFields: ManagedFieldsEntry[]) => {
    const written = managedFieldsToWrite({ desired: object, observed: { metadata: { managedFields } }, ignored });
    return written === undefined
      ? undefined
      : Object.fromEntries(
          written.map(({ manager, operation, fieldsV1 }) => [`${manager ?? ''} ${operation ?? ''}`, fieldsV1]),
        );
  };

  it('get what is ours under a name that keeps it, beside what was released before', () => {
    expect(writeIgnoring(desired, ours(spec('paused')), entry('converge-released', spec('replicas')))).toEqual({
      'converge Apply': spec('paused'),
      'converge-released Update': spec('replicas', 'paused'),
    });
  });

  it.each(['kubectl-patch', 'helm'])('keep what %s wrote, whether the object is adopted or ours', (manager) => {
    expect(writeIgnoring(desired, entry(manager, spec('paused')))).toBeUndefined();
    expect(writeIgnoring(desired, ours(metadata('app')), entry(manager, spec('paused')))).toBeUndefined();
  });

  it("give back what is Git's again and then dropped, so that it goes", () => {
    expect(write(ours(spec('paused')), entry('converge-released', spec('paused', 'replicas')))).toEqual({
      'converge Apply': spec('paused'),
      'converge-released Update': spec('replicas'),
    });
  });
});

describe('a field that we gave up and that is still there', () => {
  const before = { metadata: { managedFields: [ours(spec('a', 'b'))] } };
  const after = (...others: ManagedFieldsEntry[]): KubernetesObject => ({
    ...desired,
    metadata: { managedFields: [ours(spec('a')), ...others] },
  });

  it('is kept by its other owner', () => {
    const other = entry('somebody', spec('b'));
    expect(keptByOthers({ before, after: after(other) })).toEqual([
      {
        path: [
          { step: 'field', name: 'spec' },
          { step: 'field', name: 'b' },
        ],
        entry: other,
      },
    ]);
  });

  it('is a default where nobody owns it', () => {
    expect(keptByOthers({ before, after: after() })).toEqual([]);
  });

  it('is ours under the name of what we released', () => {
    expect(keptByOthers({ before, after: after(entry('converge-released', spec('b'))) })).toEqual([]);
  });

  it.each(['kubectl-rollout', 'rancher'])(
    'is nobody else’s where it only holds what %s wrote to restart',
    (manager) => {
      const annotations = (fields: JsonObject): JsonObject => ({
        'f:spec': { 'f:template': { 'f:metadata': { 'f:annotations': fields } } },
      });
      const restart = { 'f:kubectl.kubernetes.io/restartedAt': {} };
      const was = { metadata: { managedFields: [ours({ ...annotations({ '.': {}, 'f:a': {} }) })] } };
      const restarted = entry(manager, annotations({ '.': {}, ...restart }));
      expect(keptByOthers({ before: was, after: after(restarted) })).toEqual([]);
      const regained = { metadata: { managedFields: [ours(annotations({ '.': {}, ...restart }))] } };
      expect(keptByOthers({ before: regained, after: after(restarted) })).toEqual([]);
      const more = entry(manager, annotations({ '.': {}, ...restart, 'f:b': {} }));
      expect(keptByOthers({ before: was, after: after(more) })).toMatchObject([{ entry: more }]);
    },
  );
});
