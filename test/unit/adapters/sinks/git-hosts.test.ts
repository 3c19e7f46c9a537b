import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createGitHosts } from '../../../../shared/adapters/git-hosts.ts';
import type { GitConnection } from '../../../../shared/adapters/git/dispatcher.ts';
import type { GitHostConfig } from '../../../../shared/config/git-hosts.ts';
import { commitReport, type ReportedEnvironment } from '../../../../shared/notices/commit-report.ts';
import { fakeGithub, type FakeGithub } from './fake-github.ts';
import { fakeGitlab, type FakeGitlab } from './fake-gitlab.ts';
import { secretFolder, selfSigned, startReceiver, type Answer, type Receiver, type Secrets } from './receiver.ts';

const commit = '9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345';
const merge = '1a2b3c4d5e6f60718293a4b5c6d7e8f901234567';
const token = 'a-token-of-nobody';

const environment = (name: string, of: Partial<ReportedEnvironment> = {}): ReportedEnvironment => ({
  ...{ name, state: 'Converged', message: '', rolledBack: null },
  ...of,
});
const reportOf = (environments: readonly ReportedEnvironment[], of = commit) =>
  commitReport({ repository: 'develop', commit: of, environments, ignored: [] });
const pending = [environment('shop', { state: 'Converging' }), environment('blog')];
const failed = [environment('shop', { state: 'Failed', message: 'ImagePullBackOff' }), environment('blog')];
const done = [environment('shop'), environment('blog')];

let secrets: Secrets;
let tokenSecretFile: string;
let host: Receiver;
beforeAll(async () => {
  secrets = await secretFolder();
  tokenSecretFile = await secrets.fileWith('token', `${token}\n`);
});
afterAll(async () => secrets.remove());
beforeEach(async () => {
  host = await startReceiver();
});
afterEach(async () => host.stop());

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: unknown) => error,
  );
}

/** One host, which is told as often as a test likes. */
function teller(of: GitHostConfig, project: string, connection: GitConnection = {}) {
  const hosts = createGitHosts({ now: () => new Date(), answer: 2_000 });
  return async (environments: readonly ReportedEnvironment[], sha = commit) =>
    await hosts.report({ host: of, connection, project, branch: 'main', report: reportOf(environments, sha) });
}

const branches = { from: 'converge/accept-1', into: 'main' };

async function propose(of: GitHostConfig, project: string): Promise<string> {
  const hosts = createGitHosts({ now: () => new Date(), answer: 2_000 });
  const asked = { ...branches, title: 'Accept the drift', body: 'of **shop**' };
  return (await hosts.propose({ host: of, connection: {}, project, ...asked })).url;
}

