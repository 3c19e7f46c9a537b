import type { z } from 'zod';
import {
  planAnswerSchema,
  plansAnswerSchema,
  type PlanAnswer,
  type PlannedObjectAnswer,
} from '../shared/pipeline/inspect/answers.ts';
import { inParallel } from '../shared/pipeline/common/parallel.ts';
import { objectTitle } from '../shared/objects/object-id.ts';
import { aboutLine, askInspect, askPlans, unhiddenNotes, unreadLines } from './ask-inspect.ts';
import { CommandError } from './command-error.ts';
import type { CommandResult, Line, Tone } from './command-result.ts';
import type { Context } from './context.ts';
import { openLocalTree } from './local-tree.ts';
import type { planOutputSchema } from './output-schemas.ts';
import { readWorkingTree } from './working-tree.ts';

/** Plans that are asked for at once: each renders, and asks a cluster. */
const atOnce = 4;

interface PlanOptions {
  readonly all?: boolean;
  readonly class?: string;
  readonly revision?: string;
  readonly pr?: string;
  readonly workingTree?: string;
}

type Output = z.infer<typeof planOutputSchema>;

/**
 * `converge plan ENVIRONMENT|--all`: exit code 0 where nothing would change, 1 where something would, or nobody can tell.
 * Throws `CommandError`.
 */
export async function showPlan(
  context: Context,
  environment: string | undefined,
  options: PlanOptions,
): Promise<CommandResult> {
  const { plans, unplanned } = await plansOf(context, environment, options);
  const isChanging = plans.some(({ wouldChange }) => wouldChange) || unplanned.length > 0;
  const failures = unplanned.map(({ environment: of, message }): Line => ({ text: `${of}: ${message}`, tone: 'bad' }));
  const groups = plans.map(linesOf);
  return {
    exit: isChanging ? 1 : 0,
    json: { plans, unplanned } satisfies Output,
    notes: plans.flatMap(unhiddenNotes),
    lines: [
      ...groups.flatMap((lines, index): Line[] => (index === 0 ? lines : [{ text: '', tone: 'plain' }, ...lines])),
      ...failures,
      ...(options.all === true ? [totalLine(plans, unplanned.length)] : []),
    ],
  };
}

async function plansOf(
  context: Context,
  environment: string | undefined,
  { all = false, class: ofClass, revision, pr, workingTree }: PlanOptions,
): Promise<Output> {
  if (pr !== undefined && revision !== undefined) throw wrongUsage('--pr', 'stands in place of --revision');
  if (pr !== undefined && !/^[1-9][0-9]{0,8}$/.test(pr)) throw wrongUsage(`--pr ${pr}`, 'is no number');
  const query = { revision, pr };
  if ((revision ?? pr) !== undefined && workingTree !== undefined)
    throw wrongUsage('--working-tree', 'is planned in the stead of a commit: leave --revision and --pr out');
  if (environment !== undefined && (all || ofClass !== undefined))
    throw wrongUsage(environment, 'is one environment: --all and --class are about all of a class');
  const asking = { what: 'plan', query, schema: planAnswerSchema } as const;
  const posted = async () => (workingTree === undefined ? {} : { body: await readWorkingTree(workingTree) });
  if (environment !== undefined) {
    const plan = await askInspect(context, { ...asking, ...(await posted()), environment });
    if (plan.outcome === 'absent')
      throw wrongUsage(environment, plan.message, '`converge status` lists those that are');
    return { plans: [plan], unplanned: [] };
  }
  if (!all) throw wrongUsage('plan', 'name an environment, or say --all');
  const repository = classOf(context, ofClass);
  const declared = await askPlans(context, { repository, query, schema: plansAnswerSchema });
  const added = workingTree === undefined ? [] : await (await openLocalTree(workingTree)).names();
  const environments = [...new Set([...declared.environments, ...added])].sort();
  const body = await posted();
  const plans: PlanAnswer[] = [];
  const unplanned: Output['unplanned'] = [];
  const asked = await inParallel(
    environments,
    async (name) => {
      const of = `${repository}/${name}`;
      try {
        return await askInspect(context, { ...asking, ...body, environment: of });
      } catch (error) {
        // One that cannot be told hides no other.
        if (error instanceof CommandError && error.exit === 1) return { environment: of, message: error.problem };
        throw error;
      }
    },
    atOnce,
  );
  for (const one of asked)
    if ('outcome' in one) plans.push(one);
    else unplanned.push(one);
  return { plans, unplanned };
}

function classOf({ config }: Context, named: string | undefined): string {
  const classes = Object.keys(config.repositories);
  if (named !== undefined) {
    if (classes.includes(named)) return named;
    throw wrongUsage(`--class ${named}`, `is no class of the configuration: there are ${classes.join(', ')}`);
  }
  const [only, ...others] = classes;
  if (only !== undefined && others.length === 0) return only;
  throw wrongUsage('--all', `is about one class: say --class, of ${classes.join(', ')}`);
}

function wrongUsage(subject: string, message: string, remedy?: string): CommandError {
  return new CommandError({ subject, message, ...(remedy === undefined ? {} : { remedy }) });
}

