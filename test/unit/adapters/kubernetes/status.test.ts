import { describe, expect, it } from 'vitest';
import { failureIn } from '../../../../shared/adapters/kubernetes/status.ts';

const invalid = (causes: readonly { reason?: string; message: string; field: string }[]) => {
  const all = causes.map(({ field, message }) => `${field}: ${message}`);
  return {
    kind: 'Status',
    reason: 'Invalid',
    code: 422,
    message: `Job.batch "import" is invalid: ${all.length === 1 ? String(all[0]) : `[${all.join(', ')}]`}`,
    details: { causes },
  };
};
const messageOf = (body: unknown): string => failureIn({ body, text: JSON.stringify(body) }).message;
const dump = `core.PodTemplateSpec{ObjectMeta:v1.ObjectMeta{Labels:map[string]string{"app":"a: } field"}}, Spec:core.PodSpec{${'Volumes:[]core.Volume(nil), '.repeat(120)}}}`;

describe('a failure of the API server', () => {
  it('is told with the field and what is wrong with it, and without the value where that is a dump', () => {
    for (const value of [
      dump,
      JSON.stringify({ metadata: { labels: { a: 'x: "y"' } }, spec: 'z'.repeat(4_000) }),
      JSON.stringify('z'.repeat(4_000)),
    ]) {
      expect(
        messageOf(invalid([{ field: 'spec.template', message: `Invalid value: ${value}: field is immutable` }])),
      ).toBe('Job.batch "import" is invalid: spec.template: Invalid value: …: field is immutable');
    }
  });

  it('keeps a short value, which says what is meant', () => {
    const body = invalid([
      { field: 'spec.ports[0].port', message: 'Invalid value: 99999: must be between 1 and 65535, inclusive' },
      { field: 'type', message: 'Unsupported value: "nonsense": supported values: "array", "object"' },
    ]);
    expect(messageOf(body)).toBe(body.message);
  });

  it('has its causes counted where they are many, and cut where they are long, never within quotes', () => {
    const many = messageOf(
      invalid(Array.from({ length: 100 }, (_, at) => ({ field: `spec.a[${at}]`, message: 'Required value' }))),
    );
    expect(many).toContain('spec.a[7]: Required value, and 92 more]');
    const long = messageOf(
      invalid([{ field: 'spec', message: `Forbidden: ${'word '.repeat(95)}"${'secret '.repeat(100)}"` }]),
    );
    expect(long.length).toBeLessThan(600);
    expect(long).not.toContain('secret');
  });

  it('without causes is cut as well, and so is what is no status', () => {
    expect(
      messageOf({ message: `admission webhook "x" denied the request: ${'because '.repeat(1_000)}` }).length,
    ).toBeLessThan(600);
    expect(failureIn({ body: undefined, text: `<html>${' x'.repeat(5_000)}` }).message.length).toBeLessThan(600);
    expect(failureIn({ body: undefined, text: 'not found' })).toEqual({ reason: '', message: 'not found', causes: [] });
  });

  it('names the fields that it is about, for those that have to decide', () => {
    const body = {
      ...invalid([
        { reason: 'FieldValueInvalid', field: 'spec.template', message: `Invalid value: ${dump}: field is immutable` },
      ]),
    };
    expect(failureIn({ body, text: '' })).toMatchObject({
      reason: 'Invalid',
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.template' }],
    });
    expect(
      failureIn({ body: { message: 'denied', details: { causes: [{ message: 'denied' }] } }, text: '' }).causes,
    ).toEqual([]);
  });
});
