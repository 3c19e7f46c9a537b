import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { functionSizes, heapMiB } from '../../functions/sizes.ts';

const { memoryMiB, timeoutSeconds } = functionSizes.report;
const saidSchema = z.object({
  /** MiB. */
  peak: z.number(),
  counts: z.object({ environments: z.number(), differing: z.number() }),
  listed: z.number(),
  omitted: z.number(),
  pages: z.array(z.string()),
});
const run = promisify(execFile);

describe('a report of 1,000 environments with 100 incidents each', () => {
  it('has room and time in its function, and shows names as text', { timeout: timeoutSeconds * 1000 }, async () => {
    const options = ['--disable-warning=ExperimentalWarning', `--max-old-space-size=${heapMiB('report')}`];
    const child = join(import.meta.dirname, 'large-report', 'child.ts');
    const { stdout } = await run(process.execPath, [...options, child, '1000', '100'], {
      ...{ maxBuffer: 2 ** 24, timeout: (timeoutSeconds * 1000) / 2 },
    });
    const { peak, pages, ...said } = saidSchema.parse(JSON.parse(stdout));
    console.log(`${Math.round(peak)} MiB`);
    expect(said).toEqual({
      ...{ counts: { environments: 1_000, differing: 1_000 }, listed: 500, omitted: 99_500 },
    });
    expect(peak).toBeLessThan(memoryMiB);
    expect(pages).toHaveLength(2);
    for (const hostile of ['\u001b', '\u202e']) expect(pages.join('')).not.toContain(hostile);
    expect(pages.join('')).not.toMatch(/(?<!\\)<script/);
  });
});
