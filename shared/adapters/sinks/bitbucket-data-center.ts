import { z } from 'zod';
import type { CommitReport } from '../../notices/commit-report.ts';
import type { PlanReport } from '../../notices/plan-report.ts';
import type { PullRequest } from '../../ports/git-hosts.ts';
import { hiding, keepComment, largestComment, largestDescription, pauseBy, states } from './bitbucket.ts';
import {
  hostCalls,
  type HostAccess,
  type HostCalls,
  type HostManners,
  type HostProposal,
  type HostReport,
} from './host-calls.ts';
import { commentOf, cutBytes, isComment, isPlanComment, planCommentOf, planContext } from './host-text.ts';

/** Of a status: its key, and the address that it leads to. https://developer.atlassian.com/server/bitbucket/rest/ (`RestBuildStatusSetRequest`) */
const longestKey = 255;
const longestUrl = 450;

/**
 * Shows a commit's report on Bitbucket Data Center, from 7.14: build statuses, and a comment on the pull request. Each is read
 * first, and written where it differs; failures before successes. https://developer.atlassian.com/server/bitbucket/rest/
 */
export async function reportToBitbucketDataCenter(asked: HostReport): Promise<{ mergedBy: readonly string[] }> {
  const to = toOf(asked);
  await showStatuses(to, asked.report);
  return asked.report.isIdle ? { mergedBy: [] } : await showComment(to, asked);
}

interface To {
  readonly calls: HostCalls;
  /** `/projects/FAM/repos/develop` */
  readonly project: string;
  /** Where people look at it. */
  readonly web: string;
}

function toOf(asked: HostAccess): To {
  const [key = '', slug = ''] = asked.project.split('/').map(encodeURIComponent);
  const project = `/projects/${key}/repos/${slug}`;
  const web = `${asked.api.replace(/\/rest\/api\/[^/]+$/, '')}${project}`;
  return { calls: hostCalls(asked, mannersOf(asked.token)), project, web };
}

const statusSchema = z.object({ state: z.string(), description: z.string().nullish() });

/** A status needs a page that it leads to: the commit's own. */
async function showStatuses(
  { calls, project, web }: To,
  { commit, statuses }: Pick<CommitReport, 'commit' | 'statuses'>,
): Promise<void> {
  const at = `${project}/commits/${commit}/builds`;
  for (const { context, verdict, description: text } of statuses) {
    const [key, description] = [cutBytes(context, longestKey), cutBytes(text, largestDescription)];
    const status = { key, name: key, state: states[verdict], description };
    const shown = await calls.find(`${at}?${new URLSearchParams({ key }).toString()}`, statusSchema);
    if (shown?.state === status.state && shown.description === description) continue;
    await calls.write('POST', at, { ...status, url: `${web}/commits/${commit}`.slice(0, longestUrl) }, z.unknown());
  }
}

const refSchema = z.object({ id: z.string(), latestCommit: z.string(), repository: z.object({ id: z.int() }) });
const mergedSchema = z.object({
  id: z.int(),
  state: z.string(),
  toRef: refSchema,
  properties: z.object({ mergeCommit: z.object({ id: z.string() }).optional() }).optional(),
});

/** Those that were merged last are looked at, as no list of a commit's has the one that it merged. */
async function showComment(
  to: To,
  { report, branch }: Pick<HostReport, 'report' | 'branch'>,
): Promise<{ mergedBy: readonly string[] }> {
  const ref = `refs/heads/${branch}`;
  const recent = new URLSearchParams({ state: 'MERGED', at: ref, order: 'NEWEST', limit: '50' });
  const { values } = await to.calls.read(
    `${to.project}/pull-requests?${recent.toString()}`,
    z.object({ values: z.array(mergedSchema) }),
  );
  const isOurs = (text: string): boolean => isComment(text, report.repositoryClass, hiding);
  for (const { id: number, properties, toRef } of values)
    if (properties?.mergeCommit?.id === report.commit && toRef.id === ref)
      await writeComment({ ...to, number, body: commentOf(report, hiding), isOurs, isWanted: true });
  const at = `${to.project}/commits/${report.commit}/pull-requests?limit=100`;
  const having = (await to.calls.listIn(at, 'values', mergedSchema)).flatMap(({ state, toRef, properties }) =>
    state === 'MERGED' && toRef.id === ref ? (properties?.mergeCommit?.id ?? []) : [],
  );
  return { mergedBy: having.filter((by) => by !== report.commit) };
}

/** Of a pull request; general comments are told as what happened to it, the newest first. */
const activitySchema = z.object({
  action: z.string(),
  commentAction: z.string().nullish(),
  comment: z.object({ id: z.int(), version: z.int(), text: z.string() }).nullish(),
});

async function writeComment({
  calls,
  project,
  number,
  body,
  isOurs,
  isWanted,
}: To & {
  readonly number: number;
  readonly body: string;
  readonly isOurs: (text: string) => boolean;
  readonly isWanted: boolean;
}): Promise<void> {
  const at = `${project}/pull-requests/${number}`;
  const happened = await calls.listIn(`${at}/activities?limit=100`, 'values', activitySchema);
  const marked = happened.flatMap(({ action, comment }) =>
    action === 'COMMENTED' && comment !== null && comment !== undefined && isOurs(comment.text) ? [comment] : [],
  );
  await keepComment({
    marked: marked.toSorted((a, b) => a.id - b.id),
    body,
    // It answers 401, too, where somebody may not reword a comment.
    reword: async ({ id, version }) =>
      await calls.tried('PUT', `${at}/comments/${id}`, { text: body, version }, { status: 401 }),
    make: isWanted ? async () => await calls.write('POST', `${at}/comments`, { text: body }, z.unknown()) : undefined,
  });
}

