import { chmod, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { lookAt, namesIn, readWhole } from '../../../cli/local-files.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-files-'));
  await writeFile(join(folder, 'a'), 'a');
  await symlink('loop', join(folder, 'loop'));
});

describe('a path', () => {
  it.each(['missing', 'a/below-a-file', 'missing/below'])('%s where nothing is, is not there', async (path) => {
    await expect(lookAt(join(folder, path), { called: path })).rejects.toMatchObject({
      exit: 2,
      subject: path,
      problem: 'is not there',
      remedy: undefined,
    });
    await expect(readWhole(join(folder, path))).rejects.toMatchObject({ problem: 'is not there' });
    await expect(namesIn(join(folder, path))).rejects.toMatchObject({ problem: 'is not there' });
  });

  it('that cannot be looked at is not said to be absent', async () => {
    await expect(lookAt(join(folder, 'loop/x'), { called: 'loop/x' })).rejects.toMatchObject({
      exit: 2,
      subject: 'loop/x',
      problem: 'cannot be read: ELOOP: too many symbolic links encountered',
    });
    await expect(readWhole(folder)).rejects.toMatchObject({
      problem: 'cannot be read: EISDIR: illegal operation on a directory',
    });
  });

  it('that may not be read says so, and what to do', async () => {
    await mkdir(join(folder, 'closed'));
    await writeFile(join(folder, 'closed/a'), 'a');
    await chmod(join(folder, 'closed'), 0);
    await withoutRoot(async () => {
      const refused = {
        exit: 2,
        problem: 'cannot be read: EACCES: permission denied',
        remedy: expect.stringContaining('read it'),
      };
      await expect(lookAt(join(folder, 'closed/a'))).rejects.toMatchObject(refused);
      await expect(readWhole(join(folder, 'closed/a'))).rejects.toMatchObject(refused);
      await expect(namesIn(join(folder, 'closed'))).rejects.toMatchObject(refused);
    });
  });
});

/** Root may read everything. */
async function withoutRoot(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}
