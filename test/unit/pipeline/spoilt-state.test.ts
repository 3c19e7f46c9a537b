import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config/config.ts';
import { emptyMemory } from '../../../shared/memory/memory.ts';
import { quarantinePath, type Quarantine } from '../../../shared/memory/quarantine.ts';
import { statePaths } from '../../../shared/memory/state-paths.ts';
import { recordLooks } from '../../../shared/pipeline/common/record-looks.ts';
import { checkDrift } from '../../../shared/pipeline/check-drift.ts';
import { readLedger, writeLedger } from '../../../shared/pipeline/copy-artifact/ledger.ts';
import { fanOut } from '../../../shared/pipeline/fan-out.ts';
import { receivePush } from '../../../shared/pipeline/receive-push.ts';
import { listQuarantines } from '../../../shared/pipeline/rollback/quarantines.ts';
import { recordedLook } from '../../../shared/pipeline/recorded-look.ts';
import { status } from '../../../shared/pipeline/status.ts';
import { branchHeadPath } from '../../../shared/source/branch-head.ts';
import { emptyLedger, ledgerPath } from '../../../shared/source/ledger.ts';
import { clockAt, commitId, recordingLog, recordingTopics, stateInMemory } from './ports.ts';
import { readied, unready } from './reconcile/world/controllers.ts';
import { createWorld, type World } from './reconcile/world/world.ts';
import { configMap, deployment, environment, list, shop } from './reconcile/runs/files.ts';

/** What may stand in the place of a state object that Converge did not write. */
const contents = Object.entries({
  'is empty': '',
  'is half': '{"version":1,"holder":"6f1f3c3e","at":"2026-1',
  'is null': 'null',
  'is a list': '[]',
  'is other JSON': '{"hello":"world"}',
  'is of a newer version': '{"version":99,"copied":{},"holder":{},"cause":9,"at":9,"commit":9}',
  'is too large': `"${'x'.repeat(65 * 2 ** 20)}"`,
});
const error = 'ERROR a state object cannot be read: it is taken for lost';
const paths = statePaths({ repository: 'master', environment: 'shop' });

/** Environments `shop` and `store`, converged; something drifted in `shop`. */
async function drifted(): Promise<World> {
  const world = createWorld();
  world.git.add({
    ...shop([configMap('colors')]),
    'environments/store.yaml': environment('store'),
    'manifests/store/all.json': list(configMap('shelves')),
  });
  await world.run();
  await world.run({ environment: 'store' });
  world.wait(60);
  world.cluster.edit('ConfigMap acme/colors', 'kubectl', (object) => ({ ...object, data: { color: 'blue' } }));
  return world;
}

const isHealed = (world: World): boolean =>
  JSON.stringify(world.cluster.find('ConfigMap acme/colors')).includes('"color":"red"');

async function statusOf({ ports }: World) {
  const { environments, unreadable } = await status({ repositories: ['master'], interval: 24 * 3_600_000 }, ports);
  expect(unreadable).toEqual([]);
  return Object.fromEntries(environments.map(({ name, state, message }) => [name, { state, message }]));
}

describe.each(contents)('a memory that %s', (_name, text) => {
  it('is told by status, and rebuilt by the next run, which heals', async () => {
    const world = await drifted();
    world.spoil(paths.memory, text);
    expect(await statusOf(world)).toEqual({
      shop: { state: 'Unknown', message: expect.stringContaining('what is remembered of it ') },
      store: { state: 'Converged', message: '' },
    });
    await world.run({ cause: 'schedule' });
    expect(world.log).toContain(error);
    expect(isHealed(world)).toBe(true);
    expect(await statusOf(world)).toMatchObject({ shop: { state: 'Converged' }, store: { state: 'Converged' } });
  });

  it('of one environment keeps no other from its job, or from a run', async () => {
    const world = await drifted();
    world.spoil(paths.memory, text);
    const { id: commit } = world.git.add({
      'manifests/store/all.json': list(configMap('shelves', { color: 'green' })),
    });
    const change = { repository: 'master', url: '', branch: 'main', commit, previous: null, artifacts: [] };
    const topics = recordingTopics();
    expect(await fanOut(change, { ...world.ports, topics })).toMatchObject({ due: ['shop', 'store'] });
    expect(await world.run({ environment: 'store' })).toMatchObject({ outcome: 'converged' });
  });

  it('of an environment whose file is gone keeps its objects from nothing', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')], ['deletion: prune']));
    await world.run();
    world.git.add({ 'environments/shop.yaml': null });
    world.spoil(paths.memory, text);
    expect(await statusOf(world)).toMatchObject({ shop: { state: 'Unknown' } });
    expect(await world.run()).toMatchObject({ outcome: 'removed' });
    expect(world.cluster.find('ConfigMap acme/colors')).toBeUndefined();
    expect([...world.state.keys()].filter((path) => !path.startsWith('writeback/'))).toEqual([]);
  });
});

