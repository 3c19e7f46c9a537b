/** Lines that stay around those that change. */
const context = 3;
/** Lines between the first and the last that differ, beyond which they are not told apart one by one. */
const mostCompared = 1_500;

/** What changes in a text, as `diff -u` writes it, without the lines that name the files; undefined: there is no file. */
export function lineDiff(before: string | undefined, after: string | undefined): string {
  const lines = diffLines(linesOf(before), linesOf(after));
  const shown = lines.map((_, at) =>
    lines.slice(Math.max(0, at - context), at + context + 1).some(({ sign }) => sign !== ' '),
  );
  let text = '';
  let [left, right] = [1, 1];
  for (const [at, { sign, line }] of lines.entries()) {
    if (shown[at] === true && shown[at - 1] !== true) text += `@@ -${left} +${right} @@\n`;
    if (shown[at] === true) text += `${sign}${line}\n`;
    if (sign !== '+') left++;
    if (sign !== '-') right++;
  }
  return text;
}

interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

function linesOf(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

function diffLines(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  const shorter = Math.min(before.length, after.length);
  let [start, end] = [0, 0];
  while (start < shorter && before[start] === after[start]) start++;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  const kept = (lines: readonly string[]): DiffLine[] => lines.map((line) => ({ sign: ' ', line }));
  return [
    ...kept(before.slice(0, start)),
    ...middle(before.slice(start, before.length - end), after.slice(start, after.length - end)),
    ...kept(before.slice(before.length - end)),
  ];
}

/** By the longest common subsequence, where that is not too much work. */
function middle(before: readonly string[], after: readonly string[]): readonly DiffLine[] {
  const replaced: DiffLine[] = [
    ...before.map((line) => ({ sign: '-' as const, line })),
    ...after.map((line) => ({ sign: '+' as const, line })),
  ];
  if (before.length === 0 || after.length === 0 || Math.max(before.length, after.length) > mostCompared)
    return replaced;
  const width = after.length + 1;
  const common = new Uint16Array((before.length + 1) * width);
  const at = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = before.length - 1; row >= 0; row--)
    for (let column = after.length - 1; column >= 0; column--)
      common[row * width + column] =
        before[row] === after[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
  const lines: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < before.length || column < after.length) {
    const [left, right] = [before[row], after[column]];
    if (left !== undefined && left === right) {
      lines.push({ sign: ' ', line: left });
      [row, column] = [row + 1, column + 1];
    } else if (left !== undefined && (right === undefined || at(row + 1, column) >= at(row, column + 1))) {
      lines.push({ sign: '-', line: left });
      row++;
    } else {
      lines.push({ sign: '+', line: right ?? '' });
      column++;
    }
  }
  return lines;
}