function linesOf(plan: PlanAnswer): Line[] {
  const { outcome, message, waitsFor, dependents, objects, hooks } = plan;
  const tone: Tone = outcome === 'refused' ? 'bad' : 'plain';
  return [
    aboutLine({ ...plan, cluster: plan.cluster === '' ? 'no cluster' : plan.cluster }),
    ...(outcome === 'refused' ? [{ text: 'a run would apply nothing of it:', tone }] : []),
    ...(message === '' ? [] : [{ text: message, tone }]),
    ...waitsFor.map((text): Line => ({ text: `first: ${text}`, tone: 'plain' })),
    ...objects.flatMap(objectLines),
    ...hooks.map(hookLine),
    ...(dependents.length === 0 || !plan.wouldChange
      ? []
      : [{ text: `then: ${dependents.join(', ')}, which depend on it`, tone: 'plain' as const }]),
    ...unreadLines(plan),
    summaryLine(plan),
  ];
}

const signs: Readonly<Record<PlannedObjectAnswer['action'], string>> = {
  create: '+',
  update: '~',
  replace: '-/+',
  prune: '-',
  release: '<',
  left: '=',
};
const tones: Readonly<Record<PlannedObjectAnswer['action'], Tone>> = {
  ...{ create: 'good', update: 'plain', replace: 'bad', prune: 'bad', release: 'plain', left: 'detail' },
};

function objectLines(found: PlannedObjectAnswer): Line[] {
  const { action, verdict, source, line, message, restarts, adoptedFrom, takesOver } = found;
  const title = objectTitle({ ...found, namespace: found.namespace ?? undefined });
  const from = source === null ? '' : `, of ${source}${line === null ? '' : `:${line}`}`;
  const said = message === '' ? '' : `: ${message}`;
  const judged = { accepted: '', rejected: ' is REJECTED', undecided: ' cannot be asked about yet' }[verdict];
  const head: Line = {
    text: `${signs[action]} ${title}${from}${judged}${said}`,
    tone: verdict === 'rejected' ? 'bad' : tones[action],
  };
  const beside = [
    ...(adoptedFrom === null ? [] : [`is adopted from ${adoptedFrom}`]),
    ...takesOver.map(({ manager, fields }) => `takes over from ${manager}: ${fields.join(', ')}`),
    ...(restarts === null ? [] : [`restarts ${counted(restarts, 'Pod')}`]),
  ];
  return [head, ...fieldLines(found), ...beside.map((text): Line => ({ text: `    ${text}`, tone: 'detail' }))];
}

/** As it is now, then as it comes. */
function fieldLines({ fields, omittedFields }: PlannedObjectAnswer): Line[] {
  const shown = fields.map(({ path, desired, observed, manager }): Line => {
    const [before, after] = [observed, desired].map((value) =>
      value === undefined ? '(none)' : JSON.stringify(value),
    );
    return {
      text: `    ${path}: ${before} -> ${after}${manager === undefined ? '' : ` (by ${manager})`}`,
      tone: 'plain',
    };
  });
  return omittedFields === 0
    ? shown
    : [...shown, { text: `    and ${counted(omittedFields, 'more field')}`, tone: 'detail' }];
}

function hookLine({ release, event, kind, namespace, name, verdict, message }: PlanAnswer['hooks'][number]): Line {
  const title = objectTitle({ kind, namespace: namespace ?? undefined, name });
  const said =
    verdict === 'accepted' ? '' : ` ${verdict === 'rejected' ? 'fails' : 'cannot be asked about yet'}: ${message}`;
  return { text: `> ${event} of ${release} runs ${title}${said}`, tone: verdict === 'rejected' ? 'bad' : 'plain' };
}

function summaryLine({ objects, hooks, unchanged, wouldChange, outcome }: PlanAnswer): Line {
  if (!wouldChange && objects.length === 0)
    return {
      text:
        outcome === 'planned' || outcome === 'frozen'
          ? `nothing would change (${unchanged} unchanged)`
          : 'nothing would change',
      tone: 'good',
    };
  if (outcome === 'refused') return { text: 'Plan: nothing is applied', tone: 'heading' };
  const count = (is: (one: PlannedObjectAnswer) => boolean) => objects.filter(is).length;
  const of = (action: PlannedObjectAnswer['action']) =>
    count((one) => one.action === action && one.verdict !== 'rejected');
  const pods = objects.reduce((sum, { restarts }) => sum + (restarts ?? 0), 0);
  const optional = [
    [of('release'), 'to give up'],
    [of('left'), 'left as they are'],
    [count(({ verdict }) => verdict === 'rejected'), 'rejected'],
    [count(({ verdict }) => verdict === 'undecided'), 'not decided yet'],
  ] as const;
  const beside = optional.flatMap(([number, what]) => (number === 0 ? [] : [`${number} ${what}`]));
  const after = [
    ...(hooks.length === 0 ? [] : [counted(hooks.length, 'hook')]),
    ...(pods === 0 ? [] : [`${counted(pods, 'Pod')} made anew`]),
  ];
  const main = `${of('create')} to create, ${of('update')} to change, ${of('replace')} to replace, ${of('prune')} to prune`;
  const when = outcome === 'frozen' ? 'Plan, once the freeze has ended' : 'Plan';
  return { text: `${when}: ${[main, ...beside, `${unchanged} unchanged`, ...after].join(', ')}`, tone: 'heading' };
}

function totalLine(plans: readonly PlanAnswer[], unplanned: number): Line {
  const changing = plans.filter(({ wouldChange }) => wouldChange).length;
  const untold = unplanned === 0 ? '' : `; ${unplanned} cannot be planned`;
  return {
    text: `${changing} of ${counted(plans.length + unplanned, 'environment')} would change${untold}`,
    tone: 'heading',
  };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
