import { describe, expect, it } from 'vitest';
import { parseEnvironmentFile } from '../../../../shared/environment/environment-file.ts';
import { actionSchema, type ActionOf } from '../../../../shared/pipeline/act/action.ts';
import { resume } from '../../../../shared/pipeline/act/resume.ts';
import { suspend, suspendResultSchema, type SuspendResult } from '../../../../shared/pipeline/act/suspend.ts';
import { changeEnvironmentFile, type ChangedFile } from '../../../../shared/pipeline/act/change-environment-file.ts';
import { parseAction } from '../../../../shared/source/action-message.ts';
import { configMap, shop } from '../reconcile/runs/files.ts';
import { createWorld, type World } from '../reconcile/world/world.ts';

const path = 'environments/shop.yaml';
const by = 'Olivia Ops <olivia@example.com>';
/** The clock of a world stands at that. */
const now = '2026-11-21T01:00:00Z';

function worldOf(...spec: string[]): World {
  const world = createWorld();
  world.git.add(shop([configMap('colors')], spec));
  return world;
}

const request = (facts: Record<string, unknown>): unknown => ({ environment: 'master/shop', ...facts });

async function suspended(world: World, facts: Record<string, unknown> = {}): Promise<SuspendResult> {
  const action = actionSchema.parse(request({ action: 'suspend', ...facts })) as ActionOf<'suspend'>;
  return suspendResultSchema.parse(await suspend(action, by, world.ports));
}

async function resumed(world: World, facts: Record<string, unknown> = {}): Promise<ChangedFile> {
  const action = actionSchema.parse(request({ action: 'resume', ...facts })) as ActionOf<'resume'>;
  return await resume(action, by, world.ports);
}

async function fileOf(world: World): Promise<string> {
  return world.git.treeOf((await world.git.head()) ?? '')[path] ?? '';
}

const file = (...lines: string[]): string =>
  [
    'apiVersion: converge.dev/v1',
    'kind: Environment',
    'metadata: { name: shop }',
    'spec:',
    '  cluster: sandbox',
    '  namespace: acme',
    '  sources: [{ manifests: manifests/shop }]',
    ...lines.map((line) => `  ${line}`),
    '',
  ].join('\n');

