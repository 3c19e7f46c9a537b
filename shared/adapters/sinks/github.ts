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

/** https://docs.github.com/en/rest/commits/statuses#create-a-commit-status says nothing of it; GitHub answers 422. */
const largestDescription = 140;
/** Characters of a comment's body, which GitHub tells to whom it refuses one (422); no byte more. */
const largestComment = 65_536;
/** By it our deployments are told from those of workflows of the same commit and environment. */
const task = 'converge';

/**
 * Shows a commit's report on GitHub: commit statuses, deployments, and a comment on the pull request. Each is read first,
 * and written where it differs; failures before successes.
 *
 * @param asked.appId of the app that the token is of; undefined: it is of a user
 */
export async function reportToGithub(
  asked: HostReport & { readonly appId: string | undefined },
): Promise<{ mergedBy: readonly string[] }> {
  const { report, project, branch, appId } = asked;
  const to = { calls: hostCalls(asked, mannersOf(asked.token)), report, project: projectPath(project), branch, appId };
  await showStatuses(to);
  for (const deployment of report.deployments) await showDeployment(deployment, to);
  return report.isIdle ? { mergedBy: [] } : await showComments(to);
}

const proposalSchema = z.object({ html_url: z.string() });

/** The open pull request of a branch into another, or a new one. https://docs.github.com/en/rest/pulls/pulls */
export async function proposeToGithub(asked: HostProposal): Promise<{ url: string }> {
  const { project, from, into, title, body } = asked;
  const calls = hostCalls(asked, mannersOf(asked.token));
  const pulls = `${projectPath(project)}/pulls`;
  const query = new URLSearchParams({ state: 'open', head: `${project.split('/')[0]}:${from}`, base: into });
  const [there] = await calls.list(`${pulls}?${query.toString()}`, proposalSchema);
  const { html_url: url } =
    there ?? (await calls.write('POST', pulls, { title, head: from, base: into, body }, proposalSchema));
  return { url };
}

interface To {
  readonly calls: HostCalls;
  readonly report: CommitReport;
  /** `/repos/family/develop` */
  readonly project: string;
  readonly branch: string;
  readonly appId: string | undefined;
}

function projectPath(project: string): string {
  return `/repos/${project.split('/').map(encodeURIComponent).join('/')}`;
}

const idSchema = z.object({ id: z.int() });
const statusSchema = z.object({ context: z.string(), state: z.string(), description: z.string().nullish() });

async function showStatuses({
  calls,
  report,
  project,
}: Omit<To, 'report'> & { readonly report: Pick<CommitReport, 'commit' | 'statuses'> }): Promise<void> {
  const at = `${project}/commits/${report.commit}/status?per_page=100`;
  const there = new Map((await calls.listIn(at, 'statuses', statusSchema)).map((status) => [status.context, status]));
  for (const { context, verdict: state, description: text } of report.statuses) {
    const description = cutBytes(text, largestDescription);
    const shown = there.get(context);
    if (shown?.state === state && shown.description === description) continue;
    await calls.write('POST', `${project}/statuses/${report.commit}`, { context, state, description }, idSchema);
  }
}

const deploymentStates: Readonly<Record<Verdict, string>> = {
  pending: 'in_progress',
  success: 'success',
  failure: 'failure',
};
const deploymentStatusSchema = z.object({ id: z.int(), state: z.string(), description: z.string().nullish() });

async function showDeployment(
  { environment, verdict, description: text }: CommitReport['deployments'][number],
  { calls, report, project }: To,
): Promise<void> {
  const description = cutBytes(text, largestDescription);
  const query = new URLSearchParams({ sha: report.commit, environment, task, per_page: '100' });
  const found = await calls.list(`${project}/deployments?${query.toString()}`, idSchema);
  const first = found.map(({ id }) => id).toSorted((a, b) => a - b)[0];
  const { id } =
    first === undefined ? await calls.write('POST', `${project}/deployments`, begun(), idSchema) : { id: first };
  const statuses = await calls.list(`${project}/deployments/${id}/statuses?per_page=100`, deploymentStatusSchema);
  const shown = statuses.toSorted((a, b) => b.id - a.id)[0];
  const state = deploymentStates[verdict];
  if (shown?.state === state && shown.description === description) return;
  // A later deployment of the environment has taken its place.
  if (shown?.state === 'inactive' && state === 'success') return;
  await calls.write('POST', `${project}/deployments/${id}/statuses`, { state, description }, idSchema);

  function begun(): object {
    const fixed = { auto_merge: false, required_contexts: [], transient_environment: false };
    return { ref: report.commit, environment, task, description: 'Converge', ...fixed };
  }
}

const pullSchema = z.object({
  number: z.int(),
  merged_at: z.string().nullish(),
  merge_commit_sha: z.string().nullish(),
  base: z.object({ ref: z.string() }),
});

