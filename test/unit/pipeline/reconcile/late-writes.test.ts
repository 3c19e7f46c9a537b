import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../../shared/config/config.ts';
import { convergedSchema, diffSchema } from '../../../../shared/events/alert.ts';
import { reconcile } from '../../../../shared/pipeline/reconcile.ts';
import type { ReconcilePorts } from '../../../../shared/pipeline/reconcile/run/run.ts';
import { configMap, deployment, list, shop } from './runs/files.ts';
import { mortalPorts } from './world/mortal-ports.ts';
import { createWorld, type World } from './world/world.ts';

/*
 * A run stands still just before a request of its, or the request does on the network. Meanwhile its lease is over, and
 * a newer run has brought the environment to a newer commit. Then it goes on.
 */
const limits = configSchema.shape.limits.parse({});
const settings = { limits, writeback: true };
const job = { repository: 'master', environment: 'shop', cause: 'commit' } as const;

const first = [configMap('colors'), deployment('web'), configMap('old')];
const second = [configMap('colors', { color: 'blue' }), configMap('new')];

interface Late {
  readonly world: World;
  /** The ids of the commits: of before, of the run that stood still, and of the newer one. */
  readonly commits: readonly [string, string, string];
  readonly effects: number;
}

/** Where the newer commit takes back the one that was on its way. @param freezesBefore an effect, counted from 1 */
async function wakeLate({ freezesBefore }: { freezesBefore: number }): Promise<Late> {
  const world = createWorld();
  const before = world.git.add(shop(first)).id;
  await world.run();
  world.wait(60);
  const commit = world.git.add({ 'manifests/shop/all.json': list(...second) }).id;
  const asleep = Promise.withResolvers<void>();
  const awake = Promise.withResolvers<void>();
  const { ports, life } = mortalPorts(freely(world), {
    async freezes(effect) {
      if (effect !== freezesBefore) return;
      asleep.resolve();
      await awake.promise;
    },
  });
  const late = reconcile(job, ports, { ...settings, event: 'late' }).catch((error: unknown) => error);
  await Promise.race([asleep.promise, late]);
  const newer = world.git.add({ 'manifests/shop/all.json': list(...first) }).id;
  world.wait(120);
  await reconcile(job, freely(world), { ...settings, event: 'newer' });
  awake.resolve();
  await late;
  return { world, commits: [before, commit, newer], effects: life.effects };
}

/** What two runs at a time write is no mistake of the test. */
function freely({ ports, topics }: World): ReconcilePorts {
  return { ...ports, topics };
}

const look = async (world: World): Promise<unknown> => {
  world.wait(120);
  return await reconcile({ ...job, cause: 'schedule' }, freely(world), { ...settings, event: 'look' });
};

const textsOf = (world: World): string[] =>
  world.cluster
    .all()
    .flatMap(({ kind, metadata: { name = '', uid }, ...rest }) =>
      name.startsWith('converge-') || kind === 'Namespace'
        ? []
        : [`${name} ${uid} ${'data' in rest ? JSON.stringify(rest.data) : ''}`],
    );

/** Alerts in the order in which they were told: what is published again under its id is told already. */
function toldIn({ published }: World): string[] {
  const alerts = [...new Map(published.map(({ topic, event }) => [event.id, { topic, data: event.data }])).values()];
  return alerts.flatMap(({ topic, data }) => {
    if (topic === 'diff') return [`diff ${diffSchema.parse(data).summary}`];
    return topic === 'converged' ? [convergedSchema.parse(data).revision.slice(-40)] : [];
  });
}

describe('a run that comes late, at any of its steps', () => {
  it('takes nothing away that a newer run keeps, and changes nothing that it changed back', async () => {
    const { effects } = await wakeLate({ freezesBefore: Infinity });
    for (let freezesBefore = 1; freezesBefore <= effects; freezesBefore++) {
      const at = `late before effect ${freezesBefore} of ${effects}`;
      const { world } = await wakeLate({ freezesBefore });
      const found = textsOf(world).filter((text) => !text.startsWith('new '));
      await look(world);
      await look(world);
      expect(textsOf(world), at).toEqual(found);
      expect(found.map((text) => text.replace(/ \S+ /, ' ')).sort(), at).toEqual(
        ['colors {"color":"red"}', 'old {"color":"red"}', 'web '].sort(),
      );
    }
  });

  it('tells nothing new of the older commit once the newer one is told, and no false alarm', async () => {
    const { effects } = await wakeLate({ freezesBefore: Infinity });
    for (let freezesBefore = 1; freezesBefore <= effects; freezesBefore++) {
      const at = `late before effect ${freezesBefore} of ${effects}`;
      const { world, commits } = await wakeLate({ freezesBefore });
      await look(world);
      await look(world);
      const told = toldIn(world);
      expect(told, at).toEqual(commits.filter((id) => told.includes(id)));
    }
  });
});
