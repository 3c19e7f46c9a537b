import { describe, expect, it } from 'vitest';
import { emptyPack } from '../../../../shared/adapters/git/pack-drafts.ts';
import { pushRefs } from '../../../../shared/adapters/git/push.ts';
import type { GitHost } from '../../../../shared/adapters/git/smart-http.ts';

const commit = 'a'.repeat(40);
const ref = 'refs/converge/acme';
const lost = new Error('the answer was lost');

/** A host whose answer to a push is lost, and that says of the ref what is given. */
function pushTo({
  readRef,
  wanted,
}: {
  readRef: GitHost['readRef'];
  wanted: string | undefined;
}): Promise<'pushed' | 'moved'> {
  const host: GitHost = {
    readRef: () => Promise.reject(new Error('nothing is read alone')),
    listRefs: async (prefixes) => {
      const at = await readRef(prefixes[0] ?? '');
      return new Map(at === undefined ? [] : [[ref, at]]);
    },
    fetchPack: () => Promise.reject(new Error('nothing is fetched')),
    receivePack: () => Promise.reject(lost),
  };
  return pushRefs({
    host,
    url: 'https://git.example',
    moves: [{ ref, expected: wanted === undefined ? commit : undefined, commit: wanted }],
    pack: emptyPack,
  });
}

describe('a push whose answer was lost', () => {
  it('counts as pushed where the ref is at the commit, or gone as it should be', async () => {
    expect(await pushTo({ readRef: async () => commit, wanted: commit })).toBe('pushed');
    expect(await pushTo({ readRef: async () => undefined, wanted: undefined })).toBe('pushed');
  });

  it('is told as lost where the ref is not there, or still there', async () => {
    await expect(pushTo({ readRef: async () => undefined, wanted: commit })).rejects.toBe(lost);
    await expect(pushTo({ readRef: async () => commit, wanted: undefined })).rejects.toBe(lost);
  });

  it.each([commit, undefined])(
    'is told as lost where the ref cannot be read, which is never "gone" (%s)',
    async (wanted) => {
      await expect(pushTo({ readRef: () => Promise.reject(new Error('no connection')), wanted })).rejects.toBe(lost);
    },
  );
});
