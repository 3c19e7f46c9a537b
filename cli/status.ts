import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { broughtBy } from '../shared/notices/alert-lines.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { policyWords } from '../shared/environment/policy.ts';
import {
  needsSomebody,
  type EnvironmentState,
  type EnvironmentStatus,
  type Status,
} from '../shared/pipeline/common/environment-status.ts';
import { plainRevision, shortTime, table, type CommandResult, type Line, type Tone } from './command-result.ts';
import { chosenOf, type Choice } from './choose-environments.ts';
import type { Context } from './context.ts';
import { readStatus } from './read-status.ts';
import { wideLines } from './wide-status.ts';

/** How each state is coloured. */
export const tones: Readonly<Record<EnvironmentState, Tone>> = {
  Converged: 'good',
  Converging: 'plain',
  Diverged: 'bad',
  Failed: 'bad',
  Suspended: 'detail',
  Frozen: 'detail',
  Removing: 'plain',
  Stale: 'bad',
  Unknown: 'plain',
};

/**
 * Exit code 1 where one is `Diverged`, `Failed`, `Stale` or `Unknown`, or a repository cannot be read, or something that
 * environments stand on does not answer, or an upload is refused that nobody has mended.
 */
export function statusExit({
  shown,
  unreadable,
  refused,
}: {
  shown: readonly Pick<EnvironmentStatus, 'state'>[];
  unreadable: readonly unknown[];
  refused: readonly unknown[];
}): 0 | 1 {
  return unreadable.length + refused.length > 0 || shown.some(needsSomebody) ? 1 : 0;
}

export interface StatusOptions extends Omit<Choice, 'names'> {
  /** All that is known of each, in place of a row. */
  readonly wide?: boolean;
  /** Only what makes the exit code 1. */
  readonly problems?: boolean;
}

/** `converge status [ENVIRONMENT…]`: exit code as `statusExit`. */
export async function showStatus(
  context: Context,
  names: readonly string[],
  { wide, problems, class: classes, label }: Partial<StatusOptions> = {},
): Promise<CommandResult> {
  const choice = { names, class: classes ?? [], label: label ?? {} };
  return statusAnswer(chosenOf(await readStatus(context), choice, context), { wide, problems });
}

/** A status as it is shown. */
export function statusAnswer(
  { environments, unreadable, uploads, unreachable }: Required<Status>,
  { wide = false, problems = false }: { wide?: boolean | undefined; problems?: boolean | undefined },
): CommandResult {
  const shown = problems ? environments.filter(needsSomebody) : environments;
  const exit = statusExit({ shown, unreadable: [...unreadable, ...unreachable], refused: uploads });
  const rows = wide
    ? shown.flatMap((environment) => wideLines(environment, tones[environment.state]))
    : [...rowsOf(shown), ...shown.flatMap(causesOf), ...shown.flatMap(questionsOf), ...shown.flatMap(acknowledgedOf)];
  const isNone = environments.length + uploads.length + unreachable.length + unreadable.length === 0;
  if (isNone)
    return {
      exit,
      json: { environments: [], unreadable, uploads },
      lines: [
        { text: 'there is no environment', tone: 'plain' },
        {
          text: '  a branch declares one by environments/<name>.yaml: push it, or upload it with converge upload',
          tone: 'detail',
        },
      ],
    };
  const well: Line = { text: 'nothing needs you', tone: 'good' };
  return {
    exit,
    json: {
      environments: shown,
      unreadable,
      uploads,
      ...(unreachable.length === 0 ? {} : { unreachable }),
    },
    lines: [
      ...(problems && exit === 0 ? [well] : problems && shown.length === 0 ? [] : rows),
      ...shown.flatMap(copiesOf),
      ...uploads.map(refusedLine),
      ...unreachable.map(unreachableLine),
      ...unreadable.map(unreadableLine),
    ],
  };
}

function rowsOf(shown: readonly EnvironmentStatus[]): Line[] {
  const heading = ['ENVIRONMENT', 'STATE', 'REVISION', 'HEALTH', 'SINCE', 'CHECKED', 'MESSAGE'];
  const rows = shown.map((environment) => {
    const { repository, name, state, revision, health, since, checkedAt } = environment;
    return {
      tone: tones[state],
      cells: [
        ...[`${repository}/${name}`, state, plainRevision(revision) || '-', health, shortTime(since)],
        ...[checkedAt === null ? '-' : shortTime(checkedAt), messageOf(environment)],
      ],
    };
  });
  return table({ heading, rows, free: ['MESSAGE'] });
}

