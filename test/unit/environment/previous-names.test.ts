import { describe, expect, it } from 'vitest';
import { massRemoval, mayBeRenamed, previousNamesIn } from '../../../shared/environment/previous-names.ts';

const file = (name: string, previousNames: readonly string[] = []): readonly [string, string] => [
  name,
  JSON.stringify({
    apiVersion: 'converge.dev/v1',
    kind: 'Environment',
    metadata: { name, previousNames },
    spec: { cluster: 'a', namespace: 'a', sources: [{ manifests: 'm' }] },
  }),
];

describe('the previous names of the environments of a commit', () => {
  it('are claimed by the files that say so', () => {
    const { claims } = previousNamesIn(new Map([file('new', ['old', 'older']), file('other', ['old']), file('plain')]));
    expect([...claims]).toEqual([
      ['old', ['new', 'other']],
      ['older', ['new']],
    ]);
  });

  it('may be claimed by a file that cannot be read, and then nobody knows', () => {
    const previousNames = previousNamesIn(new Map([file('plain'), ['broken', 'metadata: { previousNames: [old] ']]));
    expect(mayBeRenamed({ name: 'old', previousNames })).toBe(true);
    expect(mayBeRenamed({ name: 'another', previousNames })).toBe(false);
  });

  it.each([
    ['in UTF-16', Buffer.from('metadata: { previousNames: [old] }', 'utf16le').toString('utf8')],
    ['in Latin-1', Buffer.from('# für\nmetadata: { previousNames: [old] }', 'latin1').toString('utf8')],
    ['stored with Git LFS', `version https://git-lfs.github.com/spec/v1\noid sha256:${'4d'.repeat(32)}\nsize 12\n`],
  ])('may be claimed by a file that is %s, whichever they are', (_what, text) => {
    expect(mayBeRenamed({ name: 'old', previousNames: previousNamesIn(new Map([['broken', text]])) })).toBe(true);
  });
});

describe('environment files that are gone', () => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `e${index}`);

  it('are taken for removed up to half of all, and whatever their share of fewer than ten', () => {
    expect(massRemoval({ known: names(10), removed: names(5) })).toBeUndefined();
    expect(massRemoval({ known: names(9), removed: names(9) })).toBeUndefined();
  });

  it('are taken for lost beyond half of ten or more', () => {
    expect(massRemoval({ known: names(10), removed: names(6) })).toContain(
      'the files of 6 of 10 environments are gone at once',
    );
  });
});
