import { resolve } from 'node:path';
import { userInfo } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cacheFolder } from '../../../shared/adapters/cache-folder.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the cache folder', () => {
  it.each([
    ['what it is told', { CONVERGE_CACHE: 'here', XDG_CACHE_HOME: '/caches' }, resolve('here')],
    ['the folder of caches', { CONVERGE_CACHE: '', XDG_CACHE_HOME: '/caches' }, '/caches/converge'],
    ['the home, for a relative one', { XDG_CACHE_HOME: 'caches', HOME: '/home/ana' }, '/home/ana/.cache/converge'],
    ['the home of the account, for none', { XDG_CACHE_HOME: '', HOME: '' }, `${userInfo().homedir}/.cache/converge`],
  ])('is in %s', (_what, variables, folder) => {
    for (const [name, value] of Object.entries({ CONVERGE_CACHE: '', ...variables })) vi.stubEnv(name, value);
    expect(cacheFolder()).toBe(folder);
  });
});
