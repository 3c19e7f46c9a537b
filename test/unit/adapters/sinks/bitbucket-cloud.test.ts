import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGitHosts } from '../../../../shared/adapters/git-hosts.ts';
import { planCommentOf } from '../../../../shared/adapters/sinks/host-text.ts';
import type { GitHostConfig } from '../../../../shared/config/git-hosts.ts';
import { commitReport, type ReportedEnvironment } from '../../../../shared/notices/commit-report.ts';
import type { PlanReport } from '../../../../shared/notices/plan-report.ts';
import { fakeBitbucketCloud, type FakeBitbucketCloud } from './fake-bitbucket-cloud.ts';
import { secretFolder, startReceiver, type Receiver, type Secrets } from './receiver.ts';

const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const token = 'a-token-of-nobody';

let secrets: Secrets;
let tokenSecretFile: string;
let host: Receiver;
let cloud: FakeBitbucketCloud;
beforeAll(async () => {
  secrets = await secretFolder();
  tokenSecretFile = await secrets.fileWith('token', `${token}\n`);
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  host = await startReceiver();
  cloud = fakeBitbucketCloud({ commits: [commit], token });
  host.answers = cloud.answers;
});
afterEach(async () => host.stop());

const hosts = createGitHosts({ now: () => new Date(), answer: 2_000 });
const at = () => {
  const of: GitHostConfig = { name: 'bucket', kind: 'bitbucketCloud', tokenSecretFile, api: host.url };
  return { host: of, connection: {}, project: 'family/develop' };
};

const environment = (name: string, of: Partial<ReportedEnvironment> = {}): ReportedEnvironment => ({
  ...{ name, state: 'Converged', message: '', rolledBack: null },
  ...of,
});
const long = 'a-shop-whose-name-is-longer-than-keys-may-be';
const pending = [environment('shop', { state: 'Converging' }), environment(long)];
const failed = [environment('shop', { state: 'Failed', message: 'ImagePullBackOff' }), environment(long)];
const tell = async (environments: readonly ReportedEnvironment[]) =>
  await hosts.report({
    ...{ ...at(), branch: 'main' },
    report: commitReport({ repository: 'develop', commit, environments, ignored: [] }),
  });

describe('a commit on Bitbucket Cloud', () => {
  const shown = () =>
    Object.fromEntries(cloud.statuses.map(({ name, state, description }) => [name, `${state} ${description}`]));

  it('is shown as under way, and then as what it came to, each by a key that Bitbucket takes', async () => {
    expect(await tell(pending)).toEqual({ mergedBy: [] });
    expect(shown()).toEqual({
      'converge/develop': 'INPROGRESS develop: 1 of 2 converged',
      'converge/develop/shop': 'INPROGRESS on its way',
      [`converge/develop/${long}`]: 'SUCCESSFUL converged',
    });
    await tell(failed);
    expect(shown()).toMatchObject({ 'converge/develop/shop': 'FAILED failed: ImagePullBackOff' });
    expect(cloud.statuses).toHaveLength(3);
    expect(cloud.statuses.map(({ url }) => url)).toContain(`https://bitbucket.org/family/develop/commits/${commit}`);
  });

  it('is written nothing that it shows already, on whichever page', async () => {
    await tell(failed);
    cloud.writes.length = 0;
    await tell(failed);
    expect(cloud.writes).toEqual([]);
    expect(host.calls.some(({ path }) => path.includes('page=2'))).toBe(true);
  });

  it('has one comment on the pull request that it merged, whose mark nobody sees', async () => {
    const merged = { id: 7, merge_commit: { hash: commit.slice(0, 12) }, destination: { branch: { name: 'main' } } };
    cloud.merged.push(
      { ...merged, id: 6, merge_commit: { hash: '1a2b3c4d5e6f' } },
      { ...merged, id: 8, destination: { branch: { name: 'topic' } } },
      merged,
    );
    await tell(pending);
    await tell(failed);
    expect(cloud.comments.map(({ number, content }) => [number, content.raw.split('\n').slice(0, 3)])).toEqual([
      [7, ['[//]: # (converge develop)', '', '🔴 **Converge** `develop: 1 of 2 converged, shop failed`']],
    ]);
  });

  it('is no place where a next page takes the token to', async () => {
    const elsewhere = await startReceiver();
    cloud.faults.push({ body: { values: [], next: `${elsewhere.url}/x` } });
    await tell(pending);
    expect(elsewhere.calls).toEqual([]);
    await elsewhere.stop();
  });

  it.each([
    [401, 'put an access token that Bitbucket accepts'],
    [403, 'the scopes "repository" and "pullrequest:write"'],
  ])('is refused by %i, with what can be done', async (status, remedy) => {
    cloud.faults.push({ status, body: { type: 'error', error: { message: 'no, not so' } } });
    await expect(tell(pending)).rejects.toMatchObject({
      ...{ code: 'SinkRefused', message: expect.stringContaining(': no, not so') },
      remedy: expect.stringContaining(remedy),
    });
  });
});

