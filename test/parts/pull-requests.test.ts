import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGit, type GitHost } from '../../local/parts/git.ts';
import { startPullRequests, type PullEvent, type PullRequests } from '../../local/parts/pull-requests.ts';
import { eventually } from '../eventually.ts';

let folder: string;
let clone: string;
let git: GitHost;
let pulls: PullRequests;
const events: PullEvent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-pulls-'));
  clone = join(folder, 'clone');
  git = await startGit({ folder, repositories: ['master'], onPush: async (push) => pulls.follow(push) });
  pulls = await startPullRequests({
    ...{ git, repositories: ['master'], now: () => '2026-01-02T03:04:05.000Z' },
    onEvent: async (event) => {
      events.push(event);
    },
  });
  await inClone('init', '--quiet', '--initial-branch=main', clone);
  await inClone('-C', clone, 'remote', 'add', 'origin', git.url('master'));
  await commit('one');
  await inClone('-C', clone, 'push', '--quiet', 'origin', 'main');
  await inClone('-C', clone, 'checkout', '--quiet', '-b', 'topic');
});
afterAll(async () => {
  await pulls.stop();
  await git.stop();
  await rm(folder, { recursive: true, force: true });
});

async function inClone(...parameters: readonly string[]): Promise<string> {
  const who = { GIT_AUTHOR_NAME: 'P', GIT_AUTHOR_EMAIL: 'p@example.com' };
  const env = { ...process.env, ...who, GIT_COMMITTER_NAME: 'P', GIT_COMMITTER_EMAIL: 'p@example.com' };
  return (await promisify(execFile)('git', parameters, { env })).stdout.trim();
}

/** Resolves with its id. */
async function commit(text: string): Promise<string> {
  await writeFile(join(clone, 'a.txt'), text);
  await inClone('-C', clone, 'add', '--all');
  await inClone('-C', clone, 'commit', '--quiet', '--message', text);
  return await inClone('-C', clone, 'rev-parse', 'HEAD');
}

async function ask(
  method: string,
  path: string,
  { body, token = pulls.token }: { body?: object; token?: string } = {},
): Promise<{ status: number; link: string | null; body: unknown }> {
  const answer = await fetch(`${pulls.api}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, link: answer.headers.get('link'), body: await answer.json() };
}

const proposal = { title: 'Two', head: 'topic', base: 'main' };

describe('the pull requests of the local Git host', () => {
  it('are opened for what a branch has over another, follow it, and are merged by what brings it there', async () => {
    const first = await commit('two');
    await inClone('-C', clone, 'push', '--quiet', 'origin', 'topic');
    expect(await ask('POST', '/repos/master/pulls', { body: proposal })).toMatchObject({
      status: 201,
      body: { number: 1, state: 'open', head: { sha: first }, base: { ref: 'main' }, merged_at: null },
    });
    expect(await ask('POST', '/repos/master/pulls', { body: proposal })).toMatchObject({ status: 422 });
    const second = await commit('three');
    await inClone('-C', clone, 'push', '--quiet', 'origin', 'topic');
    await eventually('it follows', () => events.some(({ action }) => action === 'synchronize'));
    expect(await inClone('ls-remote', git.url('master'), 'refs/pull/1/head')).toBe(`${second}\trefs/pull/1/head`);
    await inClone('-C', clone, 'push', '--quiet', 'origin', 'topic:main');
    await eventually('it is merged', () => events.some(({ action }) => action === 'closed'));
    expect(events.map(({ action, pull: { number, head } }) => [action, number, head])).toEqual([
      ['opened', 1, first],
      ['synchronize', 1, second],
      ['closed', 1, second],
    ]);
    const merged = { number: 1, state: 'closed', merge_commit_sha: second, merged_at: '2026-01-02T03:04:05.000Z' };
    expect(await ask('GET', '/repos/master/pulls/1')).toMatchObject({ status: 200, body: merged });
    expect(await ask('GET', `/repos/master/commits/${second}/pulls`)).toMatchObject({ body: [merged] });
    expect(await ask('GET', '/repos/master/pulls')).toMatchObject({ status: 200, body: [] });
    expect(await ask('GET', '/repos/master/pulls?state=closed&head=local:topic')).toMatchObject({ body: [{}] });
  });

  it('show the newest status of each context, a page of comments at a time, and what was changed in one', async () => {
    const head = await inClone('-C', clone, 'rev-parse', 'HEAD');
    const status = { context: 'plan', state: 'pending', description: 'waits' };
    for (const state of ['pending', 'success'])
      expect(await ask('POST', `/repos/master/statuses/${head}`, { body: { ...status, state } })).toMatchObject({
        status: 201,
      });
    expect(await ask('GET', `/repos/master/commits/${head}/status`)).toMatchObject({
      body: { total_count: 1, statuses: [{ context: 'plan', state: 'success' }] },
    });
    expect(pulls.statuses({ repository: 'master', commit: head })).toMatchObject([{ state: 'success' }]);
    for (const body of ['one', 'two']) await ask('POST', '/repos/master/issues/1/comments', { body: { body } });
    const page = await ask('GET', '/repos/master/issues/1/comments?per_page=1');
    expect(page).toMatchObject({ link: expect.stringMatching(/[?&]page=2>; rel="next"/), body: [{ body: 'one' }] });
    const id = pulls.comments({ repository: 'master', number: 1 }).length;
    expect(id).toBe(2);
    const [{ id: written }] = page.body as [{ id: number }];
    await ask('PATCH', `/repos/master/issues/comments/${written}`, { body: { body: 'changed' } });
    expect(pulls.comments({ repository: 'master', number: 1 }).map(({ body }) => body)).toEqual(['changed', 'two']);
  });

  it('keep the deployments of a commit, the newest first, and what became of each', async () => {
    const head = await inClone('-C', clone, 'rev-parse', 'HEAD');
    const made = await ask('POST', '/repos/master/deployments', {
      body: { ref: head, environment: 'shop', task: 'converge' },
    });
    expect(made).toMatchObject({ status: 201, body: { sha: head, environment: 'shop' } });
    const { id } = made.body as { id: number };
    for (const state of ['in_progress', 'success'])
      await ask('POST', `/repos/master/deployments/${id}/statuses`, { body: { state, description: '' } });
    expect(await ask('GET', `/repos/master/deployments/${id}/statuses`)).toMatchObject({
      body: [{ state: 'success' }, { state: 'in_progress' }],
    });
    expect(await ask('GET', `/repos/master/deployments?sha=${head}&environment=blog`)).toMatchObject({ body: [] });
  });

  it.each([
    ['a token of nobody', 'POST', '/repos/master/pulls', { body: proposal, token: 'guessed' }, 401],
    ['who it is, of nobody', 'GET', '/user', { token: 'guessed' }, 401],
    ['a branch that is not there', 'POST', '/repos/master/pulls', { body: { ...proposal, head: 'nowhere' } }, 422],
    ['a branch that has nothing new', 'POST', '/repos/master/pulls', { body: proposal }, 422],
    ['a commit that is not there', 'POST', `/repos/master/statuses/${'0'.repeat(40)}`, { body: {} }, 422],
    ['a comment without a text', 'POST', '/repos/master/issues/1/comments', { body: {} }, 422],
    ['a pull request that is not there', 'GET', '/repos/master/pulls/9', {}, 404],
    ['a repository that is not there', 'GET', '/repos/nobody/pulls', {}, 404],
    ['another path', 'GET', '/repos/master/hooks', {}, 404],
  ])('refuse %s', async (_what, method, path, options, status) => {
    expect((await ask(method, path, options)).status).toBe(status);
  });
});
