import { describe, expect, it } from 'vitest';
import { outcomes } from './runs/outcomes.ts';
import { runRow } from './runs/run-row.ts';

const tables = { outcomes };

describe.each(Object.entries(tables))('a run: %s', (_name, rows) => {
  for (const row of rows) {
    for (const memory of ['kept', 'lost'] as const) {
      const ending = row[memory] ?? row.both;
      if (ending === undefined) continue;
      it(`${row.name} (memory ${memory})`, async () => {
        expect(await runRow(row, memory)).toEqual(ending);
      });
    }
  }
});
