import { describe, expect, it } from 'vitest';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { statePaths } from '../../../../shared/memory/state-paths.ts';
import { quarantinePath } from '../../../../shared/memory/quarantine.ts';
import { parseRevert } from '../../../../shared/source/revert.ts';
import { openIncidents } from '../../../../shared/memory/incidents.ts';
import { configMap, deployment, environment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { Killed, mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

const shopOfMaster = { repository: 'master', environment: 'shop' };
const paths = statePaths(shopOfMaster);
const colors = configMap('colors');
const paint = ({ cluster }: World, color: string): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color } }));

/** Each alert of an incident once, however often it was published: what is told, and of which incident. */
function storyOf({ published }: World): readonly { readonly told: string; readonly incident: string }[] {
  const told = published.flatMap(({ topic, event: { id, data } }) => {
    if (topic === 'diff') {
      const { reason, incident } = diffSchema.parse(data);
      return [{ id, told: reason, incident }];
    }
    if (topic !== 'converged') return [];
    const { incident } = convergedSchema.parse(data);
    return incident === null ? [] : [{ id, told: 'the end', incident }];
  });
  return [...new Map(told.map(({ id, ...alert }) => [id, alert])).values()];
}

interface Scenario {
  readonly before: (world: World) => Promise<void>;
  readonly change: (world: World) => void;
  /** Makes all well, where it is not. */
  readonly mend?: (world: World) => void;
  /** How often its incident opens and ends; 1, where absent. */
  readonly times?: number;
  /** The environment that is left; `shop`, where absent. */
  readonly becomes?: string;
}

const look = async (world: World, environment = 'shop'): Promise<void> => {
  world.wait(60);
  await world.run({ cause: 'schedule', environment }).catch((error: unknown) => {
    if (Object(error).code !== 'LeaseHeld') throw error;
  });
};

const begin = async (world: World, spec: string[] = [], objects = [colors]): Promise<void> => {
  world.git.add(shop(objects, spec));
  await world.run();
};

const fail = (world: World): void => {
  world.cluster.refusals.set('apply ConfigMap acme/more', { status: 403, message: 'exceeded quota' });
  world.git.add({ 'manifests/shop/all.json': list(colors, configMap('more')) });
};

const rolledBack: Scenario = {
  before: async (w) => begin(w, ['rollback: { onFailure: revert }', 'timeout: 20s'], [deployment('web')]),
  change(w) {
    w.cluster.statuses.set('Deployment acme/web', (object) =>
      JSON.stringify(object).includes('shop:bad') ? unready(object) : readied(object),
    );
    w.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:bad' })) });
  },
  mend: (w) => void w.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:good' })) }),
};

const scenarios: Readonly<Record<string, Scenario>> = {
  'drift healed': { before: async (w) => begin(w), change: (w) => paint(w, 'blue') },
  'drift healed, again': {
    times: 2,
    async before(w) {
      await begin(w);
      paint(w, 'green');
      await look(w);
      w.wait(7200);
    },
    change: (w) => paint(w, 'blue'),
  },
  'drift told and left': {
    before: async (w) => begin(w, ['selfHeal: false', 'diffAfter: 0s']),
    change: (w) => paint(w, 'blue'),
    mend: (w) => void w.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) }),
  },
  'drift told and left, ended by a commit': {
    async before(w) {
      await begin(w, ['selfHeal: false', 'diffAfter: 0s']);
      paint(w, 'blue');
      await look(w);
    },
    change: (w) => void w.git.add({ 'manifests/shop/all.json': list(configMap('colors', { color: 'blue' })) }),
  },
  failure: { before: async (w) => begin(w), change: fail, mend: (w) => w.cluster.refusals.clear() },
  'failure mended': {
    async before(w) {
      await begin(w);
      fail(w);
      await look(w);
    },
    change: (w) => w.cluster.refusals.clear(),
  },
  'failure and drift': {
    async before(w) {
      await begin(w);
      fail(w);
      await look(w);
    },
    change: (w) => paint(w, 'blue'),
    mend: (w) => w.cluster.refusals.clear(),
  },
  'failure, then suspended': {
    async before(w) {
      await begin(w);
      fail(w);
      await look(w);
    },
    change: (w) => void w.git.add(shop([colors, configMap('more')], ['suspend: true'])),
    mend(w) {
      w.cluster.refusals.clear();
      w.git.add(shop([colors, configMap('more')]));
    },
  },
  unhealthy: {
    before: async (w) => begin(w, ['timeout: 20s'], [deployment('web')]),
    change(w) {
      w.cluster.statuses.set('Deployment acme/web', unready);
      w.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:bad' })) });
    },
    mend(w) {
      w.cluster.statuses.set('Deployment acme/web', readied);
      w.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:good' })) });
    },
  },
  'unhealthy, rolled back': rolledBack,
  'wrong file': {
    before: async (w) => begin(w),
    change: (w) => void w.git.add({ 'manifests/shop/all.json': '{' }),
    mend: (w) => void w.git.add({ 'manifests/shop/all.json': list(colors) }),
  },
  'failure, then removed': {
    async before(w) {
      await begin(w);
      fail(w);
      await look(w);
    },
    change: (w) => void w.git.add({ 'environments/shop.yaml': null }),
  },
  'renamed with a failure': {
    async before(w) {
      await begin(w);
      fail(w);
      await look(w);
    },
    change(w) {
      w.cluster.refusals.clear();
      w.git.add({
        'environments/shop.yaml': null,
        'environments/store.yaml': environment('store', [], { previously: 'shop' }),
        'manifests/store/all.json': list(colors, configMap('more')),
      });
    },
    becomes: 'store',
  },
};

