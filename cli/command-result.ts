import { styleText } from 'node:util';
import { cutTo, padded, widthOf } from './text-width.ts';

/** How a line of an answer is meant; the terminal's colours follow from it. */
export type Tone = 'heading' | 'plain' | 'detail' | 'good' | 'warning' | 'bad';
export interface Line {
  readonly text: string;
  readonly tone: Tone;
  /** On a terminal of so many columns: no wider, where that can be had by cutting what nobody copies. */
  readonly fitted?: (columns: number) => string;
}

/**
 * What a command came to: 0 converged or done, 1 diverged, failed or not known. One value for programs, and the same as lines for
 * people.
 */
export interface CommandResult {
  readonly exit: 0 | 1;
  readonly json: unknown;
  readonly lines: readonly Line[];
  /** What whoever reads it should know, told beside it: on standard error. */
  readonly notes?: readonly string[];
}

const styles = {
  heading: 'bold',
  plain: 'reset',
  detail: 'dim',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
} as const;

/** A terminal, or what takes its place. */
export interface PaintedStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/**
 * Coloured where the stream is a terminal and `NO_COLOR` is not set. What others wrote (a commit, a status) may hold a
 * terminal's commands: it stays text.
 */
export function paint({ text, tone, fitted }: Line, stream: PaintedStream): string {
  const { columns = 0, isTTY } = stream;
  const line = blanked(isTTY === true && columns > 0 && fitted !== undefined ? fitted(columns) : text);
  return tone === 'plain' || isTTY !== true ? line : styleText(styles[tone], line, { stream });
}

/** What shows nothing, and may do something, is a blank. */
function blanked(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ');
}

/** A column that is cut has so many columns of the terminal left, however narrow that is. */
const narrowest = 20;

/**
 * Rows under a heading, their columns as wide on a terminal as the widest cell; the last column is not padded. On a
 * terminal that is too narrow the widest of the columns with free text is cut, and never a name.
 *
 * @param table.free headings of the columns with free text
 */
export function table({
  heading,
  rows,
  free,
}: {
  heading: readonly string[];
  rows: readonly { readonly cells: readonly string[]; readonly tone: Tone }[];
  free: readonly string[];
}): Line[] {
  const all = [{ cells: heading, tone: 'heading' as const }, ...rows].map(({ cells, tone }) => ({
    cells: cells.map(blanked),
    tone,
  }));
  const widths = heading.map((_cell, column) => Math.max(...all.map(({ cells }) => widthOf(cells[column] ?? ''))));
  const [widest] = free
    .map((name) => heading.indexOf(name))
    .toSorted((one, other) => (widths[other] ?? 0) - (widths[one] ?? 0));
  const laidOut = (cells: readonly string[], columns: number): string => {
    const others = widths.reduce((sum, width, column) => sum + 2 + (column === widest ? 0 : width), -2);
    const left = Math.max(narrowest, columns - others);
    return cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        const isCut = column === widest && width > left;
        const shown = isCut ? cutTo(cell, left) : cell;
        return column === cells.length - 1 ? shown : padded(shown, isCut ? left : width);
      })
      .join('  ')
      .trimEnd();
  };
  return all.map(({ cells, tone }) => ({
    tone,
    text: laidOut(cells, Number.POSITIVE_INFINITY),
    fitted: (columns) => laidOut(cells, columns),
  }));
}

/** `2026-11-21 01:02:05`, UTC, of an ISO 8601 time. */
export function shortTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

/** `main@9f2c6a1b3d4e` of `main@sha1:9f2c6a1b3d4e5f60718293a4b5c6d7e8f9012345`. */
export function plainRevision(revision: string): string {
  return revision.replace(/@sha1:([0-9a-f]{12})[0-9a-f]*$/, '@$1');
}
