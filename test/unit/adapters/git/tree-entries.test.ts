import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseTree,
  replaceEntries,
  serializeTree,
  type Outcome,
  type TreeItem,
} from '../../../../shared/adapters/git/tree-entries.ts';
import { pathBytes, pathFromBytes } from '../../../../shared/source/path-bytes.ts';

const [a, b] = ['a'.repeat(40), 'b'.repeat(40)];
const latin = (name: string): string => pathFromBytes(Buffer.from(name, 'latin1'));

/** `MODE NAME ID` with names in Latin-1. */
function tree(...entries: [mode: string, name: string, id: string][]): Buffer {
  return Buffer.concat(
    entries.map(([mode, name, id]) =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(id, 'hex')]),
    ),
  );
}

function itemsOf(content: Buffer): readonly TreeItem[] {
  const items = parseTree(content);
  if (items === undefined) throw new Error('no tree');
  return items;
}

const replaced = (content: Buffer, outcomes: Record<string, Outcome>): Buffer =>
  serializeTree(replaceEntries(itemsOf(content), new Map(Object.entries(outcomes))));

describe('a tree', () => {
  it('keeps every byte, whatever its names, modes and order are', () => {
    const name = fc
      .uint8Array({ minLength: 1, maxLength: 6 })
      .map((bytes) => Buffer.from(bytes.map((byte) => byte || 1)).toString('latin1'));
    const entry = fc.tuple(
      fc.constantFrom('100644', '100664', '100755', '100775', '120000', '40000', '040000', '160000', '0', '100600'),
      name,
      fc.constantFrom(a, b),
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const content = tree(...entries);
        expect(serializeTree(itemsOf(content))).toEqual(content);
      }),
      { numRuns: 2_000 },
    );
  });

  it('keeps all other entries where one is added, replaced or removed, in the place where git wants it', () => {
    const content = tree(
      ['40000', 'x', a],
      ['100664', 'x.y', a],
      ['100644', 'x\xfcn', a],
      ['100644', 'x\xfdn', b],
      ['040000', 'z', a],
    );
    expect(replaced(content, { new: { kind: 'file', id: b } })).toEqual(
      tree(
        ['100644', 'new', b],
        ['40000', 'x', a],
        ['100664', 'x.y', a],
        ['100644', 'x\xfcn', a],
        ['100644', 'x\xfdn', b],
        ['040000', 'z', a],
      ),
    );
    expect(replaced(content, { 'x.y': { kind: 'file', id: b }, z: { kind: 'folder', id: b } })).toEqual(
      tree(
        ['40000', 'x', a],
        ['100664', 'x.y', b],
        ['100644', 'x\xfcn', a],
        ['100644', 'x\xfdn', b],
        ['040000', 'z', b],
      ),
    );
    expect(replaced(content, { [latin('x\xfcn')]: undefined, y: { kind: 'folder', id: b } })).toEqual(
      tree(['40000', 'x', a], ['100664', 'x.y', a], ['100644', 'x\xfdn', b], ['40000', 'y', b], ['040000', 'z', a]),
    );
    expect(replaced(content, { x: { kind: 'file', id: b } })).toEqual(
      tree(
        ['100644', 'x', b],
        ['100664', 'x.y', a],
        ['100644', 'x\xfcn', a],
        ['100644', 'x\xfdn', b],
        ['040000', 'z', a],
      ),
    );
    expect(replaced(content, {})).toEqual(content);
  });

  it('sorts as git does: by bytes, a folder as if a slash followed', () => {
    const outcomes: Record<string, Outcome> = {};
    for (const name of ['a', 'a-b', 'a.b', 'ab', 'a0', 'B', '\u{1f600}', '\uffff', latin('\xfc')])
      outcomes[name] = { kind: name === 'a' ? 'folder' : 'file', id: a };
    const names = replaceEntries([], new Map(Object.entries(outcomes))).map(({ path }) => path);
    expect(names).toEqual(['B', 'a-b', 'a.b', 'a', 'a0', 'ab', '\uffff', '\u{1f600}', latin('\xfc')]);
  });

  it('takes modes for what git takes them', () => {
    const kinds = itemsOf(
      tree(
        ['100664', 'a', a],
        ['100775', 'b', a],
        ['100600', 'c', a],
        ['120000', 'd', a],
        ['040000', 'e', a],
        ['160000', 'f', a],
        ['0', 'g', a],
      ),
    ).map(({ kind }) => kind);
    expect(kinds).toEqual(['file', 'executable', 'file', 'symlink', 'folder', 'submodule', 'submodule']);
  });

  it('replaces a name that stands twice by one', () => {
    expect(
      replaced(tree(['100644', 'a', a], ['100644', 'a', b], ['100644', 'c', a]), { a: { kind: 'file', id: b } }),
    ).toEqual(tree(['100644', 'a', b], ['100644', 'c', a]));
  });

  it.each([
    ['half an id', tree(['100644', 'a', a]).subarray(0, -1)],
    ['no mode', tree(['', 'a', a])],
    ['a mode that is none', tree(['10x644', 'a', a])],
    ['no name', tree(['100644', '', a])],
    ['text', Buffer.from('hello')],
    ['no id', Buffer.from('100644 a\0')],
  ])('is none with %s', (_what, content) => {
    expect(parseTree(content)).toBeUndefined();
  });

  it('parses any bytes or refuses them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const items = parseTree(bytes);
        if (items !== undefined) expect(serializeTree(items)).toEqual(Buffer.from(bytes));
        for (const { path } of items ?? []) expect(pathFromBytes(pathBytes(path))).toBe(path);
      }),
      { numRuns: 5_000 },
    );
  });
});
