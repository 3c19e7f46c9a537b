import { pageOf, textOf } from './fake-github.ts';
import type { Answer, Call } from './receiver.ts';

export interface FakeGitea {
  readonly answers: (call: Call) => Answer;
  /** Each status that was written of a context, the newest last. */
  readonly statuses: { id: number; sha: string; context: string; status: string; description: string }[];
  readonly comments: { id: number; number: number; body: string; user: { id: number } }[];
  /** As the API tells pull request 7. */
  pull: object;
  /** Of pull request 7. */
  readonly timeline: object[];
  readonly merged: { number: number; merge_commit_sha: string; base: string }[];
  /** Open ones. */
  readonly proposals: {
    title: string;
    body: string;
    html_url: string;
    head: { ref: string; repo_id: number };
    base: { ref: string; repo_id: number };
  }[];
  readonly writes: string[];
  /** What it answers in place of its own answer, to the next requests. */
  readonly faults: Answer[];
}

/** Whose token it is. */
const fakeUser = 1;
const repositoryId = 10;

const refused = (status: number, message: string): Answer => ({
  status,
  body: { message, url: 'https://gitea.example.com/api/swagger' },
});

/**
 * Gitea's REST API as its description (`/api/swagger`) and its `routers/api/v1/repo` have it, as far as Converge asks, and
 * two of a page where it has pages: comments and the timeline have none. Whoever opens a pull request may label it.
 */
export function fakeGitea({ commits, token }: { commits: readonly string[]; token: string }): FakeGitea {
  const gitea: FakeGitea = {
    ...{ statuses: [], comments: [], pull: {}, timeline: [], merged: [], proposals: [], writes: [], faults: [] },
    answers: (call) => gitea.faults.shift() ?? answerTo(call),
  };
  let ids = 0;
  const answerTo = (call: Call): Answer => {
    if (call.headers['authorization'] !== `token ${token}`) return refused(401, 'user does not exist [uid: 0, name: ]');
    const url = new URL(call.path, 'http://127.0.0.1');
    if (url.pathname === '/user') return { body: { id: fakeUser, login: 'converge' } };
    const [, path] = /^\/repos\/family\/develop(\/.+)$/.exec(url.pathname) ?? [];
    if (path === undefined) return refused(404, "The target couldn't be found.");
    const route = `${call.method} ${path}`;
    if (call.method !== 'GET') gitea.writes.push(route);
    for (const [pattern, handle] of routes) {
      const found = pattern.exec(route);
      if (found !== null) return handle(found.slice(1), { url, call });
    }
    return refused(404, "The target couldn't be found.");
  };
  type Handle = (parts: readonly string[], asked: { url: URL; call: Call }) => Answer;
  const routes: readonly (readonly [RegExp, Handle])[] = [
    [
      /^GET \/statuses\/([0-9a-f]+)$/,
      ([sha = ''], asked) =>
        pageOf(
          gitea.statuses.filter((each) => each.sha === sha),
          asked,
        ),
    ],
    [
      /^POST \/statuses\/([0-9a-f]+)$/,
      ([sha = ''], { call }) => {
        const [context, status, description] = ['context', 'state', 'description'].map((key) => textOf(call, key));
        if (!commits.includes(sha)) return refused(404, 'object does not exist');
        if (!['pending', 'success', 'error', 'failure', 'warning'].includes(status ?? ''))
          return refused(422, '[State]: unknown state');
        const made = {
          ...{ id: ++ids, sha, context: context ?? '', status: status ?? '', description: description ?? '' },
        };
        gitea.statuses.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/commits\/([0-9a-f]+)\/pull$/,
      ([sha = '']) => {
        const found = gitea.merged.find((each) => each.merge_commit_sha === sha);
        if (found === undefined) return refused(404, "The target couldn't be found.");
        return { body: { ...found, state: 'closed', merged: true, base: { ref: found.base } } };
      },
    ],
    [/^GET \/pulls\/7$/, () => ({ body: gitea.pull })],
    [/^GET \/issues\/7\/timeline$/, () => ({ body: gitea.timeline.length === 0 ? 'null' : gitea.timeline })],
    [/^GET \/pulls$/, (_parts, asked) => pageOf(gitea.proposals, asked)],
    [
      /^POST \/pulls$/,
      (_parts, { call }) => {
        const [from = '', into = '', title = '', body = ''] = ['head', 'base', 'title', 'body'].map((key) =>
          textOf(call, key),
        );
        if (from === '' || into === '' || title === '') return refused(422, '[Title]: Required');
        const [head, base] = [
          { ref: from, repo_id: repositoryId },
          { ref: into, repo_id: repositoryId },
        ];
        if (gitea.proposals.some((each) => each.head.ref === from && each.head.repo_id === repositoryId))
          return refused(409, 'pull request already exists for these targets');
        const made = { title, body, head, base, html_url: `https://gitea.example.com/family/develop/pulls/${++ids}` };
        gitea.proposals.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/issues\/(\d+)\/comments$/,
      ([number = '']) => ({ body: gitea.comments.filter((each) => each.number === Number(number)) }),
    ],
    [
      /^POST \/issues\/(\d+)\/comments$/,
      ([number = ''], { call }) => {
        const made = { id: ++ids, number: Number(number), body: textOf(call, 'body'), user: { id: fakeUser } };
        if (made.body === '') return refused(422, '[Body]: Required');
        gitea.comments.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^PATCH \/issues\/comments\/(\d+)$/,
      ([id = ''], { call }) => {
        const found = gitea.comments.find((each) => each.id === Number(id));
        if (found === undefined) return refused(404, 'comment does not exist');
        found.body = textOf(call, 'body');
        return { body: found };
      },
    ],
  ];
  return gitea;
}
