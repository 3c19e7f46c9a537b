import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGitHosts } from '../../../../shared/adapters/git-hosts.ts';
import { planCommentOf } from '../../../../shared/adapters/sinks/host-text.ts';
import type { GitHostConfig } from '../../../../shared/config/git-hosts.ts';
import { commitReport, type ReportedEnvironment } from '../../../../shared/notices/commit-report.ts';
import type { PlanReport } from '../../../../shared/notices/plan-report.ts';
import { fakeBitbucketDataCenter, type FakeBitbucketDataCenter } from './fake-bitbucket-data-center.ts';
import { secretFolder, startReceiver, type Receiver, type Secrets } from './receiver.ts';

const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const merge = '1a2b3c4d5e6f60718293a4b5c6d7e8f901234567';
const token = 'a-token-of-nobody';

let secrets: Secrets;
let tokenSecretFile: string;
let host: Receiver;
let server: FakeBitbucketDataCenter;
beforeAll(async () => {
  secrets = await secretFolder();
  tokenSecretFile = await secrets.fileWith('token', `${token}\n`);
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  host = await startReceiver();
  server = fakeBitbucketDataCenter({ commits: [commit, merge], token });
  host.answers = server.answers;
});
afterEach(async () => host.stop());

const hosts = createGitHosts({ now: () => new Date(), answer: 2_000 });
const at = () => {
  const api = `${host.url}/rest/api/latest`;
  const of: GitHostConfig = { name: 'dc', kind: 'bitbucketDataCenter', tokenSecretFile, api };
  return { host: of, connection: {}, project: 'FAM/develop' };
};
const refOf = (id: string, repository = 10, latestCommit = commit) => ({
  ...{ id: `refs/heads/${id}`, latestCommit, repository: { id: repository } },
});

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

describe('a commit on Bitbucket Data Center', () => {
  it('is shown as under way, and then as what it came to, and is written nothing that it shows', async () => {
    await tell(pending);
    expect(server.statuses.map(({ key, state, description }) => [key, state, description])).toEqual([
      ['converge/develop', 'INPROGRESS', 'develop: 1 of 2 converged'],
      ['converge/develop/shop', 'INPROGRESS', 'on its way'],
      ['converge/develop/blog', 'SUCCESSFUL', 'converged'],
    ]);
    expect(server.statuses[0]?.url).toBe(`${host.url}/projects/FAM/repos/develop/commits/${commit}`);
    await tell(failed);
    expect(server.statuses[1]).toMatchObject({ state: 'FAILED', description: 'failed: ImagePullBackOff' });
    server.writes.length = 0;
    await tell(failed);
    expect(server.writes).toEqual([]);
  });

  it('has one comment on the pull request that it merged, and names the one that merged it', async () => {
    const merged = (id: number, by: string, into = 'main') => ({
      ...{ id, state: 'MERGED', toRef: refOf(into), properties: { mergeCommit: { id: by } } },
    });
    server.merged.push(merged(7, commit), merged(8, merge), merged(9, commit, 'topic'));
    server.having.push(8);
    server.comments.push({ id: 900, number: 7, version: 3, text: 'nice', by: 'jane' });
    expect(await tell(pending)).toEqual({ mergedBy: [merge] });
    await tell(failed);
    expect(server.comments.slice(1).map(({ number, text }) => [number, text.split('\n').slice(0, 3)])).toEqual([
      [7, ['[//]: # (converge develop)', '', '🔴 **Converge** `develop: 1 of 2 converged, shop failed`']],
    ]);
  });

  it.each([401, 403, 404])('is refused by %i, with what can be done', async (status) => {
    // A status that is not there is no refusal.
    server.faults.push(...(status === 404 ? [{ status: 404 }] : []), { status, body: { errors: [{ message: 'no' }] } });
    await expect(tell(pending)).rejects.toMatchObject({
      ...{ code: 'SinkRefused', message: expect.stringContaining(': no') },
      remedy: expect.stringContaining('an HTTP access token of a user'),
    });
  });
});

