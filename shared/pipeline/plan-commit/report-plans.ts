import { visibleText } from '../../base/visible-text.ts';
import type { Verdict } from '../../notices/commit-report.ts';
import type { PlanLine, PlanReport, ReportedPlan } from '../../notices/plan-report.ts';
import { objectTitle } from '../../objects/object-id.ts';
import type { PlanAnswer, PlannedObjectAnswer } from '../inspect/answers.ts';

/** What is known of one environment that a pull request changes: its plan, or why there is none. */
export type PlannedEnvironment =
  | { readonly name: string; readonly plan: PlanAnswer }
  | { readonly name: string; readonly unplanned: string };

/** A pull request, and what is to be known of all of it. */
export interface ReportedProposal {
  readonly repositoryClass: string;
  readonly number: number;
  readonly head: string;
  readonly notes: readonly string[];
}

/**
 * What a Git host is to show. It is a failure where anything would be refused, or could not be looked at; pending where
 * something is not tried before it is merged; and a success where all the rest is known.
 */
export function reportPlans(of: ReportedProposal, planned: readonly PlannedEnvironment[]): PlanReport {
  const environments = planned.map(reportOf).toSorted(byVerdict);
  const { repositoryClass } = of;
  return {
    ...of,
    verdict: verdicts.find((verdict) => environments.some((one) => one.verdict === verdict)) ?? 'success',
    title: titleOf(repositoryClass, planned, environments),
    environments,
    isIdle: planned.length === 0,
  };
}

/** Where nothing is planned, and why not. */
export function reportUnplanned(
  of: ReportedProposal,
  { verdict, words }: { verdict: Exclude<Verdict, 'success'>; words: string },
): PlanReport {
  const { repositoryClass } = of;
  return { ...of, verdict, title: `${repositoryClass}: ${visibleText(words)}`, environments: [], isIdle: false };
}

const verdicts: readonly Verdict[] = ['failure', 'pending', 'success'];

function byVerdict(a: ReportedPlan, b: ReportedPlan): number {
  return verdicts.indexOf(a.verdict) - verdicts.indexOf(b.verdict) || (a.name < b.name ? -1 : 1);
}

function titleOf(
  repositoryClass: string,
  planned: readonly PlannedEnvironment[],
  environments: readonly ReportedPlan[],
): string {
  if (planned.length === 0) return `${repositoryClass}: no environment is made of what it changes`;
  const changing = planned.filter((one) => 'unplanned' in one || one.plan.wouldChange).length;
  const of = (verdict: Verdict) => environments.filter((one) => one.verdict === verdict).length;
  const beside = [
    ...(of('failure') === 0 ? [] : [`${of('failure')} would fail or cannot be told`]),
    ...(of('pending') === 0 ? [] : [`${of('pending')} not tried before the merge`]),
  ];
  return [`${repositoryClass}: ${changing} of ${counted(planned.length, 'environment')} would change`, ...beside].join(
    ', ',
  );
}

function reportOf(one: PlannedEnvironment): ReportedPlan {
  const { name } = one;
  if ('unplanned' in one) return { name, verdict: 'failure', summary: visibleText(one.unplanned), lines: [] };
  return { name, verdict: verdictOf(one.plan), summary: summaryOf(one.plan), lines: linesOf(one.plan) };
}

function verdictOf({ outcome, objects, hooks, unread }: PlanAnswer): Verdict {
  if (outcome === 'refused' || unread.length > 0) return 'failure';
  const judged = [...objects, ...hooks].map(({ verdict }) => verdict);
  if (judged.includes('rejected') || objects.some(({ guarded }) => guarded)) return 'failure';
  return outcome === 'described' || judged.includes('undecided') ? 'pending' : 'success';
}