describe('GitHub', () => {
  let github: FakeGithub;
  let tell: ReturnType<typeof teller>;
  beforeEach(() => {
    github = fakeGithub({ commits: [commit, merge], token });
    host.answers = github.answers;
    tell = teller({ name: 'hub', kind: 'github', tokenSecretFile, api: host.url }, 'family/develop');
  });
  const shown = () =>
    Object.fromEntries(github.statuses.map(({ context, state, description }) => [context, `${state} ${description}`]));

  it('shows a commit as pending, and then as what it came to', async () => {
    await tell(pending);
    expect(shown()).toEqual({
      'converge/develop': 'pending develop: 1 of 2 converged',
      'converge/develop/shop': 'pending on its way',
      'converge/develop/blog': 'success converged',
    });
    expect(github.deployments).toMatchObject([
      { environment: 'develop/shop', sha: commit, task: 'converge', statuses: [{ state: 'in_progress' }] },
      { environment: 'develop/blog', statuses: [{ state: 'success' }] },
    ]);
    await tell(failed);
    expect(shown()).toMatchObject({
      'converge/develop': 'failure develop: 1 of 2 converged, shop failed',
      'converge/develop/shop': 'failure failed: ImagePullBackOff',
    });
    await tell(done);
    expect(github.deployments.map(({ statuses }) => statuses.map(({ state }) => state))).toEqual([
      ['in_progress', 'failure', 'success'],
      ['success'],
    ]);
    expect(shown()['converge/develop']).toBe('success develop: 2 of 2 converged');
  });

  it('is written nothing that it shows already, on whichever page', async () => {
    await tell(pending);
    github.writes.length = 0;
    await tell(pending);
    expect(github.writes).toEqual([]);
    expect(host.calls.some(({ path }) => path.includes('page=2'))).toBe(true);
  });

  it('is asked first where an answer was lost, and shows nothing twice', async () => {
    // The answer of one more request arrives each time.
    for (let answered = 0; ; answered++) {
      const before = host.calls.length;
      host.answers = (call) => {
        const answer = github.answers(call);
        return host.calls.length - before > answered ? { status: 502, body: 'Bad Gateway' } : answer;
      };
      const failure = await failureOf(tell(done));
      if (failure === 'no error') break;
      expect(failure).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry', unanswered: true });
    }
    expect(github.deployments).toHaveLength(2);
    expect(github.statuses).toHaveLength(3);
    expect(github.deployments.map(({ statuses }) => statuses.length)).toEqual([1, 1]);
  });

  it('has one pull request of a branch, however often it is asked for', async () => {
    const of: GitHostConfig = { name: 'hub', kind: 'github', tokenSecretFile, api: host.url };
    const url = await propose(of, 'family/develop');
    expect(await propose(of, 'family/develop')).toBe(url);
    expect(github.proposals).toMatchObject([
      { head: branches.from, base: 'main', title: 'Accept the drift', body: 'of **shop**', html_url: url },
    ]);
    host.answers = () => ({ status: 403, body: { message: 'Resource not accessible by personal access token' } });
    expect(await failureOf(propose(of, 'family/develop'))).toMatchObject({
      code: 'SinkRefused',
      remedy: expect.stringContaining('"Pull requests: write"'),
    });
  });

  it('keeps what it has of a deployment that a later one has replaced', async () => {
    await tell(done);
    await tell(done, merge);
    expect(github.deployments.map(({ statuses }) => statuses.at(-1)?.state)).toEqual([
      'inactive',
      'inactive',
      'success',
      'success',
    ]);
    github.writes.length = 0;
    await tell(done);
    expect(github.writes).toEqual([]);
  });

  it('has one comment on the pull request that the commit merged, which is changed in place', async () => {
    github.pulls.push({ sha: commit, number: 7, merge_commit_sha: commit, merged_at: '2026-11-21T01:02:03Z' });
    github.comments.push(
      { id: 900, number: 7, body: 'nice' },
      { id: 901, number: 7, body: '> <!-- converge develop -->\nquoted' },
      { id: 902, number: 7, body: '<!-- converge master -->\nof another class' },
    );
    await tell(pending);
    await tell(failed);
    const [, , , ours, ...others] = github.comments;
    expect(others).toEqual([]);
    expect(ours?.body).toBe(
      [
        '<!-- converge develop -->',
        '🔴 **Converge** `develop: 1 of 2 converged, shop failed`',
        '',
        '- 🔴 `shop` `failed: ImagePullBackOff`',
        '- ✅ `blog` `converged`',
        '',
        `Of commit ${commit}. This comment is kept up to date.`,
      ].join('\n'),
    );
  });

  it('leaves alone the comment that somebody else made to look like that one', async () => {
    github.pulls.push({ sha: commit, number: 7, merge_commit_sha: commit, merged_at: '2026-11-21T01:02:03Z' });
    const forged = { id: 900, number: 7, body: '<!-- converge develop -->\nall is well', user: { id: 666 } };
    github.comments.push({ ...forged });
    await tell(pending);
    await tell(failed);
    expect(github.comments[0]).toEqual(forged);
    expect(github.comments.slice(1)).toMatchObject([{ body: expect.stringContaining('shop failed') }]);
  });

  it('names the commit that merged the pull request of another one, and comments on none that is open', async () => {
    github.pulls.push(
      { sha: commit, number: 7, merge_commit_sha: merge, merged_at: '2026-11-21T01:02:03Z' },
      { sha: commit, number: 8, merge_commit_sha: commit, merged_at: null },
    );
    expect(await tell(done)).toEqual({ mergedBy: [merge] });
    expect(github.comments).toEqual([]);
  });

  it('shows what anybody wrote as plain text and code, cut to what it takes', async () => {
    github.pulls.push({ sha: commit, number: 7, merge_commit_sha: commit, merged_at: '2026-11-21T01:02:03Z' });
    const message = `\u001b[31m@channel <img src=x> [a](https://evil.example) \`code\` #1\n/close ${'ü'.repeat(200)}`;
    await tell([environment('shop', { state: 'Failed', message })]);
    const description = github.statuses.find(({ context }) => context === 'converge/develop/shop')?.description ?? '';
    expect(Buffer.byteLength(description)).toBeLessThanOrEqual(140);
    expect(description).toMatch(/^failed: \\u001b\[31m@channel <img.*…$/);
    const body = github.comments[0]?.body ?? '';
    // One line, in a span whose fence is longer than any in it.
    expect(body).toMatch(/^- 🔴 `shop` ``failed: .*@channel <img src=x> .* `code` #1 \/close ü+.*``$/m);
    expect(body).not.toMatch(/^\/close/m);
    expect(body).not.toContain('\u001b');
  });

  it.each<{ what: string; answer: Answer }>([
    {
      what: 'a secondary rate limit',
      answer: {
        status: 403,
        headers: { 'retry-after': '120' },
        body: { message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.' },
      },
    },
    {
      what: 'a secondary rate limit that says no time',
      answer: { status: 403, body: { message: 'You have exceeded a secondary rate limit.' } },
    },
    {
      what: 'a primary rate limit',
      answer: {
        status: 403,
        headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 600) },
        body: { message: 'API rate limit exceeded for installation ID 1.' },
      },
    },
    { what: 'a 429', answer: { status: 429, body: { message: 'Too many requests' } } },
  ])('is asked again later after $what, and left alone until then', async ({ answer }) => {
    github.faults.push({ answer, done: false });
    expect(await failureOf(tell(done))).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
    const before = host.calls.length;
    expect(await failureOf(tell(done))).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
    expect(host.calls.length).toBe(before);
  });

  it.each([
    { status: 401, body: { message: 'Bad credentials' }, remedy: 'put a token that GitHub accepts' },
    {
      status: 403,
      body: { message: 'Resource not accessible by integration' },
      remedy: 'permission "Commit statuses: write"',
    },
    { status: 404, body: { message: 'Not Found' }, remedy: 'permission "Commit statuses: write"' },
  ])('is refused by $status, with what the token lacks', async ({ status, body, remedy }) => {
    github.faults.push({ answer: { status, body }, done: false });
    const failure = await failureOf(tell(done));
    expect(failure).toMatchObject({ code: 'SinkRefused', disposition: 'refuse' });
    expect(failure).toHaveProperty('remedy', expect.stringContaining(remedy));
    expect(String(failure)).toContain(body.message);
    expect(String(failure)).not.toContain(token);
  });

  it('is no place where a redirect or a next page takes the token to', async () => {
    const elsewhere = await startReceiver();
    try {
      github.faults.push({ answer: { status: 302, headers: { location: `${elsewhere.url}/x` } }, done: false });
      expect(await failureOf(tell(done))).toMatchObject({ code: 'SinkRefused' });
      const link = `<${elsewhere.url}/repos/family/develop/commits/x/status?page=2>; rel="next"`;
      github.faults.push({ answer: { headers: { link }, body: { statuses: [] } }, done: false });
      await tell(done);
      expect(elsewhere.calls).toEqual([]);
    } finally {
      await elsewhere.stop();
    }
  });

  it('takes installation tokens of an app, and one for many reports', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const privateKeyFile = await secrets.fileWith('app.pem', pem);
    const githubApp = { appId: '1', installationId: '2', privateKeyFile, api: host.url };
    let minted = 0;
    host.answers = (call) => {
      if (call.path !== '/app/installations/2/access_tokens') return github.answers(call);
      minted += 1;
      return { status: 201, body: { token, expires_at: new Date(Date.now() + 3_600_000).toISOString() } };
    };
    const tellAsApp = teller({ name: 'app', kind: 'github', githubApp, api: host.url }, 'family/develop');
    await tellAsApp(pending);
    await tellAsApp(done);
    expect(minted).toBe(1);
    expect(shown()['converge/develop']).toBe('success develop: 2 of 2 converged');
  });
});

