import { objectsAnswerSchema, type ShownObject } from '../shared/pipeline/inspect/answers.ts';
import type { HealthState } from '../shared/health/health.ts';
import { objectTitle } from '../shared/objects/object-id.ts';
import { suspensionWords } from '../shared/ownership/suspended-object.ts';
import { aboutLine, askInspect, unhiddenNotes, unreadLines } from './ask-inspect.ts';
import { shortTime, table, type CommandResult, type Tone } from './command-result.ts';
import type { Context } from './context.ts';

export const healthTones: Readonly<Record<HealthState, Tone>> = {
  Healthy: 'good',
  Suspended: 'detail',
  Progressing: 'plain',
  Missing: 'bad',
  Degraded: 'bad',
  Unknown: 'bad',
};

/** `converge get ENVIRONMENT`: exit code 1 where an object is degraded, missing or unknown, or could not be looked at. */
export async function showObjects(
  context: Context,
  environment: string,
  { tree = false }: { tree?: boolean },
): Promise<CommandResult> {
  const query = { tree: tree ? 'true' : undefined };
  const answer = await askInspect(context, { environment, what: 'objects', query, schema: objectsAnswerSchema });
  const { objects, unread } = answer;
  const isUnwell = objects.some(({ health }) => healthTones[health.state] === 'bad');
  return {
    exit: isUnwell || unread.length > 0 ? 1 : 0,
    json: answer,
    notes: unhiddenNotes(answer),
    lines: [
      aboutLine(answer),
      ...table({
        free: ['MESSAGE'],
        heading: ['OBJECT', 'HEALTH', 'LAST APPLIED', 'LAST CHANGE', 'BY', 'MESSAGE'],
        rows: objects.map((object) => ({ tone: healthTones[object.health.state], cells: cellsOf(object) })),
      }),
      ...unreadLines(answer),
    ],
  };
}

function cellsOf({ depth, health, lastAppliedAt, changed, suspended, ...object }: ShownObject): string[] {
  const indent = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `;
  const title = objectTitle({ ...object, namespace: object.namespace ?? undefined });
  return [
    ...[`${indent}${title}`, health.state, lastAppliedAt === null ? '-' : shortTime(lastAppliedAt)],
    ...(changed === null ? ['-', '-'] : [shortTime(changed.at), changed.by]),
    [health.message, suspended === null ? '' : suspensionWords(suspended)].filter((words) => words !== '').join('; '),
  ];
}
