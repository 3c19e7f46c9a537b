import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../../shared/drift/fingerprint.ts';
import { parseJson } from '../../../shared/objects/exact-json.ts';
import type { JsonObject, KubernetesObject, ManagedFieldsEntry } from '../../../shared/objects/kubernetes-object.ts';
import { recorded } from './recorded.ts';

const printsOf = (name: string) => {
  const { applied, observed } = recorded(name);
  return [fingerprint(applied), fingerprint(observed)];
};

describe('the fingerprint of an object as a real API server recorded it', () => {
  it.each([
    { what: 'its status changes', name: 'deployment-rolled-out' },
    { what: 'somebody annotates it', name: 'deployment-annotated-by-kubectl' },
    { what: 'somebody scales it, and Git does not say how many', name: 'deployment-scaled-by-kubectl' },
    { what: 'somebody restarts its pods', name: 'deployment-restarted-by-kubectl' },
    {
      what: 'somebody else applies a field with the value it has',
      name: 'config-map-key-taken-over-with-the-same-value',
    },
  ])('stays where $what', ({ name }) => {
    const [applied, observed] = printsOf(name);
    expect(applied).toMatch(/^[0-9a-f]{32}$/);
    expect(observed).toBe(applied);
  });

  it.each([
    { what: 'another manager takes a field over with another value', name: 'deployment-image-set-by-kubectl' },
    { what: 'a label is removed', name: 'deployment-label-removed' },
    { what: 'two init containers change places', name: 'deployment-init-containers-swapped' },
    { what: 'the data of a Secret is overwritten', name: 'secret-overwritten-by-kubectl' },
    { what: 'an annotation is changed', name: 'config-map-annotation-changed-by-two' },
  ])('changes where $what', ({ name }) => {
    const [applied, observed] = printsOf(name);
    expect(observed).toMatch(/^[0-9a-f]{32}$/);
    expect(observed).not.toBe(applied);
  });

  it('has the value that memories hold since the first version', () => {
    const names = ['deployment-rolled-out', 'deployment-init-containers-swapped', 'secret-overwritten-by-kubectl'];
    expect(names.map((name) => printsOf(name)[1])).toEqual([
      'b89d383288cd2ccbd7bb2f26329a33b0',
      '70b10fdb48aaa5e313ec5db33377094c',
      '0891dce8a0925f24cfaf95b915c8cc72',
    ]);
  });

  it('is unknown where somebody cleared managedFields', () => {
    expect(printsOf('deployment-managed-fields-cleared')).toEqual([expect.any(String), undefined]);
  });

  it('covers values, not only who owns them', () => {
    const { applied } = recorded('deployment-rolled-out');
    const text = JSON.stringify(applied).replaceAll('shop:1.4.2', 'shop:1.4.3');
    expect(fingerprint(parseJson(text) as KubernetesObject)).not.toBe(fingerprint(applied));
  });

  it('covers who owns a field, not only its value', () => {
    const { applied, observed } = recorded('secret-overwritten-by-kubectl');
    expect(fingerprint({ ...observed, data: applied['data'] })).not.toBe(fingerprint(applied));
  });
});

describe('the fingerprint', () => {
  const own: ManagedFieldsEntry = { manager: 'converge', operation: 'Apply', apiVersion: 'example.com/v1' };
  const object = (
    fieldsV1: JsonObject,
    spec: unknown,
    entries: readonly ManagedFieldsEntry[] = [],
  ): KubernetesObject => ({
    apiVersion: 'example.com/v1',
    kind: 'Tariff',
    metadata: { name: 'basic', managedFields: [...entries, { ...own, fieldsV1 }] },
    spec,
  });
  const ports: JsonObject = {
    'f:spec': {
      'f:ports': {
        'k:{"port":53,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
        'k:{"port":53,"protocol":"UDP"}': { '.': {}, 'f:port': {} },
      },
    },
  };
  const tcp = { port: 53, protocol: 'TCP' };
  const udp = { port: 53, protocol: 'UDP' };

  it('does not depend on the order in which managedFields lists the fields', () => {
    const [one, other]: JsonObject[] = [{ 'f:spec': { 'f:a': {}, 'f:b': {} } }, { 'f:spec': { 'f:b': {}, 'f:a': {} } }];
    expect(fingerprint(object(one ?? {}, { a: 1, b: 2 }))).toBe(fingerprint(object(other ?? {}, { b: 2, a: 1 })));
  });

  it('covers the order of the items of a keyed list', () => {
    expect(fingerprint(object(ports, { ports: [tcp, udp] }))).not.toBe(
      fingerprint(object(ports, { ports: [udp, tcp] })),
    );
  });

  it('does not cover the place of an item that is not ours', () => {
    const other = { port: 80, protocol: 'TCP' };
    expect(fingerprint(object(ports, { ports: [tcp, other, udp] }))).toBe(
      fingerprint(object(ports, { ports: [tcp, udp] })),
    );
  });

  it('covers the members of a set, and whether they are there', () => {
    const set: JsonObject = { 'f:spec': { 'f:tags': { 'v:"a"': {}, 'v:"b"': {} } } };
    expect(fingerprint(object(set, { tags: ['a', 'b'] }))).toBe(fingerprint(object(set, { tags: ['a', 'b', 'c'] })));
    expect(fingerprint(object(set, { tags: ['a', 'b'] }))).not.toBe(fingerprint(object(set, { tags: ['a'] })));
  });

  it('covers an atomic list and an empty map as a whole', () => {
    const fields: JsonObject = { 'f:spec': { 'f:args': {}, 'f:selector': {} } };
    const prints = [
      { args: ['a', 'b'], selector: {} },
      { args: ['b', 'a'], selector: {} },
      { args: ['a', 'b'], selector: { app: 'web' } },
    ].map((spec) => fingerprint(object(fields, spec)));
    expect(new Set(prints).size).toBe(3);
  });

  it('tells a number from its digits, and two integers that one double stands for', () => {
    const fields: JsonObject = { 'f:spec': { 'f:id': {} } };
    const ids = ['9007199254740993', '9007199254740992', '"9007199254740993"'];
    const prints = ids.map((id) => fingerprint(object(fields, parseJson(`{"id":${id}}`))));
    expect(new Set(prints).size).toBe(3);
  });

  it('holds in one API version only', () => {
    const fields: JsonObject = { 'f:spec': { 'f:id': {} } };
    const inV2 = {
      ...object(fields, { id: 1 }),
      metadata: { managedFields: [{ ...own, apiVersion: 'example.com/v2', fieldsV1: fields }] },
    };
    expect(fingerprint(inV2)).not.toBe(fingerprint(object(fields, { id: 1 })));
  });

  it.each([
    { what: 'of the status', entry: { ...own, subresource: 'status' } },
    { what: 'of the scale', entry: { ...own, subresource: 'scale' } },
    { what: 'of an update under our name', entry: { ...own, operation: 'Update' as const } },
    { what: 'of another manager', entry: { ...own, manager: 'converge-released' } },
  ])('is not taken from an entry $what', ({ entry }) => {
    const foreign = { ...entry, fieldsV1: { 'f:spec': { 'f:other': {} } } };
    const fields: JsonObject = { 'f:spec': { 'f:id': {} } };
    expect(fingerprint(object(fields, { id: 1, other: 2 }, [foreign]))).toBe(fingerprint(object(fields, { id: 1 })));
    expect(fingerprint({ ...object(fields, { id: 1 }), metadata: { managedFields: [foreign] } })).toBeUndefined();
  });

  it('is unknown for an object without managedFields', () => {
    expect(fingerprint({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })).toBeUndefined();
  });
});
