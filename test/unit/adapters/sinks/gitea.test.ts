import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGitHosts } from '../../../../shared/adapters/git-hosts.ts';
import { planCommentOf } from '../../../../shared/adapters/sinks/host-text.ts';
import type { GitHostConfig } from '../../../../shared/config/git-hosts.ts';
import { commitReport, type ReportedEnvironment } from '../../../../shared/notices/commit-report.ts';
import type { PlanReport } from '../../../../shared/notices/plan-report.ts';
import { fakeGitea, type FakeGitea } from './fake-gitea.ts';
import { secretFolder, startReceiver, type Receiver, type Secrets } from './receiver.ts';

const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const other = '1a2b3c4d5e6f60718293a4b5c6d7e8f901234567';
const token = 'a-token-of-nobody';

let secrets: Secrets;
let tokenSecretFile: string;
let host: Receiver;
let gitea: FakeGitea;
beforeAll(async () => {
  secrets = await secretFolder();
  tokenSecretFile = await secrets.fileWith('token', `${token}\n`);
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  host = await startReceiver();
  gitea = fakeGitea({ commits: [commit, other], token });
  host.answers = gitea.answers;
});
afterEach(async () => host.stop());

const hosts = createGitHosts({ now: () => new Date(), answer: 2_000 });
const at = () => {
  const of: GitHostConfig = { name: 'tea', kind: 'gitea', tokenSecretFile, api: host.url };
  return { host: of, connection: {}, project: 'family/develop' };
};

const environment = (name: string, of: Partial<ReportedEnvironment> = {}): ReportedEnvironment => ({
  ...{ name, state: 'Converged', message: '', rolledBack: null },
  ...of,
});
const pending = [environment('shop', { state: 'Converging' }), environment('blog')];
const failed = [environment('shop', { state: 'Failed', message: 'ImagePullBackOff' }), environment('blog')];
const tell = async (environments: readonly ReportedEnvironment[]) =>
  await hosts.report({
    ...{ ...at(), branch: 'main' },
    report: commitReport({ repository: 'develop', commit, environments, ignored: [] }),
  });

describe('a commit on Gitea', () => {
  const shown = () =>
    Object.fromEntries(gitea.statuses.map(({ context, status, description }) => [context, `${status} ${description}`]));

  it('is shown as pending, and then as what it came to', async () => {
    expect(await tell(pending)).toEqual({ mergedBy: [] });
    expect(shown()).toEqual({
      'converge/develop': 'pending develop: 1 of 2 converged',
      'converge/develop/shop': 'pending on its way',
      'converge/develop/blog': 'success converged',
    });
    await tell(failed);
    expect(shown()).toMatchObject({ 'converge/develop/shop': 'failure failed: ImagePullBackOff' });
  });

  it('is written nothing that it shows already, on whichever page', async () => {
    await tell(pending);
    await tell(failed);
    gitea.writes.length = 0;
    await tell(failed);
    expect(gitea.writes).toEqual([]);
    expect(host.calls.some(({ path }) => path.includes('page=2'))).toBe(true);
  });

  it('has one comment on the pull request that it merged, which is changed in place', async () => {
    gitea.merged.push({ number: 7, merge_commit_sha: commit, base: 'main' });
    gitea.comments.push({ id: 900, number: 7, body: 'nice', user: { id: 5 } });
    await tell(pending);
    await tell(failed);
    expect(gitea.comments.map(({ body }) => body.split('\n')[1] ?? '')).toEqual([
      '',
      '🔴 **Converge** `develop: 1 of 2 converged, shop failed`',
    ]);
  });

  it('has none on the pull request that it merged into another branch', async () => {
    gitea.merged.push({ number: 7, merge_commit_sha: commit, base: 'topic' });
    await tell(pending);
    expect(gitea.comments).toEqual([]);
  });

  it.each([
    [401, 'put a token that Gitea accepts'],
    [403, '"write:repository", "write:issue" and "read:user"'],
    [423, undefined],
  ])('is refused by %i, with what can be done', async (status, remedy) => {
    gitea.faults.push({ status, body: { message: 'no, not so' } });
    const failure: unknown = await tell(pending).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'SinkRefused', message: expect.stringContaining('no, not so') });
    if (remedy !== undefined) expect(failure).toHaveProperty('remedy', expect.stringContaining(remedy));
  });

  it('waits where something before it wants no more requests', async () => {
    gitea.faults.push({ status: 429, headers: { 'retry-after': '120' } });
    await expect(
      createGitHosts({ now: () => new Date() }).report({
        ...{ ...at(), branch: 'main' },
        report: commitReport({ repository: 'develop', commit, environments: pending, ignored: [] }),
      }),
    ).rejects.toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
  });
});