it('Bitbucket Data Center has one pull request of a branch, and takes that of a fork for none', async () => {
  const asked = { from: 'converge/accept-1', into: 'main', title: 'Accept the drift', body: 'of **shop**' };
  for (const into of ['a', 'b'])
    server.proposals.push({
      ...{ title: '', description: '', links: { self: [{ href: 'https://bitbucket.example.com/3' }] } },
      ...{ fromRef: refOf(asked.from, 11), toRef: refOf(into) },
    });
  const { url } = await hosts.propose({ ...at(), ...asked });
  expect((await hosts.propose({ ...at(), ...asked })).url).toBe(url);
  expect(server.proposals.slice(2)).toMatchObject([
    { title: asked.title, description: asked.body, links: { self: [{ href: url }] } },
  ]);
});

describe('a plan on Bitbucket Data Center', () => {
  const reportOf = (of: Partial<PlanReport> = {}): PlanReport => ({
    ...{ repositoryClass: 'develop', number: 7, head: commit, verdict: 'failure', isIdle: false },
    ...{ title: 'develop: 1 of 1 environment would change', notes: ['Planned is the head.'] },
    environments: [{ name: 'shop', verdict: 'failure', summary: '1 to change', lines: [] }],
    ...of,
  });
  const idle = { verdict: 'success', title: 'develop: nothing', isIdle: true } as const;

  it('is one comment of our own and one status, whatever others wrote to look like it', async () => {
    const text = planCommentOf(reportOf({ title: 'all is well' }), 32_767, 'definition');
    server.comments.push({ id: 0, number: 7, version: 0, text, by: 'stranger' });
    await hosts.showPlan({ ...at(), report: reportOf() });
    await hosts.showPlan({ ...at(), report: reportOf(idle) });
    expect(server.comments.map((comment) => comment.text.includes('develop: nothing'))).toEqual([false, true]);
    expect(server.statuses).toMatchObject([{ sha: commit, key: 'converge/plan/develop', state: 'SUCCESSFUL' }]);
  });

  it('is cut to what the host takes, and a status alone where it says nothing', async () => {
    await hosts.showPlan({ ...at(), report: reportOf({ ...idle, environments: [] }) });
    expect([server.comments.length, server.statuses.length]).toEqual([0, 1]);
    const lines = Array.from({ length: 200 }, () => ({ sign: '!' as const, text: 'x'.repeat(900) }));
    const environments = [{ name: 'shop', verdict: 'failure' as const, summary: 'many', lines }];
    await hosts.showPlan({ ...at(), report: reportOf({ environments }) });
    expect(server.comments).toHaveLength(1);
  });
});

describe('a pull request of Bitbucket Data Center', () => {
  const approved = (name: string, seen = commit, role = 'REVIEWER') => ({
    ...{ user: { name }, role, status: 'APPROVED', lastReviewedCommit: seen },
  });
  const pull = (of: object = {}, repository = 11) => ({
    ...{ state: 'OPEN', fromRef: refOf('topic', repository), toRef: refOf('main') },
    ...of,
  });
  const told = async () => await hosts.pullRequest({ ...at(), number: 7 });
  beforeEach(() => void server.writers.push('jane.doe', 'sue-jane', 'jane-of-it', 'jane'));

  it("of a branch is no fork's, and asks nobody", async () => {
    server.pull = pull({}, 10);
    expect(await told()).toEqual({ isOpen: true, base: 'main', head: commit, labels: [], isFork: false });
    expect(host.calls).toHaveLength(1);
  });

  it.each([
    ['somebody who may push', { reviewers: [approved('jane')] }, 'given'],
    ['somebody who may push, unasked', { participants: [approved('jane', commit, 'PARTICIPANT')] }, 'given'],
    ['nobody', {}, 'awaited'],
    ['somebody who may read alone', { reviewers: [approved('guest')] }, 'awaited'],
    ['somebody whose name is within that of one who may push', { reviewers: [approved('jan')] }, 'awaited'],
    ['somebody who may push, before the last push', { reviewers: [approved('jane', merge)] }, 'awaited'],
    ['its author', { participants: [approved('jane', commit, 'AUTHOR')] }, 'awaited'],
    ['nobody any more', { reviewers: [{ ...approved('jane'), status: 'UNAPPROVED' }] }, 'awaited'],
  ])('of a fork that %s approved', async (_what, of, approval) => {
    server.pull = pull(of);
    expect(await told()).toMatchObject({ isFork: true, approval, head: commit });
  });
});
