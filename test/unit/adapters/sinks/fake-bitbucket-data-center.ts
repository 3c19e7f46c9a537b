import { z } from 'zod';
import { textOf } from './fake-github.ts';
import type { Answer, Call } from './receiver.ts';

interface Ref {
  readonly id: string;
  readonly latestCommit: string;
  readonly repository: { readonly id: number };
}

export interface FakeBitbucketDataCenter {
  readonly answers: (call: Call) => Answer;
  readonly statuses: { sha: string; key: string; name: string; state: string; description: string; url: string }[];
  readonly comments: { id: number; number: number; version: number; text: string; by: string }[];
  /** As the API tells pull request 7. */
  pull: object;
  readonly merged: { id: number; state: string; toRef: Ref; properties: { mergeCommit: { id: string } } }[];
  /** Of the merged ones, those that have a commit. */
  readonly having: number[];
  /** Open ones. */
  readonly proposals: { title: string; description: string; fromRef: Ref; toRef: Ref; links: object }[];
  /** Who may write in the repository. */
  readonly writers: string[];
  readonly writes: string[];
  /** What it answers in place of its own answer, to the next requests. */
  readonly faults: Answer[];
}

/** Whose token it is. */
const self = 'converge';
const repositoryId = 10;
const refused = (status: number, message: string, exceptionName: string | null = null): Answer => ({
  status,
  body: { errors: [{ context: null, message, exceptionName }] },
});
const refSchema = z.object({
  id: z.string(),
  repository: z.object({ slug: z.literal('develop'), project: z.object({ key: z.literal('FAM') }) }),
});
const proposedSchema = z.object({ title: z.string().min(1), fromRef: refSchema, toRef: refSchema });

/**
 * Bitbucket Data Center's REST API as its description of version 9.4 has it, as far as Converge asks, and two of a page. Nobody
 * rewords what another one wrote, nor a version of it that is gone. https://developer.atlassian.com/server/bitbucket/rest/
 */
