import { describe, expect, it } from 'vitest';
import { status } from '../../../shared/pipeline/status.ts';
import { configMap, environment, list } from './reconcile/runs/files.ts';
import { createWorld } from './reconcile/world/world.ts';
import { wideLines } from '../../../cli/wide-status.ts';

const plan = { asPlanned: true, at: '2026-11-21T01:02:03.000Z', pullRequest: 7, objects: [], omitted: 0 };

describe('that a commit went as planned', () => {
  it('is in the status, and what --wide shows of it', async () => {
    const world = createWorld();
    world.git.add({
      'environments/shop.yaml': environment('shop'),
      'manifests/shop/all.json': list(configMap('colors')),
    });
    await world.run();
    const { converged } = await world.memoryOf('shop');
    if (converged === undefined) throw new Error('it did not converge');
    await world.remember('shop', { converged: { ...converged, plan } });
    const { environments } = await status({ repositories: ['master'], interval: 60_000 }, world.ports);
    expect(environments[0]?.plan).toEqual(plan);
    const lines = environments.flatMap((one) => wideLines(one, 'good')).map(({ text }) => text.trim());
    expect(lines).toContain('plan         As planned on pull request 7');
  });
});