const proposalSchema = z.object({
  fromRef: refSchema,
  toRef: refSchema,
  links: z.object({ self: z.array(z.object({ href: z.string() })).min(1) }),
});

/** The open pull request of a branch into another, or a new one. */
export async function proposeToBitbucketDataCenter(asked: HostProposal): Promise<{ url: string }> {
  const { from, into, title, body: description } = asked;
  const { calls, project } = toOf(asked);
  const [key = '', slug = ''] = asked.project.split('/');
  const [fromId, toId] = [`refs/heads/${from}`, `refs/heads/${into}`];
  const query = new URLSearchParams({ state: 'OPEN', direction: 'OUTGOING', at: fromId, limit: '100' });
  const open = await calls.listIn(`${project}/pull-requests?${query.toString()}`, 'values', proposalSchema);
  const there = open.find(
    ({ fromRef, toRef }) => fromRef.id === fromId && toRef.id === toId && fromRef.repository.id === toRef.repository.id,
  );
  const repository = { slug, project: { key } };
  const made = { title, description, fromRef: { id: fromId, repository }, toRef: { id: toId, repository } };
  const { links } = there ?? (await calls.write('POST', `${project}/pull-requests`, made, proposalSchema));
  return { url: links.self[0]?.href ?? '' };
}

const participantSchema = z.object({
  user: z.object({ name: z.string() }),
  role: z.string(),
  status: z.string(),
  lastReviewedCommit: z.string().nullish(),
});
const planPullSchema = z.object({
  state: z.string(),
  fromRef: refSchema,
  toRef: refSchema,
  reviewers: z.array(participantSchema).default([]),
  participants: z.array(participantSchema).default([]),
});

/**
 * A pull request. Bitbucket has no labels: a fork's head is let in once somebody approved it who may push. Whoever may read may
 * approve; what they approved is their `lastReviewedCommit`, "updated to the latest commit of the source branch" as they do
 * (`PUT …/participants/{userSlug}` of https://developer.atlassian.com/server/bitbucket/rest/). Who may push is asked by the
 * permission filter of its `GET /users`, which needs no administrator.
 */
export async function pullRequestOfBitbucketDataCenter(
  asked: HostAccess & { readonly number: number },
): Promise<PullRequest> {
  const { calls, project } = toOf(asked);
  const pull = await calls.read(`${project}/pull-requests/${asked.number}`, planPullSchema);
  const { state, fromRef, toRef } = pull;
  const [head, base] = [fromRef.latestCommit, toRef.id.replace(/^refs\/heads\//, '')];
  const of = { isOpen: state === 'OPEN', base, head, labels: [] };
  if (fromRef.repository.id === toRef.repository.id) return { ...of, isFork: false };
  const approving = [...pull.reviewers, ...pull.participants].filter(
    ({ role, status, lastReviewedCommit: seen }) => role !== 'AUTHOR' && status === 'APPROVED' && seen === head,
  );
  for (const { user } of approving)
    if (await mayPush(calls, { project: asked.project, name: user.name }))
      return { ...of, isFork: true, approval: 'given' };
  return { ...of, isFork: true, approval: 'awaited' };
}

async function mayPush(
  calls: HostCalls,
  { project, name }: { readonly project: string; readonly name: string },
): Promise<boolean> {
  const [key = '', slug = ''] = project.split('/');
  const query = new URLSearchParams({
    ...{ filter: name, limit: '100', permission: 'REPO_WRITE' },
    ...{ 'permission.projectKey': key, 'permission.repositorySlug': slug },
  });
  const found = await calls.listIn(`/users?${query.toString()}`, 'values', z.object({ name: z.string() }));
  // The filter is of names and addresses that contain it.
  return found.some((user) => user.name === name);
}

/** Shows a plan by the status `converge/plan/<class>` of the head, and by one comment of our own. */
export async function showPlanOnBitbucketDataCenter(
  asked: HostAccess & { readonly report: PlanReport },
): Promise<void> {
  const { head: commit, verdict, title: description, repositoryClass, number, isIdle } = asked.report;
  const to = toOf(asked);
  await showStatuses(to, { commit, statuses: [{ context: planContext(repositoryClass), verdict, description }] });
  const isOurs = (text: string): boolean => isPlanComment(text, repositoryClass, hiding);
  const body = planCommentOf(asked.report, largestComment, hiding);
  await writeComment({ ...to, number, body, isOurs, isWanted: !isIdle });
}

const pageSchema = z.object({ isLastPage: z.literal(false), nextPageStart: z.int() });

function mannersOf(token: string): HostManners {
  return {
    receiver: 'Bitbucket',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json',
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'converge',
    },
    pauseBy,
    remedyOf,
    nextPage({ body, url }) {
      const page = pageSchema.safeParse(body).data;
      if (page === undefined) return undefined;
      const next = new URL(url);
      next.searchParams.set('start', String(page.nextPageStart));
      return next.href;
    },
  };
}

/** It answers 401, too, to whom it does not let. https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html */
function remedyOf({ status }: { status: number }): string | undefined {
  if (status !== 401 && status !== 403 && status !== 404) return undefined;
  return "see that the secret holds an HTTP access token of a user, and nothing else, with the permission to write in the repository, and that the user's own reach as far";
}
