import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { webhookHosts, type WebhookHost } from '../../../../shared/config/config.ts';
import { repositoriesOf } from '../../../../shared/events/push/same-repository.ts';
import { webhookOf } from '../../../../shared/events/push/webhooks.ts';

const secret = 'family-webhook-secret';
const before = '1b7e0d9c8b7a695847362514039281706f5e4d3c';
const now = new Date('2026-11-21T01:02:03Z');
const deliverySchema = z.object({ headers: z.record(z.string(), z.string()), body: z.record(z.string(), z.unknown()) });

function read(name: string) {
  return deliverySchema.parse(
    JSON.parse(readFileSync(join(import.meta.dirname, '../../../functions/deliveries', `${name}.json`), 'utf8')),
  );
}

function receive({ headers, body }: z.infer<typeof deliverySchema>, configured: readonly WebhookHost[] = webhookHosts) {
  const found = webhookOf({ headers, configured });
  if (found === undefined) throw new Error('no host calls so');
  return { ...found, call: { headers, rawBody: Buffer.from(JSON.stringify(body)) } };
}

const deliveries = [
  { name: 'github-push', host: 'github', signature: 'x-hub-signature-256', id: '5f6e7d8c-9b0a-11f1-8a2b-3c4d5e6f7081' },
  { name: 'gitlab-push', host: 'gitlab', signature: 'x-gitlab-token', id: '0d2f4a6c-8e1b-4c3d-9f50-617283940a5b' },
  {
    name: 'bitbucket-cloud-push',
    host: 'bitbucket',
    signature: 'x-hub-signature',
    id: 'a1b2c3d4-e5f6-4708-9192-a3b4c5d6e7f8',
  },
  {
    name: 'bitbucket-data-center-push',
    host: 'bitbucket',
    signature: 'x-hub-signature',
    id: 'b2c3d4e5-f607-4819-8293-a4b5c6d7e8f9',
  },
  { name: 'gitea-push', host: 'gitea', signature: 'x-gitea-signature', id: 'f6266f16-1bf3-46a5-9ea4-602e06ead473' },
] as const;

