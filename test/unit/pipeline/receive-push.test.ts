import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ConvergeError } from '../../../shared/base/errors.ts';
import { configSchema } from '../../../shared/config/config.ts';
import { gitHostsSchema } from '../../../shared/config/git-hosts.ts';
import type { OutgoingEvent } from '../../../shared/events/cloud-event.ts';
import { receivePush, type ReceivePushSettings } from '../../../shared/pipeline/receive-push.ts';
import { stateInMemory } from './ports.ts';

const secret = 'correct horse';
const repositories = configSchema.shape.repositories.parse({
  master: { url: 'https://git.example.com/family/master.git', branch: 'main', bucket: 'family-master' },
  preview: { url: 'https://git.example.com/family/master.git', branch: 'preview', bucket: 'family-preview' },
});
const gitHosts = gitHostsSchema.parse([
  { name: 'hub', github: { tokenSecretFile: '/s', api: 'https://git.example.com/api/v3' } },
]);
const commit = 'a'.repeat(40);
const previous = 'b'.repeat(40);
const nothing = '0'.repeat(40);
const push = {
  ref: 'refs/heads/main',
  before: previous,
  after: commit,
  repository: { full_name: 'family/master', clone_url: 'https://git.example.com/family/master.git' },
};

async function deliver({
  body,
  headers = {},
  signedBy = secret,
  settingsSecret = secret,
  state = stateInMemory(() => new Date()),
  at = '2026-11-21T01:02:03Z',
  fails = false,
  others = {},
}: {
  body: string;
  others?: ReceivePushSettings['secrets'];
  headers?: Record<string, string | undefined>;
  signedBy?: string;
  settingsSecret?: string;
  state?: ReturnType<typeof stateInMemory>;
  at?: string;
  fails?: boolean;
}) {
  const rawBody = Buffer.from(body);
  const signature = `sha256=${createHmac('sha256', signedBy).update(rawBody).digest('hex')}`;
  const published: OutgoingEvent[] = [];
  const ports = {
    now: () => new Date(at),
    state,
    topics: {
      publish: async (_topic: string, event: OutgoingEvent) => {
        if (fails) throw new Error('Pub/Sub is gone');
        published.push(event);
      },
    },
  };
  const call = { headers: { 'x-hub-signature-256': signature, 'x-github-event': 'push', ...headers }, rawBody };
  const secrets = { github: { kind: 'known', secret: settingsSecret }, ...others } as const;
  const outcome = await receivePush(call, ports, { secrets, repositories, gitHosts });
  return { outcome, published };
}

it('a call of a host whose secret nobody knows now comes again, and one of another host is taken', async () => {
  const error = new ConvergeError({
    ...{ code: 'SecretUnavailable', subject: '/secrets/gitlab', message: 'cannot be read', disposition: 'retry' },
  });
  const unknown = { gitlab: { kind: 'unknown', error } } as const;
  const { outcome } = await deliver({ body: JSON.stringify(push), others: unknown });
  expect(outcome).toMatchObject({ outcome: 'announced' });
  const headers = {
    'x-hub-signature-256': undefined,
    'x-github-event': undefined,
    'x-gitlab-event': 'Push Hook',
    'x-gitlab-token': 'first',
  };
  await expect(deliver({ body: JSON.stringify(push), headers, others: unknown })).rejects.toBe(error);
});

