import { describe, expect, it } from 'vitest';
import { parsePath, type FieldPath } from '../../../shared/fields/field-path.ts';
import { desiredBeside, isIgnored, withoutIgnored } from '../../../shared/fields/ignored-fields.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';

const paths = (...texts: string[]): FieldPath[] =>
  texts.flatMap((text) => {
    const parsed = parsePath(text);
    return 'path' in parsed ? [parsed.path] : [];
  });
const container = (name: string, rest: Record<string, unknown> = {}) => ({ name, image: `${name}:1`, ...rest });
const pod = (spec: Record<string, unknown>, managedFields: readonly ManagedFieldsEntry[] = []): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', managedFields },
  spec,
});
const managed = (manager: string, fields: JsonObject): ManagedFieldsEntry => ({
  manager,
  operation: manager === 'converge' ? 'Apply' : 'Update',
  apiVersion: 'v1',
  fieldsV1: { 'f:spec': fields },
});
const specOf = (object: KubernetesObject) => object['spec'];

describe('a path', () => {
  it.each([
    ['/spec/ports[port=53]', '/spec/ports[port=53,protocol=UDP]/targetPort', true],
    ['/spec/ports[port="53"]', '/spec/ports[port=53,protocol=UDP]', true],
    ['/spec/ports[port=53,protocol=TCP]', '/spec/ports[port=53,protocol=UDP]', false],
    ['/spec/ports[name=dns]', '/spec/ports[port=53,protocol=UDP]', false],
    ['/spec/replicas', '/spec', false],
    ['/metadata/finalizers[="a"]', '/metadata/finalizers[="a"]', true],
    ['/metadata/finalizers[="a"]', '/metadata/finalizers[="b"]', false],
  ])('ignored by %s: %s → %s', (rule, path, ignored) => {
    expect(isIgnored({ path: paths(path)[0] ?? [], ignored: paths(rule) })).toBe(ignored);
  });
});

describe('an object without what is ignored', () => {
  it.each([
    { what: 'a field', spec: { a: 1, b: 2 }, rule: '/spec/a', rest: { b: 2 } },
    { what: 'a map, with all below it', spec: { a: { b: { c: 1 } }, d: 1 }, rule: '/spec/a', rest: { d: 1 } },
    { what: 'a map that becomes empty', spec: { a: { b: 1 }, d: 1 }, rule: '/spec/a/b', rest: { d: 1 } },
    {
      what: 'an item of a list',
      spec: { c: [container('a'), container('b')] },
      rule: '/spec/c[name=a]',
      rest: { c: [container('b')] },
    },
    { what: 'the only item', spec: { c: [container('a')], d: 1 }, rule: '/spec/c[name=a]', rest: { d: 1 } },
    {
      what: 'a field of an item',
      spec: { c: [container('a'), container('b')] },
      rule: '/spec/c[name=a]/image',
      rest: { c: [{ name: 'a' }, container('b')] },
    },
    {
      what: 'a port that leaves its protocol to the default',
      spec: { p: [{ port: 53, x: 1 }] },
      rule: '/spec/p[port=53,protocol=TCP]/x',
      rest: { p: [{ port: 53 }] },
    },
    {
      what: 'nothing, where that port has another protocol',
      spec: { p: [{ port: 53, x: 1 }] },
      rule: '/spec/p[port=53,protocol=UDP]/x',
      rest: { p: [{ port: 53, x: 1 }] },
    },
    {
      what: 'a place in a list, which stays',
      spec: { args: ['a', 'b', 'c'] },
      rule: '/spec/args/1',
      rest: { args: ['a', null, 'c'] },
    },
    { what: 'a member of a set', spec: { s: ['a', 'b'] }, rule: '/spec/s[="a"]', rest: { s: ['b'] } },
    { what: 'nothing, where there is none', spec: { a: 1 }, rule: '/spec/x/y', rest: { a: 1 } },
    { what: 'nothing, where the path leads through a text', spec: { a: 'x' }, rule: '/spec/a/b', rest: { a: 'x' } },
  ])('lacks $what', ({ spec, rule, rest }) => {
    expect(specOf(withoutIgnored(pod(spec), paths(rule)))).toEqual(rest);
  });
});

describe('an object that is there already is applied', () => {
  const keyed: JsonObject = {
    'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:image': {}, 'f:args': {} } },
    'f:replicas': {},
    'f:selector': {},
  };
  const applied = (options: {
    desired: Record<string, unknown>;
    observed: Record<string, unknown>;
    rule: string;
    own?: JsonObject;
    purpose?: 'apply' | 'verify';
  }) =>
    specOf(
      desiredBeside({
        desired: pod(options.desired),
        observed: pod(options.observed, [managed('converge', options.own ?? keyed), managed('somebody', keyed)]),
        ignored: paths(options.rule),
        purpose: options.purpose ?? 'apply',
      }),
    );

  it('without the field', () => {
    expect(applied({ desired: { replicas: 2, b: 1 }, observed: { replicas: 5 }, rule: '/spec/replicas' })).toEqual({
      b: 1,
    });
  });

  it('with the whole of an item that is new, a required field with it', () => {
    const desired = { containers: [container('a'), container('new')] };
    expect(
      applied({ desired, observed: { containers: [container('a')] }, rule: '/spec/containers[name=new]/image' }),
    ).toEqual(desired);
  });

  it('with the observed value where a list or map is owned as a whole', () => {
    const observed = { containers: [container('a', { args: ['x', 'y'] })], selector: { app: 'other' } };
    const desired = {
      containers: [container('a', { args: ['1', '2', '3'] })],
      selector: { app: 'web', tier: 'front' },
    };
    expect(applied({ desired, observed, rule: '/spec/containers[name=a]/args/1' })).toMatchObject({
      containers: [{ args: ['1', 'y', '3'] }],
    });
    expect(applied({ desired, observed, rule: '/spec/selector/app' })).toMatchObject({
      selector: { app: 'other', tier: 'front' },
    });
  });

  it('in a dry run with the observed value of what is ours still: left out, it would be reset there', () => {
    const options = {
      desired: { replicas: 2, b: 1 },
      observed: { replicas: 5 },
      rule: '/spec/replicas',
      purpose: 'verify' as const,
    };
    expect(applied(options)).toEqual({ replicas: 5, b: 1 });
    expect(applied({ ...options, own: { 'f:b': {} } })).toEqual({ b: 1 });
  });
});
