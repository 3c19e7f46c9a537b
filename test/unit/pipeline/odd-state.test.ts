import { describe, expect, it } from 'vitest';
import { convergedSchema } from '../../../shared/events/alert.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { checkDrift } from '../../../shared/pipeline/check-drift.ts';
import { claimWriteback, writebackPaths } from '../../../shared/pipeline/common/writeback-claim.ts';
import { findLease, isFree } from '../../../shared/pipeline/copy-artifact/intake-lease.ts';
import { status } from '../../../shared/pipeline/status.ts';
import { branchHeadPath } from '../../../shared/source/branch-head.ts';
import { copyOf, decodeLedger, emptyLedger, isInDoubt } from '../../../shared/source/ledger.ts';
import { recordingTopics } from './ports.ts';
import { unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';
import { configMap, deployment, list, shop } from './reconcile/runs/files.ts';

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

describe('a memory of odd dates', () => {
  it('in its outbox is published, or taken for lost, and the environment is looked at', async () => {
    const world = await converged();
    const last = world.published.findLast(({ topic }) => topic === 'converged');
    const data = convergedSchema.parse(last?.event.data);
    const memory = await world.memoryOf('shop');
    await world.writeState(paths.memory, { ...memory, outbox: [{ topic: 'converged', time: 'yesterday', data }] });
    paint(world, 'blue');
    world.wait(60);
    // As the adapter of Pub/Sub does.
    const topics = {
      async publish(...[topic, event]: Parameters<typeof world.topics.publish>) {
        event.time.toISOString();
        await world.topics.publish(topic, event);
      },
    };
    await world.run({ cause: 'schedule' }, { ...world.ports, topics });
    expect(isHealed(world)).toBe(true);
  });

  it.each([
    undefined, // control
    'yesterday',
    '+200000-01-01T00:00:00.000Z',
  ])('of its incident (%s) is healed and told', async (since) => {
    const world = await converged(['selfHeal: true', 'healAfter: 1m', 'diffAfter: 1m']);
    paint(world, 'blue');
    await world.run({ cause: 'schedule' });
    const memory = await world.memoryOf('shop');
    expect(memory.incident).toBeDefined();
    await world.writeState(paths.memory, {
      ...memory,
      incident: { ...memory.incident, ...(since === undefined ? {} : { since }) },
    });
    for (let minute = 0; minute < 10; minute++) {
      world.wait(60);
      await world.run({ cause: 'schedule' });
    }
    expect(isHealed(world)).toBe(true);
  });

  it.each([undefined /* control */, 'never', '2026-12-20T00:00:00.000Z', '9999-01-01T00:00:00.000Z'])(
    'of its roll-out (%s) fails in the end',
    async (until) => {
      const world = createWorld();
      world.git.add(shop([deployment('web')], ['timeout: 2m']));
      world.cluster.statuses.set('Deployment acme/web', unready);
      await world.run();
      const memory = await world.memoryOf('shop');
      expect(memory.rollout).toBeDefined();
      await world.writeState(paths.memory, {
        ...memory,
        rollout: { ...memory.rollout, ...(until === undefined ? {} : { until }) },
      });
      for (let minute = 0; minute < 10; minute++) {
        world.wait(60);
        await world.run({ cause: 'schedule' });
      }
      expect(world.published.filter(({ topic }) => topic === 'diff')).toHaveLength(1);
    },
  );

  it('of a roll-out that is yet to begin fails in the end', async () => {
    const world = createWorld();
    world.git.add(shop([deployment('web')], ['timeout: 2m']));
    world.cluster.statuses.set('Deployment acme/web', unready);
    await world.run();
    const memory = await world.memoryOf('shop');
    const rollout = { since: '2027-06-20T00:00:00.000Z', until: '2027-06-21T00:00:00.000Z' };
    await world.writeState(paths.memory, { ...memory, rollout: { ...memory.rollout, ...rollout } });
    for (let minute = 0; minute < 10; minute++) {
      world.wait(60);
      await world.run({ cause: 'schedule' });
    }
    expect(world.published.filter(({ topic }) => topic === 'diff')).toHaveLength(1);
  });

  it.each([undefined /* control */, '9999-01-01T00:00:00.000Z'])(
    'of its retry (%s) is tried again in the end',
    async (notBefore) => {
      const world = await converged();
      world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
      world.git.add({ 'manifests/shop/all.json': list(colors, configMap('more')) });
      await world.run();
      world.cluster.refusals.clear();
      const memory = await world.memoryOf('shop');
      expect(memory.retry).toBeDefined();
      await world.writeState(paths.memory, {
        ...memory,
        retry: { ...memory.retry, ...(notBefore === undefined ? {} : { notBefore }) },
      });
      world.wait(24 * 3600);
      await world.run({ cause: 'schedule' });
      expect(world.cluster.find('ConfigMap acme/more')).toBeDefined();
    },
  );
});

describe('a memory whose attempt is of no commit', () => {
  it('of an environment whose file is gone keeps its objects from nothing', async () => {
    const world = await converged(['deletion: prune']);
    const memory = await world.memoryOf('shop');
    await world.writeState(paths.memory, { ...memory, attempted: { ...memory.attempted, commit: 'HEAD' } });
    world.git.add({ 'environments/shop.yaml': null });
    expect(await world.run()).toMatchObject({ outcome: 'removed' });
    expect(world.cluster.find('ConfigMap acme/colors')).toBeUndefined();
    expect([...world.state.keys()].filter((path) => path.startsWith('environments/'))).toEqual([]);
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
    const { environments, unreadable } = await status(
      { repositories: ['master'], interval: 24 * 3_600_000 },
      world.ports,
    );
    expect(unreadable).toEqual([]);
    expect(environments.map(({ name, state }) => ({ name, state }))).toEqual([{ name: 'shop', state: 'Converged' }]);
  });
});

describe('looks that are yet to begin', () => {
  const odd = { checkedAt: '2027-11-21T00:00:00.000Z', attemptedAt: '2027-11-21T00:00:00.000Z' };
  const looksOf = (shop: object) => ({ version: 1, at: '2026-11-21T01:00:00.000Z', environments: { shop } });

  it('are none: status tells when the environment was looked at', async () => {
    const world = await converged();
    const at = world.ports.now().toISOString();
    await world.writeState('looks/master/one.json', { ...looksOf({ checkedAt: at, attemptedAt: at }), at });
    await world.writeState('looks/master/odd.json', {
      ...looksOf({ ...odd, hindered: { generation: '7', reason: 'is empty' } }),
      at,
    });
    const { environments } = await status({ repositories: ['master'], interval: 300_000 }, world.ports);
    const second = `${at.slice(0, 19)}.000Z`;
    expect(environments).toMatchObject([{ state: 'Converged', checkedAt: second, attemptedAt: second }]);
  });

  it('published no alert of a memory whose lease is lost', async () => {
    const world = await converged();
    const at = world.ports.now().toISOString();
    await world.writeState('looks/master/odd.json', { ...looksOf(odd), at });
    const data = convergedSchema.parse(world.published.findLast(({ topic }) => topic === 'converged')?.event.data);
    const memory = await world.memoryOf('shop');
    await world.writeState(paths.memory, { ...memory, outbox: [{ topic: 'converged', time: at, data }] });
    const generation = (await world.ports.state.generationOf(paths.lease)) ?? '';
    await world.ports.state.delete({ path: paths.lease, generation });
    world.wait(60);
    const before = world.published.length;
    await world.run({ cause: 'schedule' });
    expect(world.published.slice(before).filter(({ topic }) => topic === 'converged')).toHaveLength(1);
  });
});

describe('a head of odd environments', () => {
  it.each([[['', 'shop']], [['shop/../shop', 'shop']], [['\ud800', 'shop']]])(
    '(%j) asks for none that no file can declare',
    async (odd) => {
      const world = await converged();
      const topics = recordingTopics();
      const check = async (tick: string) => checkDrift({ repositories: ['master'], tick }, { ...world.ports, topics });
      await check('1');
      const head = Object(world.state.get(branchHeadPath('master')));
      await world.writeState(branchHeadPath('master'), { ...head, environments: odd });
      expect(await check('2')).toEqual({ checked: ['master/shop'] });
    },
  );

  it('stops no checks', async () => {
    const world = await converged();
    const topics = recordingTopics();
    const check = async (tick: string) => checkDrift({ repositories: ['master'], tick }, { ...world.ports, topics });
    await check('1');
    const head = Object(world.state.get(branchHeadPath('master')));
    await world.writeState(branchHeadPath('master'), { ...head, environments: ['', 'shop'] });
    expect(await check('2')).toMatchObject({ checked: expect.arrayContaining(['master/shop']) });
  });
});

describe('a ledger of odd numbers', () => {
  it('swallows no upload for a generation that Storage cannot have given', () => {
    const entry = { name: 'a.yaml', generation: '9'.repeat(30), commit: 'e'.repeat(40), content: null };
    const ledger = decodeLedger({ version: 1, copied: [{ ...entry, at: '2026-11-21T01:00:00.000Z' }], refused: [] });
    const artifact = { name: 'a.yaml', generation: '1764309600000000' };
    expect(copyOf({ ledger: ledger ?? emptyLedger, artifact })).toBeUndefined();
  });
});

describe('a memory of no environment', () => {
  it('is asked for by nobody, whose message would be refused', async () => {
    const world = await converged();
    const topics = recordingTopics();
    const state = {
      ...world.ports.state,
      // As Storage does: there, `*` is also for nothing.
      async list(prefix: string, file?: string) {
        const listed = await world.ports.state.list(prefix, file);
        return [...listed, ...listed.map((one) => ({ ...one, path: one.path.replace('/shop/', '//') }))];
      },
    };
    const checked = await checkDrift({ repositories: ['master'], tick: '1' }, { ...world.ports, topics, state });
    expect(checked).toEqual({ checked: ['master/shop'] });
  });
});

describe('a ledger of odd dates', () => {
  const later = '2999-01-01T00:00:00.000Z';
  const writtenAt = new Date('2026-11-21T01:00:00.000Z');
  const entry = { name: 'a.yaml', generation: '1764309600000000', commit: 'e'.repeat(40), at: later, content: null };
  const ledger = decodeLedger({ version: 1, copied: [entry], refused: [], begunAt: later }, { writtenAt });

  it('has copied nothing later than it was written, or commits since would be overwritten unseen', () => {
    expect(ledger?.copied.get('a.yaml')?.at).toBe(writtenAt.toISOString());
  });

  it('was begun no later than it was written, or each upload would be in doubt', () => {
    const artifact = { name: 'b.yaml', generation: '1764309600000001', createdAt: new Date('2026-11-21T01:00:01Z') };
    expect(isInDoubt({ ledger: ledger ?? emptyLedger, artifact })).toBe(false);
  });
});

describe('a memory that says of nothing', () => {
  it('is not taken for an environment that is as Git says', async () => {
    const world = await converged();
    const memory = await world.memoryOf('shop');
    await world.writeState(paths.memory, { ...memory, objects: {} });
    world.cluster.remove('ConfigMap acme/colors');
    world.wait(60);
    await world.run({ cause: 'schedule' });
    expect(isHealed(world)).toBe(true);
  });
});
