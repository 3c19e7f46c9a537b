import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { keptAlive } from '../kept-alive.ts';
import type { GitHost, Push } from './git.ts';

export interface PullRequest {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  /** Branches. */
  readonly from: string;
  readonly into: string;
  /** The commit at the tip of `from`. */
  readonly head: string;
  readonly state: 'open' | 'merged';
  /** The commit that brought it to `into`, and when (ISO 8601); null where none has. */
  readonly mergeCommit: string | null;
  readonly mergedAt: string | null;
}

interface Status {
  readonly context: string;
  readonly state: string;
  readonly description: string;
}

interface Comment {
  readonly id: number;
  readonly number: number;
  body: string;
}

interface Deployment {
  readonly id: number;
  readonly sha: string;
  readonly environment: string;
  readonly task: string;
  readonly statuses: { readonly id: number; readonly state: string; readonly description: string }[];
}

/** What a repository's pull requests became, as a webhook tells it. */
export interface PullEvent {
  /** The name of the repository. */
  readonly repository: string;
  readonly action: 'opened' | 'synchronize' | 'closed';
  readonly pull: PullRequest;
}

/** The pull requests of the local Git host, and what is shown of its commits. */
export interface PullRequests {
  /** `http://127.0.0.1:PORT`: what GitHub's REST API is, as far as Converge and the story ask. */
  readonly api: string;
  /** Of the one user. Who only reads needs none. */
  readonly token: string;
  /** What a push did to pull requests: they follow their branches, and are merged by what brings their head. */
  follow(push: Push): Promise<void>;
  /** The newest of each context. */
  statuses(of: { repository: string; commit: string }): readonly Status[];
  comments(of: { repository: string; number: number }): readonly { readonly body: string }[];
  /** Resolves when something of it has changed. Throws the reason of the signal. */
  next(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

interface Repository {
  readonly name: string;
  readonly pulls: PullRequest[];
  readonly statuses: (Status & { readonly sha: string })[];
  readonly comments: Comment[];
  readonly deployments: Deployment[];
}

interface Answer {
  readonly status?: number;
  readonly body: unknown;
  /** All of a list; the request says how many of it are asked for. */
  readonly list?: readonly unknown[];
}

interface Asked {
  readonly repository: Repository;
  /** Of the request's URL. */
  readonly origin: string;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

type Handle = (parts: readonly string[], asked: Asked) => Answer | Promise<Answer>;

/** Whose token it is. */
const user = { id: 1, login: 'converge' };
/** Characters, of a status and of a comment: GitHub refuses longer ones. */
const longestDescription = 140;
const longestComment = 65_536;
/** Bytes of a request. */
const largestBody = 1024 * 1024;

const refused = (status: number, message: string): Answer => ({
  status,
  body: { message, documentation_url: 'https://docs.github.com/rest', status: String(status) },
});
const notFound = refused(404, 'Not Found');

/**
 * The pull requests of a Git host whose repositories are all of one user, told as GitHub's REST API tells them
 * (https://docs.github.com/en/rest), and to `onEvent` as its webhooks are. Nothing outlives this process, but
 * `refs/pull/NUMBER/head` in the repositories.
 */
export async function startPullRequests({
  git,
  repositories: names,
  now,
  onEvent,
  log = () => {},
}: {
  git: Pick<GitHost, 'run'>;
  repositories: readonly string[];
  /** ISO 8601. */
  now: () => string;
  /** What it throws goes to `log`. */
  onEvent?: (event: PullEvent) => Promise<void>;
  log?: (message: string) => void;
}): Promise<PullRequests> {
  const repositories = names.map((name): Repository => ({
    name,
    pulls: [],
    statuses: [],
    comments: [],
    deployments: [],
  }));
  const token = randomBytes(24).toString('hex');
  const changes = new EventEmitter();
  const announced = new Set<Promise<void>>();
  const announce = (event: PullEvent): void => {
    changes.emit('change');
    const telling = (onEvent?.(event) ?? Promise.resolve()).catch((error: unknown) => {
      const problem = error instanceof Error ? error.message : String(error);
      log(`pull request ${event.pull.number} of ${event.repository} was not announced: ${problem}`);
    });
    announced.add(telling);
    void telling.finally(() => announced.delete(telling));
  };
  const replace = ({ name, pulls }: Repository, pull: PullRequest): void => {
    pulls[pulls.findIndex(({ number }) => number === pull.number)] = pull;
    announce({ repository: name, action: pull.state === 'open' ? 'synchronize' : 'closed', pull });
  };
  const routes = routesOf({ git, announce });
  const named = (name: string) => repositories.find((each) => each.name === name);

  async function answerTo(request: IncomingMessage): Promise<Answer & { readonly at: URL }> {
    const at = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`);
    const isAllowed = request.headers.authorization === `Bearer ${token}`;
    if (request.method !== 'GET' && !isAllowed) return { at, ...refused(401, 'Bad credentials') };
    if (at.pathname === '/user') return { at, ...(isAllowed ? { body: user } : refused(401, 'Bad credentials')) };
    const [, name = '', path = ''] = /^\/repos\/([^/]+)(\/.+)$/.exec(at.pathname) ?? [];
    const repository = named(name);
    if (repository === undefined) return { at, ...notFound };
    const body = await readBody(request);
    if (body === undefined) return { at, ...refused(400, 'Problems parsing JSON') };
    for (const [pattern, handle] of routes) {
      const found = pattern.exec(`${request.method} ${path}`);
      if (found === null) continue;
      const answer = await handle(found.slice(1), { repository, origin: at.origin, query: at.searchParams, body });
      if (request.method !== 'GET') changes.emit('change');
      return { at, ...answer };
    }
    return { at, ...notFound };
  }

  const server = createServer(keptAlive, (request, response) => {
    answerTo(request).then(
      (answer) => write(response, answer),
      (error: unknown) => {
        log(`git: ${error instanceof Error ? error.message : String(error)}`);
        response.destroy();
      },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the pull requests have no port');

  return {
    api: `http://127.0.0.1:${address.port}`,
    token,
    async follow({ repository: name, ref, after }) {
      const repository = named(name);
      const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
      if (repository === undefined || branch === undefined || /^0+$/.test(after)) return;
      for (const pull of repository.pulls.filter(({ state }) => state === 'open')) {
        if (pull.from === branch && pull.head !== after) {
          await git.run(name, ['update-ref', headRef(pull.number), after]);
          replace(repository, { ...pull, head: after });
        } else if (pull.into === branch && (await isIn(git, { name, commit: pull.head, tip: after })))
          replace(repository, { ...pull, state: 'merged', mergeCommit: after, mergedAt: now() });
      }
    },
    statuses: ({ repository, commit }) => newest(named(repository)?.statuses ?? [], commit),
    comments: ({ repository, number }) =>
      (named(repository)?.comments ?? []).filter((comment) => comment.number === number),
    async next(signal) {
      await once(changes, 'change', { signal });
    },
    async stop() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await Promise.all([closed, ...announced]);
    },
  };
}

const headRef = (number: number): string => `refs/pull/${number}/head`;

async function isIn(
  git: Pick<GitHost, 'run'>,
  { name, commit, tip }: { name: string; commit: string; tip: string },
): Promise<boolean> {
  return (await git.run(name, ['rev-list', '--max-count=1', commit, `^${tip}`])) === '';
}

function newest(statuses: Repository['statuses'], commit: string): readonly Status[] {
  return [...new Map(statuses.filter(({ sha }) => sha === commit).map((each) => [each.context, each])).values()];
}

function routesOf({
  git,
  announce,
}: {
  git: Pick<GitHost, 'run'>;
  announce: (event: PullEvent) => void;
}): readonly (readonly [RegExp, Handle])[] {
  let ids = 0;
  /** The commit of a name; undefined where there is none. */
  const commitOf = async ({ name }: Repository, rev: string): Promise<string | undefined> => {
    try {
      return await git.run(name, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${rev}^{commit}`]);
    } catch {
      return undefined;
    }
  };
  const unknownCommit = (sha: string): Answer => refused(422, `No commit found for SHA: ${sha}`);

  return [
    [
      /^GET \/pulls$/,
      (_parts, asked) => {
        const { repository, query } = asked;
        const [state, head, base] = [query.get('state') ?? 'open', query.get('head'), query.get('base')];
        const found = repository.pulls.filter(
          (pull) =>
            (state === 'all' || (state === 'open') === (pull.state === 'open')) &&
            (head === null || head.slice(head.indexOf(':') + 1) === pull.from) &&
            (base === null || base === pull.into),
        );
        return { body: [], list: found.map((pull) => told(pull, asked)).toReversed() };
      },
    ],
    [
      /^POST \/pulls$/,
      async (_parts, asked) => {
        const { repository, body } = asked;
        const [title, from, into] = [textOf(body, 'title'), textOf(body, 'head'), textOf(body, 'base')];
        const head = await commitOf(repository, `refs/heads/${from}`);
        const base = await commitOf(repository, `refs/heads/${into}`);
        if (title === '' || head === undefined || base === undefined) return refused(422, 'Validation Failed');
        if (await isIn(git, { name: repository.name, commit: head, tip: base }))
          return refused(422, `Validation Failed: No commits between ${into} and ${from}.`);
        if (repository.pulls.some((pull) => pull.state === 'open' && pull.from === from && pull.into === into))
          return refused(422, `Validation Failed: A pull request already exists for ${from}.`);
        const number = repository.pulls.length + 1;
        const facts = { number, title, body: textOf(body, 'body'), from, into, head };
        const pull: PullRequest = { ...facts, state: 'open', mergeCommit: null, mergedAt: null };
        await git.run(repository.name, ['update-ref', headRef(number), head]);
        repository.pulls.push(pull);
        announce({ repository: repository.name, action: 'opened', pull });
        return { status: 201, body: told(pull, asked) };
      },
    ],
    [
      /^GET \/pulls\/(\d+)$/,
      ([number], asked) => {
        const pull = asked.repository.pulls[Number(number) - 1];
        return pull === undefined ? notFound : { body: told(pull, asked) };
      },
    ],
    [
      /^GET \/commits\/([0-9a-f]{40})\/pulls$/,
      ([sha], asked) => {
        const found = asked.repository.pulls.filter(({ head, mergeCommit }) => head === sha || mergeCommit === sha);
        return { body: [], list: found.map((pull) => told(pull, asked)) };
      },
    ],
    [
      /^GET \/commits\/([0-9a-f]{40})\/status$/,
      async ([sha = ''], { repository }) => {
        if ((await commitOf(repository, sha)) === undefined) return unknownCommit(sha);
        const statuses = newest(repository.statuses, sha);
        return { body: { sha, total_count: statuses.length, statuses } };
      },
    ],
    [
      /^POST \/statuses\/([0-9a-f]{40})$/,
      async ([sha = ''], { repository, body }) => {
        const description = textOf(body, 'description');
        const status = {
          sha,
          context: textOf(body, 'context') || 'default',
          state: textOf(body, 'state'),
          description,
        };
        if ((await commitOf(repository, sha)) === undefined) return unknownCommit(sha);
        if (!['error', 'failure', 'pending', 'success'].includes(status.state))
          return refused(422, 'Validation Failed');
        if (description.length > longestDescription)
          return refused(422, `Validation Failed: description is longer than ${longestDescription} characters`);
        repository.statuses.push(status);
        return { status: 201, body: { id: ++ids, ...status } };
      },
    ],
    [
      /^GET \/issues\/(\d+)\/comments$/,
      ([number], { repository }) => ({
        body: [],
        list: repository.comments.filter((each) => each.number === Number(number)).map(toldComment),
      }),
    ],
    [
      /^POST \/issues\/(\d+)\/comments$/,
      ([number], { repository, body }) => {
        const comment: Comment = { id: ++ids, number: Number(number), body: textOf(body, 'body') };
        if (repository.pulls[comment.number - 1] === undefined) return notFound;
        if (comment.body === '' || comment.body.length > longestComment) return refused(422, 'Validation Failed');
        repository.comments.push(comment);
        return { status: 201, body: toldComment(comment) };
      },
    ],
    [
      /^PATCH \/issues\/comments\/(\d+)$/,
      ([id], { repository, body }) => {
        const comment = repository.comments.find((each) => each.id === Number(id));
        const changed = textOf(body, 'body');
        if (comment === undefined) return notFound;
        if (changed === '' || changed.length > longestComment) return refused(422, 'Validation Failed');
        comment.body = changed;
        return { body: toldComment(comment) };
      },
    ],
    [
      /^GET \/deployments$/,
      (_parts, { repository, query }) => {
        const wanted = ['sha', 'environment', 'task'] as const;
        const found = repository.deployments.filter((each) =>
          wanted.every((key) => query.get(key) === null || query.get(key) === each[key]),
        );
        return { body: [], list: found.toReversed() };
      },
    ],
    [
      /^POST \/deployments$/,
      async (_parts, { repository, body }) => {
        const sha = await commitOf(repository, textOf(body, 'ref'));
        if (sha === undefined) return refused(422, `No ref found for: ${textOf(body, 'ref')}`);
        const [environment, task] = [textOf(body, 'environment'), textOf(body, 'task') || 'deploy'];
        const deployment: Deployment = { id: ++ids, sha, environment, task, statuses: [] };
        repository.deployments.push(deployment);
        return { status: 201, body: deployment };
      },
    ],
    [
      /^GET \/deployments\/(\d+)\/statuses$/,
      ([id], { repository }) => {
        const deployment = repository.deployments.find((each) => each.id === Number(id));
        return deployment === undefined ? notFound : { body: [], list: deployment.statuses.toReversed() };
      },
    ],
    [
      /^POST \/deployments\/(\d+)\/statuses$/,
      ([id], { repository, body }) => {
        const deployment = repository.deployments.find((each) => each.id === Number(id));
        if (deployment === undefined) return notFound;
        const status = { id: ++ids, state: textOf(body, 'state'), description: textOf(body, 'description') };
        if (status.description.length > longestDescription) return refused(422, 'Validation Failed');
        deployment.statuses.push(status);
        return { status: 201, body: status };
      },
    ],
  ];
}

function told(pull: PullRequest, { repository: { name }, origin }: Pick<Asked, 'repository' | 'origin'>): object {
  const repo = { id: 1, name };
  return {
    number: pull.number,
    title: pull.title,
    body: pull.body,
    state: pull.state === 'open' ? 'open' : 'closed',
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeCommit,
    head: { ref: pull.from, sha: pull.head, repo },
    base: { ref: pull.into, repo },
    labels: [],
    html_url: `${origin}/repos/${name}/pulls/${pull.number}`,
  };
}

function toldComment({ id, body }: Comment): object {
  return { id, body, user };
}

const bodySchema = z.record(z.string(), z.unknown());

/** Empty where there is none; undefined for what is no JSON object, or too long. */
async function readBody(request: IncomingMessage): Promise<Record<string, unknown> | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > largestBody) return undefined;
  const content = await text(request);
  if (content === '') return {};
  try {
    return bodySchema.parse(JSON.parse(content));
  } catch {
    return undefined;
  }
}

/** A text of a body; empty where it has none. */
function textOf(body: Asked['body'], key: string): string {
  const value = body[key];
  return typeof value === 'string' ? value : '';
}

/** https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api */
function write(response: ServerResponse, { status = 200, body, list, at }: Answer & { readonly at: URL }): void {
  const [size, page] = [pageNumber(at, 'per_page', 30), pageNumber(at, 'page', 1)];
  const next = new URL(at);
  next.searchParams.set('page', String(page + 1));
  const isLast = list === undefined || list.length <= page * size;
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    ...(isLast ? {} : { link: `<${next.href}>; rel="next"` }),
  });
  response.end(JSON.stringify(list === undefined ? body : list.slice((page - 1) * size, page * size)));
}

function pageNumber(at: URL, key: string, usual: number): number {
  const given = at.searchParams.get(key) ?? '';
  return /^[1-9]\d{0,2}$/.test(given) ? Number(given) : usual;
}
