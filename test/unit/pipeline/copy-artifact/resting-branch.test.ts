import { expect, it } from 'vitest';
import type { CheckedUpload } from '../../../../shared/pipeline/copy-artifact/content.ts';
import { judgeDoubt } from '../../../../shared/pipeline/copy-artifact/in-doubt.ts';
import type { Commit, Repository } from '../../../../shared/ports/git.ts';
import { revertMessage } from '../../../../shared/source/revert.ts';
import { commitId, repositoryWith } from '../ports.ts';

const day = 86_400_000;
const uploadedAt = Date.parse('2026-11-23T08:00:00Z');

const blobOf = (digit: string): string => digit.repeat(40);

interface Made {
  /** Milliseconds since the upload. */
  readonly at: number;
  /** What x.txt is from then on. */
  readonly content: string;
  readonly message?: string;
}

/** What is said of an upload of `1` to x.txt that made no commit, on a branch of these, once the ledger is lost. */
async function judge(made: readonly Made[]): Promise<string> {
  const commits = made.map(({ at, message = 'By hand' }, index): Commit => {
    const parents = index === 0 ? [] : [commitId(`${index}`)];
    const id = commitId(`${index + 1}`);
    return { ...{ id, tree: id, message, parents }, committedAt: new Date(uploadedAt + at) };
  });
  const head = commits.at(-1);
  if (head === undefined) throw new Error('a branch has commits');
  const blobs = new Map(commits.map(({ id }, index) => [id, made[index]?.content ?? '']));
  const repository: Repository = {
    ...repositoryWith({ files: {} }),
    // As the adapter does: what looks older than `since`, with nothing younger behind it, is left out.
    history: async (range) => {
      const since = 'since' in range ? range.since.getTime() : Number.NEGATIVE_INFINITY;
      return commits.toReversed().filter(({ committedAt }) => committedAt.getTime() >= since);
    },
    findCommit: async (id) => commits.find((one) => one.id === id),
    entry: async ({ commit: at, path }) => ({ path, id: blobs.get(at) ?? '', kind: 'file' }),
  };
  const upload: CheckedUpload = {
    live: { bucket: 'b', name: 'x.txt', generation: '1', createdAt: new Date(uploadedAt), bytes: 3, metadata: {} },
    destination: { kind: 'file', path: 'x.txt' },
    files: [{ path: 'x.txt', blob: blobOf('1'), executable: false }],
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
  const made = [
    { at: base, content: blobOf('1') },
    { at: theirs, content: blobOf('2') },
  ];
  expect(await judge(made)).not.toBe('new');
});

/** Somebody makes x.txt what is uploaded, and a rollback takes it back. */
const rolledBack = (at: number): readonly Made[] => [
  { at: -3 * day, content: blobOf('0') },
  { at: -day / 8, content: blobOf('1') },
  { at, content: blobOf('0'), message: rollback },
];
const rollback = revertMessage({
  ...{ environment: 'shop', what: 'shop', from: 'main@sha1:2', to: 'main@sha1:1', reverts: [] },
  ...{ reason: undefined, incident: undefined, by: 'Ana' },
});

it.each([
  ['an hour', day / 24, 'landed'],
  ['a minute', day / 1440, 'undecided'],
])('an upload that was rolled back %s after it came is not copied over the rollback', async (_how, at, verdict) => {
  expect(await judge(rolledBack(at))).toBe(verdict);
});

it('an upload of what was rolled back before is new', async () => {
  expect(await judge(rolledBack(-day / 24))).toBe('new');
});
