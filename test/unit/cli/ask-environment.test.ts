import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../../cli/command-result.ts';
import type { Context } from '../../../cli/context.ts';
import { acceptIncident } from '../../../cli/accept.ts';
import { showHistory } from '../../../cli/history.ts';
import { showStatus } from '../../../cli/status.ts';
import { askReconcile } from '../../../cli/reconcile.ts';
import { askRevert } from '../../../cli/revert.ts';
import { historyOutputSchema, reconcileOutputSchema, revertOutputSchema } from '../../../cli/output-schemas.ts';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { reconcileRequestedSchema } from '../../../shared/events/reconcile-requested.ts';
import { openIncidents } from '../../../shared/memory/incidents.ts';
import { listIncidents } from '../../../shared/pipeline/incidents.ts';
import { whatHappened } from '../../../shared/pipeline/what-happened.ts';
import { configMap, deployment, list, shop } from '../pipeline/reconcile/runs/files.ts';
import { unready } from '../pipeline/reconcile/world/controllers.ts';
import { createWorld, type World } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const colors = configMap('colors');
const who = { GIT_COMMITTER_NAME: 'Olga Ops', GIT_COMMITTER_EMAIL: 'olga@example.com' };
const waiting = { wait: true, timeout: 60_000 };
const paint = ({ cluster }: World): void =>
  cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'green' } }));

async function converged(spec: readonly string[] = [], objects = [colors]): Promise<World> {
  const world = createWorld();
  world.git.add(shop(objects, spec));
  await world.run();
  world.wait(60);
  return world;
}
async function drifted(): Promise<{ world: World; incident: string }> {
  const world = await converged(['selfHeal: ask', 'diffAfter: 0s']);
  paint(world);
  await world.run({ cause: 'schedule' });
  const [open] = openIncidents(await world.memoryOf('shop'));
  return { world, incident: open?.id ?? '' };
}

/** The command, with the pipeline behind its topic: jobs run while it waits. */
function pipelineOf(world: World, { isDead = false }: { isDead?: boolean } = {}): Context {
  const context = contextOf(world, who);
  let done = world.published.length;
  const sleep = async (milliseconds: number): Promise<void> => {
    world.wait(milliseconds / 1000);
    for (; !isDead && done < world.published.length; done++) {
      const { topic, event } = world.published[done] ?? {};
      if (topic !== 'reconcile' || event === undefined) continue;
      await world.run(reconcileRequestedSchema.parse(event.data), undefined, event.id);
    }
  };
  const topics = async () => world.topics;
  return { ...context, open: { ...context.open, topics }, ports: { ...context.ports, sleep } };
}
const unasked = async (): Promise<never> => {
  throw new Error('was asked');
};
const textOf = ({ lines }: CommandResult): readonly string[] => lines.map(({ text }) => text);

describe('converge reconcile --override', () => {
  const frozen = async (): Promise<World> => {
    const world = await converged();
    const spec = ['freeze: [{ name: night, cron: "0 1 * * *", length: 5h }]'];
    world.git.add(shop([colors, configMap('new')], spec));
    expect((await world.run()).outcome).toBe('frozen');
    return world;
  };
  const past = { ...waiting, override: true, reason: 'a hole is closed' };

  it('says which freeze it goes past, and that it has converged', async () => {
    const answer = await askReconcile(pipelineOf(await frozen()), 'shop', past);
    expect(textOf(answer)).toEqual([
      'asked     master/shop to be looked at now, past every pause',
      expect.stringMatching(/^ {2}goes past: frozen until .* by night; main@\S+ waits$/),
      expect.stringMatching(/^converged master\/shop at main@[0-9a-f]{12}$/),
    ]);
    expect(reconcileOutputSchema.parse(JSON.parse(JSON.stringify(answer.json)))).toMatchObject({
      done: { override: 'night', reason: 'a hole is closed', outcome: 'converged' },
    });
  });

  it('is refused without a reason, before anybody is asked, and ends frozen without it', async () => {
    const world = await frozen();
    const { open, ...context } = pipelineOf(world);
    const nobody = { ...context, open: { ...open, state: unasked, repository: unasked } };
    const asked = askReconcile(nobody, 'shop', { ...past, reason: undefined });
    await expect(asked).rejects.toMatchObject({ subject: '--override', exit: 2 });
    expect(await askReconcile(pipelineOf(world), 'shop', { ...past, override: false })).toMatchObject({ exit: 1 });
  });
});

