import { z } from 'zod';
import type { CommitReport } from '../../notices/commit-report.ts';
import type { PlanReport } from '../../notices/plan-report.ts';
import type { PullRequest } from '../../ports/git-hosts.ts';
import {
  hostCalls,
  type HostAccess,
  type HostCalls,
  type HostManners,
  type HostProposal,
  type HostReport,
} from './host-calls.ts';
import { commentOf, cutBytes, isComment, isPlanComment, isSameText, planCommentOf, planContext } from './host-text.ts';
import type { SinkAnswer } from './post.ts';

/** Bytes. Gitea says no limit (`CommitStatus` of its `models/git/commit_status.go` is TEXT): of ours, what its list of checks shows. */
const largestDescription = 255;
/** Bytes. Gitea says no limit (`Comment` of its `models/issues/comment.go` is LONGTEXT): of ours, what GitHub takes. */
const largestComment = 65_536;
/** Most that a page has, where the administrator set no other. https://docs.gitea.com/administration/config-cheat-sheet#api-api */
const page = 'limit=50';

/**
 * Shows a commit's report on Gitea or Forgejo: commit statuses, and a comment on the pull request. They have no deployments.
 * Each is read first, and written where it differs; failures before successes. https://docs.gitea.com/api/
 *
 * Gitea tells of a commit only the pull request that was merged by it, so that no other commit is ever named.
 */
export async function reportToGitea(asked: HostReport): Promise<{ mergedBy: readonly string[] }> {
  const { report, branch } = asked;
  const [calls, project] = [hostCalls(asked, mannersOf(asked.token)), projectPath(asked.project)];
  await showStatuses({ calls, report, project });
  if (!report.isIdle) await showComment({ calls, report, project, branch });
  return { mergedBy: [] };
}

const branchSchema = z.object({ ref: z.string(), repo_id: z.int() });
const proposalSchema = z.object({ html_url: z.string(), head: branchSchema, base: branchSchema });

/** The open pull request of a branch into another, or a new one. */
export async function proposeToGitea(asked: HostProposal): Promise<{ url: string }> {
  const { from, into, title, body } = asked;
  const calls = hostCalls(asked, mannersOf(asked.token));
  const pulls = `${projectPath(asked.project)}/pulls`;
  const query = new URLSearchParams({ state: 'open', base_branch: into });
  const open = await calls.list(`${pulls}?${query.toString()}&${page}`, proposalSchema);
  // Older ones know no `base_branch`; a fork may have a branch of the same name.
  const there = open.find(({ head, base }) => head.ref === from && base.ref === into && head.repo_id === base.repo_id);
  const { html_url: url } =
    there ?? (await calls.write('POST', pulls, { title, head: from, base: into, body }, proposalSchema));
  return { url };
}

function projectPath(project: string): string {
  return `/repos/${project.split('/').map(encodeURIComponent).join('/')}`;
}

interface To {
  readonly calls: HostCalls;
  readonly report: CommitReport;
  /** `/repos/family/develop` */
  readonly project: string;
  readonly branch: string;
}

const idSchema = z.object({ id: z.int() });
const statusSchema = z.object({
  id: z.int(),
  context: z.string(),
  status: z.string(),
  description: z.string().nullish(),
});

async function showStatuses({
  calls,
  report,
  project,
}: Pick<To, 'calls' | 'project'> & { readonly report: Pick<CommitReport, 'commit' | 'statuses'> }): Promise<void> {
  const at = `${project}/statuses/${report.commit}`;
  const newestLast = (await calls.list(`${at}?${page}`, statusSchema)).toSorted((a, b) => a.id - b.id);
  const there = new Map(newestLast.map((status) => [status.context, status]));
  for (const { context, verdict: state, description: text } of report.statuses) {
    const description = cutBytes(text, largestDescription);
    const shown = there.get(context);
    if (shown?.status === state && shown.description === description) continue;
    await calls.write('POST', at, { context, state, description }, idSchema);
  }
}

const mergedSchema = z.object({
  number: z.int(),
  merged: z.boolean(),
  merge_commit_sha: z.string().nullish(),
  base: z.object({ ref: z.string() }),
});
const commentSchema = z.object({ id: z.int(), body: z.string().nullish(), user: idSchema.nullish() });

async function showComment({ calls, report, project, branch }: To): Promise<void> {
  const pull = await calls.find(`${project}/commits/${report.commit}/pull`, mergedSchema);
  if (pull?.merged !== true || pull.merge_commit_sha !== report.commit || pull.base.ref !== branch) return;
  const comments = `${project}/issues/${pull.number}/comments`;
  const there = await calls.list(comments, commentSchema);
  const ours = there.find((comment) => isComment(comment.body ?? '', report.repositoryClass));
  await writeComment({ calls, project, comments, ours, body: commentOf(report) });
}

