import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../../../shared/pipeline/common/declared-environments.ts';

const read = async (text: string | undefined) =>
  readEnvironment({
    repository: { readFile: async () => (text === undefined ? undefined : Buffer.from(text)) },
    commit: 'c0ffee',
    name: 'acme',
  });

describe('the reader of environment files', () => {
  it('says whether a commit has none, a wrong one, or an environment', async () => {
    expect(await read(undefined)).toEqual({ state: 'absent' });
    expect(await read('spec: {')).toMatchObject({
      state: 'invalid',
      error: { code: 'InvalidEnvironment', disposition: 'refuse' },
    });
    // An empty file is there, and wrong.
    expect(await read('')).toMatchObject({ state: 'invalid' });
    const text = JSON.stringify({
      apiVersion: 'converge.dev/v1',
      kind: 'Environment',
      metadata: { name: 'acme' },
      spec: { cluster: 'sandbox', namespace: 'acme', sources: [{ manifests: 'manifests' }] },
    });
    expect(await read(text)).toMatchObject({ state: 'declared', environment: { name: 'acme', cluster: 'sandbox' } });
  });

  it('throws where the file cannot be read: that is never absent', async () => {
    const failed = new Error('the host does not answer');
    const repository = { readFile: async () => Promise.reject(failed) };
    await expect(readEnvironment({ repository, commit: 'c0ffee', name: 'acme' })).rejects.toBe(failed);
  });
});