const loseMemory = async ({ ports: { state } }: World): Promise<void> => {
  const found = await state.read(paths.memory);
  if (found !== undefined) await state.delete({ path: paths.memory, generation: found.generation });
};
const spoilMemory = async (world: World): Promise<void> => world.spoil(paths.memory, '');

/** Puts back what the memory said when the run began. */
const putMemoryBack: Damage = async (world, { said }) => {
  if (world.state.has(paths.memory)) await world.writeState(paths.memory, said);
};

type Damage = (world: World, before: { readonly said: unknown }) => Promise<void>;

/** Looks until one is killed before this effect of all of them, then damages. Undefined: none was left to die at. */
async function killed(
  { before, change, becomes }: Scenario,
  { diesBefore, damage }: { diesBefore: number; damage: Damage },
): Promise<World | undefined> {
  const world = createWorld();
  await before(world);
  world.wait(60);
  const said = structuredClone(world.state.get(paths.memory));
  change(world);
  const { ports, life } = mortalPorts(world.ports, { diesBefore });
  const job = { cause: 'schedule', ...(becomes === undefined ? {} : { environment: becomes }) } as const;
  for (let tick = 0; tick < 4 && life.effects + 1 < diesBefore; tick++) {
    if (tick > 0) world.wait(30);
    await world.run(job, ports).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error;
    });
  }
  if (life.effects + 1 < diesBefore) return undefined;
  await damage(world, { said });
  return world;
}

async function lookOn(
  world: World,
  { becomes, times }: { becomes?: string | undefined; times: number },
): Promise<void> {
  for (let time = 0; time < times; time++) {
    if (becomes !== undefined) await look(world, becomes);
    await look(world);
  }
}

/** How often the end of each incident was told of which anything was. */
function endsIn(world: World): ReadonlyMap<string, number> {
  const ends = new Map<string, number>();
  for (const { told, incident } of storyOf(world))
    ends.set(incident, (ends.get(incident) ?? 0) + (told === 'the end' ? 1 : 0));
  return ends;
}

async function expectEnds(scenario: Scenario, damage: Damage): Promise<void> {
  const { mend, becomes, times = 1 } = scenario;
  for (let diesBefore = 1; ; diesBefore++) {
    const world = await killed(scenario, { diesBefore, damage });
    if (world === undefined) break;
    await lookOn(world, { becomes, times: 4 });
    mend?.(world);
    await lookOn(world, { becomes, times: 10 });
    const at = `killed before ${diesBefore}: ${JSON.stringify(storyOf(world))}`;
    expect(openIncidents(await world.memoryOf(becomes ?? 'shop')), at).toEqual([]);
    for (const ended of endsIn(world).values()) expect(ended, at).toBe(times);
  }
}

describe.each(Object.entries(scenarios))('%s', (_name, scenario) => {
  it('is told and ends, wherever a run is killed and the memory is lost then', async () => {
    await expectEnds(scenario, loseMemory);
  });
});

describe.each(Object.entries(scenarios))('%s', (_name, scenario) => {
  it('is told and ends, wherever a run is killed and the memory is put back to an older one then', async () => {
    await expectEnds(scenario, putMemoryBack);
  });
});

describe('what is rolled back', () => {
  it.each([
    ['nothing is lost', async () => {}],
    ['the memory is spoilt', spoilMemory],
  ] as const)('is told and ends, wherever a run is killed and %s then', async (_damage, damage) => {
    await expectEnds(rolledBack, damage);
  });

  it('is told as such, and kept from uploads, wherever a run is killed and the memory is lost then', async () => {
    for (let diesBefore = 1; ; diesBefore++) {
      const world = await killed(rolledBack, { diesBefore, damage: loseMemory });
      if (world === undefined) break;
      await lookOn(world, { times: 4 });
      const at = `killed before ${diesBefore}`;
      const told = world.published.flatMap(({ topic, event }) =>
        topic === 'diff' ? [diffSchema.parse(event.data).rollback?.commit] : [],
      );
      const head = await world.ports.repository('master').fetchHead();
      const { environment } = parseRevert(head?.message ?? '');
      const commit = environment === undefined ? undefined : head?.id;
      expect(told.at(-1), at).toBe(commit);
      const { quarantine } = await world.memoryOf('shop');
      expect(quarantine?.revert, at).toBe(commit);
      const copy = await world.ports.state.read(quarantinePath(shopOfMaster));
      expect(copy !== undefined && 'value' in copy ? copy.value : undefined, at).toEqual(quarantine);
    }
  });
});
