import { describe, expect, it } from 'vitest';
import {
  applySetOf,
  extentOf,
  extentOfParent,
  memberMarks,
  parentObject,
  namedAsBefore,
  parentSays,
  recordBeside,
  unionOf,
  type Extent,
} from '../../../shared/inventory/applyset.ts';

const applySet = applySetOf({ repository: 'master', environment: 'acme-production', namespace: 'acme' });
const emptyExtent: Extent = { groupKinds: [], additionalNamespaces: [] };
const id = (kind: string, group: string, namespace: string | undefined) => ({ group, kind, namespace, name: 'any' });

describe('the ApplySet of an environment', () => {
  it('has the id of KEP-3659: base64url of SHA-256 of <name>.<namespace>.<kind>.<group>', () => {
    // printf converge-acme-production.acme.ConfigMap. | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' |
    // tr -d =
    expect(applySet).toEqual({
      name: 'converge-acme-production',
      namespace: 'acme',
      id: 'applyset-I8wFPnSwQLCJ8WuZbLwNdKpgSLr6htL6SKcuuJu46o8-v1',
      environment: 'master/acme-production',
      deletion: 'release',
    });
  });

  it('has an id that is a label value', () => {
    expect(applySet.id).toMatch(/^[a-zA-Z0-9]([-a-zA-Z0-9_.]{0,61}[a-zA-Z0-9])?$/);
  });

  it('is another one in another namespace', () => {
    expect(applySetOf({ repository: 'master', environment: 'acme-production', namespace: 'other' }).id).not.toBe(
      applySet.id,
    );
  });

  it('marks its members', () => {
    expect(memberMarks(applySet)).toEqual({
      labels: { 'applyset.kubernetes.io/part-of': applySet.id },
      annotations: { 'converge.dev/environment': 'master/acme-production' },
      nameAnnotation: 'converge.dev/object',
    });
  });
});

describe('the extent of an inventory', () => {
  const extent = extentOf({
    ids: [
      id('Deployment', 'apps', 'acme'),
      id('ConfigMap', '', 'shared'),
      id('ConfigMap', '', 'acme'),
      id('Namespace', '', undefined),
      id('ConfigMap', '', 'data'),
    ],
    parentNamespace: 'acme',
  });

  it('names each kind and each further namespace once, sorted', () => {
    expect(extent).toEqual({
      groupKinds: ['ConfigMap', 'Deployment.apps', 'Namespace'],
      additionalNamespaces: ['data', 'shared'],
    });
  });

  it('of what may come and what may go covers both', () => {
    const gone = { groupKinds: ['Job.batch', 'ConfigMap'], additionalNamespaces: ['old'] };
    expect(unionOf(extent, gone)).toEqual({
      groupKinds: ['ConfigMap', 'Deployment.apps', 'Job.batch', 'Namespace'],
      additionalNamespaces: ['data', 'old', 'shared'],
    });
    expect(unionOf(emptyExtent, emptyExtent)).toEqual(emptyExtent);
  });

  it('survives the parent', () => {
    expect(extentOfParent(parentObject({ applySet, extent, record: undefined }))).toEqual(extent);
    expect(extentOfParent(parentObject({ applySet, extent: emptyExtent, record: undefined }))).toEqual(emptyExtent);
    expect(extentOfParent(undefined)).toEqual(emptyExtent);
  });

  it('is read from a parent that somebody wrote by hand', () => {
    // What can be no namespace is none.
    const annotations = {
      'applyset.kubernetes.io/contains-group-kinds': 'Secret,ConfigMap,,Secret',
      'applyset.kubernetes.io/additional-namespaces': 'shared,Not A/../Name,,-a',
    };
    expect(extentOfParent({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', annotations } })).toEqual({
      groupKinds: ['ConfigMap', 'Secret'],
      additionalNamespaces: ['shared'],
    });
  });
});

describe('the parent of an ApplySet', () => {
  const extent = { groupKinds: ['ConfigMap', 'Deployment.apps'], additionalNamespaces: ['shared'] };
  const record = { revision: 'main@sha1:9f2c', renderKey: '00ff' };
  const parent = parentObject({ applySet, extent, record });

  it('is what kubectl recognises as the set of another tool', () => {
    expect(parent).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'converge-acme-production',
        namespace: 'acme',
        labels: { 'applyset.kubernetes.io/id': applySet.id },
        annotations: {
          'applyset.kubernetes.io/tooling': 'converge/v1',
          'applyset.kubernetes.io/contains-group-kinds': 'ConfigMap,Deployment.apps',
          'applyset.kubernetes.io/additional-namespaces': 'shared',
          'converge.dev/environment': 'master/acme-production',
          'converge.dev/revision': 'main@sha1:9f2c',
          'converge.dev/render-key': '00ff',
        },
      },
    });
  });

  it('is not written again where it says the same, whatever others added', () => {
    const observed = {
      ...parent,
      metadata: { ...parent.metadata, uid: 'u', labels: { ...parent.metadata.labels, team: 'shop' } },
    };
    expect(parentSays({ observed, desired: parent })).toBe(true);
  });

  it('names its repository, without credentials, and is not written for that alone', () => {
    const { address } = applySetOf({
      repository: 'master',
      environment: 'acme-production',
      namespace: 'acme',
      url: 'https://converge:secret@git.example.com/acme/master.git',
    });
    const named = parentObject({ applySet: { ...applySet, address }, extent, record });
    expect(named.metadata.annotations).toMatchObject({
      'converge.dev/repository': 'https://git.example.com/acme/master',
    });
    expect(parentSays({ observed: parent, desired: named })).toBe(true);
  });

  it('keeps the revision that converged last while another one is applied, by which its owner is known', () => {
    expect(recordBeside(parent)).toEqual({ revision: 'main@sha1:9f2c' });
    expect(recordBeside(undefined)).toBeUndefined();
    expect(
      parentSays({ observed: parent, desired: parentObject({ applySet, extent, record: recordBeside(parent) }) }),
    ).toBe(false);
  });

  it.each([
    { what: 'there is none', observed: undefined },
    {
      what: 'the revision is another',
      observed: parentObject({ applySet, extent, record: { ...record, revision: 'main@sha1:1b7e' } }),
    },
    {
      what: 'the kinds are others',
      observed: parentObject({ applySet, extent: { ...extent, groupKinds: ['ConfigMap'] }, record }),
    },
    {
      what: 'a namespace is no longer covered',
      observed: parentObject({ applySet, extent: { ...extent, additionalNamespaces: [] }, record }),
    },
    { what: 'nothing is recorded', observed: parentObject({ applySet, extent, record: undefined }) },
    { what: 'its label was removed', observed: { ...parent, metadata: { ...parent.metadata, labels: {} } } },
  ])('is written where $what', ({ observed }) => {
    expect(parentSays({ observed, desired: parent })).toBe(false);
  });
});

describe('an object that is compared', () => {
  const object = (annotations: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', annotations },
  });
  const desired = object({ team: 'shop', 'converge.dev/object': '/ConfigMap//a' });

  it('is not told for the lack of its name, which the version before did not apply', () => {
    expect(namedAsBefore({ desired, observed: object({ team: 'shop' }) })).toEqual(object({ team: 'shop' }));
    expect(namedAsBefore({ desired, observed: object({ 'converge.dev/object': '/ConfigMap//b' }) })).toBe(desired);
  });
});
