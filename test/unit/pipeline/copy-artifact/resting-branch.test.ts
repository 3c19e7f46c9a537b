import { expect, it } from 'vitest';
import type { CheckedUpload } from '../../../../shared/pipeline/copy-artifact/content.ts';
import { judgeDoubt } from '../../../../shared/pipeline/copy-artifact/in-doubt.ts';
import type { Commit, Repository } from '../../../../shared/ports/git.ts';
import { commitId, repositoryWith } from '../ports.ts';

const day = 86_400_000;
const uploadedAt = Date.parse('2026-11-23T08:00:00Z');

/**
 * A branch of two commits: x.txt is `one`, which an upload then brought once more, and so changed nothing; later
 * somebody made it `two`. The ledger is lost.
 */
async function judge({ base, theirs }: { base: number; theirs: number }): Promise<string> {
  const commit = (digit: string, at: number, parents: string[]): Commit => ({
    ...{ id: commitId(digit), tree: commitId(digit), message: 'By hand', parents },
    committedAt: new Date(uploadedAt + at),
  });
  const first = commit('a', base, []);
  const head = commit('b', theirs, [first.id]);
  const blobs: Record<string, string> = { [first.id]: '1'.repeat(40), [head.id]: '2'.repeat(40) };
  const repository: Repository = {
    ...repositoryWith({ files: {} }),
    // As the adapter does: what looks older than `since`, with nothing younger behind it, is left out.
    history: async (range) => {
      const since = 'since' in range ? range.since.getTime() : Number.NEGATIVE_INFINITY;
      return [head, first].filter(({ committedAt }) => committedAt.getTime() >= since);
    },
    findCommit: async (id) => [head, first].find((one) => one.id === id),
    entry: async ({ commit: at, path }) => ({ path, id: blobs[at] ?? '', kind: 'file' }),
  };
  const upload: CheckedUpload = {
    live: { bucket: 'b', name: 'x.txt', generation: '1', createdAt: new Date(uploadedAt), bytes: 3, metadata: {} },
    destination: { kind: 'file', path: 'x.txt' },
    files: [{ path: 'x.txt', blob: '1'.repeat(40), executable: false }],
  };
  return (await judgeDoubt({ upload, last: undefined, head, repository })).verdict;
}

it.each([
  ['(control) an hour before, and theirs an hour after', -day / 24, day / 24],
  ['(control) an hour before, and theirs a minute after', -day / 24, day / 1440],
  ['on Friday, and theirs an hour after', -3 * day, day / 24],
  ['on Friday, and theirs a minute after', -3 * day, day / 1440],
  ['on Friday, and theirs on Saturday, pushed after', -3 * day, -1.5 * day],
])('an upload that was in Git is not taken for new where the branch moved %s', async (_how, base, theirs) => {
  expect(await judge({ base, theirs })).not.toBe('new');
});
