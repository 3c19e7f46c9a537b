import { createHash } from 'node:crypto';
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

/** Characters of a status's key, which Bitbucket tells to whom it refuses one (400); its documentation says none. */
const longestKey = 40;
/** Most that a page of pull requests has. https://developer.atlassian.com/cloud/bitbucket/rest/intro/#pagination */
const page = 'pagelen=50';

/**
 * Shows a commit's report on Bitbucket Cloud: build statuses, and a comment on the pull request. Each is read first, and
 * written where it differs; failures before successes. Its deployments are those of its own pipelines, which nobody else makes.
 *
 * Which pull requests a commit came by it knows only once an app was installed for that
 * (https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/), so that no other commit is ever named, and the
 * pull request that the commit merged is one of the 50 that changed last.
 */
export async function reportToBitbucketCloud(asked: HostReport): Promise<{ mergedBy: readonly string[] }> {
  const { report, branch } = asked;
  const to = { calls: hostCalls(asked, mannersOf(asked.token)), project: projectPath(asked.project) };
  const at = `${to.project}/commit/${report.commit}/statuses`;
  const there = new Map(
    (await to.calls.listIn(`${at}?pagelen=100`, 'values', statusSchema)).map((status) => [status.key, status]),
  );
  for (const status of report.statuses) {
    const { key, ...body } = buildOf(status, asked);
    const shown = there.get(key);
    if (shown?.state === body.state && shown.description === body.description) continue;
    await to.calls.write('POST', `${at}/build`, { key, ...body }, z.unknown());
  }
  if (!report.isIdle) await showComment({ ...to, report, branch });
  return { mergedBy: [] };
}

const placeSchema = z.object({
  branch: z.object({ name: z.string() }),
  repository: z.object({ uuid: z.string() }).nullish(),
});
const proposalSchema = z.object({
  links: z.object({ html: z.object({ href: z.string() }) }),
  source: placeSchema,
  destination: placeSchema,
});

/** The open pull request of a branch into another, or a new one. */
export async function proposeToBitbucketCloud(asked: HostProposal): Promise<{ url: string }> {
  const { from, into, title, body: description } = asked;
  const calls = hostCalls(asked, mannersOf(asked.token));
  const pulls = `${projectPath(asked.project)}/pullrequests`;
  const query = new URLSearchParams({ state: 'OPEN', q: `source.branch.name = ${quoted(from)}` });
  const open = await calls.listIn(`${pulls}?${query.toString()}&${page}`, 'values', proposalSchema);
  const there = open.find(
    ({ source, destination }) =>
      source.branch.name === from && destination.branch.name === into && isSameRepository(source, destination),
  );
  const made = { source: { branch: { name: from } }, destination: { branch: { name: into } }, title, description };
  const { links } = there ?? (await calls.write('POST', pulls, { ...made, close_source_branch: true }, proposalSchema));
  return { url: links.html.href };
}

/** https://developer.atlassian.com/cloud/bitbucket/rest/intro/#filtering */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

type Place = Pick<z.infer<typeof placeSchema>, 'repository'>;

function isSameRepository({ repository: one }: Place, { repository: other }: Place): boolean {
  return one?.uuid !== undefined && one.uuid === other?.uuid;
}

function projectPath(project: string): string {
  return `/repositories/${project.split('/').map(encodeURIComponent).join('/')}`;
}

interface To {
  readonly calls: HostCalls;
  /** `/repositories/family/develop` */
  readonly project: string;
}

const statusSchema = z.object({ key: z.string(), state: z.string(), description: z.string().nullish() });

/** A status needs a page that it leads to: the commit's own. https://developer.atlassian.com/cloud/bitbucket/rest/api-group-commit-statuses/ */
function buildOf(
  { context, verdict, description }: CommitReport['statuses'][number],
  { project, report }: { project: string; report: { readonly commit: string } | { readonly head: string } },
) {
  const hash = createHash('sha256').update(context).digest('hex');
  return {
    key: context.length <= longestKey ? context : `converge-${hash}`.slice(0, longestKey),
    name: cutBytes(context, largestDescription),
    state: states[verdict],
    description: cutBytes(description, largestDescription),
    url: `https://bitbucket.org/${project}/commits/${'commit' in report ? report.commit : report.head}`,
  };
}