describe('a signed push to the branch of a configured repository', () => {
  it('is announced, without the credentials of the URL', async () => {
    const { outcome, published } = await deliver({ body: JSON.stringify(push) });
    expect(outcome).toEqual({ outcome: 'announced', repository: 'master', commit });
    expect(published.map(({ data }) => data)).toEqual([
      {
        repository: 'master',
        url: 'https://git.example.com/family/master.git',
        branch: 'main',
        commit,
        previous,
        artifacts: [],
      },
    ]);
  });

  it('has no previous commit where it made the branch', async () => {
    const { published } = await deliver({ body: JSON.stringify({ ...push, before: nothing }) });
    expect(published[0]?.data).toMatchObject({ previous: null });
  });

  it.each([
    ['the URL without .git', { clone_url: 'https://git.example.com/Family/master' }],
    ['the full name alone', { full_name: 'family/master' }],
  ])('is recognised by %s', async (_what, repository) => {
    expect((await deliver({ body: JSON.stringify({ ...push, repository }) })).outcome).toMatchObject({
      outcome: 'announced',
    });
  });

  it('goes to the class whose branch it is', async () => {
    const { outcome } = await deliver({ body: JSON.stringify({ ...push, ref: 'refs/heads/preview' }) });
    expect(outcome).toMatchObject({ outcome: 'announced', repository: 'preview' });
  });
});

it.each([
  ['another branch', { ref: 'refs/heads/topic' }],
  ['a tag of the same name', { ref: 'refs/tags/main' }],
  ['a note of what converged', { ref: 'refs/notes/converge' }],
  ['the ref of an environment, whatever it is called', { ref: 'refs/converge/main' }],
  ['a deletion', { after: nothing }],
  [
    'another repository',
    { repository: { full_name: 'other/master', clone_url: 'https://git.example.com/other/master.git' } },
  ],
  ['a repository whose name only ends alike', { repository: { full_name: 'ily/master' } }],
])('ignores %s', async (_what, change) => {
  const { outcome, published } = await deliver({ body: JSON.stringify({ ...push, ...change }) });
  expect(outcome).toMatchObject({ outcome: 'ignored', reason: expect.any(String) });
  expect(published).toEqual([]);
});

it('answers a ping, and ignores events of other kinds', async () => {
  expect((await deliver({ body: '{}', headers: { 'x-github-event': 'ping' } })).outcome).toEqual({ outcome: 'pong' });
  expect((await deliver({ body: '{}', headers: { 'x-github-event': 'issues' } })).outcome).toMatchObject({
    outcome: 'ignored',
  });
});

describe('a call without a valid signature', () => {
  it.each([
    ['made with another secret', { signedBy: 'wrong' }],
    ['missing', { headers: { 'x-hub-signature-256': undefined } }],
    ['shorter than a signature is', { headers: { 'x-hub-signature-256': 'sha256=' } }],
    ['the old SHA-1 one', { headers: { 'x-hub-signature-256': `sha1=${'0'.repeat(64)}` } }],
    ['right for an empty secret, which is none', { signedBy: '', settingsSecret: '' }],
  ])('is refused before its body is read: %s', async (_what, facts) => {
    await expect(deliver({ body: 'not even JSON', ...facts })).rejects.toMatchObject({
      code: 'BadSignature',
      disposition: 'refuse',
    });
  });
});

it.each(['not JSON', '{}', JSON.stringify({ ...push, after: 'main' })])(
  'refuses the signed body %j, which is no push',
  async (body) => {
    await expect(deliver({ body })).rejects.toMatchObject({ code: 'BadRequest', disposition: 'refuse' });
  },
);