/** What an environment is told of in one line: its message, and all that stands beside it. */
export function messageOf({ message, incidents, policy, quarantine }: EnvironmentStatus): string {
  const barred = quarantine === null ? '' : `quarantined: ${plainRevision(quarantine.revision)}`;
  const source = incidents[0]?.source;
  const beside = incidents.slice(1).map(({ reason, summary }) => `${reason}: ${summary}`);
  const words = [message, ...(source === undefined ? [] : [`in ${source}`]), ...beside, barred, ...policyWords(policy)];
  return words.filter((word) => word !== '').join('; ');
}

/** A repository of which nobody can say how its environments stand. */
export function unreadableLine({ repository, message }: Status['unreadable'][number]): Line {
  return { text: `${repository} cannot be read: ${message}`, tone: 'bad' };
}

/** An upload that waits for its uploader: no environment shows that it is missing. */
export function refusedLine({
  repository,
  artifact,
  reason,
  message,
  since,
  author,
  incident,
  acknowledged,
}: Status['uploads'][number]): Line {
  const by = author === null ? '' : ` by ${author}`;
  const id = incident === undefined ? '' : ` (incident ${incident})`;
  const taken = acknowledged === undefined ? '' : `; ${acknowledgedWords(acknowledged)}`;
  return {
    text: `${repository}: ${artifact}${by} is refused since ${shortTime(since)}: ${reason}: ${message}${id}${taken}`,
    tone: 'bad',
  };
}

/** For whoever wonders why so many are `Unknown` at once. */
export function unreachableLine({
  subject,
  since,
  problem,
  count,
  acknowledged,
}: NonNullable<Status['unreachable']>[number]): {
  text: string;
  tone: Tone;
} {
  const behind = `${count} ${count === 1 ? 'environment stands' : 'environments stand'} on it`;
  const taken = acknowledged === undefined ? '' : `; ${acknowledgedWords(acknowledged)}`;
  return { text: `${subject} has not answered since ${shortTime(since)}: ${problem}; ${behind}${taken}`, tone: 'bad' };
}

/** The commit that changed last what failed or differs is made of: for whoever wants to know whom to ask. */
export function causesOf({
  repository,
  name,
  state,
  cause,
}: Pick<EnvironmentStatus, 'repository' | 'name' | 'state' | 'cause'>): Line[] {
  if (cause === null || (state !== 'Failed' && state !== 'Diverged')) return [];
  const { commit, subject, artifact } = cause;
  const of = artifact === null ? '' : `, of ${boundedText(artifact, 120)}`;
  const text = `${repository}/${name}: changed last by ${commit.slice(0, 12)} "${boundedText(subject, 72)}"${broughtBy(cause)}${of}`;
  return [{ text, tone: 'detail' }];
}

/** By which commands what waits for an answer is answered. */
export function questionsOf({
  repository,
  name,
  incidents,
}: Pick<EnvironmentStatus, 'repository' | 'name' | 'incidents'>): Line[] {
  return incidents.flatMap(({ answers, reverted }) =>
    answers === undefined || reverted !== undefined
      ? []
      : [
          {
            text: `${repository}/${name}: waits for an answer: ${answers.revert}, or ${answers.accept}`,
            tone: 'warning' as const,
          },
        ],
  );
}

/** Who takes care of what is open, until when, and what they said. */
export function acknowledgedOf({
  repository,
  name,
  incidents,
}: Pick<EnvironmentStatus, 'repository' | 'name' | 'incidents'>): Line[] {
  return incidents.flatMap(({ id, acknowledged }) =>
    acknowledged === undefined
      ? []
      : [{ text: `${repository}/${name}: ${id} is ${acknowledgedWords(acknowledged)}`, tone: 'detail' as const }],
  );
}

/** What copied the label of an inventory: for whoever wonders why it is not pruned. */
export function copiesOf({
  repository,
  name,
  unproven: { count, objects },
}: Pick<EnvironmentStatus, 'repository' | 'name' | 'unproven'>): { text: string; tone: Tone }[] {
  const lines = objects.map(({ object, why, madeBy }) => {
    const maker = madeBy === null ? '' : `; made by ${madeBy}`;
    return `${repository}/${name}: ${object} carries its label and is none of its objects: ${why}${maker}`;
  });
  const more = count > objects.length ? [`${repository}/${name}: and ${count - objects.length} more`] : [];
  return [...lines, ...more].map((text) => ({ text, tone: 'detail' }));
}
