import { describe, expect, it } from 'vitest';
import { both } from '../../../../shared/pipeline/common/parallel.ts';

describe('both of two works', () => {
  it('are there with their results', async () => {
    expect(await both(Promise.resolve(1), Promise.resolve('a'))).toEqual([1, 'a']);
  });

  it('have ended when one has failed', async () => {
    const slow = Promise.withResolvers<string>();
    let ended = false;
    const ending = both(Promise.reject(new Error('the first')), slow.promise).finally(() => (ended = true));
    await new Promise(setImmediate);
    expect(ended).toBe(false);
    slow.resolve('late');
    await expect(ending).rejects.toThrow('the first');
  });

  it('fail as the first where both fail, whichever is sooner', async () => {
    const first = Promise.withResolvers<never>();
    const ending = both(first.promise, Promise.reject(new Error('the second')));
    await new Promise(setImmediate);
    first.reject(new Error('the first'));
    await expect(ending).rejects.toThrow('the first');
  });
});