describe('a delivery that comes again', () => {
  const delivery = { 'x-github-delivery': '5f6e7d8c-9b0a-11f1-8a2b-3c4d5e6f7081' };
  const dated = { ...push, repository: { ...push.repository, pushed_at: 1795222924 } };

  it('is ignored for a day, and announced anew after it', async () => {
    const state = stateInMemory(() => new Date());
    const again = async (at: string) =>
      (await deliver({ body: JSON.stringify(push), headers: delivery, state, at })).outcome.outcome;
    expect(await again('2026-11-21T01:02:03Z')).toBe('announced');
    expect(await again('2026-11-22T01:02:02Z')).toBe('ignored');
    expect(await again('2026-11-22T01:02:03Z')).toBe('announced');
    expect(await again('2026-11-23T01:02:02Z')).toBe('ignored');
    expect([...state.objects]).toEqual([
      ['deliveries/github/5f6e7d8c-9b0a-11f1-8a2b-3c4d5e6f7081.json', { at: '2026-11-22T01:02:03.000Z' }],
    ]);
  });

  it('is announced where what remembers it says that it was in the future', async () => {
    const state = stateInMemory(() => new Date('2026-11-20T01:02:03Z'));
    const path = 'deliveries/github/5f6e7d8c-9b0a-11f1-8a2b-3c4d5e6f7081.json';
    await state.write({ path, value: { at: '2999-01-01T00:00:00.000Z' }, ifGeneration: 'any' });
    const again = deliver({ body: JSON.stringify(push), headers: delivery, state, at: '2026-11-21T01:02:03Z' });
    expect((await again).outcome).toMatchObject({ outcome: 'announced' });
  });

  it('is recognised under another id where its body says when it was pushed, for the id is not signed', async () => {
    const state = stateInMemory(() => new Date());
    expect((await deliver({ body: JSON.stringify(dated), headers: delivery, state })).outcome).toMatchObject({
      outcome: 'announced',
    });
    expect(
      (await deliver({ body: JSON.stringify(dated), headers: { 'x-github-delivery': 'another' }, state })).outcome,
    ).toMatchObject({ outcome: 'ignored' });
  });

  it('is announced where the first one failed before it was', async () => {
    const state = stateInMemory(() => new Date());
    await expect(deliver({ body: JSON.stringify(dated), headers: delivery, state, fails: true })).rejects.toThrow(
      'Pub/Sub is gone',
    );
    expect((await deliver({ body: JSON.stringify(dated), headers: delivery, state })).outcome).toMatchObject({
      outcome: 'announced',
    });
  });

  it('cannot name another object of the state bucket by its id', async () => {
    const state = stateInMemory(() => new Date());
    await deliver({
      body: JSON.stringify(push),
      headers: { 'x-github-delivery': '../../environments/master/acme/memory' },
      state,
    });
    expect([...state.objects.keys()]).toEqual([expect.stringMatching(/^deliveries\/github\/id-[0-9a-f]{64}\.json$/)]);
  });
});

it('refuses the call of a host that is not configured', async () => {
  const headers = { 'x-github-event': undefined, 'x-gitlab-event': 'Push Hook', 'x-gitlab-token': secret };
  await expect(deliver({ body: JSON.stringify(push), headers })).rejects.toMatchObject({
    code: 'BadSignature',
    message: expect.stringContaining('configured are github'),
  });
});

