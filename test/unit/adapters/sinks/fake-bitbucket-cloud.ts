import { z } from 'zod';
import { textOf } from './fake-github.ts';
import type { Answer, Call } from './receiver.ts';

interface Proposal {
  readonly title: string;
  readonly description: string;
  readonly links: { readonly html: { readonly href: string } };
  readonly source: { readonly branch: { readonly name: string }; readonly repository: { readonly uuid: string } };
  readonly destination: { readonly branch: { readonly name: string }; readonly repository: { readonly uuid: string } };
}

export interface FakeBitbucketCloud {
  readonly answers: (call: Call) => Answer;
  readonly statuses: { sha: string; key: string; name: string; state: string; description: string; url: string }[];
  readonly comments: { id: number; number: number; content: { raw: string }; deleted: boolean; by: string }[];
  /** As the API tells pull request 7. */
  pull: object;
  readonly merged: { id: number; merge_commit: { hash: string }; destination: { branch: { name: string } } }[];
  /** Open ones. */
  readonly proposals: Proposal[];
  readonly writes: string[];
  /** What it answers in place of its own answer, to the next requests. */
  readonly faults: Answer[];
}

/** Whose token it is. */
const self = '{self}';
const here = { uuid: '{here}' };

const refused = (status: number, message: string): Answer => ({ status, body: { type: 'error', error: { message } } });
const contentSchema = z.object({ content: z.object({ raw: z.string() }) });
const proposedSchema = z.object({
  source: z.object({ branch: z.object({ name: z.string() }) }),
  destination: z.object({ branch: z.object({ name: z.string() }) }),
});

/**
 * Bitbucket Cloud's REST API as its reference has it, as far as Converge asks, and two of a page. Nobody rewords what another
 * one wrote. https://developer.atlassian.com/cloud/bitbucket/rest/
 */
export function fakeBitbucketCloud({
  commits,
  token,
}: {
  commits: readonly string[];
  token: string;
}): FakeBitbucketCloud {
  const cloud: FakeBitbucketCloud = {
    ...{ statuses: [], comments: [], pull: {}, merged: [], proposals: [], writes: [], faults: [] },
    answers: (call) => cloud.faults.shift() ?? answerTo(call),
  };
  let ids = 0;
  const answerTo = (call: Call): Answer => {
    if (call.headers['authorization'] !== `Bearer ${token}`) return refused(401, 'Token is invalid or not supported.');
    const url = new URL(call.path, `http://${call.headers.host ?? ''}`);
    const [, path] = /^\/repositories\/family\/develop(\/.+)$/.exec(url.pathname) ?? [];
    if (path === undefined) return refused(404, 'Repository not found');
    const route = `${call.method} ${path}`;
    if (call.method !== 'GET') cloud.writes.push(route);
    for (const [pattern, handle] of routes) {
      const found = pattern.exec(route);
      if (found !== null) return handle(found.slice(1), { url, call });
    }
    return refused(404, 'Resource not found');
  };
  const fullOf = (sha: string): string | undefined => commits.find((commit) => commit.startsWith(sha));
  type Handle = (parts: readonly string[], asked: { url: URL; call: Call }) => Answer;
  const routes: readonly (readonly [RegExp, Handle])[] = [
    [
      /^GET \/commit\/([0-9a-f]+)$/,
      ([sha = '']) => {
        const hash = fullOf(sha);
        return hash === undefined ? refused(404, 'Commit not found') : { body: { type: 'commit', hash } };
      },
    ],
    [
      /^GET \/commit\/([0-9a-f]+)\/statuses$/,
      ([sha = ''], asked) =>
        fullOf(sha) === undefined
          ? refused(404, 'Commit not found')
          : pageOf(
              cloud.statuses.filter((each) => each.sha === fullOf(sha)),
              asked,
            ),
    ],
    [
      /^GET \/commit\/([0-9a-f]+)\/statuses\/build\/([^/]+)$/,
      ([sha = '', key = '']) => {
        const found = cloud.statuses.find((each) => each.sha === fullOf(sha) && each.key === decodeURIComponent(key));
        return found === undefined ? refused(404, 'Not found') : { body: found };
      },
    ],
    [
      /^POST \/commit\/([0-9a-f]+)\/statuses\/build$/,
      ([short = ''], { call }) => {
        const sha = fullOf(short);
        if (sha === undefined) return refused(404, 'Commit not found');
        const of = (key: string) => textOf(call, key);
        const made = { sha, key: of('key'), name: of('name'), state: of('state'), description: of('description') };
        if (made.key.length > 40)
          return refused(400, `key: Ensure this value has at most 40 characters (it has ${made.key.length}).`);
        if (!['SUCCESSFUL', 'FAILED', 'INPROGRESS', 'STOPPED'].includes(made.state)) return refused(400, 'state: no');
        if (!URL.canParse(of('url'))) return refused(400, 'url: This field is required.');
        const before = cloud.statuses.find((each) => each.sha === sha && each.key === made.key);
        if (before === undefined) cloud.statuses.push({ ...made, url: of('url') });
        else Object.assign(before, made, { url: of('url') });
        return { status: 201, body: made };
      },
    ],
    [/^GET \/pullrequests\/7$/, () => ({ body: cloud.pull })],
    [
      /^GET \/pullrequests$/,
      (_parts, asked) => {
        const { searchParams: of } = asked.url;
        if (of.get('state') === 'MERGED') return { body: { values: cloud.merged } };
        return pageOf(
          cloud.proposals.filter(({ source }) => of.get('q') === `source.branch.name = "${source.branch.name}"`),
          asked,
        );
      },
    ],
    [
      /^POST \/pullrequests$/,
      (_parts, { call }) => {
        const of = proposedSchema.safeParse(call.body).data;
        if (of === undefined || textOf(call, 'title') === '') return refused(400, 'title: required key not provided');
        const made = {
          ...{ title: textOf(call, 'title'), description: textOf(call, 'description') },
          source: { ...of.source, repository: here },
          destination: { ...of.destination, repository: here },
          links: { html: { href: `https://bitbucket.org/family/develop/pull-requests/${++ids}` } },
        };
        cloud.proposals.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/pullrequests\/(\d+)\/comments$/,
      ([number = ''], asked) =>
        pageOf(
          cloud.comments.filter((each) => each.number === Number(number)),
          asked,
        ),
    ],
    [
      /^POST \/pullrequests\/(\d+)\/comments$/,
      ([number = ''], { call }) => {
        const of = contentSchema.safeParse(call.body).data;
        if (of === undefined || of.content.raw === '') return refused(400, 'content: required key not provided');
        const made = { id: ++ids, number: Number(number), content: of.content, deleted: false, by: self };
        cloud.comments.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^PUT \/pullrequests\/\d+\/comments\/(\d+)$/,
      ([id = ''], { call }) => {
        const found = cloud.comments.find((each) => each.id === Number(id));
        const of = contentSchema.safeParse(call.body).data;
        if (found === undefined || of === undefined) return refused(404, 'Comment not found');
        if (found.by !== self) return refused(403, 'You do not have access to edit this comment.');
        found.content = of.content;
        return { body: found };
      },
    ],
  ];
  return cloud;
}

/** https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination */
function pageOf(list: readonly object[], { url }: { url: URL }): Answer {
  const page = Number(url.searchParams.get('page') ?? '1');
  const next = new URL(url);
  next.searchParams.set('page', String(page + 1));
  const values = list.slice((page - 1) * 2, page * 2);
  return { body: { values, page, size: list.length, ...(list.length <= page * 2 ? {} : { next: next.href }) } };
}
