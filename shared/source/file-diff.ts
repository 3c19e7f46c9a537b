/** Lines of context, and how many pairs of lines are compared before what differs is shown as a whole. */
const context = 3;
const mostPairs = 4_000_000;

interface Step {
  readonly mark: ' ' | '-' | '+';
  readonly line: string;
}

/**
 * How a file would change, as `diff -u` says it; empty where it does not. A last line without an end is marked as such.
 *
 * https://www.gnu.org/software/diffutils/manual/html_node/Detailed-Unified.html
 */
export function fileDiff({ path, before, after }: { path: string; before: string; after: string }): string {
  if (before === after) return '';
  const steps = stepsBetween(linesOf(before), linesOf(after));
  const near = steps.map((_, index) => steps.slice(Math.max(0, index - context), index + context + 1).some(isChange));
  const hunks: string[] = [];
  let [left, right] = [1, 1];
  for (let at = 0; at < steps.length;) {
    const begin = at;
    while (at < steps.length && near[at] === near[begin]) at++;
    const part = steps.slice(begin, at);
    const [lost, got] = [
      part.filter(({ mark }) => mark !== '+').length,
      part.filter(({ mark }) => mark !== '-').length,
    ];
    if (near[begin] === true)
      hunks.push(
        `@@ -${range(left, lost)} +${range(right, got)} @@\n${part.map(({ mark, line }) => mark + written(line)).join('')}`,
      );
    left += lost;
    right += got;
  }
  return `--- a/${path}\n+++ b/${path}\n${hunks.join('')}`;
}

function isChange({ mark }: Step): boolean {
  return mark !== ' ';
}

function range(start: number, count: number): string {
  return `${count === 0 ? start - 1 : start},${count}`;
}

function written(line: string): string {
  return line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`;
}

/** Each with its end. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** The longest common subsequence stays, https://en.wikipedia.org/wiki/Longest_common_subsequence. */
function stepsBetween(before: readonly string[], after: readonly string[]): readonly Step[] {
  let [head, tail] = [0, 0];
  const shorter = Math.min(before.length, after.length);
  while (head < shorter && before[head] === after[head]) head++;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const step =
    (mark: Step['mark']) =>
    (line: string): Step => ({ mark, line });
  const [old, young] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  return [
    ...before.slice(0, head).map(step(' ')),
    ...(old.length * young.length > mostPairs
      ? [...old.map(step('-')), ...young.map(step('+'))]
      : compared(old, young)),
    ...before.slice(before.length - tail).map(step(' ')),
  ];
}

function compared(old: readonly string[], young: readonly string[]): readonly Step[] {
  const width = young.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = young.length - 1; j >= 0; j--)
      common[i * width + j] = old[i] === young[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const steps: Step[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < young.length) {
    const [lost, got] = [old[i], young[j]];
    if (lost !== undefined && lost === got) {
      steps.push({ mark: ' ', line: lost });
      i++;
      j++;
    } else if (lost !== undefined && (got === undefined || at(i + 1, j) >= at(i, j + 1))) {
      steps.push({ mark: '-', line: lost });
      i++;
    } else {
      steps.push({ mark: '+', line: got ?? '' });
      j++;
    }
  }
  return steps;
}
