import { describe, expect, it } from 'vitest';
import { convergedSchema, type Converged } from '../../../../shared/events/alert.ts';
import { listIncidents } from '../../../../shared/pipeline/incidents.ts';
import { actionMessage } from '../../../../shared/source/action-message.ts';
import { configMap, shop } from '../reconcile/runs/files.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';

const by = 'Olivia Ops <olivia@example.com>';
const colored = (color: string) => shop([configMap('colors', { color })], ['selfHeal: false', 'diffAfter: 0s']);
const paint = (world: World, color: string): void =>
  world.cluster.edit('ConfigMap acme/colors', 'kubectl-edit', (object) => ({ ...object, data: { color } }));

/** A world whose drift is told, and the incident of it. */
async function drifted(): Promise<{ world: World; incident: string }> {
  const world = createWorld();
  world.git.add(colored('red'));
  await look(world);
  paint(world, 'blue');
  await look(world);
  const incident = (await world.memoryOf('shop')).incident?.id;
  if (incident === undefined) throw new Error('nothing was found');
  return { world, incident };
}

async function look(world: World): Promise<void> {
  await world.run({ cause: 'schedule' });
  world.wait(60);
}

function accepting(incident: string): string {
  return actionMessage({ action: 'accept', subject: 'Accept', environment: 'shop', by, incident });
}

function closings({ published }: World): Converged[] {
  return published.flatMap(({ topic, event }) => {
    const told = topic === 'converged' ? convergedSchema.parse(event.data) : undefined;
    return told === undefined || told.incident === null ? [] : [told];
  });
}

async function listed(world: World): Promise<unknown> {
  return (await listIncidents({ repositories: ['master'] }, world.ports)).incidents;
}

describe('an incident that is accepted', () => {
  it('ends so, by whom and with which commit, and is remembered so', async () => {
    const { world, incident } = await drifted();
    const { id: commit } = world.git.add(colored('blue'), { message: accepting(incident) });
    await look(world);
    expect(closings(world)).toMatchObject([{ incident, accepted: { by, commit } }]);
    expect((await world.memoryOf('shop')).past?.incidents).toMatchObject([{ id: incident, accepted: { by, commit } }]);
    expect(await listed(world)).toMatchObject([{ id: incident, accepted: { by, commit } }]);
  });

  it('ends so where others committed upon it before a run looked', async () => {
    const { world, incident } = await drifted();
    const { id: commit } = world.git.add(colored('blue'), { message: accepting(incident) });
    const more = { 'manifests/shop/more.json': JSON.stringify([configMap('more')]) };
    world.git.add(more, { message: 'Copy more' });
    await look(world);
    expect(closings(world)).toMatchObject([{ incident, accepted: { by, commit } }]);
    expect(await listed(world)).toMatchObject([{ id: incident, accepted: { by, commit } }]);
    paint(world, 'green');
    await look(world);
    world.git.add(colored('green'), { message: 'Paint it green' });
    await look(world);
    expect(closings(world).map(({ accepted }) => accepted?.commit)).toEqual([commit, undefined]);
  });

  it('ends so where the commit that accepts it converges only with the next one', async () => {
    const { world, incident } = await drifted();
    const more = 'manifests/shop/more.json';
    const { id: commit } = world.git.add({ ...colored('blue'), [more]: '[' }, { message: accepting(incident) });
    await look(world);
    expect(closings(world)).toEqual([]);
    world.git.add({ [more]: JSON.stringify([configMap('more')]) }, { message: 'Mend more' });
    await look(world);
    expect(closings(world).filter((told) => told.incident === incident)).toMatchObject([{ accepted: { by, commit } }]);
  });

  it('is not so where it comes back, and ends by itself', async () => {
    const { world, incident } = await drifted();
    world.git.add(colored('blue'), { message: accepting(incident) });
    await look(world);
    paint(world, 'green');
    await look(world);
    paint(world, 'blue');
    await look(world);
    const [first, second, ...others] = closings(world);
    expect(others).toEqual([]);
    expect([first?.accepted?.by, second?.accepted]).toEqual([by, undefined]);
    expect(second?.incident).toBe(incident);
  });

  it.each([
    ['of another incident', accepting('another')],
    ['of another action', accepting('any').replace('Action: accept', 'Action: suspend')],
    ['that says nothing', 'Paint it blue'],
  ])('is not so by a commit %s', async (_what, message) => {
    const { world } = await drifted();
    world.git.add(colored('blue'), { message });
    await look(world);
    const [closed, ...others] = closings(world);
    expect(others).toEqual([]);
    expect(closed).not.toHaveProperty('accepted');
    expect(await listed(world)).toMatchObject([{ accepted: null }]);
  });
});