async function writeComment({
  calls,
  project,
  comments,
  ours,
  body,
}: Pick<To, 'calls' | 'project'> & {
  readonly comments: string;
  readonly ours: z.infer<typeof commentSchema> | undefined;
  readonly body: string;
}): Promise<void> {
  if (ours === undefined) await calls.write('POST', comments, { body }, idSchema);
  else if (!isSameText(ours.body ?? '', body))
    await calls.write('PATCH', `${project}/issues/comments/${ours.id}`, { body }, idSchema);
}

const planPullSchema = z.object({
  state: z.string(),
  user: idSchema.nullish(),
  head: z.object({ sha: z.string(), ref: z.string(), repo_id: z.int() }),
  base: branchSchema,
  labels: z.array(z.object({ name: z.string() })).nullish(),
});
/** `TimelineComment` of Gitea's `modules/structs/issue_comment.go`. */
const eventSchema = z.object({
  type: z.string(),
  body: z.string().nullish(),
  user: idSchema.nullish(),
  label: z.object({ name: z.string() }).nullish(),
});

/**
 * A pull request. What was pushed to `refs/for/…` (AGit) may be of anybody who may read: it counts as a fork's, and so does
 * one whose branch has gone; Gitea names `refs/pull/…` as the branch of both.
 *
 * Of a fork, a label counts that somebody else than its author put on it after what was pushed last. Whether that was the
 * head is known by the event of the label alone.
 */
export async function pullRequestOfGitea(asked: HostAccess & { readonly number: number }): Promise<PullRequest> {
  const calls = hostCalls(asked, mannersOf(asked.token));
  const project = projectPath(asked.project);
  const { state, user, head, base, labels } = await calls.read(`${project}/pulls/${asked.number}`, planPullSchema);
  const isFork = head.repo_id !== base.repo_id || head.ref.startsWith('refs/pull/');
  const names = (labels ?? []).map(({ name }) => name);
  const counting = isFork && names.length > 0 ? await countingLabels() : undefined;
  return {
    ...{ isOpen: state === 'open', base: base.ref, head: head.sha, isFork },
    labels: counting === undefined ? names : names.filter((name) => counting.has(name)),
  };

  /** Without a page, Gitea tells all of it, the oldest first. */
  async function countingLabels(): Promise<ReadonlySet<string>> {
    const timeline = `${project}/issues/${asked.number}/timeline`;
    const put = new Set<string>();
    for (const { type, body, user: by, label } of (await calls.read(timeline, z.array(eventSchema).nullable())) ?? []) {
      if (type === 'pull_push') put.clear();
      if (type !== 'label' || label === null || label === undefined) continue;
      const isPut = body === '1' && user !== null && user !== undefined && by?.id !== undefined && by.id !== user.id;
      if (isPut) put.add(label.name);
      else put.delete(label.name);
    }
    return put;
  }
}

/** Shows a plan by the status `converge/plan/<class>` of the head, and by one comment of our own: others may write what looks like it. */
export async function showPlanOnGitea(asked: HostAccess & { readonly report: PlanReport }): Promise<void> {
  const { report } = asked;
  const { head: commit, verdict, title: description, repositoryClass } = report;
  const project = projectPath(asked.project);
  const calls = hostCalls(asked, mannersOf(asked.token));
  await showStatuses({
    ...{ calls, project },
    report: { commit, statuses: [{ context: planContext(repositoryClass), verdict, description }] },
  });
  const comments = `${project}/issues/${report.number}/comments`;
  const marked = (await calls.list(comments, commentSchema)).filter(({ body }) =>
    isPlanComment(body ?? '', repositoryClass),
  );
  const self = marked.length === 0 ? undefined : (await calls.read('/user', idSchema)).id;
  const ours = marked.find(({ user }) => user?.id === self);
  if (ours === undefined && report.isIdle) return;
  await writeComment({ calls, project, comments, ours, body: planCommentOf(report, largestComment) });
}

function mannersOf(token: string): HostManners {
  return {
    receiver: 'Gitea',
    headers: {
      authorization: `token ${token}`,
      accept: 'application/json',
      'content-type': 'application/json; charset=utf-8',
      'user-agent': 'converge',
    },
    pauseBy,
    remedyOf,
  };
}

/** It has no limits of its own; what stands before it may. */
function pauseBy({ status, headers }: SinkAnswer): number | undefined {
  if (status !== 429) return undefined;
  const after = headers.get('retry-after');
  return after !== null && /^\d+$/.test(after) ? Number(after) * 1000 : 60_000;
}

/** Gitea answers 404, too, where a token may not see what is there. https://docs.gitea.com/development/oauth2-provider#scopes */
function remedyOf({ status }: { status: number }): string | undefined {
  if (status === 401) return 'put a token that Gitea accepts, and nothing else, into its secret';
  if (status !== 403 && status !== 404) return undefined;
  return 'see that the token has the scopes "write:repository", "write:issue" and "read:user", and that its user may write in the repository';
}