describe('GitLab', () => {
  let gitlab: FakeGitlab;
  let tell: ReturnType<typeof teller>;
  beforeEach(() => {
    gitlab = fakeGitlab({ commits: [commit, merge], token });
    host.answers = gitlab.answers;
    tell = teller({ name: 'lab', kind: 'gitlab', tokenSecretFile, api: host.url }, 'family/apps/develop');
  });
  const shown = () =>
    Object.fromEntries(gitlab.statuses.map(({ name, status, description }) => [name, `${status} ${description}`]));

  it('shows a commit as running, and then as what it came to', async () => {
    await tell(pending);
    expect(shown()).toEqual({
      'converge/develop': 'running develop: 1 of 2 converged',
      'converge/develop/shop': 'running on its way',
      'converge/develop/blog': 'success converged',
    });
    await tell(failed);
    expect(gitlab.deployments).toMatchObject([
      { environment: 'develop/shop', sha: commit, status: 'failed' },
      { environment: 'develop/blog', status: 'success' },
    ]);
    // Under way again: a deployment that ended stays as it is.
    await tell(pending);
    expect(shown()['converge/develop']).toBe('running develop: 1 of 2 converged');
    expect(gitlab.deployments[0]?.status).toBe('failed');
    await tell(done);
    expect(gitlab.deployments.map(({ status }) => status)).toEqual(['success', 'success']);
    expect(shown()['converge/develop']).toBe('success develop: 2 of 2 converged');
  });

  it('has one merge request of a branch, however often it is asked for', async () => {
    const of: GitHostConfig = { name: 'lab', kind: 'gitlab', tokenSecretFile, api: host.url };
    const url = await propose(of, 'family/apps/develop');
    expect(await propose(of, 'family/apps/develop')).toBe(url);
    expect(gitlab.proposals).toMatchObject([
      { source_branch: branches.from, target_branch: 'main', title: 'Accept the drift', web_url: url },
    ]);
  });

  it('takes a state that it has already for done', async () => {
    await tell([environment('shop', { state: 'Converging' })]);
    await tell([environment('shop', { state: 'Converging', message: 'waits for blog' })]);
    expect(shown()['converge/develop/shop']).toBe('running on its way: waits for blog');
  });

  it('is written nothing that it shows already', async () => {
    await tell(failed);
    gitlab.writes.length = 0;
    await tell(failed);
    expect(gitlab.writes).toEqual([]);
  });

  it('has a deployment of ours beside that of a job, which nobody else may change', async () => {
    gitlab.deployments.push({ id: 900, sha: commit, environment: 'develop/shop', status: 'running', deployable: {} });
    await tell([environment('shop')]);
    expect(gitlab.deployments.map(({ status }) => status)).toEqual(['running', 'success']);
  });

  it('has one note on the merge request that the commit merged, which is changed in place', async () => {
    gitlab.mergeRequests.push({ sha: commit, iid: 3, merge_commit_sha: commit, state: 'merged' });
    gitlab.notes.push({ id: 900, iid: 3, body: 'merged', system: true });
    const forged = '<!-- converge develop -->\nall is well';
    gitlab.notes.push({ id: 901, iid: 3, body: forged, system: false, author: { id: 666 } });
    await tell(pending);
    await tell(done);
    expect(gitlab.notes.map(({ body }) => body.split('\n').slice(0, 2))).toEqual([
      ['merged'],
      ['<!-- converge develop -->', 'all is well'],
      ['<!-- converge develop -->', '✅ **Converge** `develop: 2 of 2 converged`'],
    ]);
  });

  it('is asked again later where it is limited', async () => {
    gitlab.faults.push({ answer: { status: 429, headers: { 'retry-after': '60' }, body: 'Retry later' }, done: false });
    expect(await failureOf(tell(done))).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
  });

  it('is refused with what the token lacks', async () => {
    gitlab.faults.push({ answer: { status: 403, body: { message: '403 Forbidden' } }, done: false });
    const failure = await failureOf(tell(done));
    expect(failure).toMatchObject({ code: 'SinkRefused', disposition: 'refuse' });
    expect(failure).toHaveProperty('remedy', expect.stringContaining('scope "api"'));
  });
});

