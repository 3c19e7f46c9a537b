import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { functionSizes } from '../../../../functions/sizes.ts';
import { largestAnswer } from '../../../../shared/adapters/git/memory.ts';

const mebibyte = 1024 * 1024;
const deploy = readFileSync(join(import.meta.dirname, '../../../../docs/deploy.md'), 'utf8');

describe('the largest answer of the Git host', () => {
  it.each(['fanOut', 'status', 'checkDrift', 'copyArtifact', 'reconcile'] as const)(
    'is for the memory of %s what docs/deploy.md says',
    (name) => {
      // Google's builder leaves 64 MiB, and Node.js 24 adds 192 for young objects.
      const heap = (functionSizes[name].memoryMiB - 64 + 192) * mebibyte;
      const row = deploy.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
      expect(row).toMatch(new RegExp(`\\| +${Math.floor(largestAnswer(heap) / mebibyte)} MiB \\|$`));
    },
  );

  it('is bounded where memory is plenty, and is no nothing where there is little', () => {
    expect(largestAnswer(64 * 1024 * mebibyte)).toBe(512 * mebibyte);
    expect(largestAnswer(100 * mebibyte)).toBe(8 * mebibyte);
  });
});
