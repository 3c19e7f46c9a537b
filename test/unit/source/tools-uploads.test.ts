import { describe, expect, it } from 'vitest';
import { admitEntry, layOutArchive } from '../../../shared/source/archive.ts';
import { isOfTools, safePath, targetOf } from '../../../shared/source/artifact.ts';
import { refusalIfAny } from '../../refusal.ts';

describe('an object that a tool makes for itself', () => {
  it.each([
    {
      name: 'gcloud/tmp/parallel_composite_uploads/see_gcloud_storage_cp_help_for_details/x_big.tgz_0',
      bytes: 1_000_000,
    },
    { name: '/gsutil/tmp/parallel_composite_uploads/for_details_see/gsutil_help_cp/abc/big_0', bytes: 5 },
    { name: 'config/', bytes: 0 },
    { name: 'config_$folder$', bytes: 0 },
  ])('is passed over: $name', (object) => {
    expect(isOfTools(object)).toBe(true);
  });

  it.each([
    { name: 'config/gcloud/tmp/parallel_composite_uploads/a', bytes: 1 },
    { name: 'gcloud/tmp/notes.txt', bytes: 1 },
    { name: 'config_$folder$', bytes: 7 },
    { name: 'config/', bytes: 7 },
    { name: 'config/empty.yaml', bytes: 0 },
  ])('is not what only looks alike: $name', (object) => {
    expect(isOfTools(object)).toBe(false);
  });
});

describe('a path', () => {
  const refusal = (path: string): string => refusalIfAny(() => safePath({ path, subject: 's' }))?.message ?? '';

  it('may have 1,000 bytes and 100 parts, and not more', () => {
    expect(refusal(`${'a'.repeat(199)}/`.repeat(4) + 'a'.repeat(200))).toBe('');
    expect(refusal(`${'é'.repeat(99)}/`.repeat(5) + 'a'.repeat(10))).toContain('is longer than 1000 bytes');
    expect(refusal(Array.from({ length: 100 }, () => 'a').join('/'))).toBe('');
    expect(refusal(Array.from({ length: 101 }, () => 'a').join('/'))).toContain('has more than 100 parts');
    expect(refusal('a/'.repeat(1_000_000)).length).toBeLessThan(500);
  });

  it('is checked with the ending of an archive off', () => {
    expect(targetOf({ bucket: 'b', name: 'charts/shop.tgz', generation: '1' })).toEqual({
      kind: 'group',
      path: 'charts/shop',
    });
  });
});

describe('an archive of macOS', () => {
  const names = [
    './._shop',
    './shop/._Chart.yaml',
    './shop/Chart.yaml',
    './__MACOSX/shop/._values.yaml',
    './shop/values.yaml',
    './shop/templates/._web.yaml',
    './shop/templates/web.yaml',
  ];

  it('is its files, and the chart that it packs', () => {
    const limits = { bytes: 1000, files: 100 };
    const files = names.flatMap((name) => {
      const admitted = admitEntry({
        entry: { name, type: 'file', bytes: 1, mode: 0o644 },
        tally: { files: 0, bytes: 0 },
        limits,
        subject: 's',
      });
      return admitted.kind === 'file' ? [{ path: admitted.path, blob: 'b', executable: false }] : [];
    });
    expect(layOutArchive({ files, subject: 's' }).map(({ path }) => path)).toEqual([
      'Chart.yaml',
      'templates/web.yaml',
      'values.yaml',
    ]);
  });
});
