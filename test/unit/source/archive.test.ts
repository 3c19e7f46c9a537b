import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config/config.ts';
import { admitEntry, archiveLimits, layOutArchive, type ArchivedFile } from '../../../shared/source/archive.ts';

const subject = 'gs://family-master/charts/shop.tgz#17';
const none = { files: 0, bytes: 0 };
const limits = { files: 3, bytes: 100 };
const file = (name: string, facts: { bytes?: number; mode?: number; type?: string } = {}) => {
  return { name, type: 'file', bytes: 1, mode: 0o644, ...facts };
};
const files = (...paths: string[]): ArchivedFile[] =>
  paths.map((path) => ({ path, blob: 'b'.repeat(40), executable: false }));
const pathsOf = (laidOut: readonly ArchivedFile[]) => laidOut.map(({ path }) => path);

describe('an entry of an archive', () => {
  it('is admitted with the path and the executable bit that its header gives', () => {
    expect(admitEntry({ entry: file('./bin/run', { mode: 0o755, bytes: 7 }), tally: none, limits, subject })).toEqual({
      kind: 'file',
      path: 'bin/run',
      executable: true,
      tally: { files: 1, bytes: 7 },
    });
  });

  it('is skipped where it is a folder', () => {
    for (const name of ['./', 'templates/']) {
      expect(admitEntry({ entry: file(name, { type: 'directory' }), tally: none, limits, subject })).toEqual({
        kind: 'skip',
      });
    }
  });

  it.each(['../up', '/etc/passwd', 'a/../../up', '.git/config', './../up'])(
    'is refused where its path is %s',
    (name) => {
      for (const type of ['file', 'directory']) {
        const attempt = () => admitEntry({ entry: file(name, { type }), tally: none, limits, subject });
        expect(attempt).toThrow(expect.objectContaining({ code: 'UnsafePath', subject }));
      }
    },
  );

  it.each(['symlink', 'link', 'character-device', 'block-device', 'fifo'])('is refused where it is a %s', (type) => {
    const attempt = () => admitEntry({ entry: file('a', { type }), tally: none, limits, subject });
    expect(attempt).toThrow(expect.objectContaining({ code: 'InvalidArchive' }));
  });

  it('is admitted at the limits and refused beyond them', () => {
    const tally = { files: 2, bytes: 90 };
    expect(admitEntry({ entry: file('a', { bytes: 10 }), tally, limits, subject }).kind).toBe('file');
    expect(() => admitEntry({ entry: file('a', { bytes: 11 }), tally, limits, subject })).toThrow(
      'unpacks to more than the 100 bytes',
    );
    expect(() => admitEntry({ entry: file('a'), tally: { ...tally, files: 3 }, limits, subject })).toThrow(
      'more than 3 files',
    );
  });
});

it('limits an archive by its packed size where that is stricter than the absolute limit', () => {
  const configured = configSchema.shape.limits.parse({ uploadBytes: 1000, unpackRatio: 10, uploadFiles: 5 });
  expect(archiveLimits({ packedBytes: 20, limits: configured })).toEqual({ bytes: 200, files: 5 });
  expect(archiveLimits({ packedBytes: 2000, limits: configured })).toEqual({ bytes: 1000, files: 5 });
});

describe('the layout of an archive', () => {
  it('is a packaged chart without its top folder', () => {
    expect(
      pathsOf(
        layOutArchive({ files: files('shop/values.yaml', 'shop/Chart.yaml', 'shop/templates/web.yaml'), subject }),
      ),
    ).toEqual(['Chart.yaml', 'templates/web.yaml', 'values.yaml']);
  });

  it.each([
    ['one top folder without Chart.yaml', ['shop/values.yaml']],
    ['a file beside the chart', ['README.md', 'shop/Chart.yaml']],
    ['a chart deeper down', ['charts/shop/Chart.yaml']],
    ['a chart at the top', ['Chart.yaml', 'templates/web.yaml']],
  ])('is kept as it is with %s', (_what, paths) => {
    expect(pathsOf(layOutArchive({ files: files(...paths), subject }))).toEqual(paths);
  });

  it.each([
    ['a path that comes twice', ['a', 'b', 'a'], 'holds "a" twice'],
    ['a path that is file and folder', ['a/b', 'a'], 'as a file and as a folder'],
    ['no file at all', [], 'holds no file'],
  ])('refuses %s', (_what, paths, reason) => {
    const attempt = () => layOutArchive({ files: files(...paths), subject });
    expect(attempt).toThrow(reason);
    expect(attempt).toThrow(expect.objectContaining({ code: 'InvalidArchive', disposition: 'refuse' }));
  });
});