describe.each(contents)('a lease that %s', (_name, text) => {
  it('is taken over after the time of one', async () => {
    const world = await drifted();
    world.spoil(paths.lease, text);
    await expect(world.run({ cause: 'schedule' })).rejects.toMatchObject({ code: 'LeaseHeld', disposition: 'retry' });
    world.wait(55);
    await world.run({ cause: 'schedule' });
    expect(isHealed(world)).toBe(true);
    expect(world.log.filter((line) => line === error)).toHaveLength(1);
    // Whether there was a run is what nobody knows.
    expect(world.log).not.toContain('WARNING ended a run in its stead');
    expect(world.log).toContain('WARNING a lease that nobody could read is over: any object may have been written');
  });
});

/** An environment whose drift is due to be told, and is left, and the looks at it as its function takes them down. */
async function lookedAt() {
  const world = createWorld();
  const looks = recordLooks({ instance: 'one', ...world.ports });
  const look = async (through = world.ports): Promise<unknown> => {
    const job = { repository: 'master', environment: 'shop', cause: 'schedule' } as const;
    return await recordedLook({ job, looks, now: world.ports.now }, async (onHindered) => {
      world.onHindered = onHindered;
      return await world.run(job, through);
    }).catch((problem: unknown) => problem);
  };
  world.git.add(shop([configMap('colors')], ['selfHeal: false']));
  await look();
  world.wait(60);
  world.cluster.edit('ConfigMap acme/colors', 'kubectl', (object) => ({ ...object, data: { color: 'blue' } }));
  await look();
  expect(diffsOf(world)).toBe(0);
  world.wait(600);
  return { world, look };
}

const diffsOf = ({ published }: World): number => published.filter(({ topic }) => topic === 'diff').length;

async function deleteLease({ ports: { state } }: World): Promise<void> {
  const { generation = '' } = (await state.read(paths.lease)) ?? {};
  await state.delete({ path: paths.lease, generation });
}

/** Some ways in which a lease is lost: each leaves nothing of what it said. */
const losses: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'is deleted': deleteLease,
  ...Object.fromEntries(contents.map(([how, text]) => [how, async (world: World) => world.spoil(paths.lease, text)])),
};

describe.each(contents)('a lease that %s', (_name, text) => {
  it('is told by status from the first look that meets it until it is ended', async () => {
    const { world, look } = await lookedAt();
    world.cluster.edit('ConfigMap acme/colors', 'kubectl', (object) => ({ ...object, data: { color: 'red' } }));
    await look();
    expect(await statusOf(world)).toEqual({ shop: { state: 'Converged', message: '' } });
    world.wait(5);
    world.spoil(paths.lease, text);
    let met: unknown;
    world.onSleep = () => void (met ??= statusOf(world));
    expect(await look()).toMatchObject({ code: 'LeaseHeld' });
    const hindered = {
      shop: { state: 'Unknown', message: expect.stringMatching(/^its lease\.json .+: nobody can look at it until/) },
    };
    expect(await met).toEqual(hindered);
    expect(await statusOf(world)).toEqual(hindered);
    world.wait(40);
    const { length } = world.published;
    expect(await look()).toMatchObject({ outcome: 'converged' });
    expect(world.published).toHaveLength(length);
    expect(await statusOf(world)).toEqual({ shop: { state: 'Converged', message: '' } });
    // It is written anew, so that nobody meets it again.
    expect(world.state.get(paths.lease)).toMatchObject({ version: 2 });
  });

  it('is written anew where nothing has to be done', async () => {
    const { world, look } = await lookedAt();
    world.git.add(shop([configMap('colors')], ['suspend: true']));
    await look();
    world.spoil(paths.lease, text);
    world.wait(55);
    await look();
    expect(world.state.get(paths.lease)).toMatchObject({ version: 2, nonce: null });
  });
});

