import { pageOf, textOf } from './fake-github.ts';
import type { Answer, Call } from './receiver.ts';

interface Deployment {
  readonly id: number;
  readonly sha: string;
  readonly environment: string;
  status: string;
  readonly deployable: object | null;
}

export interface FakeGitlab {
  readonly answers: (call: Call) => Answer;
  readonly statuses: { id: number; sha: string; name: string; status: string; description: string }[];
  readonly deployments: Deployment[];
  readonly notes: { id: number; iid: number; body: string; system: boolean; author?: { id: number } }[];
  /** As the API tells one. */
  mergeRequest: object;
  readonly mergeRequests: { sha: string; iid: number; merge_commit_sha: string | null; state: string }[];
  /** Open ones. */
  readonly proposals: {
    source_branch: string;
    target_branch: string;
    title: string;
    description: string;
    web_url: string;
  }[];
  readonly writes: string[];
  readonly faults: { readonly answer: Answer; readonly done: boolean }[];
}

/** Whose token it is. */
const fakeUser = 1;

const refused = (status: number, message: unknown): Answer => ({ status, body: { message } });
const events: Readonly<Record<string, string>> = {
  pending: 'enqueue',
  running: 'run',
  success: 'success',
  failed: 'drop',
};

/**
 * GitLab's REST API as its reference has it, as far as Converge asks: with the transitions that it refuses, and two of a
 * page. https://docs.gitlab.com/api/commits/ and https://docs.gitlab.com/api/deployments/
 *
 * @param facts.forked commits that no branch of the project has
 */
