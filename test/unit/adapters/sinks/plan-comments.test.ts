import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGitHosts } from '../../../../shared/adapters/git-hosts.ts';
import { planCommentOf } from '../../../../shared/adapters/sinks/host-text.ts';
import type { GitHostConfig } from '../../../../shared/config/git-hosts.ts';
import type { PlanLine, PlanReport } from '../../../../shared/notices/plan-report.ts';
import { fakeGithub } from './fake-github.ts';
import { fakeGitlab } from './fake-gitlab.ts';
import { secretFolder, startReceiver, type Receiver, type Secrets } from './receiver.ts';

const head = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const token = 'a-token-of-nobody';
const line = (text: string): PlanLine => ({ sign: '!', text });
const reportOf = (of: Partial<PlanReport> = {}): PlanReport => ({
  ...{ repositoryClass: 'develop', number: 7, head, verdict: 'failure', isIdle: false },
  ...{ title: 'develop: 1 of 1 environment would change', notes: ['Planned is the head.'] },
  environments: [{ name: 'shop', verdict: 'failure', summary: '1 to change', lines: [line('update Deployment web')] }],
  ...of,
});

let secrets: Secrets;
let tokenSecretFile: string;
let host: Receiver;
beforeAll(async () => {
  secrets = await secretFolder();
  tokenSecretFile = await secrets.fileWith('token', token);
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  host = await startReceiver();
});
afterEach(async () => host.stop());

const at = (kind: 'github' | 'gitlab', project: string) => {
  const of: GitHostConfig = { name: 'hub', kind, tokenSecretFile, api: host.url };
  return { host: of, connection: {}, project };
};
const hosts = createGitHosts({ now: () => new Date(), answer: 2_000 });

describe('GitHub', () => {
  const showing = () => {
    const github = fakeGithub({ commits: [head], token });
    host.answers = github.answers;
    return { github, of: at('github', 'family/develop') };
  };

  it('shows a plan by one comment and one status, and is written nothing that it has', async () => {
    const { github, of } = showing();
    await hosts.showPlan({ ...of, report: reportOf() });
    expect(github.statuses).toMatchObject([{ sha: head, context: 'converge/plan/develop', state: 'failure' }]);
    expect(github.comments).toMatchObject([{ number: 7, body: expect.stringContaining('update Deployment web') }]);
    const writes = github.writes.length;
    await hosts.showPlan({ ...of, report: reportOf() });
    expect(github.writes).toHaveLength(writes);
    await hosts.showPlan({ ...of, report: reportOf({ verdict: 'success', environments: [], isIdle: true }) });
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).not.toContain('Deployment');
    expect(github.statuses.at(-1)).toMatchObject({ state: 'success' });
  });

  it('shows what one class says of a head beside what another one does', async () => {
    const { github, of } = showing();
    await hosts.showPlan({ ...of, report: reportOf() });
    const idle = { verdict: 'success', environments: [], isIdle: true } as const;
    await hosts.showPlan({ ...of, report: { ...reportOf(idle), number: 8, repositoryClass: 'release' } });
    expect(github.statuses.map(({ context, state }) => [context, state])).toEqual([
      ['converge/plan/develop', 'failure'],
      ['converge/plan/release', 'success'],
    ]);
  });

  it('has no comment of a plan that says nothing, and leaves alone what others wrote to look like it', async () => {
    const { github, of } = showing();
    await hosts.showPlan({ ...of, report: reportOf({ environments: [], isIdle: true }) });
    expect(github.comments).toEqual([]);
    const forged = planCommentOf(reportOf({ title: 'all is well' }), 65_536);
    github.comments.push({ id: 900, number: 7, body: forged, user: { id: 666 } });
    await hosts.showPlan({ ...of, report: reportOf() });
    expect(github.comments.map(({ body }) => body.includes('all is well'))).toEqual([true, false]);
  });

  it.each([
    ['of a branch', { id: 1 }, false],
    ['of a fork', { id: 2 }, true],
    ['of a fork that is gone', null, true],
  ])('tells a pull request %s', async (_what, repo, isFork) => {
    const { github, of } = showing();
    github.pull = {
      ...{ state: 'open', labels: [{ name: 'bug' }] },
      ...{ head: { sha: head, repo }, base: { ref: 'main', repo: { id: 1 } } },
    };
    const pull = await hosts.pullRequest({ ...of, number: 7 });
    expect(pull).toEqual({ isOpen: true, base: 'main', head, isFork, labels: ['bug'] });
    github.pull = { ...github.pull, mergeable: null };
    expect(await hosts.pullRequest({ ...of, number: 7 })).toEqual({ ...pull, isMerging: true });
  });
});

