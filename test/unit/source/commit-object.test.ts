import { describe, expect, it } from 'vitest';
import { authorOf, parseCommit, parseTag } from '../../../shared/source/commit-object.ts';

const [tree, one, two] = ['1'.repeat(40), '2'.repeat(40), 'ab'.repeat(20)];
const start = `tree ${tree}\nparent ${one}\nparent ${two}\n`;
const good = 'Ada <ada@example.com> 1700000000 +0000';

function parse(text: string | Buffer) {
  return parseCommit(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
}

const commitWith = ({
  author = good,
  committer = good,
  more = '',
}: {
  author?: string;
  committer?: string;
  more?: string;
}): string => `${start}author ${author}\ncommitter ${committer}\n${more}\nm\n`;

describe('a commit that is odd', () => {
  it.each<[string, string, number]>([
    [
      'a name in Latin-1',
      commitWith({
        author: 'J\xfcrgen <j@x> 1700000000 +0200',
        committer: 'J\xfcrgen <j@x> 1700000000 +0200',
        more: 'encoding ISO-8859-1\n',
      }),
      1_700_000_000,
    ],
    ['no name', commitWith({ committer: '<a@x> 1700000000 +0000' }), 1_700_000_000],
    ['an empty name', commitWith({ committer: ' <a@x> 1700000000 +0000' }), 1_700_000_000],
    ['a zone of six digits', commitWith({ committer: 'A <a@x> 1700000000 +051800' }), 1_700_000_000],
    ['a zone of three digits', commitWith({ committer: 'A <a@x> 1700000000 -700' }), 1_700_000_000],
    ['no zone', commitWith({ committer: 'A <a@x> 1700000000' }), 1_700_000_000],
    ['a date far ahead', commitWith({ committer: 'A <a@x> 99999999999 +0000' }), 99_999_999_999],
    ['a date that no calendar has', commitWith({ committer: 'A <a@x> 99999999999999999999 +0000' }), 0],
    ['a date after the year 9999', commitWith({ committer: 'A <a@x> 999999999999 +0000' }), 0],
    ['a negative date', commitWith({ committer: 'A <a@x> -100 +0000' }), 0],
    ['no date', commitWith({ committer: 'A <a@x>' }), 0],
    ['no space before the address', commitWith({ committer: 'A<a@x> 1700000000 +0000' }), 1_700_000_000],
    ['an address in an address', commitWith({ committer: 'gh <Gregor<gh@x>> 1282910542 +0200' }), 1_282_910_542],
    ['no address', commitWith({ committer: 'A 1700000000 +0000' }), 0],
    ['no author', `${start}committer ${good}\n\nm\n`, 1_700_000_000],
    ['no committer', `${start}author ${good}\n\nm\n`, 0],
    ['neither', `${start}\nm\n`, 0],
    [
      'several authors',
      `${start}author ${good}\nauthor ${good}\ncommitter ${good}\ncommitter A <a@x> 5 +0000\n\nm\n`,
      1_700_000_000,
    ],
    ['lines that end as on Windows', commitWith({ author: `${good}\r`, committer: `${good}\r` }), 1_700_000_000],
    [
      'signatures and headers of others',
      commitWith({
        more: 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----\ngpgsig-sha256 x\nX-Unknown: yes\nHG:extra a\n',
      }),
      1_700_000_000,
    ],
    [
      'a merged tag',
      commitWith({
        more: `mergetag object ${one}\n type commit\n tag v1\n tagger ${good}\n \n v1\n committer B <b@x> 7 +0000\n`,
      }),
      1_700_000_000,
    ],
  ])('is read: %s', (_what, text, seconds) => {
    expect(parse(text)).toEqual({ tree, parents: [one, two], message: 'm\n', seconds });
  });

  it('has an empty message where it has none', () => {
    for (const text of [
      `tree ${tree}\nauthor ${good}\ncommitter ${good}\n`,
      `tree ${tree}\nauthor ${good}\ncommitter ${good}`,
      `tree ${tree}\nauthor ${good}\ncommitter ${good}\n\n`,
    ]) {
      expect(parse(text)).toMatchObject({ tree, parents: [], message: '' });
    }
  });

  it.each([
    ['ISO-8859-1', Buffer.from('Größe', 'latin1'), 'Größe'],
    ['latin1', Buffer.from('Größe', 'latin1'), 'Größe'],
    ['Shift_JIS', Buffer.from('93fa967b', 'hex'), '日本'],
    ['KLINGON', Buffer.from('Größe'), 'Größe'],
    ['UTF-16', Buffer.from('Artifact: gs://b/a#1'), 'Artifact: gs://b/a#1'],
    ['ucs-2', Buffer.from('Artifact: gs://b/a#1'), 'Artifact: gs://b/a#1'],
    ['hz-gb-2312', Buffer.from('plain'), 'plain'],
    ['', Buffer.from('Gr\xf6\xdfe', 'latin1'), 'Gr\ufffd\ufffde'],
  ])('shows its message as it can be: %s', (encoding, message, shown) => {
    const header = `${start}author ${good}\ncommitter ${good}\n${encoding === '' ? '' : `encoding ${encoding}\n`}\n`;
    expect(parse(Buffer.concat([Buffer.from(header), message]))).toMatchObject({ message: shown });
  });

  it('is read with a message of 4 MB and with 20,000 parents', () => {
    const message = 'a line of it\n'.repeat(320_000);
    expect(parse(`${commitWith({})}${message}`)).toMatchObject({ message: `m\n${message}` });
    expect(
      parse(`tree ${tree}\n${`parent ${one}\n`.repeat(20_000)}author ${good}\ncommitter ${good}\n\nm\n`),
    ).toMatchObject({ parents: { length: 20_000 } });
  });
});

describe('a commit that git cannot read either', () => {
  it.each([
    ['no bytes', '', 'names no tree'],
    ['no tree', `author ${good}\ncommitter ${good}\n\nm\n`, 'names no tree'],
    ['a short tree', `tree ${tree.slice(1)}\nauthor ${good}\n\nm\n`, 'names no tree'],
    ['a tree that is none', `tree ${'z'.repeat(40)}\nauthor ${good}\n\nm\n`, 'names no tree'],
    ['a tree of SHA-256', `tree ${tree}${tree.slice(16)}\nauthor ${good}\n\nm\n`, 'names no tree'],
    ['a first line that ends as on Windows', `tree ${tree}\r\nauthor ${good}\n\nm\n`, 'names no tree'],
    ['a line without an end', `tree ${tree}`, 'names no tree'],
    ['a parent that is none', `tree ${tree}\nparent ${one}\nparent x\nauthor ${good}\n\nm\n`, 'its parent 2'],
  ])('is told: %s', (_what, text, problem) => {
    expect(parse(text)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe('the author of a commit', () => {
  it.each<[string, string, string | undefined]>([
    [
      'is who made it',
      commitWith({ author: 'Ana Doe <ana@example.com> 1700000000 +0000' }),
      'Ana Doe <ana@example.com>',
    ],
    ['may have no name', commitWith({ author: '<ana@example.com> 1700000000 +0000' }), '<ana@example.com>'],
    ['may hold any bracket', commitWith({ author: 'A > B <a@x> 1700000000 +0000' }), 'A > B <a@x>'],
    ['may be nobody', `${start}committer ${good}\n\nm\n`, undefined],
    ['is not taken from the message', `${start}committer ${good}\n\nauthor ${good}\n`, undefined],
    ['may be very long', commitWith({ author: `${'a'.repeat(9_000)}> 1 +0000` }), `${'a'.repeat(199)}…`],
  ])('%s', (_what, text, expected) => {
    expect(authorOf(Buffer.from(text))).toBe(expected);
  });
});

describe('an author in another encoding', () => {
  const of = (encoding: string) =>
    authorOf(
      Buffer.from(commitWith({ author: 'J\xfcrgen <j@x> 1700000000 +0200', more: `encoding ${encoding}\n` }), 'latin1'),
    );

  it('is read as the commit says, and as far as it can be where that is wrong', () => {
    expect(of('ISO-8859-1')).toBe('Jürgen <j@x>');
    expect(of('windows-1251')).toBe('Jьrgen <j@x>');
    expect(of('nothing-that-is-known')).toBe('J\uFFFDrgen <j@x>');
  });
});

describe('an annotated tag', () => {
  it('is what it points to, whoever made it', () => {
    expect(parseTag(Buffer.from(`object ${one}\ntype commit\ntag v1\ntagger \xff\n\nm`, 'latin1'))).toEqual({
      object: one,
    });
    expect(parseTag(Buffer.from(`object ${one}\ntype tag\n`))).toEqual({ object: one });
  });

  it.each([
    ['type blob', `object ${one}\ntype blob\n`, 'a blob'],
    ['nothing', 'object x\ntype commit\n', 'points to nothing'],
    ['no type', `object ${one}\ntagger x\n`, 'points to nothing'],
  ])('is told where it is of %s', (_what, text, problem) => {
    expect(parseTag(Buffer.from(text))).toEqual({ problem: expect.stringContaining(problem) });
  });
});
