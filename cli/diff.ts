import { diffAnswerSchema, type ObjectDifference } from '../shared/pipeline/inspect/answers.ts';
import { objectTitle } from '../shared/objects/object-id.ts';
import { aboutLine, askInspect, unhiddenNotes, unreadLines } from './ask-inspect.ts';
import { shortTime, table, type CommandResult, type Line } from './command-result.ts';
import type { Context } from './context.ts';

type Field = ObjectDifference['fields'][number];

const causes: Readonly<Record<ObjectDifference['by'], string>> = {
  cluster: 'changed in the cluster',
  commit: 'changed in Git, and not applied yet',
};

/** `converge diff ENVIRONMENT`: exit code 1 where something differs, or could not be looked at. */
export async function showDiff(
  context: Context,
  environment: string,
  { sideBySide = false }: { sideBySide?: boolean },
): Promise<CommandResult> {
  const answer = await askInspect(context, { environment, what: 'diff', schema: diffAnswerSchema });
  const { objects, unread } = answer;
  const same: Line[] = unread.length > 0 ? [] : [{ text: 'nothing differs', tone: 'good' }];
  return {
    exit: objects.length + unread.length > 0 ? 1 : 0,
    json: answer,
    notes: unhiddenNotes(answer),
    lines: [
      aboutLine(answer),
      ...(objects.length === 0 ? same : objects.flatMap(sideBySide ? besideLines : unifiedLines)),
      ...unreadLines(answer),
    ],
  };
}

function headLine(found: ObjectDifference): Line {
  const from = found.source === undefined ? '' : `, of ${found.source}`;
  return { text: `${objectTitle(found)}: ${found.message} (${causes[found.by]})${from}`, tone: 'heading' };
}

function unifiedLines(found: ObjectDifference): Line[] {
  return [
    headLine(found),
    ...found.fields.flatMap((field): Line[] => {
      const { desired, observed } = linesThatDiffer(linesOf(field, 'desired'), linesOf(field, 'observed'));
      return [
        { text: `@@ ${field.path} @@ ${writer(field)}`.trimEnd(), tone: 'detail' },
        ...desired.map((text): Line => ({ text: `-${text}`, tone: 'bad' })),
        ...observed.map((text): Line => ({ text: `+${text}`, tone: 'good' })),
      ];
    }),
    ...omittedLine(found),
  ];
}

function besideLines(found: ObjectDifference): Line[] {
  const rows = found.fields.map((field) => {
    const [desired = '(none)', observed = '(none)'] = (['desired', 'observed'] as const).map((side) =>
      field[side] === undefined ? undefined : linesOf(field, side).join(' ⏎ '),
    );
    return { tone: 'plain' as const, cells: [field.path, desired, observed, writer(field)] };
  });
  const [desired, observed] = ['DESIRED (GIT)', 'OBSERVED'];
  const heading = ['FIELD', desired, observed, 'WHO'];
  const fields = rows.length === 0 ? [] : table({ heading, rows, free: [desired, observed] });
  return [headLine(found), ...fields.map(indented), ...omittedLine(found)];
}

function indented({ text, tone, fitted = () => text }: Line): Line {
  return { tone, text: `  ${text}`, fitted: (columns) => `  ${fitted(columns - 2)}` };
}

function omittedLine({ omittedFields }: ObjectDifference): Line[] {
  return omittedFields === undefined ? [] : [{ text: `and ${omittedFields} more fields`, tone: 'detail' }];
}

/** `kubectl-edit, at or before 2026-11-21 01:02:05`: a manager's time is its last write of anything. */
function writer({ manager, changedBefore }: Field): string {
  const when = changedBefore === undefined ? '' : `at or before ${shortTime(changedBefore)}`;
  return [manager ?? '', when].filter((part) => part !== '').join(', ');
}

/** The lines of a text, one of any other value, none of no value. */
function linesOf(field: Field, side: 'desired' | 'observed'): string[] {
  const value = field[side];
  if (value === undefined) return [];
  return typeof value === 'string' ? value.split('\n') : [JSON.stringify(value)];
}

/** Without the lines that both begin or end with. */
function linesThatDiffer(
  desired: readonly string[],
  observed: readonly string[],
): { desired: readonly string[]; observed: readonly string[] } {
  const shorter = Math.min(desired.length, observed.length);
  let [start, end] = [0, 0];
  while (start < shorter && desired[start] === observed[start]) start++;
  while (end < shorter - start && desired.at(-1 - end) === observed.at(-1 - end)) end++;
  return {
    desired: desired.slice(start, desired.length - end),
    observed: observed.slice(start, observed.length - end),
  };
}
