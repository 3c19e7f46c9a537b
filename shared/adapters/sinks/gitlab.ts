import { z } from 'zod';
import type { CommitReport, Verdict } from '../../notices/commit-report.ts';
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

/** https://docs.gitlab.com/api/commits/#set-the-pipeline-status-of-a-commit */
const largestDescription = 255;

/** Characters of a note. https://docs.gitlab.com/administration/instance_limits/#size-of-comments-and-descriptions-of-issues-merge-requests-and-epics */
const largestNote = 1_000_000;

/** A state that it has already, or cannot go back to from where it is. */
const isTransition = { status: 400, words: /cannot transition/i };
/** No branch of the project has the commit: it is a fork's. https://github.com/python-gitlab/python-gitlab/issues/198 */
const isElsewhere = { status: 404, words: /references for commit/i };

/**
 * Shows a commit's report on GitLab: commit statuses, deployments, and a note on the merge request. Each is read first,
 * and written where it differs; failures before successes.
 */
export async function reportToGitlab(asked: HostReport): Promise<{ mergedBy: readonly string[] }> {
  const { report, project, branch } = asked;
  const path = `/projects/${encodeURIComponent(project)}`;
  const to = { calls: hostCalls(asked, mannersOf(asked.token)), report, project: path, branch };
  await showStatuses(to);
  for (const deployment of report.deployments) await showDeployment(deployment, to);
  return report.isIdle ? { mergedBy: [] } : await showNotes(to);
}

const proposalSchema = z.object({ web_url: z.string() });

/** The open merge request of a branch into another, or a new one. https://docs.gitlab.com/api/merge_requests/ */
export async function proposeToGitlab(asked: HostProposal): Promise<{ url: string }> {
  const { project, from, into, title, body: description } = asked;
  const calls = hostCalls(asked, mannersOf(asked.token));
  const requests = `/projects/${encodeURIComponent(project)}/merge_requests`;
  const branches = { source_branch: from, target_branch: into };
  const query = new URLSearchParams({ state: 'opened', ...branches });
  const [there] = await calls.list(`${requests}?${query.toString()}`, proposalSchema);
  const made = { ...branches, title, description, remove_source_branch: true };
  const { web_url: url } = there ?? (await calls.write('POST', requests, made, proposalSchema));
  return { url };
}

interface To {
  readonly calls: HostCalls;
  readonly report: CommitReport;
  /** `/projects/family%2Fdevelop` */
  readonly project: string;
  readonly branch: string;
}

const states: Readonly<Record<Verdict, 'running' | 'success' | 'failed'>> = {
  pending: 'running',
  success: 'success',
  failure: 'failed',
};
const idSchema = z.object({ id: z.int() });
const statusSchema = z.object({ id: z.int(), name: z.string(), status: z.string(), description: z.string().nullish() });

async function showStatuses({
  calls,
  report,
  project,
  branch,
}: Omit<To, 'report' | 'branch'> & {
  readonly report: Pick<CommitReport, 'commit' | 'statuses'>;
  /** Undefined: GitLab finds one that has the commit. */
  readonly branch: string | undefined;
}): Promise<void> {
  const at = `${project}/repository/commits/${report.commit}/statuses?per_page=100`;
  const newestLast = (await calls.list(at, statusSchema)).toSorted((a, b) => a.id - b.id);
  const there = new Map(newestLast.map((status) => [status.name, status]));
  for (const { context: name, verdict, description: text } of report.statuses) {
    const [state, description] = [states[verdict], cutBytes(text, largestDescription)];
    const shown = there.get(name);
    if (shown?.status === state && shown.description === description) continue;
    const body = { state, name, description, ...(branch === undefined ? {} : { ref: branch }) };
    await calls.tried('POST', `${project}/statuses/${report.commit}`, body, isTransition, isElsewhere);
  }
}

const deploymentSchema = z.object({ id: z.int(), sha: z.string(), status: z.string(), deployable: z.unknown() });

/** Of those of jobs, which nobody else may change, there is a `deployable`. */
async function showDeployment(
  { environment, verdict }: CommitReport['deployments'][number],
  { calls, report, project, branch }: To,
): Promise<void> {
  const query = new URLSearchParams({ environment, order_by: 'id', sort: 'desc', per_page: '100' });
  const found = await calls.list(`${project}/deployments?${query.toString()}`, deploymentSchema);
  const ours = found.find(({ sha, deployable }) => sha === report.commit && (deployable ?? null) === null);
  const status = states[verdict];
  if (ours === undefined) {
    const body = { environment, sha: report.commit, ref: branch, tag: false, status };
    await calls.write('POST', `${project}/deployments`, body, idSchema);
    return;
  }
  // What has ended once is never under way again: it stays as it ended, until it ends otherwise.
  if (ours.status === status || (status === 'running' && ours.status !== 'created')) return;
  await calls.tried('PUT', `${project}/deployments/${ours.id}`, { status }, isTransition);
}

