import { describe, expect, it } from 'vitest';
import { showHistory } from '../../../cli/history.ts';
import { historyOutputSchema, rollbackOutputSchema, traceOutputSchema } from '../../../cli/output-schemas.ts';
import { rollBack } from '../../../cli/rollback.ts';
import { showTrace } from '../../../cli/trace.ts';
import type { Context } from '../../../cli/context.ts';
import { parseConfig } from '../../../shared/config/config.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld, type World } from '../pipeline/reconcile/world/world.ts';

const config = parseConfig({
  file: 'converge.yaml',
  text: `project: family
state: { bucket: family-state }
repositories:
  master: { url: https://git.example.com/family/master.git, bucket: family-master }
clusters: {}
`,
});
const unused = async (): Promise<never> => {
  throw new Error('nobody asks for such a thing');
};

function contextOf({ ports, git }: World): Context {
  const repository = { ...git, fetchRef: async () => undefined };
  const open = {
    ...{ uploads: unused, buckets: unused, topics: unused, deadLetters: unused, renderer: unused },
    state: async () => ports.state,
    repository: async () => () => repository,
  };
  return {
    ...{ ports, config, open, statusUrl: undefined, pubsub: undefined },
    ...{ environment: {}, folder: '/', progress: () => {} },
  };
}

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
    const trace = await showTrace(context, 'configmap/colors', { since });
    expect(trace.json).toMatchObject({ traces: [{ environment: 'shop' }] });
    holds(trace.json, traceOutputSchema);
    holds((await rollBack(context, 'shop', { dryRun: true })).json, rollbackOutputSchema);
  });
});
