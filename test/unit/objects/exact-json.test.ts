import { describe, expect, it } from 'vitest';
import { canonicalJson, hashJson } from '../../../shared/objects/canonical-json.ts';
import { exactNumber, parseJson } from '../../../shared/objects/exact-json.ts';

const roundTrip = (text: string) => JSON.stringify(parseJson(text));

describe('JSON with exact numbers', () => {
  it.each([
    '9007199254740993',
    '-9007199254740993',
    '18446744073709551615',
    '0.12345678901234567',
    '{"quota":[9223372036854775807,1]}',
    '{"id":"9007199254740993"}',
    '{"__proto__":9007199254740993}',
  ])('writes %s as it was read', (text) => {
    expect(roundTrip(text)).toBe(text);
  });

  it('keeps as a number what a double holds', () => {
    expect(parseJson('[1.0,1e3,9007199254740992,0.1,-0.5]')).toEqual([1, 1000, 2 ** 53, 0.1, -0.5]);
    expect(parseJson('{"port":8080,"big":9007199254740993}')).toMatchObject({ port: 8080 });
  });

  it('keeps strings of digits as strings', () => {
    expect(parseJson('["9007199254740993","0123456789012345678"]')).toEqual([
      '9007199254740993',
      '0123456789012345678',
    ]);
  });

  it('reads the two spellings of a number beside a large one as the same number', () => {
    expect(parseJson('[1.0,1e3,12345678901234567890]')).toMatchObject([1, 1000, {}]);
  });

  it('tells the digits of a number that it kept', () => {
    expect(exactNumber(parseJson('9007199254740993'))).toBe('9007199254740993');
    expect(exactNumber({ rawJSON: '9007199254740993' })).toBeUndefined();
    expect(exactNumber(7)).toBeUndefined();
  });

  it.each(['', '{', '{"a":01}', '[1,]'])('throws a SyntaxError for %o', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});

describe('canonical JSON', () => {
  it('does not depend on the order of keys, at any depth', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe(canonicalJson({ a: null, b: [{ c: 2, d: 1 }] }));
  });

  it('keeps the order of lists', () => {
    expect(hashJson(['a', 'b'])).not.toBe(hashJson(['b', 'a']));
  });

  it('leaves out what is undefined', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it('tells apart two integers that one double stands for', () => {
    expect(hashJson(parseJson('{"id":9007199254740993}'))).not.toBe(hashJson(parseJson('{"id":9007199254740992}')));
  });

  it('tells a number from its digits as a string', () => {
    expect(hashJson(parseJson('9007199254740993'))).not.toBe(hashJson('9007199254740993'));
  });
});