describe.each(Object.entries(losses))('a lease that %s', (_name, lose) => {
  it('tells nothing again that a look since found told', async () => {
    const { world, look } = await lookedAt();
    await look();
    expect(diffsOf(world)).toBe(1);
    world.wait(60);
    await look();
    world.wait(3600);
    await lose(world);
    for (const seconds of [55, 60, 60]) {
      world.wait(seconds);
      expect(await look()).toMatchObject({ outcome: 'diverged' });
    }
    expect(diffsOf(world)).toBe(1);
    // From then on that is known without the looks.
    world.spoil('looks/master/one.json', '');
    await look();
    expect(diffsOf(world)).toBe(1);
  });

  it('keeps nothing from being told that nobody published, however long ago', async () => {
    const { world, look } = await lookedAt();
    const topics = { publish: async () => Promise.reject(new Error('Pub/Sub does not answer')) };
    for (let tries = 0; tries < 3; tries += 1) {
      await look({ ...world.ports, topics });
      world.wait(300);
    }
    await lose(world);
    world.wait(55);
    await look();
    expect(diffsOf(world)).toBe(1);
  });
});

describe.each(contents)('a note of the version before that %s', (_name, text) => {
  it('is nothing to a run, and goes with its environment', async () => {
    const world = await drifted();
    world.spoil(paths.wanted, text);
    await world.run({ cause: 'schedule' });
    expect(isHealed(world)).toBe(true);
    expect(world.log).not.toContain(error);
    world.git.add({ 'environments/shop.yaml': null });
    await world.run();
    expect([...world.state.keys()].filter((path) => path.startsWith('environments/master/shop/'))).toEqual([]);
  });
});

describe.each(contents)('a head that %s', (_name, text) => {
  it('is a branch that moved', async () => {
    const world = await drifted();
    world.spoil(branchHeadPath('master'), text);
    const topics = recordingTopics();
    const check = async (tick: string) => checkDrift({ repositories: ['master'], tick }, { ...world.ports, topics });
    expect(await check('1')).toEqual({ checked: ['master/shop', 'master/store'] });
    expect(topics.published.map(({ topic }) => topic)).toContain('change-committed');
    expect(world.state.get(branchHeadPath('master'))).toMatchObject({ environments: ['shop', 'store'] });
    await check('2');
    expect(world.log.filter((line) => line === error)).toHaveLength(1);
  });
});

describe.each(contents)('a delivery that %s', (_name, text) => {
  it('is one that never came, and is remembered from then on', async () => {
    const state = stateInMemory(() => new Date());
    const log = recordingLog();
    const path = 'deliveries/github/delivery-1.json';
    state.spoil(path, text);
    const rawBody = Buffer.from(
      JSON.stringify({
        ...{ ref: 'refs/heads/main', before: commitId('b'), after: commitId('a') },
        repository: { full_name: 'family/master', clone_url: 'https://git.example.com/family/master.git' },
      }),
    );
    const signature = `sha256=${createHmac('sha256', 'horse').update(rawBody).digest('hex')}`;
    const headers = {
      'x-hub-signature-256': signature,
      'x-github-event': 'push',
      'x-github-delivery': 'delivery-1',
    };
    const repositories = configSchema.shape.repositories.parse({
      master: { url: 'https://git.example.com/family/master.git', branch: 'main', bucket: 'family-master' },
    });
    const ports = { now: () => new Date(), log, state, topics: recordingTopics() };
    const receive = async () =>
      receivePush({ headers, rawBody }, ports, {
        secrets: { github: { kind: 'known', secret: 'horse' } },
        ...{ repositories, gitHosts: [] },
      });
    expect(await receive()).toMatchObject({ outcome: 'announced' });
    expect(log.lines).toContain(error);
    expect(await receive()).toMatchObject({ outcome: 'ignored' });
  });
});

describe.each(contents)('a ledger that %s', (_name, text) => {
  it('is a lost one, which is written anew', async () => {
    const state = stateInMemory(clockAt('2026-11-21T01:00:00Z').now);
    const access = { ports: { state, log: recordingLog() }, settings: { repositoryClass: 'master' } };
    const path = ledgerPath({ repositoryClass: 'master' });
    state.spoil(path, text);
    const recorded = await readLedger(access);
    expect(recorded.ledger).toEqual(emptyLedger);
    expect(access.ports.log.lines).toEqual([error]);
    await writeLedger({ ...access, recorded, news: emptyLedger });
    expect(state.objects.get(path)).toEqual({ version: 1, copied: [], refused: [] });
  });
});

