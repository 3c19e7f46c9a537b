import { describe, expect, it } from 'vitest';
import { reconcileRequestedSchema } from '../../../../shared/events/reconcile-requested.ts';
import { unreachablePath } from '../../../../shared/memory/unreachable.ts';
import { commitStatus, parseAgain } from '../../../../shared/pipeline/commit-status.ts';
import { waitWords } from '../../../../shared/pipeline/common/wait-words.ts';
import { fanOut } from '../../../../shared/pipeline/fan-out.ts';
import type { ArtifactId } from '../../../../shared/source/artifact.ts';
import { configMap, deployment, environment, list, shop } from './runs/files.ts';
import { readied, unready } from './world/controllers.ts';
import { createWorld, type World } from './world/world.ts';

const files = 'manifests/shop/all.json';
const upload = (generation: string): ArtifactId => ({ bucket: 'family-master', name: files, generation });

interface Case {
  readonly name: string;
  readonly breaks: (world: World) => void;
  readonly mends: (world: World) => void;
}

const cases: readonly Case[] = [
  {
    name: 'an object that was refused',
    breaks({ git, cluster }) {
      cluster.refusals.set('apply ConfigMap acme/new', { status: 403, message: 'exceeded quota' });
      git.add({ [files]: list(configMap('colors'), configMap('new')) });
    },
    mends: ({ cluster }) => cluster.refusals.clear(),
  },
  {
    name: 'what did not become healthy',
    breaks({ git, cluster }) {
      cluster.statuses.set('Deployment acme/web', unready);
      git.add({ [files]: list(configMap('colors'), deployment('web')) });
    },
    mends: ({ cluster }) => cluster.breakDown('Deployment acme/web', readied),
  },
];

/** One that failed, was tried again by the schedule, and rests now. */
async function resting({ breaks }: Case): Promise<World> {
  const world = createWorld();
  world.git.add(shop([configMap('colors')], ['timeout: 20s']));
  await world.run();
  breaks(world);
  await world.run();
  for (let look = 0; look < 4; look++) {
    world.wait(30);
    await world.run({ cause: 'schedule' });
  }
  return world;
}

async function statusOf(world: World, again: readonly ArtifactId[]) {
  const commit = (await world.git.head()) ?? '';
  const waits = waitWords({ repository: 'master' }, world.ports);
  const { environments, standing } = await commitStatus({ repository: 'master', commit, again, waits }, world.ports);
  return { shop: environments.find(({ name }) => name === 'shop'), standing };
}

/** What comes of an upload whose content Git has: the announcement of the head, which does not name it. */
async function uploadAgain(world: World, artifact: ArtifactId) {
  const commit = (await world.git.head()) ?? '';
  const change = { repository: 'master', url: '', branch: 'main', commit, previous: null, artifacts: [artifact] };
  const sent = world.published.length;
  const { again, due } = await fanOut(change, world.ports);
  const jobs = world.published.slice(sent).filter(({ topic }) => topic === 'reconcile');
  return { again, due, jobs };
}

describe('an upload whose content Git has already', () => {
  it.each(cases)('has tried at once what failed and was mended outside Git: $name', async (one) => {
    const world = await resting(one);
    expect((await statusOf(world, [])).shop).toMatchObject({ state: 'Failed' });
    one.mends(world);
    const { again, due, jobs } = await uploadAgain(world, upload('7'));
    expect({ again, due }).toEqual({ again: ['shop'], due: [] });
    const [job] = jobs;
    if (job === undefined) throw new Error('no job was sent');
    await world.run(reconcileRequestedSchema.parse(job.event.data), world.ports, job.event.id);
    expect((await statusOf(world, [upload('7')])).shop).toMatchObject({ state: 'Converged' });
  });

  it('is not told the failure of before, but that of the try that it asks for', async () => {
    const world = await resting(cases[0]!);
    const before = await statusOf(world, [upload('7')]);
    expect(before.shop).toMatchObject({ state: 'Converging', diff: null });
    expect(before.shop?.message).toContain('it failed, and is tried again: ');
    const { jobs } = await uploadAgain(world, upload('7'));
    await world.run({ cause: 'request' }, world.ports, jobs[0]!.event.id);
    expect((await statusOf(world, [upload('7')])).shop).toMatchObject({ state: 'Failed' });
    // Each upload asks anew.
    expect((await statusOf(world, [upload('8')])).shop).toMatchObject({ state: 'Converging' });
  });

  it('is not waited for where a later commit was tried meanwhile', async () => {
    const world = await resting(cases[0]!);
    const at = (await world.git.head()) ?? '';
    world.git.add({ [files]: list(configMap('new')) });
    await world.run();
    const asked = { repository: 'master', commit: at, again: [upload('7')] };
    expect((await commitStatus(asked, world.ports)).environments).toMatchObject([{ name: 'shop', state: 'Failed' }]);
  });

  it('asks for the same try however often it is announced, and for none of what is well or made of something else', async () => {
    const world = await resting(cases[0]!);
    const ids = [await uploadAgain(world, upload('7')), await uploadAgain(world, upload('7'))].flatMap(({ jobs }) =>
      jobs.map(({ event }) => event.id),
    );
    expect(new Set(ids).size).toBe(1);
    const beside = { ...upload('7'), name: 'manifests/other/all.json' };
    expect((await uploadAgain(world, beside)).again).toEqual([]);
    expect((await statusOf(world, [beside])).shop).toBeUndefined();
    world.cluster.refusals.clear();
    await world.run({ cause: 'request' });
    expect((await uploadAgain(world, upload('8'))).again).toEqual([]);
  });

  it('is not told that something is not healthy before it was looked at anew', async () => {
    const world = await resting(cases[1]!);
    const now = world.ports.now().getTime();
    const artifact = upload(`${now}000`);
    expect((await statusOf(world, [artifact])).shop).toMatchObject({ state: 'Converging' });
    const lookedAt = async (milliseconds: number) => {
      const at = new Date(milliseconds).toISOString();
      const environments = { shop: { checkedAt: at, attemptedAt: at } };
      await world.writeState('looks/master/one.json', {
        version: 1,
        at: world.ports.now().toISOString(),
        environments,
      });
    };
    await lookedAt(now - 5000);
    expect((await statusOf(world, [artifact])).shop).toMatchObject({ state: 'Converging' });
    world.wait(10);
    await lookedAt(now + 5000);
    expect((await statusOf(world, [artifact])).shop).toMatchObject({ state: 'Failed' });
  });

  it('stands in Git only as long as nobody changed it since', async () => {
    const world = await resting(cases[0]!);
    expect((await statusOf(world, [upload('7')])).standing).toEqual([`gs://family-master/${files}#7`]);
    const at = (await world.git.head()) ?? '';
    world.git.add({ [files]: list(configMap('colors')) });
    const asked = { repository: 'master', commit: at, again: [upload('7')] };
    expect((await commitStatus(asked, world.ports)).standing).toEqual([]);
  });
});

