import { randomUUID } from 'node:crypto';
import { ConvergeError, describeError } from '../base/errors.ts';
import type { Config, Limits } from '../config/config.ts';
import type { ConfiguredFreeze } from '../config/freeze.ts';
import { planLabelOf, projectAt } from '../config/git-hosts.ts';
import type { PlanRequested } from '../events/plan-requested.ts';
import { decodePlanRecord, planRecordPath, type PlanReport } from '../notices/plan-report.ts';
import type { HostedProject, PullRequest } from '../ports/git-hosts.ts';
import type { Ports } from '../ports/ports.ts';
import type { GenerationPrecondition } from '../ports/storage.ts';
import { inParallel } from './common/parallel.ts';
import { betweenWrites, restOf } from './common/pauses.ts';
import { ageOf, readState, valueOrNone } from './common/read-state.ts';
import type { InspectPorts } from './inspect/open-inspection.ts';
import { keepPlan, type PlanToKeep } from './plan-commit/keep-plan.ts';
import { proposalWords, type Proposal } from './plan-commit/find-proposal.ts';
import { reportPlans, reportUnplanned, type PlannedEnvironment } from './plan-commit/report-plans.ts';
import { affectedBy, openProposal, planProposed } from './plan-proposed.ts';

export type PlanChangePorts = InspectPorts & Pick<Ports, 'gitHosts'>;

export interface PlanChangeSettings {
  readonly repositories: Config['repositories'];
  readonly alerts: Pick<Config['alerts'], 'gitHosts'>;
  readonly limits: Limits;
  readonly freeze: readonly ConfiguredFreeze[];
}

export type PlanChangeResult =
  | { readonly outcome: 'shown'; readonly verdict: PlanReport['verdict']; readonly environments: readonly string[] }
  | { readonly outcome: 'unmeant' | 'closed'; readonly reason: string };

/** Environments that are planned of one pull request, how many at a time, and until when one is begun. Milliseconds. */
const mostPlanned = 100;
const atOnce = 4;
const longestPlanning = 300_000;
/** Heads that one message plans, where somebody pushes while it does. */
const mostHeads = 3;

/** How many looks the host's merge is waited for, and how long before each. Milliseconds. */
const mergeLooks = 10;
const mergePause = 1_000;

/** How many looks another instance is waited for, and when it has died. Milliseconds. */
const looks = 90;
const diesAfter = 60_000;

/**
 * Shows on a pull request what it would do once it is merged: one comment, which is kept up to date, and one status of its
 * head. Nothing is applied; the plan of each environment is kept, so that its run can say whether it went so. The message says "look": what is planned is what the host says of the pull request now, and what
 * is shown is of the head that it then still has.
 *
 * Of a fork nothing is planned, nor brought here, but what a maintainer put the label on, at that head; where the host has no
 * labels, what somebody approved who may push.
 *
 * Throws as `GitHosts` and Git do, and `SinkUnavailable` (retry) where another one takes too long, or its head does not stay. What a cluster or an
 * environment throws is shown.
 */
export async function planChange(
  job: PlanRequested,
  ports: PlanChangePorts,
  settings: PlanChangeSettings,
): Promise<PlanChangeResult> {
  const of = projectOf(job, settings);
  if (of === undefined) return { outcome: 'unmeant', reason: 'no Git host of alerts.gitHosts shows plans of it' };
  const { branch } = ports.repository(job.repository);
  for (let heads = 1; heads <= mostHeads; heads++) {
    const pull = await ports.gitHosts.pullRequest({ ...of, number: job.number });
    const left = whyLeft(pull, branch);
    if (left !== undefined) return left;
    const { head } = pull;
    const label = planLabelOf(of.host);
    const approved = approvedAt(head, { job, record: valueOrNone(await readRecord(job, ports)) });
    const letIn = isLetIn(pull, { approved, label });
    const asked = { ...job, head };
    const { report, keep } = letIn
      ? await plan({ ...asked, of, pull }, ports, settings)
      : { report: unapproved(asked, { label, approval: pull.approval }), keep: [] };
    const shown = await show({ job, of, report, letIn }, ports);
    if (shown === 'moved') continue;
    if (shown.outcome === 'shown') await inParallel(keep, async (one) => keepPlan(one, ports), atOnce);
    return shown;
  }
  throw unavailable(job, 'its head moves faster than it is planned');
}

function projectOf(
  { repository: repositoryClass }: PlanRequested,
  { repositories, alerts }: PlanChangeSettings,
): HostedProject | undefined {
  const settings = repositories[repositoryClass];
  if (settings === undefined) return undefined;
  const { tls, proxy, proxySecretFile } = settings;
  for (const host of alerts.gitHosts) {
    const project = projectAt(host, { ...settings, repositoryClass });
    if (project !== undefined) return { host, project, connection: { tls, proxy, proxySecretFile } };
  }
  return undefined;
}