it('Gitea has one pull request of a branch, however often it is asked for, and takes that of a fork for none', async () => {
  const asked = { from: 'converge/accept-1', into: 'main', title: 'Accept the drift', body: 'of **shop**' };
  const fork = { ...asked, html_url: 'https://gitea.example.com/family/develop/pulls/3' };
  for (const ref of ['x', 'y', asked.from])
    gitea.proposals.push({ ...fork, head: { ref, repo_id: 11 }, base: { ref: 'main', repo_id: 10 } });
  const { url } = await hosts.propose({ ...at(), ...asked });
  expect(url).not.toBe(fork.html_url);
  expect((await hosts.propose({ ...at(), ...asked })).url).toBe(url);
  expect(gitea.proposals.slice(3)).toMatchObject([
    { head: { ref: asked.from }, base: { ref: 'main' }, title: asked.title, body: asked.body, html_url: url },
  ]);
});

describe('a plan on Gitea', () => {
  const reportOf = (of: Partial<PlanReport> = {}): PlanReport => ({
    ...{ repositoryClass: 'develop', number: 7, head: commit, verdict: 'failure', isIdle: false },
    ...{ title: 'develop: 1 of 1 environment would change', notes: ['Planned is the head.'] },
    environments: [{ name: 'shop', verdict: 'failure', summary: '1 to change', lines: [] }],
    ...of,
  });

  it('is one comment of our own and one status, and is written nothing that it has', async () => {
    gitea.comments.push({ id: 900, number: 7, body: planCommentOf(reportOf(), 65_536), user: { id: 666 } });
    await hosts.showPlan({ ...at(), report: reportOf() });
    const { length } = gitea.writes;
    await hosts.showPlan({ ...at(), report: reportOf() });
    expect(gitea.writes).toHaveLength(length);
    await hosts.showPlan({
      ...at(),
      report: reportOf({ verdict: 'success', title: 'develop: nothing', isIdle: true }),
    });
    expect(gitea.comments.map(({ body }) => body.includes('develop: nothing'))).toEqual([false, true]);
    expect(gitea.statuses.at(-1)).toMatchObject({ sha: commit, context: 'converge/plan/develop', status: 'success' });
  });

  it('is a status alone where it says nothing', async () => {
    await hosts.showPlan({ ...at(), report: reportOf({ isIdle: true, environments: [] }) });
    expect(gitea.comments).toEqual([]);
    expect(gitea.statuses).toHaveLength(1);
  });
});

describe('a pull request of Gitea', () => {
  const labels = [{ name: 'bug' }, { name: 'converge/plan' }];
  const pull = (of: { ref?: string; repo_id?: number } = {}) => ({
    ...{ state: 'open', labels, user: { id: 5 } },
    head: { sha: commit, ref: 'topic', repo_id: 10, ...of },
    base: { ref: 'main', repo_id: 10 },
  });
  const push = { type: 'pull_push', user: { id: 5 }, body: '{}', label: null };
  const label = (name: string, by: number, body = '1') => ({ type: 'label', user: { id: by }, body, label: { name } });
  const told = async () => await hosts.pullRequest({ ...at(), number: 7 });

  it('of a branch has its labels', async () => {
    gitea.pull = pull();
    expect(await told()).toEqual({
      ...{ isOpen: true, base: 'main', head: commit, isFork: false },
      labels: ['bug', 'converge/plan'],
    });
  });

  it.each([
    ['of a fork', { repo_id: 11 }],
    ['of a fork that is gone', { repo_id: -1 }],
    ['pushed to refs/for by somebody who may read', { ref: 'refs/pull/7/head' }],
  ])('%s is one of a fork', async (_what, of) => {
    gitea.pull = pull(of);
    expect(await told()).toMatchObject({ isFork: true, labels: [] });
  });

  it.each([
    ['put on it after the last push', [push, label('converge/plan', 1), label('bug', 1)], ['bug', 'converge/plan']],
    ['put on it again after it', [label('converge/plan', 1), push, label('converge/plan', 2)], ['converge/plan']],
    ['put on it before the last push', [push, label('converge/plan', 1), push, label('bug', 1)], ['bug']],
    ['put on it by its author', [push, label('converge/plan', 5)], []],
    ['put on it by somebody who is gone', [push, { ...label('converge/plan', 1), user: null }], []],
    ['taken off, and put on it by its author', [push, label('converge/plan', 1), label('converge/plan', 5)], []],
    ['taken off', [push, label('converge/plan', 1), label('converge/plan', 1, '')], []],
  ])('of a fork has a label that was %s, or has it not', async (_what, timeline, expected) => {
    gitea.pull = pull({ repo_id: 11 });
    gitea.timeline.push(...timeline);
    expect((await told()).labels).toEqual(expected);
  });
});
