import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../shared/config.ts';
import type { OutgoingEvent } from '../../../shared/events/cloud-event.ts';
import { receivePush } from '../../../shared/pipeline/receive-push.ts';

const secret = 'correct horse';
const repositories = configSchema.shape.repositories.parse({
  master: { url: 'https://user:pass@git.example.com/family/master.git', branch: 'main', bucket: 'family-master' },
  preview: { url: 'https://git.example.com/family/master.git', branch: 'preview', bucket: 'family-preview' },
});
const commit = 'a'.repeat(40);
const previous = 'b'.repeat(40);
const nothing = '0'.repeat(40);
const push = {
  ref: 'refs/heads/main',
  before: previous,
  after: commit,
  repository: { full_name: 'family/master', clone_url: 'https://git.example.com/family/master.git' },
};

async function deliver({ body, headers = {}, signedBy = secret, settingsSecret = secret }: {
  body: string;
  headers?: Record<string, string | undefined>;
  signedBy?: string;
  settingsSecret?: string;
}) {
  const rawBody = Buffer.from(body);
  const signature = `sha256=${createHmac('sha256', signedBy).update(rawBody).digest('hex')}`;
  const published: OutgoingEvent[] = [];
  const ports = {
    now: () => new Date('2026-11-21T01:02:03Z'),
    topics: { publish: async (_topic: string, event: OutgoingEvent) => void published.push(event) },
  };
  const call = { headers: { 'x-hub-signature-256': signature, 'x-github-event': 'push', ...headers }, rawBody };
  const outcome = await receivePush(call, ports, { secret: settingsSecret, repositories });
  return { outcome, published };
}

describe('a signed push to the branch of a configured repository', () => {
  it('is announced, without the credentials of the URL', async () => {
    const { outcome, published } = await deliver({ body: JSON.stringify(push) });
    expect(outcome).toEqual({ outcome: 'announced', repository: 'master', commit });
    expect(published.map(({ data }) => data)).toEqual([
      { repository: 'master', url: 'https://git.example.com/family/master.git', branch: 'main', commit, previous, artifacts: [] },
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
    expect((await deliver({ body: JSON.stringify({ ...push, repository }) })).outcome).toMatchObject({ outcome: 'announced' });
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
  ['another repository', { repository: { full_name: 'other/master', clone_url: 'https://git.example.com/other/master.git' } }],
  ['a repository whose name only ends alike', { repository: { full_name: 'ily/master' } }],
])('ignores %s', async (_what, change) => {
  const { outcome, published } = await deliver({ body: JSON.stringify({ ...push, ...change }) });
  expect(outcome).toMatchObject({ outcome: 'ignored', reason: expect.any(String) });
  expect(published).toEqual([]);
});

it('answers a ping, and ignores events of other kinds', async () => {
  expect((await deliver({ body: '{}', headers: { 'x-github-event': 'ping' } })).outcome).toEqual({ outcome: 'pong' });
  expect((await deliver({ body: '{}', headers: { 'x-github-event': 'issues' } })).outcome).toMatchObject({ outcome: 'ignored' });
});

describe('a call without a valid signature', () => {
  it.each([
    ['made with another secret', { signedBy: 'wrong' }],
    ['missing', { headers: { 'x-hub-signature-256': undefined } }],
    ['shorter than a signature is', { headers: { 'x-hub-signature-256': 'sha256=' } }],
    ['the old SHA-1 one', { headers: { 'x-hub-signature-256': `sha1=${'0'.repeat(64)}` } }],
    ['right for an empty secret, which is none', { signedBy: '', settingsSecret: '' }],
  ])('is refused before its body is read: %s', async (_what, facts) => {
    await expect(deliver({ body: 'not even JSON', ...facts })).rejects.toMatchObject({ code: 'BadSignature', disposition: 'refuse' });
  });
});

it.each(['not JSON', '{}', JSON.stringify({ ...push, after: 'main' })])('refuses the signed body %j, which is no push', async (body) => {
  await expect(deliver({ body })).rejects.toMatchObject({ code: 'BadRequest', disposition: 'refuse' });
});
