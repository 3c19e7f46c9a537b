import { describe, expect, it } from 'vitest';
import type { FieldDiff, ObjectDiff } from '../../../shared/drift/object-diff.ts';
import { convergedSchema, diffSchema, encodeAlert, type Converged, type Diff } from '../../../shared/events/alert.ts';
import { boundedAlert, boundedDiff, largestAlert } from '../../../shared/events/bounded-alert.ts';
import { diff } from '../memory/transitions/states.ts';

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

function objectOf(name: string, fields: readonly FieldDiff[], message = 'differs'): ObjectDiff {
  return { apiVersion: 'v1', kind: 'ConfigMap', name, change: 'modified', message, fields: [...fields] };
}
const named = (count: number, fields: readonly FieldDiff[]) =>
  Array.from({ length: count }, (_, index) => objectOf(`object-${index}`, fields));
const many = (count: number, value: string): FieldDiff[] =>
  Array.from({ length: count }, (_, index) => ({ path: `/data/${index}`, desired: value, observed: 'x' }));
const of = (objects: readonly ObjectDiff[], rest: Partial<Diff> = {}): Diff => ({
  ...diff,
  objects: [...objects],
  ...rest,
});

describe('an alert that is larger than receivers take', () => {
  it('is as it was found where it is not', () => {
    const large = of(named(50, many(1, 'x'.repeat(15_000))));
    expect(sizeOf(large)).toBeLessThan(largestAlert);
    expect(boundedDiff(large)).toBe(large);
  });

  it('says which values are left out of it', () => {
    const fields = [
      { path: '/data/a', desired: 'a'.repeat(largestAlert), observed: 'b'.repeat(largestAlert) },
      { path: '/data/c', desired: 'c'.repeat(3_000), observed: 'd' },
      { path: '/data/e', desired: 'e' },
    ];
    const [object] = boundedDiff(of([objectOf('colors', fields)])).objects;
    expect(object?.fields).toEqual([
      { path: '/data/a', omitted: ['desired', 'observed'] },
      { path: '/data/c', observed: 'd', omitted: ['desired'] },
      { path: '/data/e', desired: 'e' },
    ]);
    expect(object?.omittedFields).toBeUndefined();
  });

  it('counts the fields that are left out of an object, and no other object goes short for it', () => {
    const { objects, omitted } = boundedDiff(
      of([objectOf('large', many(30_000, 'y')), objectOf('small', many(1, 'z'))]),
    );
    const [large, small] = objects;
    expect((large?.fields.length ?? 0) + (large?.omittedFields ?? 0)).toBe(30_000);
    expect(large?.fields.length).toBeGreaterThan(100);
    expect(small).toEqual(objectOf('small', many(1, 'z')));
    expect(omitted).toBe(0);
  });

  it('counts the objects that are left out', () => {
    const cut = boundedDiff(of(named(500, many(20, 'x'.repeat(1_000))), { omitted: 7 }));
    expect(cut.objects.length + cut.omitted).toBe(507);
    expect(cut.objects.length).toBeGreaterThan(50);
    expect(cut.objects).toEqual(boundedDiff(of(named(500, many(20, 'x'.repeat(1_000))), { omitted: 7 })).objects);
  });

  it.each<[string, Diff]>([
    ['values', of(named(50, many(9, 'x'.repeat(700_000))))],
    // Each takes six bytes of JSON, or three of UTF-8.
    ['characters that are written as escapes', of(named(50, many(9, '\u0001'.repeat(9_000))))],
    ['characters of several bytes', of(named(50, many(9, '日'.repeat(9_000))))],
    ['fields', of(named(50, many(5_000, 'x')))],
    ['paths', of(named(50, [{ path: `/data/${'x'.repeat(100_000)}` }]))],
    ['messages', of(Array.from({ length: 50 }, () => objectOf('colors', [], '\u0001'.repeat(300_000))))],
    ['objects', of(named(20_000, []))],
    ['names', of([objectOf('x'.repeat(2_000_000), [])])],
    [
      'a summary',
      of([], { summary: 'x'.repeat(2_000_000), cluster: 'y'.repeat(2_000_000), revision: 'z'.repeat(9e6) }),
    ],
    [
      'a cause',
      of([], {
        cause: {
          commit: 'e',
          subject: 's'.repeat(2_000_000),
          author: 'a',
          artifact: null,
          build: null,
          restores: null,
        },
      }),
    ],
  ])('of %s, is no larger than that, is one still, and is cut no further', (_what, large) => {
    const cut = boundedDiff(large);
    expect(sizeOf(large)).toBeGreaterThan(largestAlert);
    expect(sizeOf(cut)).toBeLessThanOrEqual(largestAlert);
    expect(diffSchema.parse(JSON.parse(JSON.stringify(cut)))).toEqual(JSON.parse(JSON.stringify(cut)));
    expect(boundedDiff(cut)).toBe(cut);
  });

  it('counts the changed fields that it leaves out, before it leaves out objects', () => {
    const changedFields = Array.from({ length: 20 }, (_, at) => ({
      path: `/${at}`,
      before: 'x'.repeat(500),
      after: 'y'.repeat(500),
    }));
    const changed = { since: 'r', inputs: ['charts/shop'], fields: changedFields, omittedFields: 3 };
    const objects = named(50, []).map((object) => ({ ...object, changed }));
    const cut = boundedDiff(of(objects));
    expect(sizeOf(of(objects))).toBeGreaterThan(largestAlert);
    expect(cut.objects).toHaveLength(50);
    expect(cut.objects[0]?.changed).toEqual({ since: 'r', inputs: ['charts/shop'], fields: [], omittedFields: 23 });
  });

  it('cuts no character in two', () => {
    const { summary } = boundedDiff(of([], { summary: `${'x'.repeat(1_999)}${'😀'.repeat(600_000)}` }));
    expect(summary.isWellFormed()).toBe(true);
  });

  it('of a convergence is cut, too', () => {
    const cause = {
      commit: 'e',
      subject: 's'.repeat(2_000_000),
      author: null,
      artifact: null,
      build: null,
      restores: null,
    };
    const { environment, repository, cluster, revision } = diff;
    const data: Converged = {
      ...{
        environment,
        repository,
        cluster,
        revision,
        cause,
        incident: null,
        occurrence: null,
        since: null,
        seconds: 1,
      },
      ...{ changes: { created: 0, configured: 0, unchanged: 1, pruned: 0 }, policy: null },
    };
    const cut = boundedAlert({ topic: 'converged', data }).data;
    expect(sizeOf(cut)).toBeLessThan(largestAlert);
    expect(convergedSchema.parse(cut)).toEqual(cut);
  });

  it('is published under the id of what is to be told, cut', () => {
    const large = of(named(50, many(9, 'x'.repeat(700_000))));
    const at = new Date('2026-11-21T01:00:00Z');
    const small = of(named(50, many(9, 'x')));
    const { id, data } = encodeAlert({ topic: 'diff', data: large }, at);
    expect(id).toBe(encodeAlert({ topic: 'diff', data: small }, at).id);
    expect(sizeOf(data)).toBeLessThanOrEqual(largestAlert);
  });
});
