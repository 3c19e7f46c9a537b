import { describe, expect, it } from 'vitest';
import { parsePath } from '../../../../../shared/fields/field-path.ts';
import { edited, editTo, type Says } from '../../../../../shared/pipeline/act/accept/field-edit.ts';

const manifest = {
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', finalizers: ['a'] }, data: null },
  spec: { containers: [{ name: 'app', image: 'a:1', ports: [{ containerPort: 80 }] }], args: ['x', 'y'] },
};

function edit(path: string, observed: unknown, says: Says = 'object', document: unknown = manifest) {
  const parsed = parsePath(path);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return editTo(document, { path: parsed.path, observed }, says);
}

describe('the edit that brings a field to what was observed', () => {
  it.each([
    ['a field', '/metadata/name', 'shop', { path: ['metadata', 'name'], value: 'shop' }],
    ['one that is not there', '/metadata/labels/a', 'b', { path: ['metadata', 'labels'], value: { a: 'b' } }],
    ['one below nothing', '/data/v', '1', { path: ['data'], value: { v: '1' } }],
    ['one that goes', '/metadata/name', undefined, { path: ['metadata', 'name'], value: undefined }],
    ['one that is not there and goes', '/metadata/labels/a', undefined, 'nothing'],
    [
      'one of an item by its key',
      '/spec/containers[name=app]/image',
      'a:2',
      { path: ['spec', 'containers', 0, 'image'], value: 'a:2' },
    ],
    [
      'one of an item whose key the API server filled in',
      '/spec/containers[name=app]/ports[containerPort=80,protocol=TCP]/name',
      'http',
      { path: ['spec', 'containers', 0, 'ports', 0, 'name'], value: 'http' },
    ],
    [
      'an item that was added',
      '/spec/containers[name=log]',
      { name: 'log', image: 'l:1' },
      { path: ['spec', 'containers', 1], value: { name: 'log', image: 'l:1' } },
    ],
    [
      'an item that goes',
      '/spec/containers[name=app]',
      undefined,
      { path: ['spec', 'containers', 0], value: undefined },
    ],
    ['a member that was added', '/metadata/finalizers[="b"]', 'b', { path: ['metadata', 'finalizers', 1], value: 'b' }],
    ['a place of a list', '/spec/args/1', 'z', { path: ['spec', 'args', 1], value: 'z' }],
    ['a place that no list has', '/spec/args/7', 'z', undefined],
    ['what is below a text', '/apiVersion/a', 'z', undefined],
  ])('of a manifest is right for %s', (_what, path, observed, wanted) => {
    expect(edit(path, observed)).toEqual(wanted);
  });

  const patch = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } };
  it.each([
    ['a field', '/spec/replicas', 3, { path: ['spec'], value: { replicas: 3 } }],
    ['a field that goes', '/spec/replicas', undefined, { path: ['spec'], value: { replicas: null } }],
    [
      'one of an item by its key',
      '/spec/containers[name=app]/image',
      'a:2',
      { path: ['spec'], value: { containers: [{ name: 'app', image: 'a:2' }] } },
    ],
    [
      'an item that goes',
      '/spec/containers[name=app]',
      undefined,
      { path: ['spec'], value: { containers: [{ name: 'app', $patch: 'delete' }] } },
    ],
    ['a member that goes', '/metadata/finalizers[="b"]', undefined, undefined],
  ])('of a patch is right for %s', (_what, path, observed, wanted) => {
    expect(edit(path, observed, 'patch', patch)).toEqual(wanted);
  });

  it('leaves what it is made on as it was', () => {
    const before = structuredClone(manifest);
    const after = edited(manifest, { path: ['spec', 'containers', 0, 'image'], value: 'a:2' });
    expect(after).toMatchObject({ spec: { containers: [{ image: 'a:2', ports: [{ containerPort: 80 }] }] } });
    expect(edited(manifest, { path: ['spec', 'args', 0], value: undefined })).toMatchObject({ spec: { args: ['y'] } });
    expect(manifest).toEqual(before);
  });
});
