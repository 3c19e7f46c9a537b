import { chmod, mkdtemp, symlink, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { packFolder } from '../../../cli/pack-folder.ts';
import { configSchema } from '../../../shared/config/config.ts';
import { writeFiles } from '../../write-files.ts';
import { environmentText } from '../pipeline/ports.ts';

const limits = configSchema.shape.limits.parse({});

async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'converge-pack-'));
  await writeFiles(folder, files);
  return folder;
}

const pack = async (folder: string, changed: Partial<typeof limits> = {}) =>
  packFolder({ folder, target: 'charts/shop', limits: { ...limits, ...changed } }).then(({ content }) => content);

describe('a packed folder', () => {
  it('is the same bytes whoever packs it, and whenever', async () => {
    const files = { 'b/c.yaml': 'c', 'a.yaml': 'a', 'B.yaml': 'B', '.gitignore': '*', run: '#!/bin/sh\n' };
    const one = await folderOf(files);
    const other = await folderOf(Object.fromEntries(Object.entries(files).toReversed()));
    await utimes(join(other, 'a.yaml'), 1, 1);
    await Promise.all([
      chmod(join(one, 'run'), 0o755),
      chmod(join(other, 'run'), 0o711),
      chmod(join(other, 'a.yaml'), 0o600),
    ]);
    expect((await pack(one)).equals(await pack(other))).toBe(true);
  });

  it('unpacks to all of its files, ignored ones too, of nobody and of no time', async () => {
    const packed = await pack(await folderOf({ 'a.yaml': 'a', '.gitignore': '*', 'b/c.yaml': 'c' }));
    const archive = extract();
    archive.end(gunzipSync(packed));
    const names: string[] = [];
    for await (const entry of archive) {
      const { type, name, mtime, uid, gid } = entry.header;
      names.push(`${type} ${name} ${mtime?.getTime()} ${uid} ${gid}`);
      entry.resume();
    }
    expect(names).toEqual(['file .gitignore 0 0 0', 'file a.yaml 0 0 0', 'file b/c.yaml 0 0 0']);
  });

  it.each([
    ['no file', {}, {}, /holds no file/],
    [
      'nothing but a chart, which would be unpacked without its folder',
      { 'web/Chart.yaml': 'name: web', 'web/a': 'a' },
      {},
      /holds nothing but the chart web/,
    ],
    ['more files than the pipeline takes', { a: 'a', b: 'b' }, { uploadFiles: 1 }, /more than 1 files/],
    ['more bytes than the pipeline takes', { a: 'aaa' }, { uploadBytes: 2 }, /larger than 2 bytes/],
    ['a repository', { '.git/config': '' }, {}, /reaches into \.git/],
  ])('is refused where it holds %s', async (_what, files, changed, words) => {
    await expect(pack(await folderOf(files), changed)).rejects.toThrow(words);
  });

  it('is refused where it holds a link', async () => {
    const folder = await folderOf({ a: 'a' });
    await symlink('a', join(folder, 'b'));
    await expect(pack(folder)).rejects.toThrow(/b: is a link/);
  });

  it('comes with a warning of each file that is meant as an environment file and will be ignored', async () => {
    const folder = await folderOf({ 'environments/acme.yaml': environmentText('acme'), 'a.yaml': 'kind: ConfigMap\n' });
    const { warnings } = await packFolder({ folder, target: 'deploy', limits });
    expect(warnings).toEqual([
      'deploy/environments/acme.yaml is ignored: an environment file lies directly in environments/',
    ]);
  });
});
