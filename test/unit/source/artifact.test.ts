import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import {
  artifactUri,
  isSameOrNewer,
  parseArtifactUri,
  safePath,
  destinationOf,
} from '../../../shared/source/artifact.ts';

const named = (name: string) => ({ bucket: 'family-master', name, generation: '17' });

describe('what an object name means', () => {
  it('copies a plain object to the same path', () => {
    expect(destinationOf(named('charts/shop/values.yaml'))).toEqual({ kind: 'file', path: 'charts/shop/values.yaml' });
  });

  it.each(['charts/shop.tgz', 'charts/shop.tar.gz'])('takes %s for a group that replaces charts/shop', (name) => {
    expect(destinationOf(named(name))).toEqual({ kind: 'group', path: 'charts/shop' });
  });

  it.each(['notes.tar', 'notes.gz', 'notes.tgz.bak', 'notes.TGZ'])('takes %s for a plain file', (name) => {
    expect(destinationOf(named(name))).toEqual({ kind: 'file', path: name });
  });

  it.each(['.tgz', 'charts/.tgz', '../shop.tgz', 'charts/.git.tgz'])(
    'refuses the archive %s, whose folder is no safe path',
    (name) => {
      expect(() => destinationOf(named(name))).toThrow(
        expect.objectContaining({ code: 'UnsafePath', disposition: 'refuse' }),
      );
    },
  );
});

describe('a safe path', () => {
  it.each([
    ['/etc/passwd', 'is absolute'],
    ['../up', 'has a part ..'],
    ['a/../../up', 'has a part ..'],
    ['a/./b', 'has a part .'],
    ['a//b', 'has an empty part'],
    ['a/', 'has an empty part'],
    ['', 'has an empty part'],
    ['.git/hooks/post-checkout', 'reaches into .git'],
    ['a/.GIT/config', 'reaches into .git'],
    ['a/.git. ./config', 'reaches into .git'],
    ['a/GIT~1/config', 'reaches into .git'],
    ['a/.git::$INDEX_ALLOCATION/config', 'reaches into .git'],
    ['a/.g\u200cit/config', 'reaches into .git'],
    ['a\\..\\b', 'holds a backslash'],
    ['a\0b', 'holds a control character'],
    ['a\nb', 'holds a control character'],
    ['a\ud800', 'is not valid Unicode'],
    ['é'.repeat(128), 'has a part longer than 255 bytes'],
  ])('is not %j', (path, reason) => {
    const attempt = () => safePath({ path, subject: 'gs://family-master/x#1' });
    expect(attempt).toThrow(ConvergeError);
    expect(attempt).toThrow(reason);
  });

  it.each(['a', '.gitignore', '.github/ci.yaml', 'git/config', 'a..b/c', 'Übersicht/日本.yaml', 'a b/#1.yaml'])(
    'is %j',
    (path) => {
      expect(safePath({ path, subject: 'x' })).toBe(path);
    },
  );
});

describe('an artifact URI', () => {
  it.each(['charts/shop.tgz', 'odd#name#3', 'two  spaces.yaml'])('comes back whole for %j', (name) => {
    expect(parseArtifactUri(artifactUri(named(name)))).toEqual(named(name));
  });

  it.each(['gs://bucket/name', 'gs://bucket/name#x', 'gs://bucket#1', 's3://bucket/name#1', ''])('is not %j', (uri) => {
    expect(parseArtifactUri(uri)).toBeUndefined();
  });
});

it('compares generations beyond the precision of a double', () => {
  expect(isSameOrNewer({ generation: '9007199254740993', than: '9007199254740992' })).toBe(true);
  expect(isSameOrNewer({ generation: '9007199254740992', than: '9007199254740993' })).toBe(false);
  expect(isSameOrNewer({ generation: '100', than: '99' })).toBe(true);
});