const mergeRequestSchema = z.object({
  iid: z.int(),
  state: z.string(),
  target_branch: z.string(),
  sha: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  squash_commit_sha: z.string().nullish(),
});
const noteSchema = z.object({ id: z.int(), body: z.string(), system: z.boolean().default(false) });

async function showNotes({ calls, report, project, branch }: To): Promise<{ mergedBy: readonly string[] }> {
  const at = `${project}/repository/commits/${report.commit}/merge_requests?per_page=100`;
  const merged = (await calls.list(at, mergeRequestSchema))
    .filter(({ state, target_branch: target }) => state === 'merged' && target === branch)
    .map(({ iid, sha, merge_commit_sha: merge, squash_commit_sha: squash }) => ({ iid, by: merge ?? squash ?? sha }));
  const body = commentOf(report);
  for (const { iid, by } of merged) {
    if (by !== report.commit) continue;
    const notes = `${project}/merge_requests/${iid}/notes`;
    const there = await calls.list(`${notes}?sort=asc&order_by=created_at&per_page=100`, authoredSchema);
    const marked = there.filter((note) => !note.system && isComment(note.body, report.repositoryClass));
    const ours = await ownOf(marked, calls);
    if (ours === undefined) await calls.write('POST', notes, { body }, idSchema);
    else if (!isSameText(ours.body, body)) await calls.write('PUT', `${notes}/${ours.id}`, { body }, idSchema);
  }
  return { mergedBy: merged.flatMap(({ by }) => (by && by !== report.commit ? [by] : [])) };
}

const planMergeRequestSchema = z.object({
  state: z.string(),
  sha: z.string(),
  target_branch: z.string(),
  source_project_id: z.int().nullish(),
  target_project_id: z.int(),
  labels: z.array(z.string()).default([]),
});

/** https://docs.gitlab.com/api/merge_requests/#get-single-mr */
export async function pullRequestOfGitlab(asked: HostAccess & { readonly number: number }): Promise<PullRequest> {
  const calls = hostCalls(asked, mannersOf(asked.token));
  const found = await calls.read(
    `/projects/${encodeURIComponent(asked.project)}/merge_requests/${asked.number}`,
    planMergeRequestSchema,
  );
  return {
    isOpen: found.state === 'opened',
    base: found.target_branch,
    head: found.sha,
    isFork: found.source_project_id !== found.target_project_id,
    labels: found.labels,
  };
}

const authoredSchema = noteSchema.extend({ author: z.object({ id: z.int() }).nullish() });

/** That of some notes which is our own: others may write what looks like it. */
async function ownOf(
  marked: readonly z.infer<typeof authoredSchema>[],
  calls: HostCalls,
): Promise<z.infer<typeof authoredSchema> | undefined> {
  const user = marked.length === 0 ? undefined : (await calls.read('/user', idSchema)).id;
  return marked.find(({ author }) => author?.id === user);
}

/** Shows a plan by the status `converge/plan/<class>` of the head, which is not there of a fork, and by one note of our own: others may write what looks like it. */
export async function showPlanOnGitlab(asked: HostAccess & { readonly report: PlanReport }): Promise<void> {
  const { report } = asked;
  const { head: commit, verdict, title: description, repositoryClass } = report;
  const project = `/projects/${encodeURIComponent(asked.project)}`;
  const calls = hostCalls(asked, mannersOf(asked.token));
  await showStatuses({
    ...{ calls, project, branch: undefined },
    report: { commit, statuses: [{ context: planContext(repositoryClass), verdict, description }] },
  });
  const notes = `${project}/merge_requests/${report.number}/notes`;
  const there = await calls.list(`${notes}?sort=asc&order_by=created_at&per_page=100`, authoredSchema);
  const marked = there.filter((note) => !note.system && isPlanComment(note.body, repositoryClass));
  const ours = await ownOf(marked, calls);
  const body = planCommentOf(report, largestNote);
  if (ours === undefined) {
    if (!report.isIdle) await calls.write('POST', notes, { body }, idSchema);
  } else if (!isSameText(ours.body, body)) await calls.write('PUT', `${notes}/${ours.id}`, { body }, idSchema);
}

function mannersOf(token: string): HostManners {
  return {
    receiver: 'GitLab',
    headers: { 'private-token': token, 'content-type': 'application/json; charset=utf-8', 'user-agent': 'converge' },
    pauseBy,
    remedyOf,
  };
}

/** https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers */
function pauseBy({ status, headers }: SinkAnswer): number | undefined {
  if (status !== 429) return undefined;
  const after = headers.get('retry-after');
  if (after !== null && /^\d+$/.test(after)) return Number(after) * 1000;
  const reset = Number(headers.get('ratelimit-reset') ?? Number.NaN);
  return Number.isNaN(reset) ? 60_000 : reset * 1000 - Date.now();
}

/** GitLab answers 404, too, where a token may not see what is there. */
function remedyOf({ status }: { status: number }): string | undefined {
  if (status === 401) return 'put a token that GitLab accepts, and nothing else, into its secret';
  if (status !== 403 && status !== 404) return undefined;
  return 'see that the token has the scope "api" and the role Developer in the project, and may deploy to its protected environments';
}
