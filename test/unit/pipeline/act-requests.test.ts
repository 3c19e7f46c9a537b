import { describe, expect, it } from 'vitest';
import { personsRequestOf, reconcileRequestedSchema } from '../../../shared/events/reconcile-requested.ts';
import { openIncidents } from '../../../shared/memory/incidents.ts';
import { requestReconcile, requestedSchema } from '../../../shared/pipeline/act/reconcile.ts';
import { requestRevert, revertRequestedSchema } from '../../../shared/pipeline/act/revert.ts';
import { configMap, shop } from './reconcile/runs/files.ts';
import { createWorld, type World } from './reconcile/world/world.ts';

const by = 'Olga Ops <olga@example.com>';
const colors = configMap('colors');
const settings = { repositories: ['master'] };
const paint = ({ cluster }: World): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));
const jobsOf = ({ published }: World) =>
  published.flatMap(({ topic, event }) => (topic === 'reconcile' ? [reconcileRequestedSchema.parse(event.data)] : []));

async function converged(...spec: readonly string[]): Promise<World> {
  const world = createWorld();
  world.git.add(shop([colors], spec));
  await world.run();
  world.wait(60);
  return world;
}
async function drifted(diffAfter = '0s'): Promise<{ world: World; incident: string; since: string }> {
  const world = await converged('selfHeal: ask', `diffAfter: ${diffAfter}`);
  paint(world);
  await world.run({ cause: 'schedule' });
  const [open] = openIncidents(await world.memoryOf('shop'));
  if (open === undefined) throw new Error('nothing is open');
  return { world, incident: open.id, since: open.since };
}
const reconcile = async (world: World, facts: Partial<Parameters<typeof requestReconcile>[0]> = {}) =>
  requestReconcile(
    { action: 'reconcile', environment: 'master/shop', dryRun: false, override: false, ...facts },
    by,
    world.ports,
    settings,
  );
const revert = async (world: World, incident: string, facts: Partial<Parameters<typeof requestRevert>[0]> = {}) =>
  requestRevert({ action: 'revert', environment: 'master/shop', incident, dryRun: false, ...facts }, by, world.ports, {
    repositories: ['master'],
  });

describe('who asks for a look', () => {
  it('sends a job with who asks, and why, each time another', async () => {
    const world = await converged();
    const asked = await reconcile(world, { reason: 'the quota is raised' });
    expect(requestedSchema.parse(asked)).toMatchObject({
      ...{ outcome: 'requested', environment: 'master/shop', by, reason: 'the quota is raised', notes: [] },
    });
    expect(jobsOf(world).map(personsRequestOf)).toEqual([{ action: 'reconcile', by, reason: 'the quota is raised' }]);
    expect(world.published.at(-1)?.event.id).toBe(asked.request);
    expect((await reconcile(world)).request).not.toBe(asked.request);
    expect(jobsOf(world).map(personsRequestOf)[1]).toEqual({ action: 'reconcile', by });
  });

  it('is told what would be asked, and asks for nothing', async () => {
    const world = await converged();
    expect(await reconcile(world, { dryRun: true })).toMatchObject({ outcome: 'planned', request: null });
    expect(jobsOf(world)).toEqual([]);
  });

  it('is refused where it is suspended, and told of a freeze', async () => {
    const world = await converged();
    world.git.add(shop([colors], ['suspend: true', 'suspendReason: moves']));
    await expect(reconcile(world)).rejects.toMatchObject({
      ...{ code: 'ActionRefused', subject: 'master/shop', problem: 'is suspended: suspend: true (moves)' },
    });
    world.git.add(shop([colors], ['freeze: [{ name: night, cron: "0 0 * * *", length: 23h }]']));
    await world.run();
    expect((await reconcile(world)).notes).toEqual([
      expect.stringMatching(/^frozen until .* by night.*: nothing is applied or healed before$/),
    ]);
    expect(jobsOf(world)).toHaveLength(1);
  });

  it.each([
    ['an environment that no file declares', { environment: 'master/other' }, 'BadRequest'],
    ['a class that is none', { environment: 'develop/shop' }, 'BadRequest'],
    ['going past a freeze for no reason', { override: true }, 'ActionRefused'],
  ])('is refused %s', async (_what, facts, code) => {
    const world = await converged();
    await expect(reconcile(world, facts)).rejects.toMatchObject({ code, disposition: 'refuse' });
    expect(jobsOf(world)).toEqual([]);
  });
});

