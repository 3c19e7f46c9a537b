import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffReasons } from '../../../../shared/base/diff-reasons.ts';
import type { ReconcileResult } from '../../../../shared/pipeline/reconcile.ts';
import { charts } from './runs/charts.ts';
import { drift } from './runs/drift.ts';
import { failures } from './runs/failures.ts';
import { freezes } from './runs/freezes.ts';
import { gates } from './runs/gates.ts';
import { hooks } from './runs/hooks.ts';
import { leaving } from './runs/leaving.ts';
import { outcomes } from './runs/outcomes.ts';
import { ownership } from './runs/ownership.ts';
import { pruning } from './runs/pruning.ts';
import { races } from './runs/races.ts';
import { countCalls, declaredFunctions, type Calls } from './runs/reached.ts';
import { rollingBack } from './runs/rolling-back.ts';
import { endingFor } from './runs/row.ts';
import { runRow } from './runs/run-row.ts';

const tables = {
  ...{ outcomes, drift, failures, hooks, pruning, ownership, gates, charts },
  ...{ leaving, races, freezes, 'rolling back': rollingBack },
};
const memories = ['kept', 'lost'] as const;

/** How a run can end, in the words of the rows. A new outcome is a mistake of types until it stands here. */
const endings: Readonly<Record<ReconcileResult['outcome'], readonly string[]>> = {
  converged: ['converged'],
  unchanged: ['unchanged'],
  removed: ['removed'],
  absent: ['absent'],
  suspended: ['suspended'],
  frozen: ['frozen'],
  waiting: ['waiting', 'waiting, goes on'],
  // That it is suspended is told beside `suspended`.
  diverged: diffReasons.filter((reason) => reason !== 'Suspended').map((reason) => `diverged ${reason}`),
};

/** What cannot be: without a memory nothing is known to be as it was. */
const impossible = ['unchanged, lost'];

let calls: Calls;
beforeAll(async () => {
  calls = await countCalls();
});
afterAll(async () => calls.stop());

describe.each(Object.entries(tables))('a run: %s', (_name, rows) => {
  for (const row of rows) {
    for (const memory of memories) {
      const ending = endingFor(row, memory);
      if (ending === undefined) continue;
      it(`${row.name} (memory ${memory})`, async () => {
        expect(await runRow(row, memory)).toEqual({ writes: [], alerts: [], ...ending });
      });
    }
  }
});

describe('the table of runs', () => {
  it('has a row for each outcome and reason, with the memory kept and lost', () => {
    const rows = Object.values(tables).flat();
    const seen = new Set(
      memories.flatMap((memory) =>
        rows.flatMap((row) => {
          const ending = endingFor(row, memory);
          return ending === undefined ? [] : [`${ending.ends}, ${memory}`];
        }),
      ),
    );
    const due = Object.values(endings)
      .flat()
      .flatMap((ending) => memories.map((memory) => `${ending}, ${memory}`));
    expect(due.filter((ending) => !seen.has(ending))).toEqual(impossible);
  });

  it('calls every function of reconcile/', async () => {
    const folder = 'shared/pipeline/reconcile';
    const called = await calls.below(folder);
    const root = join(import.meta.dirname, '../../../..');
    expect(declaredFunctions({ root, folder }).filter((name) => !called.has(name))).toEqual([]);
  });
});
