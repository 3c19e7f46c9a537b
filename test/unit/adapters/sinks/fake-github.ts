import { z } from 'zod';
import type { Answer, Call } from './receiver.ts';

interface Deployment {
  readonly id: number;
  readonly sha: string;
  readonly environment: string;
  readonly task: string;
  readonly statuses: { id: number; state: string; description: string }[];
}

export interface FakeGithub {
  readonly answers: (call: Call) => Answer;
  /** Each status that was written of a context, the newest last. */
  readonly statuses: { sha: string; context: string; state: string; description: string }[];
  readonly deployments: Deployment[];
  readonly comments: { id: number; number: number; body: string; user?: { id: number } }[];
  /** As the API tells one. */
  pull: object;
  readonly pulls: { sha: string; number: number; merge_commit_sha: string | null; merged_at: string | null }[];
  /** Open ones. */
  readonly proposals: { head: string; base: string; title: string; body: string; html_url: string }[];
  readonly writes: string[];
  /** What it answers in place of its own answer, to the next requests; `done`: after it has done what it was asked. */
  readonly faults: { readonly answer: Answer; readonly done: boolean }[];
}

/** Whose token it is. */
const fakeUser = 1;

const refused = (status: number, message: string): Answer => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) },
});

/**
 * GitHub's REST API as its reference has it, as far as Converge asks: it refuses what GitHub refuses, and has two of a
 * page. https://docs.github.com/en/rest
 */
