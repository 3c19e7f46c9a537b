import type { AsPlanned } from '../events/alert.ts';
import { planWords } from './alert-lines.ts';
import { boundedText } from './bounded-text.ts';

/** How far one environment is at a commit. */
export interface ReportedEnvironment {
  readonly name: string;
  readonly state: 'Converged' | 'Converging' | 'Diverged' | 'Failed' | 'Suspended';
  /** What keeps it from its end; empty where nothing is known. */
  readonly message: string;
  /** The commit that took this one back for it, and why where Converge did. */
  readonly rolledBack: { readonly by: string; readonly reason: string | null } | null;
  /** What was done of the commit beside what was planned of it; absent: nothing was. */
  readonly plan?: AsPlanned | undefined;
}

/** What became of a commit, as far as a Git host is told. */
export interface ReportedCommit {
  readonly repository: string;
  readonly commit: string;
  readonly environments: readonly ReportedEnvironment[];
  /** Files that it changed, and that are ignored though they are meant as environment files, as it seems. */
  readonly ignored: readonly { readonly path: string; readonly message: string }[];
}

export type Verdict = 'pending' | 'success' | 'failure';

/** What a Git host is to show of a commit: in plain text, which each host escapes and cuts for where it goes. */
export interface CommitReport {
  readonly repositoryClass: string;
  readonly commit: string;
  readonly verdict: Verdict;
  /** Whether the commit changes nothing that an environment is made of, and holds nothing that is meant to. */
  readonly isIdle: boolean;
  /** One of the class, and one of each environment where there are few. Failures come first, what succeeded last. */
  readonly statuses: readonly { readonly context: string; readonly verdict: Verdict; readonly description: string }[];
  /** One of each environment where there are few; `environment` is `develop/shop`. */
  readonly deployments: readonly {
    readonly environment: string;
    readonly verdict: Verdict;
    readonly description: string;
  }[];
  /** For people who read the pull request. */
  readonly comment: {
    readonly title: string;
    readonly lines: readonly { readonly name: string; readonly verdict: Verdict; readonly text: string }[];
    /** Whether all that it affects has a line. */
    readonly isWhole: boolean;
  };
}

/** Up to so many environments have a status, a deployment and a line of their own: hosts take few writes a minute. */
const mostNamed = 20;
const largestLine = 300;
const verdictOrder: readonly Verdict[] = ['failure', 'pending', 'success'];

/**
 * What is true of a commit now. It is a failure where anything that it affects failed or was taken back, pending where
 * anything is on its way, and a success where all the rest converged, or is suspended.
 */
export function commitReport(found: ReportedCommit): CommitReport {
  const { repository: repositoryClass, commit, environments, ignored } = found;
  const verdict = verdictOf(found);
  const isFew = environments.length <= mostNamed;
  const told = environments
    .map((environment) => ({ name: environment.name, ...boundedOf(toldOf(environment)) }))
    .toSorted((a, b) => rankOf(a.verdict) - rankOf(b.verdict) || (a.name < b.name ? -1 : 1));
  const ofEach = isFew ? told.map(({ name, ...rest }) => ({ name: `${repositoryClass}/${name}`, ...rest })) : [];
  const statuses = [
    { context: `converge/${repositoryClass}`, verdict, description: summaryOf(found) },
    ...ofEach.map(({ name, verdict: each, text }) => ({
      context: `converge/${name}`,
      verdict: each,
      description: text,
    })),
  ];
  const files = ignored.map(({ path, message }) => lineOf({ name: path, verdict: 'failure', text: message }));
  // Of many, each that goes on would be another change of the comment.
  const lines = [...files, ...told.filter((each) => isFew || each.verdict === 'failure').map(lineOf)];
  return {
    ...{ repositoryClass, commit, verdict, isIdle: environments.length === 0 && ignored.length === 0 },
    statuses: statuses.toSorted((a, b) => rankOf(a.verdict) - rankOf(b.verdict)),
    deployments: ofEach.map(({ name, verdict: each, text }) => ({
      ...{ environment: name, verdict: each, description: text },
    })),
    comment: {
      title: summaryOf(found),
      lines: lines.slice(0, mostNamed),
      isWhole: isFew && lines.length <= mostNamed,
    },
  };
}