describe('converge reconcile', () => {
  it('tries what failed in its pause, and says that it has converged', async () => {
    const world = await converged();
    world.cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
    world.git.add({ 'manifests/shop/all.json': list(colors, configMap('new')) });
    for (let look = 0; look < 4; look++) await world.run({ cause: look === 0 ? 'commit' : 'schedule' });
    world.cluster.refusals.clear();
    const answer = await askReconcile(pipelineOf(world), 'shop', { ...waiting, reason: 'the quota is raised' });
    expect(textOf(answer)).toEqual([
      'asked     master/shop to be looked at now, past every pause',
      expect.stringMatching(/^converged master\/shop at main@[0-9a-f]{12}$/),
    ]);
    expect(answer.exit).toBe(0);
    const json = reconcileOutputSchema.parse(JSON.parse(JSON.stringify(answer.json)));
    expect(json).toMatchObject({
      ...{ by: 'Olga Ops <olga@example.com>', reason: 'the quota is raised', state: 'Converged' },
      done: { outcome: 'converged', id: json.request },
    });
  });

  it('says what fails still, with exit code 1', async () => {
    const world = await converged();
    world.cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
    world.git.add({ 'manifests/shop/all.json': list(colors, configMap('new')) });
    await world.run();
    const answer = await askReconcile(pipelineOf(world), 'master/shop', waiting);
    expect([answer.exit, textOf(answer).at(-1)]).toEqual([
      1,
      expect.stringMatching(/^diverged {2}master\/shop: Failed: ConfigMap acme\/new: .*exceeded quota/),
    ]);
  });

  it('follows what the run left under way, and says what came of it', async () => {
    const world = await converged(['timeout: 10m'], [deployment('web')]);
    world.cluster.statuses.set('Deployment acme/web', unready);
    world.git.add({ 'manifests/shop/all.json': list(deployment('web', { image: 'shop:2' })) });
    const answer = await askReconcile(pipelineOf(world), 'shop', waiting);
    expect([answer.exit, textOf(answer).at(-1)]).toEqual([
      1,
      expect.stringMatching(/^failed {4}master\/shop: Deployment acme\/web: /),
    ]);
  });

  it('says that nobody looked in time', async () => {
    const answer = await askReconcile(pipelineOf(await converged(), { isDead: true }), 'shop', waiting);
    expect([answer.exit, textOf(answer).at(-1)]).toEqual([1, expect.stringMatching(/was not looked at in time/)]);
    expect(answer.json).toMatchObject({ done: null, state: 'Converged' });
  });

  it('asks and does not follow, and asks for nothing where that is wished', async () => {
    const world = await converged();
    const before = world.published.length;
    const asked = await askReconcile(pipelineOf(world), 'shop', { ...waiting, wait: false });
    expect(asked).toMatchObject({ exit: 0, json: { outcome: 'requested', done: null, state: null } });
    expect(world.published).toHaveLength(before + 1);
    const planned = await askReconcile(pipelineOf(world), 'shop', { ...waiting, dryRun: true });
    expect(planned).toMatchObject({ exit: 0, json: { outcome: 'planned', request: null } });
    expect(textOf(planned)).toEqual(['master/shop would be looked at now, past every pause']);
    expect(world.published).toHaveLength(before + 1);
  });

  it('knows no environment of another name', async () => {
    await expect(askReconcile(pipelineOf(await converged()), 'store', waiting)).rejects.toMatchObject({ exit: 2 });
  });
});