function summaryOf({ outcome, objects, hooks, message, unchanged, wouldChange }: PlanAnswer): string {
  if (outcome === 'refused') return `nothing of it would be applied: ${message}`;
  if (outcome === 'described' || outcome === 'suspended' || outcome === 'frozen' || outcome === 'absent')
    return `${outcome}: ${message}`;
  if (!wouldChange) return `nothing would change (${unchanged} unchanged)`;
  const count = (is: (object: PlannedObjectAnswer) => boolean) => objects.filter(is).length;
  const of = (action: PlannedObjectAnswer['action']) =>
    count((object) => object.action === action && object.verdict !== 'rejected');
  const pods = objects.reduce((sum, { restarts }) => sum + (restarts ?? 0), 0);
  const parts = [
    [of('create'), 'to create'],
    [of('update'), 'to change'],
    [of('replace'), 'to replace'],
    [of('prune'), 'to prune'],
    [of('release'), 'to give up'],
    [of('left'), 'left as they are'],
    [count(({ verdict }) => verdict === 'rejected'), 'rejected'],
    [count(({ verdict }) => verdict === 'undecided'), 'not decided yet'],
  ] as const;
  const shown = parts.flatMap(([number, what]) => (number === 0 ? [] : [`${number} ${what}`]));
  const after = [
    ...(hooks.length === 0 ? [] : [counted(hooks.length, 'hook')]),
    ...(pods === 0 ? [] : [`${counted(pods, 'Pod')} made anew`]),
  ];
  const removed = outcome === 'removed' ? ['its file is removed'] : [];
  return [...removed, ...shown, ...after].join(', ');
}

function linesOf(plan: PlanAnswer): PlanLine[] {
  const { outcome, message, waitsFor, objects, hooks, unread, dependents, unhidden } = plan;
  const isSaid = outcome !== 'planned' && outcome !== 'removed';
  return [
    ...(message === '' || isSaid ? [] : [plain(message)]),
    ...waitsFor.map((text) => plain(`first: ${text}`)),
    ...unread.map(({ what, message: why }): PlanLine => ({
      sign: '!',
      text: visibleText(`not read: ${what}: ${why}`),
    })),
    ...unhidden.map(({ what, message: why }) => plain(`values of ${what} could not be hidden: ${why}`)),
    ...objects.flatMap(objectLines),
    ...hooks.map(({ release, event, kind, namespace, name, verdict, message: said }): PlanLine => {
      const title = objectTitle({ kind, namespace: namespace ?? undefined, name });
      const judged = { accepted: '', rejected: ` FAILS: ${said}`, undecided: `: not decided yet: ${said}` }[verdict];
      return { sign: '!', text: visibleText(`${event} of ${release} runs ${title}${judged}`) };
    }),
    ...(dependents.length === 0 || !plan.wouldChange
      ? []
      : [plain(`then: ${dependents.join(', ')}, which depend on it`)]),
  ];
}

const signs: Readonly<Record<PlannedObjectAnswer['action'], PlanLine['sign']>> = {
  ...{ create: '+', update: '!', replace: '!', prune: '-', release: '-', left: ' ' },
};

function objectLines(found: PlannedObjectAnswer): PlanLine[] {
  const { action, verdict, source, line, message, guarded, restarts, adoptedFrom, takesOver, fields } = found;
  const title = objectTitle({ ...found, namespace: found.namespace ?? undefined });
  const from = source === null ? '' : `, of ${source}${line === null ? '' : `:${line}`}`;
  const judged = { accepted: guarded ? ': GUARDED' : '', rejected: ': REJECTED', undecided: ': not decided yet' }[
    verdict
  ];
  const said = message === '' ? '' : `: ${message}`;
  const beside = [
    ...fields.map(({ path, desired, observed }) => `    ${path}: ${valueOf(observed)} -> ${valueOf(desired)}`),
    ...(found.omittedFields === 0 ? [] : [`    and ${counted(found.omittedFields, 'more field')}`]),
    ...(adoptedFrom === null ? [] : [`    is adopted from ${adoptedFrom}`]),
    ...takesOver.map(({ manager, fields: taken }) => `    takes over from ${manager}: ${taken.join(', ')}`),
    ...(restarts === null ? [] : [`    restarts ${counted(restarts, 'Pod')}`]),
  ];
  return [
    { sign: signs[action], text: visibleText(`${action} ${title}${from}${judged}${said}`) },
    ...beside.map(plain),
  ];
}

function valueOf(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value);
}

function plain(text: string): PlanLine {
  return { sign: ' ', text: visibleText(text) };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
