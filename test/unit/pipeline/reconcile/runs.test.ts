import { describe, expect, it } from 'vitest';
import { drift } from './runs/drift.ts';
import { failures } from './runs/failures.ts';
import { hooks } from './runs/hooks.ts';
import { outcomes } from './runs/outcomes.ts';
import { endingFor } from './runs/row.ts';
import { runRow } from './runs/run-row.ts';

const tables = { outcomes, drift, failures, hooks };

describe.each(Object.entries(tables))('a run: %s', (_name, rows) => {
  for (const row of rows) {
    for (const memory of ['kept', 'lost'] as const) {
      const ending = endingFor(row, memory);
      if (ending === undefined) continue;
      it(`${row.name} (memory ${memory})`, async () => {
        expect(await runRow(row, memory)).toEqual({ writes: [], alerts: [], ...ending });
      });
    }
  }
});
