import { describe, expect, it } from 'vitest';
import { findCommit } from '../../../shared/pipeline/plan-commit/find-commit.ts';
import type { Repository } from '../../../shared/ports/git.ts';
import { recordingRepository } from './reconcile/world/repository.ts';

const now = () => new Date('2026-11-21T01:00:00Z');

function opened() {
  const git = recordingRepository({ repositoryClass: 'master', now });
  const old = git.add({ a: '1' });
  const head = git.add({ a: '2' });
  const fetched: string[] = [];
  const repository: Repository = {
    ...git,
    fetchRef: async (name) => {
      fetched.push(name);
      return ['refs/heads/other', 'refs/tags/v1'].includes(name) ? old : undefined;
    },
  };
  return { git, old, head, repository, fetched };
}

describe('what somebody calls a commit', () => {
  it('is a commit of the branch, in whole or shortened', async () => {
    const { repository, old, head } = opened();
    for (const revision of [old.id, old.id.slice(0, 12), old.id.slice(0, 7)])
      expect(await findCommit(repository, { revision, head })).toBe(old);
    expect(await findCommit(repository, { revision: head.id.slice(0, 8), head })).toBe(head);
  });

  it('is what a branch is at, by its whole name as well', async () => {
    const { repository, old, head, fetched } = opened();
    expect(await findCommit(repository, { revision: 'other', head })).toBe(old);
    expect(await findCommit(repository, { revision: 'refs/heads/other', head })).toBe(old);
    expect(fetched).toEqual(['refs/heads/other', 'refs/heads/other']);
  });

  it('is what a tag is at, where no branch is called so', async () => {
    const { repository, old, head, fetched } = opened();
    expect(await findCommit(repository, { revision: 'v1', head })).toBe(old);
    expect(fetched).toEqual(['refs/heads/v1', 'refs/tags/v1']);
    const both: Repository = { ...repository, fetchRef: async (name) => (name === 'refs/heads/v1' ? head : old) };
    expect(await findCommit(both, { revision: 'v1', head })).toBe(head);
  });

  it('is brought by the branch or the tag that is at it, where it is not here', async () => {
    const { repository, old, head } = opened();
    const away: Repository = {
      ...repository,
      findCommit: async () => undefined,
      listRefs: async () => new Map([['refs/heads/other', old.id]]),
    };
    expect(await findCommit(away, { revision: old.id, head })).toBe(old);
    const tagged: Repository = {
      ...away,
      listRefs: async (prefixes) => new Map(prefixes.includes('refs/tags/') ? [['refs/tags/v1', old.id]] : []),
    };
    expect(await findCommit(tagged, { revision: old.id, head })).toBe(old);
  });

  it('is nothing that stands at the ref of a pull request alone, though it was fetched', async () => {
    const { repository, head, git } = opened();
    const proposed = git.add({ a: '3' });
    git.reset(head.id);
    const proposing: Repository = {
      ...repository,
      fetchRef: async (name) => (name === 'refs/pull/1/head' ? proposed : undefined),
      listRefs: async (prefixes) => new Map(prefixes.includes('refs/pull/') ? [['refs/pull/1/head', proposed.id]] : []),
    };
    expect(await proposing.findCommit(proposed.id)).toBe(proposed);
    for (const revision of ['refs/pull/1/head', proposed.id])
      await expect(findCommit(proposing, { revision, head })).rejects.toMatchObject({
        ...{ code: 'BadRequest', remedy: expect.stringContaining('--pr') },
      });
    expect(await findCommit(proposing, { revision: proposed.id, head, isBase: true })).toBe(proposed);
  });

  it('is refused where nobody has it', async () => {
    const { repository, head } = opened();
    for (const revision of ['nowhere', '0'.repeat(40), '0'.repeat(12), 'refs/pull/1/head'])
      await expect(findCommit(repository, { revision, head })).rejects.toMatchObject({ code: 'BadRequest' });
  });
});
