import { acknowledgedWords } from '../shared/notices/acknowledged-notice.ts';
import { boundedText } from '../shared/notices/bounded-text.ts';
import { policyWords } from '../shared/environment/policy.ts';
import type { EnvironmentState, EnvironmentStatus, Status } from '../shared/pipeline/common/environment-status.ts';
import { plainRevision, shortTime, table, type CommandResult, type Line, type Tone } from './command-result.ts';
import { CommandError } from './command-error.ts';
import type { Context } from './context.ts';
import { readStatus } from './read-status.ts';

const tones: Readonly<Record<EnvironmentState, Tone>> = {
  Converged: 'good',
  Converging: 'plain',
  Diverged: 'bad',
  Failed: 'bad',
  Suspended: 'detail',
  Removing: 'plain',
  Stale: 'bad',
  Unknown: 'plain',
};

/** Of these nobody can say that they are well. */
const unwell: readonly EnvironmentState[] = ['Diverged', 'Failed', 'Stale', 'Unknown'];

/** Exit code 1 where one is `Diverged`, `Failed`, `Stale` or `Unknown`, or a repository cannot be read, or something that environments stand on does not answer. */
export function statusExit({
  shown,
  unreadable,
}: {
  shown: readonly Pick<EnvironmentStatus, 'state'>[];
  unreadable: readonly unknown[];
}): 0 | 1 {
  return unreadable.length > 0 || shown.some(({ state }) => unwell.includes(state)) ? 1 : 0;
}

/** `converge status [ENVIRONMENT…]`: exit code as `statusExit`. */
export async function showStatus(context: Context, names: readonly string[]): Promise<CommandResult> {
  const { environments, unreadable, unreachable = [], uploads } = await readStatus(context);
  const matches = (name: string, { repository, name: own }: EnvironmentStatus): boolean =>
    name === own || name === `${repository}/${own}`;
  const missing = names.find((name) => !environments.some((environment) => matches(name, environment)));
  if (missing !== undefined && unreadable.length === 0) {
    throw new CommandError({
      subject: missing,
      message: 'is no environment',
      remedy: `there are ${environments.map(({ name }) => name).join(', ') || 'none'}`,
    });
  }
  const shown =
    names.length === 0
      ? environments
      : environments.filter((environment) => names.some((name) => matches(name, environment)));
  const refused = names.length === 0 ? uploads : [];
  const rows = shown.map((environment) => {
    const { repository, name, state, revision, health, since, checkedAt, message, incidents, policy, quarantine } =
      environment;
    const barred = quarantine === null ? '' : `quarantined: ${plainRevision(quarantine.revision)}`;
    const source = incidents[0]?.source;
    const beside = incidents.slice(1).map(({ reason, summary }) => `${reason}: ${summary}`);
    const words = [
      message,
      ...(source === undefined ? [] : [`in ${source}`]),
      ...beside,
      barred,
      ...policyWords(policy),
    ]
      .filter((word) => word !== '')
      .join('; ');
    return {
      tone: tones[state],
      cells: [
        ...[`${repository}/${name}`, state, plainRevision(revision) || '-', health, shortTime(since)],
        ...[checkedAt === null ? '-' : shortTime(checkedAt), words],
      ],
    };
  });
  return {
    exit: statusExit({ shown, unreadable: [...unreadable, ...unreachable] }),
    json: {
      environments: shown,
      unreadable,
      uploads: refused,
      ...(unreachable.length === 0 ? {} : { unreachable }),
    },
    lines: [
      ...table({ heading: ['ENVIRONMENT', 'STATE', 'REVISION', 'HEALTH', 'SINCE', 'CHECKED', 'MESSAGE'], rows }),
      ...shown.flatMap(causesOf),
      ...shown.flatMap(acknowledgedOf),
      ...shown.flatMap(copiesOf),
      ...refused.map(refusedLine),
      ...unreachable.map(unreachableLine),
      ...unreadable.map(({ repository, message }) => ({
        text: `${repository} cannot be read: ${message}`,
        tone: 'bad' as const,
      })),
    ],
  };
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
  const { commit, subject, author, artifact } = cause;
  const by = author === null ? '' : ` by ${boundedText(author, 80)}`;
  const of = artifact === null ? '' : `, of ${boundedText(artifact, 120)}`;
  const text = `${repository}/${name}: changed last by ${commit.slice(0, 12)} "${boundedText(subject, 72)}"${by}${of}`;
  return [{ text, tone: 'detail' }];
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
