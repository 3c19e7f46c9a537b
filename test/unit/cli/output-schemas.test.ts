import { describe, expect, it } from 'vitest';
import { showHistory } from '../../../cli/history.ts';
import { historyOutputSchema, rollbackOutputSchema, traceOutputSchema } from '../../../cli/output-schemas.ts';
import { rollBack } from '../../../cli/rollback.ts';
import { showTrace } from '../../../cli/trace.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const holds = (value: unknown, schema: { safeParse(value: unknown): object }): void => {
  expect(schema.safeParse(JSON.parse(JSON.stringify(value)))).toMatchObject({ success: true });
};

describe('what --output json prints', () => {
  it('of the history, an object and a rollback is what its schema says', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    world.wait(60);
    world.git.add(shop([configMap('colors', { color: 'blue' })]));
    await world.run();
    const context = contextOf(world);
    const since = 86_400_000;
    holds((await showHistory(context, 'shop', { limit: 20, since })).json, historyOutputSchema);
    const trace = await showTrace(context, ['configmap/colors'], { since });
    expect(trace.json).toMatchObject({ traces: [{ environment: 'shop' }] });
    holds(trace.json, traceOutputSchema);
    holds((await rollBack(context, 'shop', { dryRun: true })).json, rollbackOutputSchema);
  });
});