describe('who asks for a look past a freeze', () => {
  const why = { override: true, reason: 'a hole is closed' };
  const night = ['freeze: [{ name: night, cron: "0 0 * * *", length: 23h }]'];

  it('sends it with the end of the freeze that is open, also where no look has met it', async () => {
    const world = await converged(...night);
    const asked = await reconcile(world, why);
    expect(asked.notes).toEqual([expect.stringMatching(/^goes past: frozen until .* by night/)]);
    expect(jobsOf(world).map(personsRequestOf)).toEqual([
      { action: 'reconcile', by, reason: 'a hole is closed', override: '2026-11-21T23:00:00.000Z' },
    ]);
  });

  it('is told what waits, and asks for nothing', async () => {
    const world = await converged('diffAfter: 0s');
    paint(world);
    world.git.add(shop([colors, configMap('more')], ['diffAfter: 0s', ...night]));
    await world.run({ cause: 'schedule' });
    const asked = await reconcile(world, { ...why, dryRun: true });
    expect(asked).toMatchObject({ outcome: 'planned', request: null });
    expect(asked.notes).toEqual([
      expect.stringMatching(/^goes past: frozen until .* by night; main@\S+ waits$/),
      expect.stringMatching(/^drifted, and is healed where selfHeal is true: \w+ ConfigMap acme\/colors/),
    ]);
    expect(jobsOf(world)).toEqual([]);
  });

  it('is told that no freeze is open, and asks for an ordinary look', async () => {
    const world = await converged();
    expect((await reconcile(world, why)).notes).toEqual(['no freeze is open: nothing is passed over']);
    expect(jobsOf(world).map(personsRequestOf)).toEqual([{ action: 'reconcile', by, reason: 'a hole is closed' }]);
  });

  it('is refused where it is suspended', async () => {
    const world = await converged(...night);
    world.git.add(shop([colors], ['suspend: true']));
    await expect(reconcile(world, why)).rejects.toMatchObject({ code: 'ActionRefused' });
  });
});

describe('who asks that drift is undone', () => {
  it('sends a job of that incident, as it began', async () => {
    const { world, incident, since } = await drifted();
    const asked = await revert(world, incident, { reason: 'a mistake' });
    expect(revertRequestedSchema.parse(asked)).toMatchObject({
      ...{ outcome: 'requested', incident, since, titles: ['ConfigMap acme/colors'], omitted: 0 },
    });
    expect(jobsOf(world).map(personsRequestOf)).toEqual([
      { action: 'revert', incident, since, by, reason: 'a mistake' },
    ]);
  });

  it('is told the objects and fields, and asks for nothing', async () => {
    const { world, incident } = await drifted();
    expect(await revert(world, incident, { dryRun: true })).toMatchObject({
      ...{ outcome: 'planned', request: null },
      objects: [{ kind: 'ConfigMap', fields: [{ path: '/data/color', desired: 'red', observed: 'green' }] }],
    });
    expect(jobsOf(world)).toEqual([]);
  });

  it('is told the objects where nothing of it was told yet', async () => {
    const { world, incident } = await drifted('1h');
    expect(await revert(world, incident, { dryRun: true })).toMatchObject({
      ...{ objects: [], titles: ['ConfigMap acme/colors'] },
    });
  });

  it('is refused an incident that has ended, one that is none, and one that is no drift', async () => {
    const { world, incident } = await drifted();
    world.cluster.edit('ConfigMap acme/colors', 'converge', (object) => ({ ...object, data: { color: 'red' } }));
    await world.run({ cause: 'schedule' });
    await expect(revert(world, incident)).rejects.toMatchObject({
      ...{ code: 'ActionRefused', subject: incident, problem: expect.stringMatching(/^ended at 2026-/) },
    });
    await expect(revert(world, 'no-such')).rejects.toMatchObject({
      ...{ code: 'ActionRefused', problem: 'is no incident that master/shop remembers' },
    });
    world.git.add({ 'manifests/shop/all.json': '{' });
    await world.run();
    const [failed] = openIncidents(await world.memoryOf('shop'));
    await expect(revert(world, failed?.id ?? '')).rejects.toMatchObject({
      ...{ code: 'ActionRefused', problem: 'is no drift: it is Failed' },
    });
    expect(jobsOf(world)).toEqual([]);
  });

  it('is refused while it is suspended, or frozen', async () => {
    const { world, incident } = await drifted();
    world.git.add(shop([colors], ['selfHeal: ask', 'freeze: [{ name: night, cron: "0 0 * * *", length: 23h }]']));
    await world.run();
    await expect(revert(world, incident)).rejects.toMatchObject({
      ...{ code: 'ActionRefused', problem: expect.stringMatching(/^is frozen until .* by night/) },
      remedy: expect.stringContaining('converge reconcile master/shop --override --reason TEXT'),
    });
    world.git.add(shop([colors], ['suspend: true']));
    await expect(revert(world, incident)).rejects.toMatchObject({
      ...{ code: 'ActionRefused', problem: 'is suspended: suspend: true' },
    });
    expect(jobsOf(world)).toEqual([]);
  });
});