describe('whoever waits for an environment', () => {
  it('is told which environment is waited for, which cluster does not answer, and whose lease is held', async () => {
    const world = createWorld();
    world.git.add({
      ...shop([configMap('colors')], ['dependsOn: [platform]']),
      'environments/platform.yaml': environment('platform'),
      'manifests/platform/all.json': '{',
    });
    await world.run();
    const first = await statusOf(world, []);
    expect(first.shop).toMatchObject({ state: 'Converging', message: 'waits for platform' });
    const lease = {
      version: 2,
      nonce: 'n',
      seconds: 54,
      event: 'e',
      base: '0',
      intent: null,
      evidence: null,
      told: null,
    };
    await world.writeState('environments/master/shop/lease.json', lease);
    await world.writeState(unreachablePath({ kind: 'cluster', name: 'sandbox', repositoryClass: undefined }), {
      ...{
        version: 1,
        kind: 'cluster',
        name: 'sandbox',
        since: '2026-11-21T00:00:00.000Z',
        code: 'ClusterUnavailable',
      },
      ...{
        problem: 'does not answer',
        incident: 'i',
        environments: ['master/shop'],
        count: 1,
        writer: 'w',
        outbox: [],
      },
      ...{ seenAt: world.ports.now().toISOString() },
    });
    const held = await statusOf(world, []);
    expect(held.shop?.message).toMatch(
      /^waits for platform; cluster\/sandbox has not answered since 2026-11-21T00:00:00.000Z: does not answer; a run is at work on it, which showed itself \d+ s ago$/,
    );
    world.wait(60);
    expect((await statusOf(world, [])).shop?.message).toContain('has died: the next look ends it');
  });

  it('is told which fight pauses, with whom and until when', async () => {
    const world = createWorld();
    world.git.add(shop([configMap('colors')]));
    await world.run();
    const now = world.ports.now().getTime();
    const pausedUntil = new Date(now + 600_000).toISOString();
    const heals = { at: [new Date(now).toISOString()], managers: ['keda-operator'], pausedUntil, pause: 600 };
    const memory = { ...(await world.memoryOf('shop')), heals: { '/ConfigMap/acme/colors': heals } };
    const asked = { environment: 'shop', memory, cluster: 'sandbox' };
    expect(await waitWords({ repository: 'master' }, world.ports)(asked)).toBe(
      `ConfigMap acme/colors: healing is undone by keda-operator each time (healed 3 times in 10 minutes); healing pauses until ${pausedUntil}`,
    );
  });
});

describe('the uploads that a question names', () => {
  it('are none, one or some', () => {
    expect(parseAgain(undefined)).toEqual([]);
    expect(parseAgain('gs://family-master/a.yaml#7')).toEqual([{ ...upload('7'), name: 'a.yaml' }]);
    expect(parseAgain(['gs://b/a#1', 'gs://b/b#2'])).toHaveLength(2);
  });

  it.each([[{}], ['a.yaml'], [['gs://b/a#1', 7]], [Array.from({ length: 51 }, () => 'gs://b/a#1')]])(
    'are refused for what is none, and for too many',
    (asked) => {
      expect(() => parseAgain(asked)).toThrow(expect.objectContaining({ code: 'BadRequest' }));
    },
  );
});
