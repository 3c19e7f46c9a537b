import { describe, expect, it } from 'vitest';
import type { FieldDiff, ObjectDiff } from '../../../shared/drift/object-diff.ts';
import { readable } from '../../../shared/drift/readable.ts';

const object: ObjectDiff = {
  ...{ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'acme', name: 'colors', change: 'modified', fields: [] },
  message: 'color differs',
};
const told = (of: Partial<ObjectDiff>, summary = 'differs') =>
  readable({ reason: 'Drifted', revision: 'main@sha1:9f2c', summary, objects: [{ ...object, ...of }] });
const toldOf = (fields: readonly FieldDiff[]) => told({ fields: [...fields] }).objects[0];

describe('what is told of a divergence', () => {
  it('is as it was found where it is short', () => {
    const divergence = { reason: 'Drifted', revision: 'r', summary: 'differs', objects: [object] } as const;
    expect(readable(divergence)).toEqual(divergence);
  });

  it('has messages of a line, whatever Helm, a webhook or an event writes in them', () => {
    const event = {
      object: 'Pod acme/web',
      reason: 'Failed',
      message: '\u001b[31mno\u001b[0m\nimage',
      count: 1,
      last: 't',
    };
    const { summary, objects } = told(
      { message: `denied: ${'x'.repeat(3_112)}`, why: { object: 'Pod acme/web', reason: 'Failed', event } },
      '\u001b[31mError\u001b[0m: chart\nis wrong',
    );
    expect(summary).toBe(String.raw`\u001b[31mError\u001b[0m: chart is wrong`);
    expect(objects[0]?.message).toMatch(/^denied: x{992}… \(3120 characters\)$/);
    expect(objects[0]?.why?.event?.message).toBe(String.raw`\u001b[31mno\u001b[0m image`);
  });

  it('shows of long values the beginning, says how long they are, and names which', () => {
    const [field] = toldOf([{ path: '/data/a', desired: 'a'.repeat(3_120), observed: 'b' }])?.fields ?? [];
    expect(field).toEqual({
      path: '/data/a',
      desired: `${'a'.repeat(500)}… (3120 characters)`,
      observed: 'b',
      omitted: ['desired'],
    });
  });

  it('shows of two long values that begin alike what differs', () => {
    const alike = 'x'.repeat(2_000);
    const [field] =
      toldOf([{ path: '/data/a', desired: `${alike}red${alike}`, observed: `${alike}blue${alike}` }])?.fields ?? [];
    expect(field?.desired).toMatch(/^…x{100}redx+… \(4003 characters\)$/);
    expect(field?.observed).toMatch(/^…x{100}bluex+… \(4004 characters\)$/);
  });

  it('shows of large lists and maps the beginning of their JSON', () => {
    const list = Array.from({ length: 500 }, (_, index) => ({ name: `port-${index}` }));
    const [field] = toldOf([{ path: '/spec/ports', desired: list }])?.fields ?? [];
    expect(field?.desired).toMatch(/^\[\{"name":"port-0"\},.+… \(\d+ characters\)$/);
  });

  it('lists a hundred fields of an object, and counts the others', () => {
    const fields = Array.from({ length: 10_000 }, (_, index) => ({ path: `/data/${index}`, desired: 'x' }));
    expect(toldOf(fields)?.fields).toHaveLength(100);
    expect(toldOf(fields)?.omittedFields).toBe(9_900);
  });

  it('cuts nothing twice', () => {
    const fields = [{ path: '/data/a', desired: 'a'.repeat(3_120), observed: 'ab'.repeat(3_120) }];
    const once = told({ fields, message: 'x'.repeat(5_000) });
    expect(readable(once)).toEqual(once);
  });
});
