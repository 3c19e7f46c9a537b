import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admitEntry, layOutArchive } from '../../../shared/source/archive.ts';
import { safePath, targetOf } from '../../../shared/source/artifact.ts';
import { refusalIfAny } from '../../refusal.ts';
import { drawsMilliseconds } from '../../guards.ts';

/** Parts that somebody tries, and any others. */
const part = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '',
    '.git',
    '.GIT',
    '.g\u200cit',
    '\uff0egit',
    '.g\u0131t',
    'git~1',
    'GIT~2',
    '.git. .',
    '.git::$DATA',
    '.gitmodules',
    'C:',
    'con',
    'a',
    'A',
    'b.',
    'b ',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
);
const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('/'));

/** Written anew, on purpose: what no clone may find in a path, whatever the policy thinks. */
function expectHarmless(accepted: string): void {
  expect(accepted.startsWith('/')).toBe(false);
  expect(accepted.isWellFormed()).toBe(true);
  for (const name of accepted.split('/')) {
    expect(['', '.', '..']).not.toContain(name);
    expect([...name].some((character) => character === '\\' || character < ' ' || character === '\u007f')).toBe(false);
    expect(/[. ]$/.test(name)).toBe(false);
    expect(/^[a-z]:/i.test(name)).toBe(false);
    const folded = name
      .replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/g, '')
      .normalize('NFKC')
      .toLowerCase();
    expect(/^(\.git|git~\d+)([. ]|:|$)/.test(folded)).toBe(false);
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
  }
}

describe('whatever the name of an upload', () => {
  it(
    'its path is harmless, or refused',
    () => {
      fc.assert(
        fc.property(path, (name) => {
          const refusal = refusalIfAny(() => expectHarmless(safePath({ path: name, subject: 'x' })));
          if (refusal !== undefined) expect(refusal).toMatchObject({ code: 'UnsafePath', disposition: 'refuse' });
        }),
        { numRuns: 500 },
      );
    },
    drawsMilliseconds,
  );

  it(
    'its target is harmless, or refused',
    () => {
      fc.assert(
        fc.property(path, fc.constantFrom('', '.tgz', '.tar.gz'), (name, ending) => {
          refusalIfAny(() => expectHarmless(targetOf({ bucket: 'b', name: `${name}${ending}`, generation: '1' }).path));
        }),
        { numRuns: 500 },
      );
    },
    drawsMilliseconds,
  );
});

describe('whatever an archive says of its entries', () => {
  const type = fc.constantFrom(
    'file',
    'directory',
    'symlink',
    'link',
    'fifo',
    'character-device',
    'contiguous-file',
    'unknown',
    'sparse file',
  );
  const entry = fc.record({
    name: path,
    type,
    bytes: fc.oneof(fc.nat(2000), fc.double(), fc.constant(-1)),
    mode: fc.nat(0o7777),
  });

  it(
    'only plain files with harmless paths within the limits are admitted, and no two of them are one file',
    () => {
      fc.assert(
        fc.property(fc.array(entry, { maxLength: 8 }), (entries) => {
          const limits = { files: 5, bytes: 5000 };
          refusalIfAny(() => {
            let tally = { files: 0, bytes: 0 };
            const files: { path: string; blob: string; executable: boolean }[] = [];
            for (const one of entries) {
              const admission = admitEntry({ entry: one, tally, limits, subject: 'x' });
              if (admission.kind === 'skip') continue;
              expect(['file', 'contiguous-file']).toContain(one.type);
              expectHarmless(admission.path);
              tally = admission.tally;
              files.push({ path: admission.path, blob: '', executable: admission.executable });
            }
            expect(tally.files).toBeLessThanOrEqual(limits.files);
            expect(tally.bytes).toBeLessThanOrEqual(limits.bytes);
            const folded = layOutArchive({ files, subject: 'x' }).map((file) =>
              file.path.normalize('NFC').toLowerCase(),
            );
            expect(new Set(folded).size).toBe(folded.length);
          });
        }),
        { numRuns: 500 },
      );
    },
    drawsMilliseconds,
  );
});
