import { describe, expect, it } from 'vitest';
import { newerGroupAbove } from '../../../../shared/pipeline/copy-artifact/known-copies.ts';
import { archiveNamesOf, targetOf } from '../../../../shared/source/artifact.ts';

describe('an older upload of a file below a folder', () => {
  const path = 'charts/shop/values.yaml';

  it.each(archiveNamesOf('charts/shop'))('is held back by the newer archive %s', (name) => {
    expect(targetOf({ bucket: 'family-master', name, generation: '18' }).kind).toBe('group');
    expect(newerGroupAbove({ path, generation: '17', generations: new Map([[name, '18']]) })).toBe(name);
  });

  it.each(archiveNamesOf('charts/shop'))('is copied where the archive %s is older', (name) => {
    expect(newerGroupAbove({ path, generation: '17', generations: new Map([[name, '16']]) })).toBeUndefined();
  });
});