export function fakeBitbucketDataCenter({
  commits,
  token,
}: {
  commits: readonly string[];
  token: string;
}): FakeBitbucketDataCenter {
  const server: FakeBitbucketDataCenter = {
    ...{ statuses: [], comments: [], pull: {}, merged: [], having: [], proposals: [], writers: [] },
    ...{ writes: [], faults: [] },
    answers: (call) => server.faults.shift() ?? answerTo(call),
  };
  let ids = 0;
  const answerTo = (call: Call): Answer => {
    if (call.headers['authorization'] !== `Bearer ${token}`) return refused(401, 'Authentication failed.');
    const url = new URL(call.path, 'http://127.0.0.1');
    const [, path] = /^\/rest\/api\/latest(\/.+)$/.exec(url.pathname) ?? [];
    const route = `${call.method} ${path?.replace('/projects/FAM/repos/develop', '') ?? ''}`;
    if (call.method !== 'GET') server.writes.push(route);
    for (const [pattern, handle] of routes) {
      const found = pattern.exec(route);
      if (found !== null) return handle(found.slice(1), { url, call });
    }
    return refused(404, 'null for uri');
  };
  type Handle = (parts: readonly string[], asked: { url: URL; call: Call }) => Answer;
  const routes: readonly (readonly [RegExp, Handle])[] = [
    [
      /^GET \/users$/,
      (_parts, asked) => {
        const { searchParams: of } = asked.url;
        const [filter, permission] = [of.get('filter') ?? '', of.get('permission')];
        if (permission !== 'REPO_WRITE' || of.get('permission.repositorySlug') !== 'develop')
          return refused(400, 'a permission filter needs its repository');
        return pageOf(
          server.writers.filter((name) => name.includes(filter)).map((name) => ({ name, slug: name })),
          asked,
        );
      },
    ],
    [
      /^GET \/commits\/([0-9a-f]+)\/builds$/,
      ([sha = ''], { url }) => {
        const found = server.statuses.find((each) => each.sha === sha && each.key === url.searchParams.get('key'));
        return found === undefined ? refused(404, 'no build status') : { body: found };
      },
    ],
    [
      /^POST \/commits\/([0-9a-f]+)\/builds$/,
      ([sha = ''], { call }) => {
        const [key = '', name = '', state = '', description = '', url = ''] = [
          ...['key', 'name', 'state', 'description', 'url'],
        ].map((part) => textOf(call, part));
        if (!commits.includes(sha)) return refused(400, 'the commit is none');
        if (key === '' || key.length > 255 || url === '' || url.length > 450) return refused(400, 'key or url');
        if (!['CANCELLED', 'FAILED', 'INPROGRESS', 'SUCCESSFUL', 'UNKNOWN'].includes(state))
          return refused(400, 'state');
        const made = { sha, key, name, state, description, url };
        const before = server.statuses.find((each) => each.sha === sha && each.key === key);
        if (before === undefined) server.statuses.push(made);
        else Object.assign(before, made);
        return { status: 204 };
      },
    ],
    [
      /^GET \/commits\/[0-9a-f]+\/pull-requests$/,
      (_parts, asked) =>
        pageOf(
          server.merged.filter(({ id }) => server.having.includes(id)),
          asked,
        ),
    ],
    [/^GET \/pull-requests\/7$/, () => ({ body: server.pull })],
    [
      /^GET \/pull-requests$/,
      (_parts, asked) => {
        const { searchParams: of } = asked.url;
        const list = of.get('state') === 'MERGED' ? server.merged : server.proposals;
        return pageOf(
          list.filter((each) => ('fromRef' in each ? each.fromRef : each.toRef).id === of.get('at')),
          asked,
        );
      },
    ],
    [
      /^POST \/pull-requests$/,
      (_parts, { call }) => {
        const of = proposedSchema.safeParse(call.body).data;
        if (of === undefined) return refused(400, 'the pull request is malformed');
        const refOf = ({ id }: { id: string }) => ({
          id,
          latestCommit: commits[0] ?? '',
          repository: { id: repositoryId },
        });
        if (
          server.proposals.some(({ fromRef }) => fromRef.id === of.fromRef.id && fromRef.repository.id === repositoryId)
        )
          return refused(409, 'Only one pull request may be open for a given source and target branch');
        const href = `https://bitbucket.example.com/projects/FAM/repos/develop/pull-requests/${++ids}`;
        const made = {
          ...{ title: of.title, description: textOf(call, 'description'), links: { self: [{ href }] } },
          ...{ fromRef: refOf(of.fromRef), toRef: refOf(of.toRef) },
        };
        server.proposals.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/pull-requests\/(\d+)\/activities$/,
      ([number = ''], asked) => {
        const own = server.comments.filter((each) => each.number === Number(number)).toReversed();
        const commented = own.map((comment) => ({ action: 'COMMENTED', commentAction: 'ADDED', comment }));
        return pageOf([{ action: 'APPROVED' }, ...commented, { action: 'OPENED' }], asked);
      },
    ],
    [
      /^POST \/pull-requests\/(\d+)\/comments$/,
      ([number = ''], { call }) => {
        const made = { id: ++ids, number: Number(number), version: 0, text: textOf(call, 'text'), by: self };
        if (made.text === '' || made.text.length >= 32_768)
          return refused(400, 'Please enter a non-empty value less than 32768 characters');
        server.comments.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^PUT \/pull-requests\/\d+\/comments\/(\d+)$/,
      ([id = ''], { call }) => {
        const found = server.comments.find((each) => each.id === Number(id));
        if (found === undefined) return refused(404, 'no such comment');
        if (found.by !== self) return refused(401, 'You are not permitted to edit this comment');
        const { version } = z.object({ version: z.int() }).catch({ version: -1 }).parse(call.body);
        if (version !== found.version) return refused(409, 'You are attempting to modify a comment out of date');
        Object.assign(found, { text: textOf(call, 'text'), version: version + 1 });
        return { body: found };
      },
    ],
  ];
  return server;
}

function pageOf(list: readonly object[], { url }: { url: URL }): Answer {
  const start = Number(url.searchParams.get('start') ?? '0');
  const isLastPage = list.length <= start + 2;
  const values = list.slice(start, start + 2);
  return { body: { values, start, limit: 2, isLastPage, nextPageStart: isLastPage ? null : start + 2 } };
}
