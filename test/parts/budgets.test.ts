import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { kinds } from './budgets/cases.ts';

/** `CONVERGE_CASES=100000` tries more; the seed of the worst is printed. */
const cases = Number(process.env['CONVERGE_CASES'] ?? '2000');
const perKind = Math.ceil(cases / Object.keys(kinds).length);
/** Of one input. */
const budget = { milliseconds: 2000, megabytes: 150 };

const worstSchema = z.object({
  milliseconds: z.number(),
  seedOfTime: z.number(),
  megabytes: z.number(),
  seedOfMemory: z.number(),
  unforeseen: z.array(z.string()),
  refused: z.number(),
});
const run = promisify(execFile);

describe('what a stranger sends', () => {
  it.each(Object.keys(kinds))(
    'is read or refused within a budget of time and memory: %s',
    async (kind) => {
      const { stdout } = await run(
        process.execPath,
        [
          '--disable-warning=ExperimentalWarning',
          '--expose-gc',
          join(import.meta.dirname, 'budgets', 'child.ts'),
          kind,
          '0',
          String(perKind),
        ],
        { maxBuffer: 1 << 26 },
      );
      const worst = worstSchema.parse(JSON.parse(stdout));
      console.log(
        `${kind}: ${perKind} inputs, ${worst.refused} refused; at worst ${Math.round(worst.milliseconds)} ms (seed ${worst.seedOfTime}), ${Math.round(worst.megabytes)} MB (seed ${worst.seedOfMemory})`,
      );
      expect(worst.unforeseen).toEqual([]);
      expect(worst.milliseconds).toBeLessThan(budget.milliseconds);
      expect(worst.megabytes).toBeLessThan(budget.megabytes);
    },
    3_600_000,
  );
});