const mergedSchema = z.object({
  id: z.int(),
  merge_commit: z.object({ hash: z.string().min(12) }).nullish(),
  destination: z.object({ branch: z.object({ name: z.string() }) }),
});
const commentSchema = z
  .object({ id: z.int(), deleted: z.boolean().default(false), content: z.object({ raw: z.string() }) })
  .transform(({ id, deleted, content }) => ({ id, deleted, text: content.raw }));

async function showComment({
  report,
  branch,
  ...to
}: To & { readonly report: CommitReport; readonly branch: string }): Promise<void> {
  const query = new URLSearchParams({ state: 'MERGED', sort: '-updated_on' });
  const { values } = await to.calls.read(
    `${to.project}/pullrequests?${query.toString()}&${page}`,
    z.object({ values: z.array(mergedSchema) }),
  );
  const body = commentOf(report, hiding);
  for (const { id, merge_commit: by, destination } of values) {
    // Told by its first 12 digits.
    if (by === null || by === undefined || !report.commit.startsWith(by.hash)) continue;
    if (destination.branch.name !== branch) continue;
    const isOurs = (text: string): boolean => isComment(text, report.repositoryClass, hiding);
    await writeComment({ ...to, number: id, body, isOurs, isWanted: true });
  }
}

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
  const comments = `${project}/pullrequests/${number}/comments`;
  const there = await calls.listIn(`${comments}?pagelen=100`, 'values', commentSchema);
  const content = { content: { raw: body } };
  await keepComment({
    marked: there.filter(({ deleted, text }) => !deleted && isOurs(text)),
    body,
    reword: async ({ id }) => await calls.tried('PUT', `${comments}/${id}`, content, { status: 403 }),
    make: isWanted ? async () => await calls.write('POST', comments, content, z.unknown()) : undefined,
  });
}

const planPullSchema = z.object({
  state: z.string(),
  source: placeSchema.extend({ commit: z.object({ hash: z.string() }).nullish() }),
  destination: placeSchema,
});

/**
 * A pull request, whose head is told by its first 12 digits and asked for. Bitbucket Cloud has no refs of pull requests: what is
 * proposed is read from its branch, and of a fork nothing is.
 */
export async function pullRequestOfBitbucketCloud(
  asked: HostAccess & { readonly number: number },
): Promise<PullRequest> {
  const calls = hostCalls(asked, mannersOf(asked.token));
  const project = projectPath(asked.project);
  const { state, source, destination } = await calls.read(`${project}/pullrequests/${asked.number}`, planPullSchema);
  const { hash = '' } = source.commit ?? {};
  const of = { isOpen: state === 'OPEN', base: destination.branch.name, labels: [] };
  if (!isSameRepository(source, destination)) return { ...of, head: hash, isFork: true, approval: 'impossible' };
  const { hash: head } = await calls.read(
    `${project}/commit/${encodeURIComponent(hash)}`,
    z.object({ hash: z.string() }),
  );
  return { ...of, head, isFork: false, headRef: `refs/heads/${source.branch.name}` };
}

/** Shows a plan by the status `converge/plan/<class>` of the head, which is not there of a fork, and by one comment of our own. */
export async function showPlanOnBitbucketCloud(asked: HostAccess & { readonly report: PlanReport }): Promise<void> {
  const { report } = asked;
  const to = { calls: hostCalls(asked, mannersOf(asked.token)), project: projectPath(asked.project) };
  const { repositoryClass, verdict, title: description } = report;
  const status = buildOf({ context: planContext(repositoryClass), verdict, description }, asked);
  const at = `${to.project}/commit/${report.head}/statuses/build`;
  const shown = await to.calls.find(`${at}/${encodeURIComponent(status.key)}`, statusSchema);
  if (shown?.state !== status.state || shown.description !== status.description)
    await to.calls.tried('POST', at, status, { status: 404 });
  const isOurs = (text: string): boolean => isPlanComment(text, repositoryClass, hiding);
  const body = planCommentOf(report, largestComment, hiding);
  await writeComment({ ...to, number: report.number, body, isOurs, isWanted: !report.isIdle });
}

const nextSchema = z.object({ next: z.string() });

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
    nextPage: ({ body }) => nextSchema.safeParse(body).data?.next,
  };
}

/** https://support.atlassian.com/bitbucket-cloud/docs/repository-access-token-permissions/ */
function remedyOf({ status }: { status: number }): string | undefined {
  if (status === 401) return 'put an access token that Bitbucket accepts, and nothing else, into its secret';
  if (status !== 403 && status !== 404) return undefined;
  return 'see that the access token is of the repository, or its project or workspace, and has the scopes "repository" and "pullrequest:write"';
}