export function fakeGitlab({
  commits,
  token,
  forked = [],
}: {
  commits: readonly string[];
  token: string;
  forked?: readonly string[];
}): FakeGitlab {
  const gitlab: FakeGitlab = {
    ...{
      statuses: [],
      deployments: [],
      notes: [],
      mergeRequest: {},
      mergeRequests: [],
      proposals: [],
      writes: [],
      faults: [],
    },
    answers(call) {
      const fault = gitlab.faults.shift();
      if (fault !== undefined && !fault.done) return fault.answer;
      const answer = answerTo(call);
      return fault === undefined ? answer : fault.answer;
    },
  };
  let ids = 0;
  const answerTo = (call: Call): Answer => {
    if (call.headers['private-token'] !== token) return refused(401, '401 Unauthorized');
    const url = new URL(call.path, 'http://127.0.0.1');
    if (url.pathname === '/user') return { body: { id: fakeUser, username: 'converge' } };
    const [, path] = /^\/projects\/family%2Fapps%2Fdevelop(\/.+)$/.exec(url.pathname) ?? [];
    if (path === undefined) return refused(404, '404 Project Not Found');
    const route = `${call.method} ${path}`;
    if (call.method !== 'GET') gitlab.writes.push(route);
    for (const [pattern, handle] of routes) {
      const found = pattern.exec(route);
      if (found !== null) return handle(found.slice(1), { url, call });
    }
    return refused(404, '404 Not Found');
  };
  type Handle = (parts: readonly string[], asked: { url: URL; call: Call }) => Answer;
  const routes: readonly (readonly [RegExp, Handle])[] = [
    [
      /^GET \/repository\/commits\/([0-9a-f]+)\/statuses$/,
      ([sha = ''], asked) => {
        if (!commits.includes(sha)) return refused(404, '404 Commit Not Found');
        const found = gitlab.statuses.filter((each) => each.sha === sha);
        const newest = [...new Map(found.map((each) => [each.name, each])).values()];
        return pageOf(newest, asked);
      },
    ],
    [
      /^POST \/statuses\/([0-9a-f]+)$/,
      ([sha = ''], { call }) => {
        const [name, status, description] = [textOf(call, 'name'), textOf(call, 'state'), textOf(call, 'description')];
        if (!commits.includes(sha)) return refused(404, '404 Commit Not Found');
        if (forked.includes(sha) && textOf(call, 'ref') === '')
          return refused(404, '404 References for commit Not Found');
        if (!['pending', 'running', 'success', 'failed', 'canceled'].includes(status))
          return { status: 400, body: { error: 'state does not have a valid value' } };
        if (description.length > 255) return refused(400, { description: ['is too long (maximum is 255 characters)'] });
        const open = gitlab.statuses.findLast(
          (each) => each.sha === sha && each.name === name && ['pending', 'running'].includes(each.status),
        );
        if (open !== undefined && (open.status === status || status === 'pending')) {
          open.description = description;
          return refused(
            400,
            `Cannot transition status via :${events[status] ?? ''} from :${open.status} (Reason(s): Status cannot transition via "${events[status] ?? ''}")`,
          );
        }
        if (open === undefined) gitlab.statuses.push({ id: ++ids, sha, name, status, description });
        else Object.assign(open, { status, description });
        return { status: 201, body: { id: ids, sha, name, status, description } };
      },
    ],
    [
      /^GET \/deployments$/,
      (_parts, asked) => {
        const of = asked.url.searchParams.get('environment');
        return pageOf(gitlab.deployments.filter(({ environment }) => environment === of).toReversed(), asked);
      },
    ],
    [
      /^POST \/deployments$/,
      (_parts, { call }) => {
        const [sha, status] = [textOf(call, 'sha'), textOf(call, 'status')];
        if (!commits.includes(sha)) return refused(400, { sha: ['is invalid'] });
        const made = { id: ++ids, sha, environment: textOf(call, 'environment'), status, deployable: null };
        gitlab.deployments.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^PUT \/deployments\/(\d+)$/,
      ([id = ''], { call }) => {
        const found = gitlab.deployments.find((each) => each.id === Number(id));
        if (found === undefined) return refused(404, '404 Deployment Not Found');
        if (found.deployable !== null) return refused(403, '403 Forbidden');
        const status = textOf(call, 'status');
        if (status === found.status || (status === 'running' && found.status !== 'created'))
          return refused(400, { status: [`cannot transition via "${events[status] ?? ''}"`] });
        found.status = status;
        return { body: found };
      },
    ],
    [
      /^GET \/repository\/commits\/([0-9a-f]+)\/merge_requests$/,
      ([sha = ''], asked) => {
        const found = gitlab.mergeRequests.filter((each) => each.sha === sha);
        return pageOf(
          found.map((each) => ({ ...each, target_branch: 'main', squash_commit_sha: null })),
          asked,
        );
      },
    ],
    [/^GET \/merge_requests\/7$/, () => ({ body: gitlab.mergeRequest })],
    [
      /^GET \/merge_requests$/,
      (_parts, asked) => {
        const { searchParams: of } = asked.url;
        const found = gitlab.proposals.filter(
          (each) =>
            each.source_branch === of.get('source_branch') &&
            each.target_branch === of.get('target_branch') &&
            of.get('state') === 'opened',
        );
        return pageOf(found, asked);
      },
    ],
    [
      /^POST \/merge_requests$/,
      (_parts, { call }) => {
        const [source, target] = [textOf(call, 'source_branch'), textOf(call, 'target_branch')];
        const [title, description] = [textOf(call, 'title'), textOf(call, 'description')];
        if (source === '' || target === '' || title === '') return refused(400, 'title is missing');
        if (gitlab.proposals.some((each) => each.source_branch === source))
          return refused(409, ['Another open merge request already exists for this source branch']);
        const web_url = `https://gitlab.com/family/apps/develop/-/merge_requests/${++ids}`;
        const made = { source_branch: source, target_branch: target, title, description, web_url };
        gitlab.proposals.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^GET \/merge_requests\/(\d+)\/notes$/,
      ([iid = ''], asked) =>
        pageOf(
          gitlab.notes.filter((each) => each.iid === Number(iid)),
          asked,
        ),
    ],
    [
      /^POST \/merge_requests\/(\d+)\/notes$/,
      ([iid = ''], { call }) => {
        const made = {
          id: ++ids,
          iid: Number(iid),
          body: textOf(call, 'body'),
          system: false,
          author: { id: fakeUser },
        };
        gitlab.notes.push(made);
        return { status: 201, body: made };
      },
    ],
    [
      /^PUT \/merge_requests\/\d+\/notes\/(\d+)$/,
      ([id = ''], { call }) => {
        const found = gitlab.notes.find((each) => each.id === Number(id));
        if (found === undefined) return refused(404, '404 Note Not Found');
        found.body = textOf(call, 'body');
        return { body: found };
      },
    ],
  ];
  return gitlab;
}