describe('a Git host whose repository says how it is reached', () => {
  const told = async (api: string, connection: GitConnection) => {
    const github = fakeGithub({ commits: [commit, merge], token });
    return {
      github,
      tell: teller({ name: 'hub', kind: 'github', tokenSecretFile, api }, 'family/develop', connection),
    };
  };

  it('is told through its proxy, whose new address is read where the old one does not answer', async () => {
    const asked: string[] = [];
    const proxy = createServer().on('connect', (request, socket, head) => {
      asked.push(request.url ?? '');
      const { port } = new URL(host.url);
      const through = connect(Number(port), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
        through.write(head);
        through.pipe(socket).pipe(through);
      });
      through.on('error', () => socket.destroy());
      socket.on('error', () => through.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const proxySecretFile = await secrets.fileWith('proxy', 'http://127.0.0.1:1\n');
    const { github, tell } = await told('http://git.example.com/api/v3', { proxySecretFile });
    host.answers = (call) => github.answers({ ...call, path: call.path.replace('/api/v3', '') });
    expect(await failureOf(tell(done))).toMatchObject({ code: 'SinkUnavailable', disposition: 'retry' });
    await secrets.fileWith('proxy', `http://127.0.0.1:${port}\n`);
    await tell(done);
    expect(new Set(asked)).toEqual(new Set(['git.example.com:80']));
    expect(github.statuses).toHaveLength(3);
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it('is trusted by its authority, and by no other', async () => {
    const tls = await selfSigned(secrets);
    const secure = await startReceiver(tls);
    const { github, tell } = await told(secure.url, { tls: { caFile: await secrets.fileWith('ca', tls.cert) } });
    secure.answers = github.answers;
    await tell(done);
    expect(github.statuses).toHaveLength(3);
    const { tell: untrusted } = await told(secure.url, {});
    expect(await failureOf(untrusted(done))).toMatchObject({
      code: 'SinkUnavailable',
      problem: expect.stringContaining('certificate') as unknown,
    });
    const unusable = { tls: { caFile: await secrets.fileWith('none', 'no certificate') } };
    expect(await failureOf((await told(secure.url, unusable)).tell(done))).toMatchObject({ disposition: 'retry' });
    await secure.stop();
  });
});
