import { describe, expect, it } from 'vitest';
import { fetchBranch, type HeadHint } from '../../../../shared/pipeline/common/fetch-branch.ts';
import type { Commit, Repository } from '../../../../shared/ports/git.ts';
import { clockAt, commitId, repositoryWith, stateInMemory } from '../ports.ts';

const state = stateInMemory(clockAt('2026-11-21T01:02:03.000Z').now);
const commitAt = (digit: string, minute: number): Commit => ({
  ...{ id: commitId(digit), tree: 'tree', parents: [], message: 'Change' },
  committedAt: new Date(minute * 60_000),
});
const [first, second, last] = [commitAt('1', 1), commitAt('2', 2), commitAt('3', 3)];

/** A branch at `last`, of which some commits are here. */
async function lookWith(hint: Partial<HeadHint>, here: readonly Commit[]): Promise<{ id?: string; asked: string[] }> {
  const asked: string[] = [];
  const repository: Repository = {
    ...repositoryWith({ files: {} }),
    fetchHead: async () => (asked.push('head'), last),
    findCommit: async (id) => here.find((commit) => commit.id === id),
    isAncestor: async (pair) => (asked.push('ancestor'), pair.ancestor < pair.descendant),
  };
  const found = await fetchBranch({
    ...{ repository, state },
    hint: { commit: second.id, attempted: second.id, ...hint },
  });
  return { id: found?.id ?? '', asked };
}

describe('a look at where somebody saw the branch', () => {
  it('asks the host nothing where that is what was attempted, or nothing was, and it is here', async () => {
    expect(await lookWith({}, [second])).toEqual({ id: second.id, asked: [] });
    expect(await lookWith({ attempted: undefined }, [second])).toEqual({ id: second.id, asked: [] });
  });

  it('asks the host nothing where it descends from what was attempted', async () => {
    expect(await lookWith({ attempted: first.id }, [first, second])).toEqual({ id: second.id, asked: ['ancestor'] });
  });

  it('never goes back behind what was attempted, nor walks history for it', async () => {
    expect(await lookWith({ attempted: last.id }, [second, last])).toEqual({ id: last.id, asked: ['head'] });
    expect(await lookWith({ attempted: last.id }, [second])).toEqual({ id: last.id, asked: ['head'] });
  });

  it('asks the host where another branch was attempted, and where the commit is not here or none', async () => {
    const other = commitAt('8', 1);
    expect(await lookWith({ attempted: other.id }, [other, second])).toEqual({
      id: last.id,
      asked: ['ancestor', 'head'],
    });
    for (const commit of [second.id, '', 'main', `${second.id}\n`])
      expect(await lookWith({ commit }, [first])).toEqual({ id: last.id, asked: ['head'] });
  });
});