it('Bitbucket Cloud has one pull request of a branch, and takes that of a fork for none', async () => {
  const asked = { from: 'converge/accept-1', into: 'main', title: 'Accept the drift', body: 'of **shop**' };
  const href = 'https://bitbucket.org/family/develop/pull-requests/3';
  cloud.proposals.push({
    ...{ title: '', description: '', links: { html: { href } } },
    source: { branch: { name: asked.from }, repository: { uuid: '{fork}' } },
    destination: { branch: { name: 'main' }, repository: { uuid: '{here}' } },
  });
  const { url } = await hosts.propose({ ...at(), ...asked });
  expect(url).not.toBe(href);
  expect((await hosts.propose({ ...at(), ...asked })).url).toBe(url);
  expect(cloud.proposals.slice(1)).toMatchObject([{ title: asked.title, description: asked.body }]);
});

describe('a plan on Bitbucket Cloud', () => {
  const reportOf = (of: Partial<PlanReport> = {}): PlanReport => ({
    ...{ repositoryClass: 'develop', number: 7, head: commit, verdict: 'failure', isIdle: false },
    ...{ title: 'develop: 1 of 1 environment would change', notes: ['Planned is the head.'] },
    environments: [{ name: 'shop', verdict: 'failure', summary: '1 to change', lines: [] }],
    ...of,
  });

  it('is one comment of our own and one status, and is written nothing that it has', async () => {
    const raw = planCommentOf(reportOf({ title: 'all is well' }), 32_767, 'definition');
    cloud.comments.push({ id: 900, number: 7, content: { raw }, deleted: false, by: '{stranger}' });
    await hosts.showPlan({ ...at(), report: reportOf() });
    await hosts.showPlan({
      ...at(),
      report: reportOf({ verdict: 'success', title: 'develop: nothing', isIdle: true }),
    });
    expect(cloud.comments.map(({ content }) => content.raw.includes('develop: nothing'))).toEqual([false, true]);
    expect(cloud.statuses).toMatchObject([{ sha: commit, key: 'converge/plan/develop', state: 'SUCCESSFUL' }]);
    cloud.comments.shift();
    cloud.writes.length = 0;
    await hosts.showPlan({
      ...at(),
      report: reportOf({ verdict: 'success', title: 'develop: nothing', isIdle: true }),
    });
    expect(cloud.writes).toEqual([]);
  });

  it("is a status alone where it says nothing, and a comment alone where the head is a fork's", async () => {
    await hosts.showPlan({ ...at(), report: reportOf({ isIdle: true, environments: [] }) });
    expect([cloud.comments.length, cloud.statuses.length]).toEqual([0, 1]);
    await hosts.showPlan({ ...at(), report: reportOf({ head: '1a2b3c4d5e6f' }) });
    expect([cloud.comments.length, cloud.statuses.length]).toEqual([1, 1]);
  });

  it('is cut to what the host takes', async () => {
    const lines = Array.from({ length: 200 }, () => ({ sign: '!' as const, text: 'ä'.repeat(400) }));
    await hosts.showPlan({
      ...at(),
      report: reportOf({ environments: [{ name: 'shop', verdict: 'failure', summary: 'many', lines }] }),
    });
    expect(Buffer.byteLength(cloud.comments[0]?.content.raw ?? '')).toBeLessThan(32_768);
  });
});

describe('a pull request of Bitbucket Cloud', () => {
  const pull = (uuid: string | null) => ({
    state: 'OPEN',
    source: {
      commit: { hash: commit.slice(0, 12) },
      branch: { name: 'topic/x' },
      repository: uuid === null ? null : { uuid },
    },
    destination: { branch: { name: 'main' }, repository: { uuid: '{here}' } },
  });
  const told = async () => await hosts.pullRequest({ ...at(), number: 7 });

  it('of a branch is at its head, whose whole id is asked for', async () => {
    cloud.pull = pull('{here}');
    expect(await told()).toEqual({
      ...{ isOpen: true, base: 'main', head: commit, isFork: false, labels: [] },
      headRef: 'refs/heads/topic/x',
    });
  });

  it.each([
    ['of a fork', '{fork}'],
    ['of a fork that is gone', null],
  ])('%s can be let in by nobody', async (_what, uuid) => {
    cloud.pull = pull(uuid);
    expect(await told()).toMatchObject({ isFork: true, approval: 'impossible', head: commit.slice(0, 12) });
  });
});