function rankOf(verdict: Verdict): number {
  return verdictOrder.indexOf(verdict);
}

function lineOf({ name, verdict, text }: { name: string; verdict: Verdict; text: string }) {
  return { name: boundedText(name, 200), verdict, text: boundedText(text, largestLine) };
}

function boundedOf({ verdict, text }: { verdict: Verdict; text: string }) {
  return { verdict, text: boundedText(text, largestLine) };
}

function verdictOf({ environments, ignored }: ReportedCommit): Verdict {
  const verdicts = environments.map((environment) => toldOf(environment).verdict);
  if (verdicts.length === 0) return ignored.length === 0 ? 'success' : 'failure';
  return verdictOrder.find((verdict) => verdicts.includes(verdict)) ?? 'success';
}

function toldOf({ state, message, rolledBack, plan }: ReportedEnvironment): { verdict: Verdict; text: string } {
  const because = (text: string): string => (text === '' ? '' : `: ${text}`);
  if (rolledBack !== null) {
    const text = `rolled back by ${rolledBack.by.slice(0, 12)}${because(rolledBack.reason ?? '')}`;
    return { verdict: 'failure', text };
  }
  switch (state) {
    case 'Converged':
      return { verdict: 'success', text: plan === undefined ? 'converged' : `converged. ${planWords(plan)}` };
    case 'Suspended':
      return { verdict: 'success', text: 'suspended: its objects are left as they are' };
    case 'Converging':
      return { verdict: 'pending', text: `on its way${because(message)}` };
    case 'Diverged':
    case 'Failed':
      return { verdict: 'failure', text: `${state === 'Failed' ? 'failed' : 'differs'}${because(message)}` };
  }
}

/** `develop: 12 of 13 converged, shop failed` */
function summaryOf({ repository, environments, ignored }: ReportedCommit): string {
  const aside = ignored.length === 0 ? '' : `, ${countOf(ignored.length, 'file')} ignored`;
  if (environments.length === 0) return `${repository}: no environment is made of what it changes${aside}`;
  const inState = (...states: readonly ReportedEnvironment['state'][]) =>
    environments.filter(({ state, rolledBack }) => rolledBack === null && states.includes(state));
  const isUnderWay = inState('Converging').length > 0;
  const counted = (count: number): string => (isUnderWay ? steppedCount(count, environments.length) : `${count}`);
  const rolledBack = environments.filter((environment) => environment.rolledBack !== null);
  const words = [
    namesWith(inState('Failed'), 'failed', counted),
    namesWith(inState('Diverged'), inState('Diverged').length === 1 ? 'differs' : 'differ', counted),
    namesWith(rolledBack, 'rolled back', counted),
    namesWith(inState('Suspended'), 'suspended', counted),
  ].filter((word) => word !== '');
  const shown = counted(inState('Converged').length);
  return [`${repository}: ${shown} of ${environments.length} converged`, ...words].join(', ') + aside;
}

/** A count that grows in twenty steps at most: each one shown is a request, and hosts keep 1,000 statuses of a commit. */
function steppedCount(count: number, total: number): string {
  const step = Math.ceil(total / 20);
  const shown = count - (count % step);
  return step === 1 || shown === 0 ? `${shown}` : `at least ${shown}`;
}

/** The names of a few, and the number of many. */
function namesWith(
  environments: readonly ReportedEnvironment[],
  word: string,
  counted: (count: number) => string,
): string {
  if (environments.length === 0) return '';
  const names = environments.map(({ name }) => name).toSorted();
  return names.length <= 3 ? `${names.join(', ')} ${word}` : `${counted(names.length)} ${word}`;
}

function countOf(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
