import { expect, it } from 'vitest';
import { originOf } from '../../../../shared/pipeline/common/origin.ts';
import type { Repository } from '../../../../shared/ports/git.ts';
import { repositoryWith } from '../ports.ts';

const id = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const raw = Buffer.from(`tree ${id}\nauthor Converge <converge@example.com> 1 +0000\n\nx\n`);

async function authorOf(message: string): Promise<string | null> {
  const repository: Repository = { ...repositoryWith({ files: {} }), rawCommit: async () => raw };
  const commit = { id, tree: id, parents: [], message, committedAt: new Date(0) };
  return (await originOf({ repository, commit, paths: ['charts'] })).author;
}

it('what was uploaded is by who is said to have uploaded it, and by nobody where that was not said', async () => {
  const copied = 'Copy charts/shop.tgz\n\nArtifact: gs://family-master/charts/shop.tgz#7\n';
  expect(await authorOf(`${copied}Uploaded-By: Ada <ada@example.com>\n`)).toBe('Ada <ada@example.com>');
  expect(await authorOf(copied)).toBeNull();
  expect(await authorOf('Copy other/x\n\nArtifact: gs://family-master/other/x#7\n')).toBeNull();
  expect(await authorOf('Change by hand\n')).toBe('Converge <converge@example.com>');
});