export function fakeGithub({
  commits,
  token,
  project = 'family/develop',
}: {
  commits: readonly string[];
  token: string;
  project?: string;
}): FakeGithub {
  const github: FakeGithub = {
    ...{ statuses: [], deployments: [], comments: [], pull: {}, pulls: [], proposals: [], writes: [], faults: [] },
    answers(call) {
      const fault = github.faults.shift();
      if (fault !== undefined && !fault.done) return fault.answer;
      const answer = answerTo(call);
      return fault === undefined ? answer : fault.answer;
    },
  };
  let ids = 0;
  const answerTo = (call: Call): Answer => {
    if (call.headers['authorization'] !== `Bearer ${token}`) return refused(401, 'Bad credentials');
    if (call.headers['user-agent'] === undefined) return refused(403, 'Request forbidden by administrative rules.');
    const url = new URL(call.path, 'http://127.0.0.1');
    if (url.pathname === '/user') return { body: { id: fakeUser, login: 'converge' } };
    const repository = `/repos/${project}`;
    const path = url.pathname.startsWith(`${repository}/`) ? url.pathname.slice(repository.length) : undefined;
    if (path === undefined) return refused(404, 'Not Found');
    if (call.method !== 'GET') github.writes.push(`${call.method} ${path}`);
    const route = `${call.method} ${path}`;
    for (const [pattern, handle] of routes) {
      const found = pattern.exec(route);
      if (found !== null) return handle(found.slice(1), { url, call });
    }
    return refused(404, 'Not Found');
  };
  type Handle = (parts: readonly string[], asked: { url: URL; call: Call }) => Answer;
  const routes: readonly (readonly [RegExp, Handle])[] = [
    [
      /^GET \/commits\/([0-9a-f]+)\/status$/,
      ([sha = ''], { url, call }) => {
        if (!commits.includes(sha)) return refused(422, `No commit found for SHA: ${sha}`);
        const newest = new Map(github.statuses.filter((each) => each.sha === sha).map((each) => [each.context, each]));
        const { headers, body } = pageOf([...newest.values()], { url, call });
        return { headers, body: { state: 'pending', sha, total_count: newest.size, statuses: body } };
      },
    ],
    [
      /^POST \/statuses\/([0-9a-f]+)$/,
      ([sha = ''], { call }) => {
        const [context, state, description] = [
          textOf(call, 'context'),
          textOf(call, 'state'),
          textOf(call, 'description'),
        ];
        if (!commits.includes(sha)) return refused(422, `No commit found for SHA: ${sha}`);
        if (!['error', 'failure', 'pending', 'success'].includes(state)) return refused(422, 'Validation Failed');
        if (description.length > 140)
          return {
            status: 422,
            body: {
              message: 'Validation Failed',
              errors: [
                { resource: 'Status', code: 'custom', message: 'description is too long (maximum is 140 characters)' },
              ],
            },
          };
        github.statuses.push({ sha, context, state, description });
        return { status: 201, body: { id: ++ids, context, state, description } };
      },
    ],
    [
      /^GET \/deployments$/,
      (_parts, asked) => {
        const { searchParams: of } = asked.url;
        const found = github.deployments.filter(
          (each) =>
            each.sha === of.get('sha') && each.environment === of.get('environment') && each.task === of.get('task'),
        );
        return pageOf(found.toReversed(), asked);
      },
    ],
    [
      /^POST \/deployments$/,
      (_parts, { call }) => {
        const sha = textOf(call, 'ref');
        if (!commits.includes(sha)) return refused(422, `No ref found for: ${sha}`);
        const made = {
          id: ++ids,
          sha,
          environment: textOf(call, 'environment'),
          task: textOf(call, 'task'),
          statuses: [],
        };
        github.deployments.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/deployments\/(\d+)\/statuses$/,
      ([id = ''], asked) => {
        const found = github.deployments.find((each) => each.id === Number(id));
        return found === undefined ? refused(404, 'Not Found') : pageOf(found.statuses.toReversed(), asked);
      },
    ],
    [
      /^POST \/deployments\/(\d+)\/statuses$/,
      ([id = ''], { call }) => {
        const found = github.deployments.find((each) => each.id === Number(id));
        if (found === undefined) return refused(404, 'Not Found');
        const status = { id: ++ids, state: textOf(call, 'state'), description: textOf(call, 'description') };
        if (status.description.length > 140) return refused(422, 'Validation Failed');
        found.statuses.push(status);
        for (const before of github.deployments) {
          const isBefore = before.id < found.id && before.environment === found.environment;
          if (status.state === 'success' && isBefore && before.statuses.at(-1)?.state === 'success')
            before.statuses.push({ id: ++ids, state: 'inactive', description: '' });
        }
        return { status: 201, body: status };
      },
    ],
    [
      /^GET \/commits\/([0-9a-f]+)\/pulls$/,
      ([sha = ''], asked) => {
        if (!commits.includes(sha)) return refused(422, `No commit found for SHA: ${sha}`);
        const found = github.pulls
          .filter((pull) => pull.sha === sha)
          .map((pull) => ({ ...pull, base: { ref: 'main' } }));
        return pageOf(found, asked);
      },
    ],
    [/^GET \/pulls\/7$/, () => ({ body: github.pull })],
    [
      /^GET \/pulls$/,
      (_parts, asked) => {
        const { searchParams: of } = asked.url;
        const found = github.proposals.filter(
          ({ head, base }) =>
            `family:${head}` === of.get('head') && base === of.get('base') && of.get('state') === 'open',
        );
        return pageOf(found, asked);
      },
    ],
    [
      /^POST \/pulls$/,
      (_parts, { call }) => {
        const [head, base, title, body] = ['head', 'base', 'title', 'body'].map((key) => textOf(call, key));
        if (head === undefined || base === undefined || title === undefined || body === undefined || title === '')
          return refused(422, 'Validation Failed');
        if (github.proposals.some((each) => each.head === head && each.base === base))
          return refused(422, `Validation Failed: A pull request already exists for family:${head}.`);
        const made = { head, base, title, body, html_url: `https://github.com/family/develop/pull/${++ids}` };
        github.proposals.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/issues\/(\d+)\/comments$/,
      ([number = ''], asked) =>
        pageOf(
          github.comments.filter((each) => each.number === Number(number)),
          asked,
        ),
    ],
    [
      /^POST \/issues\/(\d+)\/comments$/,
      ([number = ''], { call }) => {
        const made = { id: ++ids, number: Number(number), body: textOf(call, 'body'), user: { id: fakeUser } };
        if (made.body.length > 65_536) return refused(422, 'body is too long (maximum is 65536 characters)');
        github.comments.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^PATCH \/issues\/comments\/(\d+)$/,
      ([id = ''], { call }) => {
        const found = github.comments.find((each) => each.id === Number(id));
        if (found === undefined) return refused(404, 'Not Found');
        found.body = textOf(call, 'body');
        return { body: found };
      },
    ],
  ];
  return github;
}

/** Two of a list, and where the next two are. https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api */
export function pageOf<T>(
  list: readonly T[],
  { url, call }: { url: URL; call: Call },
): { headers: Record<string, string>; body: readonly T[] } {
  const page = Number(url.searchParams.get('page') ?? '1');
  const next = new URL(url);
  next.searchParams.set('page', String(page + 1));
  const isLast = list.length <= page * 2;
  const link = `<http://${call.headers.host ?? ''}${next.pathname}${next.search}>; rel="next", <http://x.example/>; rel="last"`;
  return { headers: isLast ? {} : { link }, body: list.slice((page - 1) * 2, page * 2) };
}

const bodySchema = z.record(z.string(), z.unknown()).catch({});

/** A text of a body; empty where it has none. */
export function textOf({ body }: Call, key: string): string {
  const value = bodySchema.parse(body)[key];
  return typeof value === 'string' ? value : '';
}
