import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathBytes, pathFromBytes, shownPath } from '../../../shared/source/path-bytes.ts';

/** Bytes that are often nearly UTF-8. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'binary', maxLength: 3 }).map((text) => Uint8Array.from(Buffer.from(text))),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts));

describe('the path of any bytes', () => {
  it('gives the bytes back', () => {
    fc.assert(
      fc.property(bytes, (name) => pathBytes(pathFromBytes(name)).equals(name)),
      { numRuns: 5_000 },
    );
  });

  it('is the path that it spells where it is UTF-8, and no such path where it is not', () => {
    fc.assert(
      fc.property(bytes, (name) => {
        const path = pathFromBytes(name);
        const text = name.toString('utf8');
        const isText = Buffer.from(text).equals(name);
        expect(path.isWellFormed()).toBe(isText);
        if (isText) expect(path).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['ASCII', Buffer.from('config/a.yaml'), 'config/a.yaml'],
    ['UTF-8', Buffer.from('größe/😀'), 'größe/😀'],
    ['a byte order mark', Buffer.from('\ufeffa'), '\ufeffa'],
    ['a replacement character', Buffer.from('a\ufffdb'), 'a\ufffdb'],
    ['Latin-1', Buffer.from('config/xün', 'latin1'), '"config/x\\374n"'],
    ['a surrogate in UTF-8', Buffer.from('eda080', 'hex'), '"\\355\\240\\200"'],
    ['an overlong slash', Buffer.from('c0af', 'hex'), '"\\300\\257"'],
    ['the end of a character', Buffer.from('61e282', 'hex'), '"a\\342\\202"'],
    ['quotes beside a byte', Buffer.from('"\\\xff', 'latin1'), '"\\"\\\\\\377"'],
  ])('is shown as git shows it: %s', (_what, name, shown) => {
    expect(shownPath(pathFromBytes(name))).toBe(shown);
  });
});

it('takes a time that follows the length', () => {
  const name = Buffer.alloc(2_000_000, 0xff);
  expect(pathBytes(pathFromBytes(name)).equals(name)).toBe(true);
});
