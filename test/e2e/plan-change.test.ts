import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planOutputSchema } from '../../cli/output-schemas.ts';
import { fakeGithub, type FakeGithub } from '../unit/adapters/sinks/fake-github.ts';
import { startReceiver, type Receiver } from '../unit/adapters/sinks/receiver.ts';
import { writeFiles } from '../write-files.ts';
import { runConverge } from './command.ts';
import {
  configMap,
  deployment,
  environmentFile,
  eventually,
  startWorldWithMaster,
  type Clone,
  type World,
} from './world.ts';

const token = 'a-token-of-nobody';
const number = 7;

let world: World;
let master: Clone;
let folder: string;
let hub: Receiver;
let github: FakeGithub;
/** Those that the host knows. */
const commits: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'converge-plan-'));
  await writeFiles(folder, { token });
  hub = await startReceiver();
  github = fakeGithub({ commits, token, project: 'master' });
  hub.answers = github.answers;
  const tokenSecretFile = join(folder, 'token');
  ({ world, master } = await startWorldWithMaster({
    configuration: { alerts: { gitHosts: [{ name: 'hub', github: { tokenSecretFile, api: hub.url } }] } },
  }));
  await writeFiles(folder, { '.converge/local.json': JSON.stringify(world.pipeline.facts) });
  commits.push(
    await master.push({
      'environments/shop.yaml': environmentFile('shop', {}),
      'environments/blog.yaml': environmentFile('blog', {}),
      'manifests/shop/a.yaml': configMap('a', { v: '1' }),
      'manifests/shop/web.yaml': deployment('web', 'shop:1'),
      'manifests/blog/a.yaml': configMap('a', { v: '1' }),
    }),
  );
  for (const name of ['shop', 'blog'])
    await eventually(`${name} converged`, () => world.converged.some(({ environment }) => environment === name));
});
afterAll(async () => {
  await world.stop();
  await hub.stop();
});

/** Pushes files to the pull request, on top of the branch or an older commit, in the place of what it had. */
async function propose(files: Readonly<Record<string, string>>, onto = 'origin/main'): Promise<string> {
  await master.git('fetch', '--quiet', 'origin', 'main');
  await master.git('checkout', '--quiet', '--force', '-B', 'proposal', onto);
  await writeFiles(await master.git('rev-parse', '--show-toplevel'), files);
  await master.git('add', '--all');
  await master.git('-c', 'user.name=Pia', '-c', 'user.email=pia@example.com', 'commit', '--quiet', '-m', 'Propose');
  const head = await master.git('rev-parse', 'HEAD');
  // The host takes no forced push.
  const clone = await master.git('rev-parse', '--show-toplevel');
  const host = ['--git-dir', world.pipeline.git.path('master')];
  await master.git(...host, 'fetch', '--quiet', clone, `+HEAD:refs/pull/${number}/head`);
  commits.push(head);
  github.pull = {
    ...{ state: 'open', labels: [], base: { ref: 'main', repo: { id: 1 } } },
    head: { sha: head, repo: { id: 1 } },
  };
  return head;
}

async function announce(
  head: string,
  { action = 'synchronize', secret = world.pipeline.webhookSecret }: { action?: string; secret?: string } = {},
): Promise<{ status: number; body: unknown }> {
  const body = JSON.stringify({
    ...{ action, number, pull_request: { head: { sha: head }, base: { ref: 'main' } } },
    repository: { clone_url: world.pipeline.git.url('master') },
  });
  const answer = await fetch(world.pipeline.facts.webhook, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', 'x-github-event': 'pull_request', 'x-github-delivery': randomUUID() },
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    },
    body,
  });
  return { status: answer.status, body: await answer.json() };
}

const stateOf = (head: string) =>
  github.statuses.findLast(({ sha, context }) => sha === head && context === 'converge/plan/master')?.state;

describe('a pull request', () => {
  it('shows what it would do, and nothing of it is done', async () => {
    const head = await propose({
      'manifests/shop/a.yaml': configMap('a', { v: '2' }),
      'manifests/shop/web.yaml': deployment('web', 'shop:2'),
    });
    expect(await announce(head, { action: 'opened' })).toMatchObject({ status: 200, body: { outcome: 'plan asked' } });
    await eventually('the plan is shown', () => stateOf(head) === 'success' && github.comments.length > 0);
    const body = github.comments[0]?.body ?? '';
    expect(body).toContain('master: 1 of 1 environment would change');
    expect(body).toContain('/data/v: "1" -> "2"');
    expect(body).toContain('restarts 2 Pods');
    expect(body).not.toContain('blog');
    expect(await world.kubectl('get', 'configmap', 'a', '--namespace', 'shop', '--output', 'jsonpath={.data.v}')).toBe(
      '1',
    );
  });

  it('shows in the same comment what the API server would refuse, and what is not tried before the merge', async () => {
    const head = await propose({
      'manifests/blog/a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { "no such key": x }\n',
      'environments/new.yaml': environmentFile('new', {}),
      'manifests/new/a.yaml': configMap('a', {}),
    });
    await announce(head);
    await eventually('the plan is shown', () => stateOf(head) === 'failure');
    await eventually('the comment is of it', () => github.comments[0]?.body.includes('REJECTED') === true);
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]?.body).toContain('described: it is new');
    expect(github.comments[0]?.body).not.toContain('/data/v');
  });

  it('of a fork waits for a maintainer', async () => {
    const head = await propose({ 'manifests/shop/a.yaml': configMap('a', { v: '3' }) });
    github.pull = { ...github.pull, head: { sha: head, repo: { id: 2 } } };
    await announce(head);
    await eventually('a maintainer is waited for', () => stateOf(head) === 'pending');
    await eventually('the comment says so', () => github.comments[0]?.body.includes('It is of a fork') === true);
  });

  it('is not looked at where somebody else calls', async () => {
    const writes = github.writes.length;
    expect(await announce(commits[0] ?? '', { secret: 'guessed' })).toMatchObject({ status: 401 });
    expect(github.writes).toHaveLength(writes);
  });
});

describe('converge plan --pr', () => {
  it('tells the same, by the same rules, though the branch has moved on, and what is no pull request', async () => {
    await master.git('checkout', '--quiet', '--force', 'main');
    await master.push({ 'manifests/blog/a.yaml': configMap('a', { v: '5' }) });
    await propose(
      { 'manifests/shop/a.yaml': configMap('a', { v: '4' }), 'environments/new.yaml': environmentFile('new', {}) },
      commits[0],
    );
    const { code, out } = await runConverge(
      ['plan', '--all', '--class', 'master', '--pr', `${number}`, '--output', 'json'],
      { folder },
    );
    expect(code).toBe(1);
    const { plans } = planOutputSchema.parse(JSON.parse(out));
    expect(plans.map(({ environment, outcome }) => [environment, outcome])).toEqual([
      ['new', 'described'],
      ['shop', 'planned'],
    ]);
    expect(plans[1]?.message).toContain('the host has no merge of it, and it is behind main');
    const none = await runConverge(['plan', 'shop', '--pr', '8'], { folder });
    expect(none).toMatchObject({ code: 1, err: expect.stringContaining('the repository has no ref of it') });
    const both = await runConverge(['plan', 'shop', '--pr', '7', '--revision', 'main'], { folder });
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining('stands in place of --revision') });
  });
});
