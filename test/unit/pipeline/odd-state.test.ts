import { describe, expect, it } from 'vitest';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { claimWriteback, writebackPaths } from '../../../shared/pipeline/common/writeback-claim.ts';
import { findLease, isFree } from '../../../shared/pipeline/copy-artifact/intake-lease.ts';
import { status } from '../../../shared/pipeline/status.ts';
import { createWorld, type World } from './reconcile/world/world.ts';
import { configMap, shop } from './reconcile/runs/files.ts';

const paths = statePaths({ repository: 'master', environment: 'shop' });
const colors = configMap('colors');

async function converged(spec: readonly string[] = []): Promise<World> {
  const world = createWorld();
  world.git.add(shop([colors], [...spec]));
  await world.run();
  world.wait(60);
  return world;
}
const paint = (world: World, color: string): void =>
  world.cluster.edit('ConfigMap acme/colors', 'kubectl', (object) => ({ ...object, data: { color } }));
const isHealed = (world: World): boolean =>
  JSON.stringify(world.cluster.find('ConfigMap acme/colors') ?? '').includes('"color":"red"');

describe('a lease of odd numbers', () => {
  it('that lasts for 30,000 years stops the environment for no longer than one that is claimed now', async () => {
    const world = await converged();
    await world.writeState(paths.lease, {
      ...{ version: 2, nonce: 'odd', seconds: 1e12, event: '', base: '0', intent: null, evidence: null, told: null },
      holder: 'odd',
    });
    paint(world, 'blue');
    world.wait(24 * 3600);
    await world.run({ cause: 'schedule' }).catch(() => {});
    expect(isHealed(world)).toBe(true);
  });

  it('of the intake lets another one copy in the end', async () => {
    const world = await converged();
    await world.writeState('intake/master/lease.json', { holder: 'odd', event: '', seconds: 1e12 });
    world.wait(24 * 3600);
    const found = await findLease({ path: 'intake/master/lease.json', seconds: 30 }, world.ports);
    expect(isFree(found, undefined)).toBe(true);
  });

  it('of the writeback lets another one write in the end', async () => {
    const world = await converged();
    await world.writeState(writebackPaths('master').claim, { nonce: 'odd', seconds: 1e12 });
    world.wait(24 * 3600);
    expect(await claimWriteback('master', world.ports)).toBeDefined();
  });
});

describe('looks of odd dates', () => {
  it('empty no status', async () => {
    const world = await converged();
    await world.writeState('looks/master/odd.json', {
      version: 1,
      at: '-200000-01-01T00:00:00.000Z',
      environments: { shop: { attemptedAt: '+200000-01-01T00:00:00.000Z' } },
    });
    const { environments, unreadable } = await status({ repositories: ['master'] }, world.ports);
    expect(unreadable).toEqual([]);
    expect(environments.map(({ name, state }) => ({ name, state }))).toEqual([{ name: 'shop', state: 'Converged' }]);
  });
});