/** Why there is nothing to show. */
function whyLeft({ isOpen, base }: PullRequest, branch: string): PlanChangeResult | undefined {
  if (!isOpen) return { outcome: 'closed', reason: 'it is open no more' };
  return base === branch ? undefined : { outcome: 'unmeant', reason: `it is to be merged into ${base}` };
}

function isLetIn(
  { head, isFork, labels, approval }: PullRequest,
  { approved, label }: { approved: string | null; label: string },
): boolean {
  const isLabelled = approval === undefined && approved === head && labels.includes(label);
  return !isFork || isLabelled || approval === 'given';
}

function unapproved(
  { repository: repositoryClass, number, head }: PlanRequested,
  { label, approval }: { label: string; approval: PullRequest['approval'] },
): PlanReport {
  const of = { repositoryClass, number, head };
  const lead = head.slice(0, 12);
  if (approval === 'impossible')
    return reportUnplanned(
      {
        ...of,
        notes: [
          'It is of a fork, and the host keeps what that proposes nowhere else: nothing of it is planned.',
          'Whoever has read it and may push can push it to a branch of this repository, and propose that.',
        ],
      },
      { verdict: 'failure', words: 'what a fork proposes cannot be read at this host' },
    );
  if (approval !== undefined)
    return reportUnplanned(
      {
        ...of,
        notes: [
          'It is of a fork: nothing of it is planned until somebody who may push has read and approved it.',
          `The approval counts for the commit ${lead} alone: a later one is to be approved again.`,
        ],
      },
      { verdict: 'pending', words: "a maintainer's approval is waited for" },
    );
  return reportUnplanned(
    {
      ...of,
      notes: [
        `It is of a fork: nothing of it is planned until a maintainer has read it and puts the label ${label} on it.`,
        `The label counts for the commit ${lead} alone: of a later one, take it off and put it on again.`,
      ],
    },
    { verdict: 'pending', words: `a maintainer's label ${label} is waited for` },
  );
}

/** What is to be shown, and kept once it is. */
interface Made {
  readonly report: PlanReport;
  readonly keep: readonly PlanToKeep[];
}

type Asked = PlanRequested & { readonly of: HostedProject; readonly pull: PullRequest };

async function plan(job: Asked, ports: PlanChangePorts, settings: PlanChangeSettings): Promise<Made> {
  const { repository: repositoryClass, number, head } = job;
  const { branch } = ports.repository(repositoryClass);
  const of = { repositoryClass, number, head };
  let proposal: Proposal;
  try {
    proposal = await openMerged(job, ports);
  } catch (error) {
    if (!(error instanceof ConvergeError) || error.disposition === 'retry') throw error;
    const unread = { ...of, notes: [describeError(error)] };
    return { report: reportUnplanned(unread, { verdict: 'failure', words: 'it cannot be read' }), keep: [] };
  }
  if (proposal.head.id !== head) throw notThereYet(job, proposal);
  const affected = await affectedBy({ repository: repositoryClass, proposal }, ports);
  const planned = await planAll({ ...job, proposal, affected }, ports, settings);
  return {
    report: reportPlans({ ...of, notes: [`Planned is ${proposalWords(proposal, branch)}.`] }, planned),
    keep: planned.flatMap((one) => ('keep' in one && one.keep !== undefined ? [one.keep] : [])),
  };
}

/** Planned as it is, a head that is behind would take back what others did: the merge is waited for that the host is at. */
async function openMerged({ of, pull, ...job }: Asked, ports: PlanChangePorts): Promise<Proposal> {
  const asked = { ...job, headRef: pull.headRef };
  let proposal = await openProposal(asked, ports);
  let { head, isMerging = false } = pull;
  for (let look = 1; look <= mergeLooks; look++) {
    if (!isMerging || head !== job.head || proposal.standing !== 'behind') break;
    await ports.sleep(mergePause);
    ({ head, isMerging = false } = await ports.gitHosts.pullRequest({ ...of, number: job.number }));
    proposal = await openProposal(asked, ports);
  }
  return proposal;
}

function notThereYet({ number, head }: PlanRequested, { head: { id } }: Proposal): ConvergeError {
  return new ConvergeError({
    code: 'GitUnavailable',
    subject: `pull request ${number}`,
    message: `its ref is at ${id}, and the host says that its head is ${head}`,
    disposition: 'retry',
  });
}