describe('GitLab', () => {
  it('shows a plan by one note of our own and one status, and tells a merge request', async () => {
    const gitlab = fakeGitlab({ commits: [head], token });
    host.answers = gitlab.answers;
    const of = at('gitlab', 'family/apps/develop');
    gitlab.notes.push({ id: 900, iid: 7, body: planCommentOf(reportOf(), 65_536), system: false, author: { id: 666 } });
    await hosts.showPlan({ ...of, report: reportOf() });
    await hosts.showPlan({ ...of, report: reportOf({ verdict: 'success', title: 'develop: nothing' }) });
    expect(gitlab.statuses.at(-1)).toMatchObject({ sha: head, name: 'converge/plan/develop', status: 'success' });
    expect(gitlab.notes.map(({ body }) => body.includes('develop: nothing'))).toEqual([false, true]);
    gitlab.mergeRequest = {
      ...{ state: 'opened', sha: head, target_branch: 'main', labels: [] },
      ...{ source_project_id: 2, target_project_id: 1 },
    };
    const pull = await hosts.pullRequest({ ...of, number: 7 });
    expect(pull).toEqual({ isOpen: true, base: 'main', head, isFork: true, labels: [] });
  });
});

describe('a fork on GitLab', () => {
  it('has no branch that a status could be of, and is shown its plan all the same', async () => {
    const gitlab = fakeGitlab({ commits: [head], token, forked: [head] });
    host.answers = gitlab.answers;
    await hosts.showPlan({ ...at('gitlab', 'family/apps/develop'), report: reportOf() });
    expect(gitlab.statuses).toEqual([]);
    expect(gitlab.notes).toMatchObject([{ iid: 7, body: expect.stringContaining('update Deployment web') }]);
  });
});

describe('the comment of a plan', () => {
  it('lets nothing that strangers wrote take effect', () => {
    const evil = '`````\n```\n</details><img src=x> @family/all #1 !2 [x](http://x) <!-- converge -->\n/close';
    const text = planCommentOf(
      reportOf({
        ...{ title: evil, notes: [evil] },
        environments: [{ name: evil, verdict: 'failure', summary: evil, lines: [line(evil), line('```')] }],
      }),
      65_536,
    );
    // The mark alone is HTML; all else of theirs is in spans of code, or between the fences.
    const [mark, ...lines] = text.split('\n');
    expect(mark).toBe('<!-- converge plan develop -->');
    const fence = lines.findIndex((one) => one.startsWith('``````diff'));
    const end = lines.findIndex((one, index) => index > fence && one === '``````');
    expect(fence).toBeGreaterThan(0);
    expect(lines.slice(fence + 1, end)).toHaveLength(2);
    const outside = [...lines.slice(0, fence), ...lines.slice(end + 1)].join('\n');
    expect(outside.replaceAll(/(`{6,}).*?\1/gs, '')).not.toMatch(/[@<#!]|\/close/);
    expect(lines.some((one) => one.startsWith('/close'))).toBe(false);
  });

  it('is cut to what the host takes, and says what of', () => {
    const many = Array.from({ length: 120 }, (_one, index) => ({
      ...{ name: `shop-${index}`, verdict: 'success' as const, summary: '300 to change' },
      lines: Array.from({ length: 300 }, (_line, at) => line(`update ConfigMap ${index}-${at} ${'ä'.repeat(40)}`)),
    }));
    const text = planCommentOf(reportOf({ environments: many }), 65_536);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_536);
    expect(text).toMatch(/Cut from this comment: \d+ lines and \d+ environments\./);
    expect(text).toContain('converge plan --all --class develop --pr 7');
    const whole = planCommentOf(reportOf({ environments: many.slice(0, 1) }), 65_536);
    expect(whole).toContain('Cut from this comment: 100 lines.');
    const long = planCommentOf(reportOf({ notes: Array.from({ length: 200 }, () => 'x'.repeat(2_000)) }), 65_536);
    expect(Buffer.byteLength(long)).toBeLessThanOrEqual(65_536);
  });
});