describe('a pull request to the branch of a configured repository', () => {
  const { repository } = push;
  const pull = { head: { sha: commit }, base: { ref: 'main' } };
  const opened = { action: 'opened', number: 7, pull_request: pull, repository };
  const headers = { 'x-github-event': 'pull_request', 'x-github-delivery': '5f6e7d8c-9b0a-11f1-8a2b-3c4d5e6f7082' };
  const asked = { repository: 'master', number: 7, head: commit, labelled: false };

  it.each([
    ['opened', {}, false],
    ['opened once more', { action: 'reopened' }, false],
    ['pushed to', { action: 'synchronize' }, false],
    ['put onto another branch', { action: 'edited', changes: { base: { ref: { from: 'topic' } } } }, false],
    ['labelled by a maintainer', { action: 'labeled', label: { name: 'converge/plan' } }, true],
  ])('is to be planned where it was %s', async (_what, change, labelled) => {
    const { outcome, published } = await deliver({ body: JSON.stringify({ ...opened, ...change }), headers });
    expect(outcome).toEqual({ outcome: 'plan asked', plans: [{ ...asked, labelled }] });
    expect(published).toMatchObject([{ type: 'dev.converge.plan.requested.v1', subject: 'master/7' }]);
  });

  it.each([
    ['was closed', { action: 'closed' }],
    ['has another title', { action: 'edited', changes: { title: { from: 'a' } } }],
    ['has another label', { action: 'labeled', label: { name: 'bug' } }],
    ['lost the label', { action: 'unlabeled', label: { name: 'converge/plan' } }],
    ['is to another branch', { pull_request: { ...pull, base: { ref: 'topic' } } }],
    ['is of another repository', { repository: { clone_url: 'https://git.example.com/other/master.git' } }],
  ])('is not where it %s', async (_what, change) => {
    const { outcome, published } = await deliver({ body: JSON.stringify({ ...opened, ...change }), headers });
    expect(outcome).toMatchObject({ outcome: 'ignored', reason: expect.any(String) });
    expect(published).toEqual([]);
  });

  it('is asked for once where the host delivers again, and refused with a wrong signature', async () => {
    const state = stateInMemory(() => new Date());
    const body = JSON.stringify(opened);
    expect((await deliver({ body, headers, state })).outcome).toMatchObject({ outcome: 'plan asked' });
    expect((await deliver({ body, headers, state })).outcome).toMatchObject({ outcome: 'ignored' });
    await expect(deliver({ body, headers, signedBy: 'battery staple' })).rejects.toMatchObject({
      code: 'BadSignature',
    });
    await expect(deliver({ body: '{}', headers })).rejects.toMatchObject({ code: 'BadRequest' });
  });

  const project = { git_http_url: 'https://git.example.com/family/master.git' };
  const attributes = { iid: 7, target_branch: 'main', last_commit: { id: commit } };
  const labels = (...titles: readonly string[]) => titles.map((title) => ({ title }));
  it.each([
    ['opened', { object_attributes: { ...attributes, action: 'open' } }, [asked]],
    ['pushed to', { object_attributes: { ...attributes, action: 'update', oldrev: previous } }, [asked]],
    [
      'labelled',
      {
        user: { id: 6 },
        object_attributes: { ...attributes, action: 'update', author_id: 5 },
        changes: { labels: { previous: labels('bug'), current: labels('bug', 'converge/plan') } },
      },
      [{ ...asked, labelled: true }],
    ],
    [
      'labelled before, and pushed to now',
      {
        object_attributes: { ...attributes, action: 'update', oldrev: previous },
        changes: { labels: { previous: labels('converge/plan'), current: labels('converge/plan') } },
      },
      [asked],
    ],
    [
      'labelled by its author',
      {
        user: { id: 5 },
        object_attributes: { ...attributes, action: 'update', author_id: 5 },
        changes: { labels: { previous: [], current: labels('converge/plan') } },
      },
      undefined,
    ],
    [
      'labelled by nobody knows whom',
      {
        object_attributes: { ...attributes, action: 'update', author_id: 5 },
        changes: { labels: { previous: [], current: labels('converge/plan') } },
      },
      undefined,
    ],
    ['given another title', { object_attributes: { ...attributes, action: 'update' }, changes: {} }, undefined],
    ['merged', { object_attributes: { ...attributes, action: 'merge' } }, undefined],
  ])('is told by GitLab where it was %s', async (_what, said, plans) => {
    const gitlab = {
      ...{ 'x-github-event': undefined, 'x-hub-signature-256': undefined },
      ...{ 'x-gitlab-event': 'Merge Request Hook', 'x-gitlab-token': 'first' },
    };
    const { outcome } = await deliver({
      body: JSON.stringify({ object_kind: 'merge_request', project, ...said }),
      headers: gitlab,
      others: { gitlab: { kind: 'known', secret: 'first' } },
    });
    expect(outcome).toMatchObject(plans === undefined ? { outcome: 'ignored' } : { outcome: 'plan asked', plans });
  });

  const person = { id: 1 };
  const author = { id: 5 };
  const teaPull = { ...pull, user: author, labels: [{ name: 'bug' }, { name: 'converge/plan' }] };
  const tea = { action: 'opened', number: 7, pull_request: teaPull, repository, sender: author };
  it.each([
    ['opened', {}, [asked]],
    ['opened once more', { action: 'reopened' }, [asked]],
    ['pushed to', { action: 'synchronized' }, [asked]],
    ['put onto another branch', { action: 'edited', changes: { ref: { from: 'topic' } } }, [asked]],
    ['labelled by a maintainer', { action: 'label_updated', sender: person }, [{ ...asked, labelled: true }]],
    ['labelled by its author', { action: 'label_updated' }, undefined],
    [
      'labelled otherwise',
      { action: 'label_updated', sender: person, pull_request: { ...teaPull, labels: [] } },
      undefined,
    ],
    ['given another title', { action: 'edited', changes: { title: { from: 'a' } } }, undefined],
    ['merged', { action: 'closed' }, undefined],
  ])('is told by Gitea where it was %s', async (_what, said, plans) => {
    const { outcome } = await deliver({
      body: JSON.stringify({ ...tea, ...said }),
      headers: { 'x-gitea-event': 'pull_request', 'x-github-event': 'pull_request' },
      others: { gitea: { kind: 'known', secret } },
    });
    expect(outcome).toMatchObject(plans === undefined ? { outcome: 'ignored' } : { outcome: 'plan asked', plans });
  });

  const cloudPull = {
    pullrequest: {
      ...{ id: 7, source: { commit: { hash: commit.slice(0, 12) } } },
      destination: { branch: { name: 'main' } },
    },
    repository: { full_name: 'family/master', links: { html: { href: 'https://git.example.com/family/master' } } },
  };
  it.each([
    ['opened', 'pullrequest:created', [{ ...asked, head: commit.slice(0, 12) }]],
    ['changed', 'pullrequest:updated', [{ ...asked, head: commit.slice(0, 12) }]],
    ['approved', 'pullrequest:approved', undefined],
    ['merged', 'pullrequest:fulfilled', undefined],
  ])('is told by Bitbucket Cloud where it was %s', async (_what, event, plans) => {
    expect(await fromBitbucket(event, cloudPull)).toMatchObject(
      plans === undefined ? { outcome: 'ignored' } : { outcome: 'plan asked', plans },
    );
  });

  const pulledRef = (id: string, repository = 84) => ({
    ...{ id: `refs/heads/${id}`, latestCommit: commit },
    repository: { id: repository, slug: 'master', project: { key: 'FAMILY' } },
  });
  const serverPull = { pullRequest: { id: 7, fromRef: pulledRef('topic'), toRef: pulledRef('main') } };
  const ofFork = { pullRequest: { ...serverPull.pullRequest, fromRef: pulledRef('topic', 85) } };
  it.each([
    ['opened', 'pr:opened', {}, [asked]],
    ['pushed to', 'pr:from_ref_updated', {}, [asked]],
    ['put onto another branch', 'pr:modified', { previousTarget: { id: 'refs/heads/topic' } }, [asked]],
    ['given another title', 'pr:modified', { previousTarget: { id: 'refs/heads/main' } }, undefined],
    ['approved, of a fork', 'pr:reviewer:approved', ofFork, [asked]],
    ['approved, of a branch', 'pr:reviewer:approved', {}, undefined],
    ['merged', 'pr:merged', {}, undefined],
  ])('is told by Bitbucket Data Center where it was %s', async (_what, event, said, plans) => {
    expect(await fromBitbucket(event, { eventKey: event, ...serverPull, ...said })).toMatchObject(
      plans === undefined ? { outcome: 'ignored' } : { outcome: 'plan asked', plans },
    );
  });

  async function fromBitbucket(event: string, said: object) {
    const body = JSON.stringify(said);
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    const { outcome } = await deliver({
      body,
      headers: {
        ...{ 'x-github-event': undefined, 'x-hub-signature-256': undefined },
        ...{ 'x-event-key': event, 'x-hub-signature': signature },
      },
      others: { bitbucket: { kind: 'known', secret } },
    });
    return outcome;
  }
});