/** What cannot be told of one hides no other. */
async function planAll(
  { repository, proposal, affected }: PlanRequested & { proposal: Proposal; affected: readonly string[] },
  ports: PlanChangePorts,
  { limits, freeze }: PlanChangeSettings,
): Promise<(PlannedEnvironment & { readonly keep?: PlanToKeep | undefined })[]> {
  const until = ports.now().getTime() + longestPlanning;
  return await inParallel(
    affected.map((name, index) => ({ name, index })),
    async ({ name, index }) => {
      if (index >= mostPlanned) return { name, unplanned: `is not planned: more than ${mostPlanned} are affected` };
      if (ports.now().getTime() > until) return { name, unplanned: 'is not planned: the others took too long' };
      try {
        const asked = { repository, environment: name, limits, freeze, proposal };
        const { answer, keep } = await planProposed(asked, ports);
        return { name, plan: answer, keep };
      } catch (error) {
        // Without the state and Git nothing can be told of any.
        if (!(error instanceof ConvergeError) || isOfAll(error)) throw error;
        return { name, unplanned: `${error.code}: ${error.message}` };
      }
    },
    atOnce,
  );
}

function isOfAll({ code, disposition }: ConvergeError): boolean {
  return disposition === 'retry' && (code === 'StorageUnavailable' || code === 'GitUnavailable');
}

interface Shown {
  readonly job: PlanRequested;
  readonly of: HostedProject;
  readonly report: PlanReport;
  /** Whether it was let in when that was made. */
  readonly letIn: boolean;
}

/** One at a time writes on a pull request, and what it writes is of the head that this has then, as far as that is let in. */
async function show({ job, of, report, letIn }: Shown, ports: PlanChangePorts): Promise<PlanChangeResult | 'moved'> {
  const turn = await claimTurn(job, { head: report.head }, ports);
  try {
    const pull = await ports.gitHosts.pullRequest({ ...of, number: job.number });
    const left = whyLeft(pull, ports.repository(job.repository).branch);
    if (left !== undefined) return left;
    const { approved } = turn;
    if (pull.head !== report.head || isLetIn(pull, { approved, label: planLabelOf(of.host) }) !== letIn) return 'moved';
    await ports.gitHosts.showPlan({ ...of, report });
    const environments = report.environments.map(({ name }) => name);
    return { outcome: 'shown', verdict: report.verdict, environments };
  } finally {
    await endTurn(job, turn, ports);
  }
}

/** The head that was labelled. A message of an older label may come late, or again. */
function approvedAt(
  head: string,
  { job, record }: { job: PlanRequested; record: { readonly approved: string | null } | null | undefined },
): string | null {
  const known = record?.approved ?? null;
  return job.labelled && known !== head ? job.head : known;
}

async function readRecord(job: PlanRequested, ports: PlanChangePorts) {
  return await readState({ path: planRecordPath(job), decode: decodePlanRecord }, ports);
}

interface Turn {
  readonly generation: string;
  readonly approved: string | null;
  /** Milliseconds since 1970, by our clock. */
  readonly began: number;
}

async function claimTurn(job: PlanRequested, { head }: { head: string }, ports: PlanChangePorts): Promise<Turn> {
  const writer = randomUUID();
  const path = planRecordPath(job);
  for (let look = 1; look <= looks; look++) {
    const found = await readRecord(job, ports);
    const record = valueOrNone(found);
    const approved = approvedAt(head, { job, record });
    const age = found === undefined ? Number.POSITIVE_INFINITY : ageOf(found);
    // The answer of our own write was lost.
    if (found !== undefined && record?.writer === writer)
      return { generation: found.generation, approved, began: ports.now().getTime() };
    const isBusy = age < betweenWrites || (record !== undefined && record.writer !== null && age < diesAfter);
    if (!isBusy) {
      const ifGeneration: GenerationPrecondition = found === undefined ? 'absent' : { generation: found.generation };
      const written = await ports.state.write({ path, value: { version: 1, writer, approved }, ifGeneration });
      if (written !== 'conflict') return { generation: written.generation, approved, began: ports.now().getTime() };
    }
    await ports.sleep(betweenWrites);
  }
  throw unavailable(job, 'another instance is writing its plan');
}

function unavailable({ repository, number }: PlanRequested, message: string): ConvergeError {
  const subject = `pull request ${number} of ${repository}`;
  return new ConvergeError({ code: 'SinkUnavailable', subject, message, disposition: 'retry' });
}

/** Never fails: who comes next waits a minute. */
async function endTurn(job: PlanRequested, turn: Turn, ports: PlanChangePorts): Promise<void> {
  const { generation, approved, began } = turn;
  const pause = restOf({ pause: betweenWrites, since: began, now: ports.now() });
  if (pause > 0) await ports.sleep(pause);
  const path = planRecordPath(job);
  const value = { version: 1, writer: null, approved };
  const written = await ports.state
    .write({ path, value, ifGeneration: { generation } })
    .catch((error: unknown) => ({ error }));
  if (written !== 'conflict' && !('error' in written)) return;
  const error = written === 'conflict' ? 'somebody else has written it' : describeError(written.error);
  ports.log('WARNING', 'the end of a turn could not be written down', { path, error });
}
