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
    ['what Docker keeps', JSON.stringify({ auths: { r: { auth: base64('bob:hunter2:hunter2') } } })],
    ['JSON in JSON', JSON.stringify({ a: JSON.stringify({ b: ['hunter2:hunter2'] }) })],
    ['JSON in base64 in JSON', JSON.stringify({ a: base64(JSON.stringify({ b: 'hunter2:hunter2' })) })],
    ['a text of JSON', '"hunter2:hunter2"'],
  ])('is hidden where it stands in %s', (_what, content) => {
    expect(hide(content, 'it says hunter2:hunter2!')).toBe('it says ***!');
  });

  it.each([
    ['JSON of ASCII alone', 'pässwört-🔑', 'p\\u00e4ssw\\u00f6rt-\\ud83d\\udd11'],
    ['YAML in quotes', "it's hunter2's", "it''s hunter2''s"],
  ])('is hidden in %s', (_what, secret, copy) => {
    expect(hide(secret, `at "${copy}".`)).toBe('at "***".');
  });

  it('is found at once, however many lines of a Secret begin alike', () => {
    const line = (prefix: string) => (_none: unknown, index: number) => `${prefix}${String(index).padStart(7, '0')}`;
    const hideLines = copiesHider(
      copiesOf(contentsOf([secretOf(Array.from({ length: 60_000 }, line('password=')).join('\n'))])),
    );
    const text = Array.from({ length: 12_000 }, line('password=Z')).join('\n');
    const began = performance.now();
    expect(hideLines(text)).toBe(text);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(hideLines('password=0012345, password=9')).toBe('***, password=9');
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
