import { describe, expect, it } from 'vitest';
import { reasonOfAbsence, reasonOfLostLink, tellable } from '../../../../shared/adapters/git/unwritable.ts';

const reason = (
  path: string,
  {
    folder = '',
    kind = 'file',
    isTwice = false,
  }: { folder?: string; kind?: 'file' | 'folder' | 'submodule'; isTwice?: boolean } = {},
) => reasonOfAbsence({ entry: { path, kind }, folder, isTwice });

describe('an entry of a tree', () => {
  it.each(['a', '.hidden', 'with space', 'ü', 'a'.repeat(255), 'line\nbreak', '...'])(
    'called %j is brought to disk',
    (name) => {
      expect(reason(name, { folder: 'm' })).toBeUndefined();
    },
  );

  it.each<[string, string | undefined, RegExp]>([
    ['..', '%..%', /has the name "\.\."/],
    ['.', '%.%', /has the name/],
    ['', '%%', /has the name ""/],
    ['.git', '.git', /has the name/],
    ['.GIT', '.GIT', /has the name/],
    ['a/../../b.yaml', 'a%2F..%2F..%2Fb.yaml', /has the name/],
    ['a\\b.yaml', 'a%5Cb.yaml', /has the name/],
    ['ü'.repeat(128), 'ü'.repeat(128), /has a name of 256 bytes, more than the 255 that a disk holds/],
  ])('called %j is left out, and told as one part of its path, %j', (name, told, said) => {
    expect(reason(name, { folder: 'm' })).toMatch(said);
    expect(tellable(name)).toBe(told);
  });

  it('is left out below 256 folders, and beyond 3,000 bytes', () => {
    const folders = (count: number, name = 'a') => Array.from({ length: count }, () => name).join('/');
    expect(reason('f', { folder: folders(255) })).toBeUndefined();
    expect(reason('f', { folder: folders(256), kind: 'folder' })).toMatch(/has a path of 513 bytes and 257 parts/);
    expect(reason('f', { folder: folders(12, 'y'.repeat(249)) })).toMatch(/has a path of 3001 bytes and 13 parts/);
    expect(reason('', { folder: 'm' })).toBeDefined();
  });

  it('is left out where it is a submodule, or is there twice', () => {
    expect(reason('lib', { kind: 'submodule' })).toMatch(/^is a submodule, .*commit the files themselves/);
    expect(reason('lib', { isTwice: true })).toMatch(/is in its folder twice/);
  });
});

describe('a symbolic link', () => {
  it.each(['a', '../..', '/etc', 'x'.repeat(4_095)])('may lead to %s', (target) =>
    expect(reasonOfLostLink(Buffer.from(target))).toBeUndefined(),
  );
  it.each<[string, RegExp]>([
    ['', /without a target/],
    ['a\0b', /NUL byte/],
    ['x'.repeat(4_096), /4096 bytes, more than the 4095/],
  ])('may not lead to what no disk holds (%#)', (target, said) =>
    expect(reasonOfLostLink(Buffer.from(target))).toMatch(said),
  );
});