describe('an environment that somebody suspends', () => {
  it('has its end and its reason in its file, by one commit that says who asked, and is announced', async () => {
    const world = worldOf('timeout: 9m # slow');
    const before = await world.git.head();
    const done = await suspended(world, { for: '2h', reason: 'moves:\nto another zone' });
    const commit = (await world.git.head()) ?? '';
    expect(done).toMatchObject({
      ...{ outcome: 'done', repository: 'master', environment: 'shop', path, commit },
      ...{ until: '2026-11-21T03:00:00Z', reason: 'moves: to another zone' },
    });
    expect(await fileOf(world)).toBe(
      file('timeout: 9m # slow', "suspendUntil: '2026-11-21T03:00:00Z'", "suspendReason: 'moves: to another zone'"),
    );
    expect(done.diff).toMatch(/^--- a\/environments\/shop\.yaml\n[^]*\n {3}timeout: 9m # slow\n\+ {2}suspendUntil: /);
    const { message = '', parents } = (await world.git.findCommit(commit)) ?? {};
    expect(parents).toEqual([before]);
    expect(message.split('\n')[0]).toBe('Suspend shop until 2026-11-21T03:00:00Z');
    expect(parseAction(message)).toMatchObject({
      ...{ action: 'suspend', environment: 'shop', by, reason: 'moves: to another zone' },
    });
    expect(world.published.map(({ topic, event }) => [topic, event.data])).toEqual([
      ['change-committed', expect.objectContaining({ commit, previous: before })],
    ]);
  });

  it('is what runs take for suspended until then: what drifts is healed after it', async () => {
    const world = worldOf();
    await world.run();
    await suspended(world, { for: '30m', reason: 'look' });
    const spoil = (): void =>
      world.cluster.edit('ConfigMap acme/colors', 'rogue', (object) => ({ ...object, data: { color: 'grey' } }));
    const color = (): unknown => world.cluster.find('ConfigMap acme/colors')?.['data'];
    spoil();
    await world.run();
    expect(color()).toEqual({ color: 'grey' });
    world.wait(31 * 60);
    await world.run({ cause: 'schedule' });
    expect(color()).toEqual({ color: 'red' });
  });

  it('is only told of with dryRun: the branch stays where it is', async () => {
    const world = worldOf();
    const before = await world.git.head();
    const planned = await suspended(world, { dryRun: true });
    expect(planned).toMatchObject({ outcome: 'planned', commit: null, until: null, reason: null });
    expect(planned.diff).toContain('\n+  suspend: true\n');
    expect(planned.message).toMatch(/^Suspend shop\n\nAction: suspend\n/);
    expect(await world.git.head()).toBe(before);
    expect(world.published).toEqual([]);
  });

  it('gets another end in place of its own, and keeps the reason that nobody replaces', async () => {
    const world = worldOf('suspend: true # for long', 'suspendReason: holidays');
    expect(await suspended(world, { until: '2026-12-01T00:00:00Z' })).toMatchObject({
      ...{ outcome: 'done', until: '2026-12-01T00:00:00Z', reason: 'holidays' },
    });
    expect(await fileOf(world)).toBe(file('suspendReason: holidays', "suspendUntil: '2026-12-01T00:00:00Z'"));
    expect(await suspended(world, { reason: 'over' })).toMatchObject({ outcome: 'done', until: null, reason: 'over' });
    expect(await fileOf(world)).toBe(file('suspendReason: over', 'suspend: true'));
  });

  it.each([
    [
      'of pictures, each of which is two characters of a file',
      '\u{1F4A5}'.repeat(150),
      `${'\u{1F4A5}'.repeat(91)}… (300 characters)`,
    ],
    ['of a terminal that writes other bytes than UTF-8', 'caf\uFFFD is closed', 'caf? is closed'],
    ['with half of a character', 'cut \uD83D', 'cut ?'],
    ['in which nothing is left that shows', '\u200B\u0000', null],
    ['of marks of YAML', "': - {} # &a *b !!c |", "': - {} # &a *b !!c |"],
  ])('has a file that can be read with a reason %s', async (_which, reason, kept) => {
    const world = worldOf();
    const action = { action: 'suspend', environment: 'master/shop', dryRun: false, reason } as const;
    expect(await suspend(action, by, world.ports)).toMatchObject({ outcome: 'done', reason: kept });
    const { suspend: isSuspended, suspendReason = null } = parseEnvironmentFile({
      file: path,
      text: await fileOf(world),
    });
    expect({ isSuspended, suspendReason }).toEqual({ isSuspended: true, suspendReason: kept });
  });

  it('is left as it is where its file would not be one any more', async () => {
    const world = worldOf();
    const before = await world.git.head();
    const edits = [{ path: ['spec', 'suspendReason'], value: '' }];
    const wrong = { action: 'suspend', environment: 'master/shop', by, dryRun: false };
    await expect(
      changeEnvironmentFile({ ...wrong, change: () => ({ subject: 'Suspend shop', edits }) }, world.ports),
    ).rejects.toMatchObject({ code: 'InvalidEnvironment', subject: `${path}:8` });
    expect(await world.git.head()).toBe(before);
  });

  it('takes no reason from a suspension that is over', async () => {
    const world = worldOf("suspendUntil: '2026-11-20T00:00:00Z'", 'suspendReason: before');
    expect(await suspended(world, { for: '1h' })).toMatchObject({ outcome: 'done', reason: null });
    expect(await fileOf(world)).toBe(file("suspendUntil: '2026-11-21T02:00:00Z'"));
  });

  it('is suspended once by two at once, whose clocks are apart', async () => {
    const world = worldOf();
    const first = await suspended(world, { for: '2h', reason: 'x' });
    world.wait(20);
    expect(await suspended(world, { for: '2h', reason: 'x' })).toMatchObject({
      ...{ outcome: 'nothing', commit: null, diff: '', until: first.until, reason: 'x' },
    });
    world.wait(60);
    expect(await suspended(world, { for: '2h' })).toMatchObject({ outcome: 'done' });
    expect(await suspended(world, { until: '2026-11-21T03:01:20Z' })).toMatchObject({ outcome: 'nothing' });
  });

  it('is suspended once where another was faster, and beside what somebody else commits meanwhile', async () => {
    const world = worldOf();
    const { git } = world;
    let isFirst = true;
    const racing = (meanwhile: () => Promise<unknown>): World['ports'] => ({
      ...world.ports,
      repository: () => ({
        ...git,
        async push(commit) {
          if (isFirst) {
            isFirst = false;
            await meanwhile();
          }
          return await git.push(commit);
        },
      }),
    });
    const ask = async (facts: Record<string, unknown>, meanwhile: () => Promise<unknown>): Promise<SuspendResult> => {
      isFirst = true;
      const action = actionSchema.parse(request({ action: 'suspend', ...facts })) as ActionOf<'suspend'>;
      return await suspend(action, by, racing(meanwhile));
    };
    expect(await ask({ for: '2h' }, async () => await suspended(world, { for: '2h' }))).toMatchObject({
      outcome: 'nothing',
    });
    const done = await ask({ for: '4h' }, async () => git.add({ 'values.yaml': 'a: 1\n' }));
    expect(done).toMatchObject({ outcome: 'done' });
    expect(git.treeOf(done.commit ?? '')['values.yaml']).toBe('a: 1\n');
  });

  it('ends by the clock of the zone that a time says', async () => {
    expect(await suspended(worldOf(), { until: '2026-11-30T07:00+01:00' })).toMatchObject({
      until: '2026-11-30T06:00:00Z',
    });
    for (const until of ['2026-11-30T06:00:00', '2026-02-30T06:00:00Z', 'tomorrow'])
      expect(actionSchema.safeParse(request({ action: 'suspend', until })).success).toBe(false);
  });

  it.each([
    [{ for: '2h', until: '2026-12-01T00:00:00Z' }, 'a duration says how long it is suspended, and so does a time'],
    [{ until: '2026-11-21T01:00:00Z' }, '2026-11-21T01:00:00Z it would be suspended no more'],
    [{ for: '0s' }, 'in 0s it would be suspended no more'],
    [{ for: '99999999999999d' }, '99999999999999d is no time to end at'],
  ])('is refused with %j', async (facts, problem) => {
    const world = worldOf();
    const before = await world.git.head();
    await expect(suspended(world, facts)).rejects.toMatchObject({ code: 'BadRequest', disposition: 'refuse', problem });
    expect(await world.git.head()).toBe(before);
  });

  it('is refused where no file declares it, its file cannot be read, or not be changed in place', async () => {
    const world = worldOf();
    await expect(suspended(world, { environment: 'master/nobody' })).rejects.toMatchObject({ code: 'NotFound' });
    world.git.add({ [path]: file('suspendUntil: &end 2026-11-20T00:00:00Z', 'suspendReason: *end') });
    await expect(suspended(world, { for: '1h' })).rejects.toMatchObject({
      code: 'InvalidEnvironment',
      problem: 'spec.suspendUntil cannot be changed in place: *end stands elsewhere for what is there',
      remedy: 'change it by hand, in a commit',
    });
    world.git.add({ [path]: file('suspended: true') });
    await expect(suspended(world)).rejects.toMatchObject({ code: 'InvalidEnvironment', subject: `${path}:8` });
  });
});

describe('an environment that somebody resumes', () => {
  it.each([
    ['with an end', ["suspendUntil: '2026-12-01T00:00:00Z'", 'suspendReason: x', 'prune: false']],
    ['without one', ['suspend: true', 'prune: false']],
    ['by both', ['suspend: true', 'prune: false', 'suspendUntil: 2026-12-01T00:00:00Z # long']],
  ])('has nothing of its suspension %s left in its file', async (_how, spec) => {
    const world = worldOf(...spec);
    const done = await resumed(world, { reason: 'moved' });
    expect(done).toMatchObject({ outcome: 'done', commit: await world.git.head() });
    expect(done.message).toMatch(/^Resume shop\n\nAction: resume\n.*\n.*\nReason: moved\n$/);
    expect(await fileOf(world)).toBe(file('prune: false'));
    expect(await resumed(world)).toMatchObject({ outcome: 'nothing', commit: null, message: null });
  });

  it('is left as it is where its suspension has ended by itself', async () => {
    const world = worldOf(`suspendUntil: '${now}'`);
    expect(await resumed(world)).toMatchObject({ outcome: 'nothing' });
    expect(await fileOf(world)).toBe(file(`suspendUntil: '${now}'`));
  });
});