describe('converge revert', () => {
  it('has drift undone, and finds the environment by the incident', async () => {
    const { world, incident } = await drifted();
    const answer = await askRevert(pipelineOf(world), incident, { ...waiting, reason: 'the test is over' });
    expect(textOf(answer)).toEqual([
      expect.stringMatching(
        /^asked {5}to undo \w+ of master\/shop, since 2026-.*: ConfigMap acme\/colors: color differs$/,
      ),
      '  modified ConfigMap acme/colors: color differs',
      '    /data/color: "green" instead of "red"',
      expect.stringMatching(/^converged master\/shop at main@/),
    ]);
    expect(answer.exit).toBe(0);
    expect(revertOutputSchema.safeParse(JSON.parse(JSON.stringify(answer.json)))).toMatchObject({ success: true });
    expect(world.cluster.find('ConfigMap acme/colors')?.['data']).toEqual({ color: 'red' });
  });

  it('is in the history, in what happened, and in the incidents, with who asked, why and when', async () => {
    const { world, incident } = await drifted();
    const context = pipelineOf(world);
    await askRevert(context, incident, { ...waiting, reason: 'the test is over' });
    const history = await showHistory(context, 'shop', { limit: 5, since: 86_400_000 });
    expect(textOf(history)[0]).toMatch(
      /^asked {2}2026-\S+ \S+ {2}revert \w+ by Olga Ops <olga@example\.com> \(the test is over\): converged$/,
    );
    expect(historyOutputSchema.safeParse(JSON.parse(JSON.stringify(history.json)))).toMatchObject({ success: true });
    const repository = await context.open.repository();
    const ports = { ...world.ports, repository };
    const since = new Date('2026-11-21T00:00:00Z');
    const { events } = await whatHappened({ repositories: ['master'], since }, ports);
    const reverted = { by: 'Olga Ops <olga@example.com>', reason: 'the test is over' };
    expect(events).toContainEqual(
      expect.objectContaining({ kind: 'requested', action: 'revert', incident, outcome: 'converged', ...reverted }),
    );
    expect(events.find(({ kind }) => kind === 'incident-closed')).toMatchObject({ incident, healed: true, reverted });
    const { incidents } = await listIncidents({ repositories: ['master'] }, ports);
    expect(incidents).toMatchObject([{ id: incident, healed: true, reverted }]);
    const [wide] = (await showStatus(context, ['shop'], { wide: true })).lines.filter(({ text }) => /asked/.test(text));
    expect(wide?.text).toMatch(/^ {2}asked +revert by Olga Ops .*\(the test is over\), done 2026-.*: converged$/);
  });

  it('lists what would be undone, and undoes nothing', async () => {
    const { world, incident } = await drifted();
    const answer = await askRevert(pipelineOf(world), incident, { ...waiting, dryRun: true, environment: 'shop' });
    expect(textOf(answer)).toEqual([
      expect.stringMatching(/^would be undone: /),
      '  modified ConfigMap acme/colors: color differs',
      '    /data/color: "green" instead of "red"',
    ]);
    expect(world.cluster.find('ConfigMap acme/colors')?.['data']).toEqual({ color: 'green' });
  });

  it('says why nothing was undone where it ended before the run', async () => {
    const { world, incident } = await drifted();
    const context = pipelineOf(world);
    const topics = async () => ({
      async publish(...args: Parameters<World['topics']['publish']>) {
        world.cluster.edit('ConfigMap acme/colors', 'converge', (object) => ({ ...object, data: { color: 'red' } }));
        await world.run({ cause: 'schedule' });
        await world.topics.publish(...args);
      },
    });
    const answer = await askRevert({ ...context, open: { ...context.open, topics } }, incident, waiting);
    expect([answer.exit, textOf(answer).at(-1)]).toEqual([
      1,
      'refused   master/shop: the incident has ended: nothing of it differs any more',
    ]);
  });

  it('knows no incident that is not open', async () => {
    const world = await converged();
    await expect(askRevert(pipelineOf(world), 'd90b1100af44ad8d', waiting)).rejects.toMatchObject({
      ...{ exit: 2, problem: expect.stringContaining('it has ended, or never was') },
    });
  });

  it.each([
    ['revert', async (context: Context) => askRevert(context, 'd90b1100af44ad8d', waiting)],
    ['accept', async (context: Context) => acceptIncident(context, 'd90b1100af44ad8d', {})],
  ])('is not said to have ended where %s cannot read all', async (_verb, ask) => {
    const context = pipelineOf(await converged());
    const repository = async () => () => {
      throw new ConvergeError({ code: 'GitUnavailable', subject: 'git', message: 'is away', disposition: 'retry' });
    };
    await expect(ask({ ...context, open: { ...context.open, repository } })).rejects.toMatchObject({
      ...{ exit: 1, problem: 'is no open incident of what can be read; master cannot' },
    });
  });
});