describe.each(contents)('a quarantine that %s', (_name, text) => {
  const named = (name: string) => quarantinePath({ repository: 'master', environment: name });

  it('holds no upload back, and leaves the others as they are', async () => {
    const state = stateInMemory(clockAt('2026-11-21T01:00:00Z').now);
    const log = recordingLog();
    const quarantine: Quarantine = {
      ...{ revision: `main@sha1:${commitId('a')}`, inputs: {}, reason: 'web is unready' },
      ...{ at: '2026-11-21T00:00:00.000Z', revert: null },
    };
    await state.write({ path: named('store'), value: quarantine, ifGeneration: 'absent' });
    state.spoil(named('shop'), text);
    expect(await listQuarantines({ repository: 'master', state, log })).toEqual([{ environment: 'store', quarantine }]);
    expect(log.lines).toEqual([error]);
  });

  it('is written anew from the memory by the next run', async () => {
    const world = await rolledBack();
    const before = world.state.get(named('shop'));
    expect(before).toMatchObject({ reason: expect.stringContaining('web') });
    world.spoil(named('shop'), text);
    await world.run({ cause: 'schedule' });
    expect(world.state.get(named('shop'))).toEqual(before);
    expect(world.log).toContain(error);
  });

  it('is cleared away where the memory is lost, too', async () => {
    const world = await rolledBack();
    world.spoil(named('shop'), text);
    await world.forget('shop');
    await world.run({ cause: 'schedule' });
    expect(world.state.has(named('shop'))).toBe(false);
    expect(world.log).toContain(error);
  });
});

/** `shop`, rolled back because its new image never became ready. */
async function rolledBack(): Promise<World> {
  const world = createWorld();
  world.git.add(shop([deployment('web')], ['rollback: { onFailure: revert }', 'timeout: 20s']));
  await world.run();
  world.wait(60);
  world.cluster.statuses.set('Deployment acme/web', (object) =>
    JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
  );
  world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:bad' })) });
  await world.run();
  world.wait(60);
  await world.run();
  world.wait(60);
  return world;
}

describe('state that is gone, or older than it was', () => {
  it('is a memory of which status says that it is gone, and not that nobody ever looked', async () => {
    const { world, look } = await lookedAt();
    world.git.add({ 'environments/store.yaml': environment('store') });
    await world.forget('shop');
    expect(await statusOf(world)).toEqual({
      shop: { state: 'Unknown', message: 'what was remembered of it is gone: the next look rebuilds it' },
      store: {
        state: 'Unknown',
        message: 'nothing is remembered of it: its next look is the first, or all that was known is lost',
      },
    });
    await look();
    expect(await statusOf(world)).toMatchObject({ shop: { state: 'Diverged' } });
  });

  it.each(['memory', 'lease', 'wanted'] as const)('keeps no drift from being healed (%s deleted)', async (object) => {
    const world = await drifted();
    const found = await world.ports.state.read(paths[object]);
    if (found !== undefined) await world.ports.state.delete({ path: paths[object], generation: found.generation });
    await world.run({ cause: 'schedule' });
    expect(isHealed(world)).toBe(true);
    expect(world.log).not.toContain(error);
  });

  it('is no memory of a later version of itself', async () => {
    const world = await drifted();
    const before = world.state.get(paths.memory);
    world.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'green' })) });
    await world.run();
    await world.writeState(paths.memory, before);
    world.wait(60);
    await world.run({ cause: 'schedule' });
    expect(JSON.stringify(world.cluster.find('ConfigMap acme/colors'))).toContain('"color":"green"');
    expect(await statusOf(world)).toMatchObject({ shop: { state: 'Converged' } });
  });

  it('is a memory of nothing', async () => {
    const world = await drifted();
    await world.writeState(paths.memory, emptyMemory(new Date(0)));
    expect(await statusOf(world)).toMatchObject({
      shop: { state: 'Unknown', message: 'no look at it has come to its end yet' },
    });
    await world.run({ cause: 'schedule' });
    expect(isHealed(world)).toBe(true);
  });
});
