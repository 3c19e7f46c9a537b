import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskCopies, maskText } from '../../../shared/drift/masking.ts';
import { contentsOf, copiesHider, copiesOf } from '../../../shared/drift/secret-values.ts';

const secretOf = (value: string) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'db' } },
  data: { value: Buffer.from(value).toString('base64') },
});
const hide = (value: string, text: string) => copiesHider(copiesOf(contentsOf([secretOf(value)])))(text);

const base64 = (value: string) => Buffer.from(value).toString('base64');
const copies: Readonly<Record<string, (value: string) => string>> = {
  'as it is': (value) => value,
  'in JSON': (value) => JSON.stringify(value).slice(1, -1),
  'in base64': base64,
  'in base64 without padding': (value) => base64(value).replace(/=+$/, ''),
  'in base64 for URLs': (value) => Buffer.from(value).toString('base64url'),
  'in base64 for URLs, padded': (value) => base64(value).replaceAll('+', '-').replaceAll('/', '_'),
  'in base64 of what stands in the Secret': (value) => base64(base64(value)),
};
/** Of what a text has around a copy, nothing may be a part of it. */
const value = (least: number, most: number) =>
  fc
    .string({ unit: 'grapheme', minLength: least, maxLength: most })
    .filter((text) => text.trim() === text && [...text].length >= least && text.length >= least)
    .filter((text) => !/[\r\n]/.test(text) && !/^(true|false|null|none)$/i.test(text) && text.isWellFormed());

describe('a value of a Secret that somebody copied', () => {
  it.each(Object.keys(copies))('is hidden wherever it stands, from eight characters on: %s', (how) => {
    fc.assert(
      fc.property(value(8, 40), fc.constantFrom('', 'x', '-', ' ', '"'), (secret, around) => {
        const copy = copies[how]?.(secret) ?? '';
        expect(hide(secret, `${around}${copy}${around}`)).not.toContain(copy);
      }),
    );
  });

  it.each(Object.keys(copies))('is hidden where it stands as a word, from four on: %s', (how) => {
    fc.assert(
      fc.property(value(4, 7), fc.constantFrom('', ' ', '"', ':', '@', '/', ',', '\n'), (secret, around) => {
        const copy = copies[how]?.(secret) ?? '';
        expect(hide(secret, `${around}${copy}${around}`)).not.toContain(copy);
      }),
    );
  });

  it('is hidden line by line, and text by text where it is JSON', () => {
    const file = 'user: acme\npassword: hunter2-hunter2\r\n  token: abcdefgh  \nx: 1\n';
    expect(hide(file, 'it says password: hunter2-hunter2!')).toBe('it says ***!');
    expect(hide(file, 'it says token: abcdefgh, and x: 1')).toBe('it says ***, and x: 1');
    expect(hide(file, `in ${base64('token: abcdefgh')}`)).toBe('in ***');
    const docker = JSON.stringify({ auths: { 'registry.example.com': { password: 'hunter2-hunter2' } } });
    expect(hide(docker, 'registry.example.com knows hunter2-hunter2')).toBe('registry.example.com knows ***');
  });

  it.each([
    ['redis', 'redis-0 of predis and redis_1'],
    ['redis', 'redis.example.com'],
    ['abc', 'abc'],
    ['true', 'true is "true"'],
    ['none', 'none'],
  ])('takes no part of another word, and nothing that all say: %s', (secret, text) => {
    expect(hide(secret, text)).toBe(text);
    if (/ |^[tn]/.test(text)) expect(maskText({ text, objects: [secretOf(secret)] })).toBe(text);
  });

  it.each(['redis', 'redis:6379', 'at redis.', '"\\nredis"', 'redis://x'])('is a word in %s', (text) => {
    expect(hide('redis', text)).toBe(text.replace('redis', '***'));
  });

  it('is hidden in whole where two values overlap', () => {
    const two = { ...secretOf(''), data: {}, stringData: { a: 'abcdefgh', b: 'efghijklmnop' } };
    expect(maskCopies({ value: 'x abcdefghijklmnop y', objects: [two] })).toBe('x *** y');
  });

  it('is hidden as a number and as a key, too', () => {
    expect(maskCopies({ value: { n: [47110815, 12] }, objects: [secretOf('47110815')] })).toEqual({ n: ['***', 12] });
    expect(maskCopies({ value: { 'hunter2-hunter2': 1 }, objects: [secretOf('hunter2-hunter2')] })).toEqual({
      '***': 1,
    });
  });

  it('leaves the words of a message that are a part of no word of it', () => {
    const blob = { ...secretOf(''), data: { blob: 'AAleavesBBnodesCC' } };
    expect(maskText({ text: 'a link leaves the nodes', objects: [blob] })).toBe('a link leaves the nodes');
  });
});