async function showComments({ calls, report, project, branch, appId }: To): Promise<{ mergedBy: readonly string[] }> {
  const pulls = await calls.list(`${project}/commits/${report.commit}/pulls?per_page=100`, pullSchema);
  const merged = pulls.filter(({ merged_at: at, base }) => at !== null && at !== undefined && base.ref === branch);
  const body = commentOf(report);
  for (const { number, merge_commit_sha: by } of merged) {
    if (by !== report.commit) continue;
    const comments = `${project}/issues/${number}/comments`;
    const marked = (await calls.list(`${comments}?per_page=100`, authoredSchema)).filter((comment) =>
      isComment(comment.body ?? '', report.repositoryClass),
    );
    const ours = await ownOf(marked, { calls, appId });
    if (ours === undefined) await calls.write('POST', comments, { body }, idSchema);
    else if (!isSameText(ours.body ?? '', body))
      await calls.write('PATCH', `${project}/issues/comments/${ours.id}`, { body }, idSchema);
  }
  return { mergedBy: merged.flatMap(({ merge_commit_sha: by }) => (by && by !== report.commit ? [by] : [])) };
}

const planPullSchema = z.object({
  state: z.string(),
  head: z.object({ sha: z.string(), repo: z.object({ id: z.int() }).nullish() }),
  base: z.object({ ref: z.string(), repo: z.object({ id: z.int() }) }),
  labels: z.array(z.object({ name: z.string() })).default([]),
  /** Null: whoever asks has it tried. */
  mergeable: z.boolean().nullish(),
});

/** https://docs.github.com/en/rest/pulls/pulls#get-a-pull-request */
export async function pullRequestOfGithub(asked: HostAccess & { readonly number: number }): Promise<PullRequest> {
  const calls = hostCalls(asked, mannersOf(asked.token));
  const { state, head, base, labels, mergeable } = await calls.read(
    `${projectPath(asked.project)}/pulls/${asked.number}`,
    planPullSchema,
  );
  return {
    isOpen: state === 'open',
    base: base.ref,
    head: head.sha,
    isFork: head.repo?.id !== base.repo.id,
    labels: labels.map(({ name }) => name),
    ...(mergeable === null ? { isMerging: true } : {}),
  };
}

const authoredSchema = z.object({
  id: z.int(),
  body: z.string().nullish(),
  user: z.object({ id: z.int() }).nullish(),
  performed_via_github_app: z.object({ id: z.int(), client_id: z.string().nullish() }).nullish(),
});

/** That of some comments which is our own: others may write what looks like it. */
async function ownOf(
  marked: readonly z.infer<typeof authoredSchema>[],
  { calls, appId }: Pick<To, 'calls' | 'appId'>,
): Promise<z.infer<typeof authoredSchema> | undefined> {
  const user = appId === undefined && marked.length > 0 ? (await calls.read('/user', idSchema)).id : undefined;
  return marked.find(({ user: author, performed_via_github_app: app }) =>
    appId === undefined ? author?.id === user : String(app?.id) === appId || app?.client_id === appId,
  );
}

/**
 * Shows a plan by the status `converge/plan/<class>` of the head, and by one comment of our own: others may write what looks like it.
 *
 * @param asked.appId of the app that the token is of; undefined: it is of a user
 */
export async function showPlanOnGithub(
  asked: HostAccess & { readonly report: PlanReport; readonly appId: string | undefined },
): Promise<void> {
  const { report, appId } = asked;
  const { head: commit, verdict, title: description, repositoryClass } = report;
  const project = projectPath(asked.project);
  const calls = hostCalls(asked, mannersOf(asked.token));
  await showStatuses({
    ...{ calls, project, branch: '', appId },
    report: { commit, statuses: [{ context: planContext(repositoryClass), verdict, description }] },
  });
  const comments = `${project}/issues/${report.number}/comments`;
  const marked = (await calls.list(`${comments}?per_page=100`, authoredSchema)).filter((comment) =>
    isPlanComment(comment.body ?? '', repositoryClass),
  );
  const ours = await ownOf(marked, { calls, appId });
  const body = planCommentOf(report, largestComment);
  if (ours === undefined) {
    if (!report.isIdle) await calls.write('POST', comments, { body }, idSchema);
  } else if (!isSameText(ours.body ?? '', body))
    await calls.write('PATCH', `${project}/issues/comments/${ours.id}`, { body }, idSchema);
}

function mannersOf(token: string): HostManners {
  return {
    receiver: 'GitHub',
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.github+json',
      'content-type': 'application/json; charset=utf-8',
      // GitHub refuses who has none.
      'user-agent': 'converge',
      'x-github-api-version': '2022-11-28',
    },
    pauseBy,
    remedyOf,
  };
}

/** https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately */
function pauseBy({ status, headers, text }: SinkAnswer): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const after = headers.get('retry-after');
  if (after !== null && /^\d+$/.test(after)) return Number(after) * 1000;
  const reset = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  if (headers.get('x-ratelimit-remaining') === '0' && !Number.isNaN(reset)) return reset * 1000 - Date.now();
  return status === 429 || /rate limit|abuse detection/i.test(text) ? 60_000 : undefined;
}

/** GitHub answers 404, too, where a token may not see what is there. */
function remedyOf({ status, what }: { status: number; what: string }): string | undefined {
  if (status === 401) return 'put a token that GitHub accepts, and nothing else, into its secret';
  if (status !== 403 && status !== 404) return undefined;
  const permission = what.includes('/deployments')
    ? '"Deployments: write"'
    : what.includes('/issues/') || what.includes('/pulls')
      ? '"Pull requests: write"'
      : '"Commit statuses: write"';
  return `see that the token, or the app's installation, has the repository and the permission ${permission}`;
}