describe.each(deliveries)('$name', ({ name, host, signature, id }) => {
  it('is known by its headers, authentic, and a push to main', () => {
    const { webhook, call, ...found } = receive(read(name));
    expect(found.host).toBe(host);
    expect(webhook.isAuthentic({ ...call, secret, now })).toBe(true);
    expect(webhook.kindOf(call.headers)).toBe('push');
    expect(webhook.deliveryOf(call.headers)).toBe(id);
    const push = webhook.parsePush(call);
    expect(push.refs).toContainEqual({
      ref: 'refs/heads/main',
      before,
      after: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
    expect(push.fullName?.toLowerCase()).toBe('family/master');
    expect(push.urls.length).toBeGreaterThan(0);
  });

  it('is not authentic with another secret, none, an empty one, half a signature, or a changed one', () => {
    const delivery = read(name);
    const { webhook, call } = receive(delivery);
    expect(webhook.isAuthentic({ ...call, secret: 'another', now })).toBe(false);
    expect(webhook.isAuthentic({ ...call, secret: '', now })).toBe(false);
    const value = delivery.headers[signature] ?? '';
    for (const wrong of [undefined, '', value.slice(1), `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`]) {
      const headers = {
        ...call.headers,
        [signature]: wrong,
        ...(host === 'gitea' ? { 'x-hub-signature-256': undefined } : {}),
      };
      expect(webhook.isAuthentic({ ...call, headers, secret, now })).toBe(false);
    }
    const empty = createHmac('sha256', '').update(call.rawBody).digest('hex');
    expect(
      webhook.isAuthentic({
        ...call,
        headers: { ...call.headers, [signature]: host === 'gitlab' ? '' : `sha256=${empty}` },
        secret: '',
        now,
      }),
    ).toBe(false);
  });

  it('is not authentic with one byte changed', () => {
    const { webhook, call } = receive(read(name));
    const rawBody = Buffer.from(call.rawBody);
    rawBody[rawBody.length - 2] = (rawBody[rawBody.length - 2] ?? 0) ^ 1;
    // GitLab's token says nothing of the body.
    expect(webhook.isAuthentic({ ...call, rawBody, secret, now })).toBe(host === 'gitlab');
  });
});

describe('a recorded body', () => {
  const none = undefined;
  it.each([
    [
      'github-push',
      { 'x-github-event': 'push' },
      'Codertocat/Hello-World',
      'refs/heads/master',
      none,
      '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
    ],
    [
      'github-push-that-deletes-a-tag',
      { 'x-github-event': 'push' },
      'Codertocat/Hello-World',
      'refs/tags/simple-tag',
      '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
      none,
    ],
    [
      'gitlab-push',
      { 'x-gitlab-event': 'Push Hook' },
      'mike/diaspora',
      'refs/heads/master',
      '95790bf891e76fee5e1747ab589903a6a1f80f22',
      'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
    ],
    [
      'gitlab-push-of-a-tag',
      { 'x-gitlab-event': 'Tag Push Hook' },
      'jsmith/example',
      'refs/tags/v1.0.0',
      none,
      '82b3d5ae55f7080f1e6022629cdb57bfae7cccc7',
    ],
    [
      'gitlab-system-hook-push',
      { 'x-gitlab-event': 'System Hook' },
      'mike/diaspora',
      'refs/heads/master',
      '95790bf891e76fee5e1747ab589903a6a1f80f22',
      'da1560886d4f094c3e6c9ef40349f7d38b5d27d7',
    ],
    [
      'bitbucket-cloud-push',
      { 'x-event-key': 'repo:push' },
      'team_name/repo_name',
      'refs/heads/name-of-branch',
      '1e65c05c1d5171631d92438a13901ca7dae9618c',
      '709d658dc5b6d6afcd46049c2f332ee3f515a67d',
    ],
    [
      'bitbucket-data-center-push-that-deletes-a-branch',
      { 'x-event-key': 'repo:refs_changed' },
      '~gopher/webhook-test',
      'refs/heads/feature/wip',
      '32a0b8a740c2963c6f56bd8baf3dc05683d299e0',
      none,
    ],
    [
      'gitea-push',
      { 'x-gitea-event': 'push' },
      'example/example',
      'refs/heads/master',
      none,
      '67b56589a45103f891bdee7c0546e5d40bc02001',
    ],
  ])('of %s is understood', (name, headers: Record<string, string>, fullName, ref, from, after) => {
    const rawBody = readFileSync(join(import.meta.dirname, '../../../functions/deliveries/recorded', `${name}.json`));
    const call = { headers, rawBody };
    const webhook = webhookOf({ headers, configured: webhookHosts })?.webhook;
    const push = webhook?.parsePush(call);
    expect(push).toMatchObject({ fullName, refs: [{ ref, before: from, after }] });
    for (const url of push?.urls ?? [])
      expect(
        repositoriesOf({ push: { urls: [url], fullName: undefined }, configured: [{ url: push?.urls[0] ?? '' }] }),
      ).toHaveLength(1);
  });
});

describe("Gitea's call", () => {
  it('is taken by the signature that GitHub uses, too', () => {
    const { webhook, call } = receive(read('gitea-push'));
    expect(
      webhook.isAuthentic({ ...call, headers: { ...call.headers, 'x-gitea-signature': undefined }, secret, now }),
    ).toBe(true);
  });

  it('is taken as one of GitHub where only that is configured', () => {
    const { host, webhook, call } = receive(read('gitea-push'), ['github']);
    expect(host).toBe('github');
    expect(webhook.isAuthentic({ ...call, secret, now })).toBe(true);
  });
});

describe("GitLab's signing token", () => {
  const key = Buffer.from('0123456789abcdef0123456789abcdef');
  const token = `whsec_${key.toString('base64')}`;
  const { headers: plain, body } = read('gitlab-push');
  const signed = (timestamp: number, by = key) => {
    const text = `msg_1.${timestamp}.${JSON.stringify(body)}`;
    return {
      ...plain,
      'x-gitlab-token': '',
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,AAAA v1,${createHmac('sha256', by).update(text).digest('base64')}`,
    };
  };
  const isAuthentic = (headers: Record<string, string>, given = token) => {
    const { webhook, call } = receive({ headers, body });
    return webhook.isAuthentic({ ...call, secret: given, now });
  };
  const seconds = now.getTime() / 1000;

  it('signs id, time and body', () => {
    expect(isAuthentic(signed(seconds))).toBe(true);
    expect(isAuthentic({ ...signed(seconds), 'webhook-id': 'msg_2' })).toBe(false);
    expect(isAuthentic({ ...signed(seconds), 'webhook-timestamp': String(seconds + 1) })).toBe(false);
    expect(isAuthentic(signed(seconds, Buffer.from('another')))).toBe(false);
  });

  it('is refused a day after it signed', () => {
    expect(isAuthentic(signed(seconds - 86_400))).toBe(true);
    expect(isAuthentic(signed(seconds - 86_401))).toBe(false);
    expect(isAuthentic(signed(seconds + 86_401))).toBe(false);
  });

  it('is never taken as it is', () => {
    expect(isAuthentic({ ...plain, 'x-gitlab-token': token })).toBe(false);
  });

  it('names the delivery by the id that it signed', () => {
    const { webhook, call } = receive({ headers: signed(seconds), body });
    expect(webhook.deliveryOf(call.headers)).toBe('msg_1');
  });
});

describe('what is no push to a branch', () => {
  it.each([
    ['github', { 'x-github-event': 'ping' }, 'ping'],
    ['github', { 'x-github-event': 'issues' }, 'other'],
    ['gitlab', { 'x-gitlab-event': 'Issue Hook' }, 'other'],
    ['gitlab', { 'x-gitlab-event': 'Merge Request Hook' }, 'pull'],
    ['github', { 'x-github-event': 'pull_request' }, 'pull'],
    ['bitbucket', { 'x-event-key': 'diagnostics:ping' }, 'ping'],
    ['bitbucket', { 'x-event-key': 'pullrequest:created' }, 'pull'],
    ['bitbucket', { 'x-event-key': 'pullrequest:approved' }, 'other'],
    ['gitea', { 'x-gitea-event': 'pull_request', 'x-github-event': 'pull_request' }, 'pull'],
    ['gitea', { 'x-gitea-event': 'pull_request_approved' }, 'other'],
    ['gitea', { 'x-gitea-event': 'delete', 'x-github-event': 'delete' }, 'other'],
  ])("is told by %s's headers %j: %s", (host, headers: Record<string, string>, kind) => {
    const found = receive({ headers, body: {} });
    expect(found.host).toBe(host);
    expect(found.webhook.kindOf(headers)).toBe(kind);
  });

  it('a tag and a closed branch of Bitbucket Cloud', () => {
    const { headers } = read('bitbucket-cloud-push');
    const tip = (type: string, name: string) => ({ type, name, target: { hash: before } });
    const changes = [
      { old: null, new: tip('tag', 'main') },
      { old: tip('branch', 'main'), new: null },
      { old: null, new: null },
    ];
    const { webhook, call } = receive({
      headers,
      body: { push: { changes }, repository: { full_name: 'family/master' } },
    });
    expect(webhook.parsePush(call).refs).toEqual([
      { ref: 'refs/tags/main', before: undefined, after: before },
      { ref: 'refs/heads/main', before, after: undefined },
    ]);
  });

  it("a system hook of GitLab's about something else", () => {
    const { webhook, call } = receive({
      headers: { 'x-gitlab-event': 'System Hook' },
      body: { event_name: 'project_create' },
    });
    expect(webhook.parsePush(call).refs).toEqual([]);
  });
});

describe('the repository of a push', () => {
  const configured = [
    { name: 'master', url: 'https://user:pass@Git.Example.com/Family/Master.git' },
    { name: 'mirror', url: 'https://mirror.example.com/family/master' },
    { name: 'center', url: 'https://center.example.com:8443/scm/fam/master.git' },
  ];
  const namesOf = (push: { urls: readonly string[]; fullName?: string }) =>
    repositoriesOf({ push: { fullName: undefined, ...push }, configured }).map(({ name }) => name);

  it.each([
    'https://git.example.com/family/master',
    'git@git.example.com:family/master.git',
    'ssh://git@git.example.com:7999/family/master.git/',
    'http://git.example.com/FAMILY/MASTER',
  ])('is found by %s', (url) => {
    expect(namesOf({ urls: [url], fullName: 'family/master' })).toEqual(['master']);
  });

  it('is found on Data Center, whose HTTP is below /scm', () => {
    expect(namesOf({ urls: ['ssh://git@center.example.com:7999/fam/master.git'] })).toEqual(['center']);
  });

  it('is found by its name where the host tells no address', () => {
    expect(namesOf({ urls: [], fullName: 'Family/Master' })).toEqual(['master', 'mirror']);
  });

  it.each([
    'https://elsewhere.example.com/family/master.git',
    'https://git.example.com.elsewhere.example/family/master.git',
    'https://elsewhere-git.example.com/family/master.git',
    'https://git.example.com@elsewhere.example/family/master.git',
    'git@elsewhere.example:family/master.git',
  ])('of another host is none, though it is called alike: %s', (url) => {
    expect(namesOf({ urls: [url], fullName: 'family/master' })).toEqual([]);
  });

  it.each([
    { urls: ['no address'], fullName: 'master' },
    { urls: [], fullName: 'ily/master' },
    { urls: [], fullName: 'master' },
    { urls: [] },
  ])('is none for %j', (push) => {
    expect(namesOf(push)).toEqual([]);
  });
});
