import { describe, expect, it } from 'vitest';
import type { CommandResult } from '../../../cli/command-result.ts';
import type { Context } from '../../../cli/context.ts';
import { showHistory } from '../../../cli/history.ts';
import { historyOutputSchema, resumeOutputSchema, suspendOutputSchema } from '../../../cli/output-schemas.ts';
import { resumeEnvironment, suspendEnvironment } from '../../../cli/suspend.ts';
import { configMap, shop } from '../pipeline/reconcile/runs/files.ts';
import { createWorld, type World } from '../pipeline/reconcile/world/world.ts';
import { contextOf } from './context.ts';

const who = { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@example.com' };

function site(): { world: World; context: Context } {
  const world = createWorld();
  world.git.add(shop([configMap('colors')], ['timeout: 9m # slow']));
  const context = contextOf(world, who);
  return { world, context: { ...context, open: { ...context.open, topics: async () => world.ports.topics } } };
}

const textOf = ({ lines }: CommandResult): string[] => lines.map(({ text }) => text);

describe('converge suspend', () => {
  it('says until when, by which commit, and how the file changed', async () => {
    const { world, context } = site();
    const done = await suspendEnvironment(context, 'shop', { for: '2h', reason: 'moves' });
    const { commit, ...said } = suspendOutputSchema.parse(JSON.parse(JSON.stringify(done.json)));
    expect(said).toMatchObject({ outcome: 'done', environment: 'shop', announced: true, reason: 'moves' });
    expect(commit).toBe(await world.git.head());
    expect(textOf(done)).toEqual([
      `master/shop is suspended until 2026-11-21T03:00:00Z (moves), by ${commit}`,
      '  --- a/environments/shop.yaml',
      '  +++ b/environments/shop.yaml',
      '  @@ -6,3 +6,5 @@',
      '     namespace: acme',
      '     sources: [{ manifests: manifests/shop }]',
      '     timeout: 9m # slow',
      "  +  suspendUntil: '2026-11-21T03:00:00Z'",
      '  +  suspendReason: moves',
    ]);
    expect((await world.git.findCommit(commit ?? ''))?.message).toContain('\nRequested-By: Ana <ana@example.com>\n');
    expect(textOf(await suspendEnvironment(context, 'master/shop', { for: '2h' }))).toEqual([
      'master/shop is suspended already until 2026-11-21T03:00:00Z (moves)',
    ]);
  });

  it('shows the file and the message that it would make, and makes none', async () => {
    const { world, context } = site();
    const before = await world.git.head();
    const planned = await suspendEnvironment(context, 'shop', { until: '2026-12-01T07:00+01:00', dryRun: true });
    expect(planned.exit).toBe(0);
    expect(suspendOutputSchema.parse(planned.json)).toMatchObject({ outcome: 'planned', announced: false });
    expect(textOf(planned)).toEqual([
      'master/shop would be suspended until 2026-12-01T06:00:00Z',
      ...textOf(planned).slice(1, 7),
      "  +  suspendUntil: '2026-12-01T06:00:00Z'",
      '    Suspend shop until 2026-12-01T06:00:00Z',
      '',
      '    Action: suspend',
      '    Environment: shop',
      '    Requested-By: Ana <ana@example.com>',
    ]);
    expect(await world.git.head()).toBe(before);
  });

  it('says that the commit was made, where nobody takes its announcement', async () => {
    const { world, context } = site();
    const topics = async (): Promise<World['ports']['topics']> => ({
      publish: async () => await Promise.reject(new Error('no such topic')),
    });
    const done = await suspendEnvironment({ ...context, open: { ...context.open, topics } }, 'shop', {});
    expect(done.json).toMatchObject({ outcome: 'done', commit: await world.git.head(), announced: false });
    expect(textOf(done).at(-1)).toBe('not announced, the next check finds it: no such topic');
  });

  it.each([
    [
      { for: '2h', until: '2026-12-01T00:00Z' },
      { problem: 'says when it ends, and so does --for', exit: 2 },
    ],
    [{ until: 'tomorrow' }, { problem: 'is tomorrow, expected a time with its zone like 2026-11-30T06:00:00Z' }],
    [{ reason: 'x'.repeat(501) }, { subject: '--reason' }],
    [{ until: '2026-11-20T00:00Z' }, { code: 'BadRequest' }],
  ])('is refused with %j', async (options, refusal) => {
    const { context } = site();
    await expect(suspendEnvironment(context, 'shop', options)).rejects.toMatchObject(refusal);
  });

  it('is refused for what no branch declares', async () => {
    const { context } = site();
    for (const name of ['nobody', 'staging/shop'])
      await expect(suspendEnvironment(context, name, {})).rejects.toMatchObject({
        ...{ subject: name, problem: 'no branch declares an environment of that name', exit: 2 },
      });
  });
});

describe('who asked for a suspension, and why', () => {
  it('is said in the history, in alerts and in the status', async () => {
    const { world, context } = site();
    await world.run();
    world.wait(60);
    await suspendEnvironment(context, 'shop', { for: '1m', reason: 'moves' });
    const commit = await world.git.head();
    await world.run();
    world.wait(120);
    await world.run({ cause: 'schedule' });
    const requested = { action: 'suspend', by: 'Ana <ana@example.com>', reason: 'moves' };
    const shown = await showHistory(context, 'shop', { limit: 1, since: 86_400_000 });
    expect(historyOutputSchema.parse(shown.json).entries).toMatchObject([{ commit, author: requested.by, requested }]);
    expect(textOf(shown)).toContain('  asked for     suspend, by Ana <ana@example.com>: moves');
    const told = world.published.filter(({ topic }) => topic === 'converged').at(-1);
    expect(told?.event.data).toMatchObject({ cause: { commit, author: requested.by, requested } });
    expect((await world.memoryOf('shop')).cause?.found).toMatchObject({ commit, requested });
  });
});

describe('converge resume', () => {
  it('takes the suspension out of the file, once', async () => {
    const { world, context } = site();
    const file = async (): Promise<string | undefined> =>
      world.git.treeOf((await world.git.head()) ?? '')['environments/shop.yaml'];
    const before = await file();
    await suspendEnvironment(context, 'shop', { reason: 'moves' });
    const planned = await resumeEnvironment(context, 'shop', { dryRun: true });
    expect(textOf(planned)[0]).toBe('master/shop would be resumed');
    const done = await resumeEnvironment(context, 'shop', { reason: 'moved' });
    expect(resumeOutputSchema.parse(done.json)).toMatchObject({ outcome: 'done', announced: true });
    expect(textOf(done)[0]).toBe(`master/shop is resumed, by ${await world.git.head()}`);
    expect(await file()).toBe(before);
    expect(textOf(await resumeEnvironment(context, 'shop', {}))).toEqual(['master/shop is not suspended']);
  });
});
