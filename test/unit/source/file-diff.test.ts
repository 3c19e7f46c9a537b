import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileDiff } from '../../../shared/source/file-diff.ts';

describe('the difference of two files', () => {
  it('is nothing where there is none', () => {
    expect(fileDiff({ path: 'a', before: 'x\n', after: 'x\n' })).toBe('');
  });

  it('is what diff -u says: lines that go, that come, and three around them', () => {
    const before = `${'abcdefghijklmnop'.split('').join('\n')}\n`;
    const after = before.replace('b\n', 'B\n').replace('o\n', '').replace('p\n', 'p');
    expect(fileDiff({ path: 'environments/a.yaml', before, after })).toBe(
      '--- a/environments/a.yaml\n+++ b/environments/a.yaml\n@@ -1,5 +1,5 @@\n a\n-b\n+B\n c\n d\n e\n' +
        '@@ -12,5 +12,4 @@\n l\n m\n n\n-o\n-p\n+p\n\\ No newline at end of file\n',
    );
  });

  it('is what git applies', () => {
    const folder = mkdtempSync(join(tmpdir(), 'file-diff-'));
    const text = fc
      .array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 12 })
      .map((lines) => lines.join('\n'))
      .filter((lines) => lines !== '');
    try {
      fc.assert(
        fc.property(text, text, (before, after) => {
          fc.pre(before !== after);
          writeFileSync(join(folder, 'f'), before);
          execFileSync('git', ['apply', '-'], { cwd: folder, input: fileDiff({ path: 'f', before, after }) });
          expect(execFileSync('cat', ['f'], { cwd: folder, encoding: 'utf8' })).toBe(after);
        }),
        { numRuns: 25 },
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
